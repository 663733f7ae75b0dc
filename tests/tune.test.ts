import { describe, expect, it } from 'vitest';
import { taskKeys } from '../src/host/data/threefry.ts';
import { Evaluator } from '../src/host/meta/evaluator.ts';
import { lossAtStep, summarise } from '../src/host/meta/statistics.ts';
import { createBaseline, tuneBaseline } from '../src/host/meta/tune.ts';
import { createHandDesigned } from '../src/host/optimizers/handDesigned.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { smallConfig } from './support/training.ts';

const context = gpuForThisFile();

describe('a summary of losses', () => {
  it('is the mean over tasks with the sample deviation and its standard error', () => {
    const values = Float64Array.of(4, 2, 6, 4, 8, 9);
    expect(summarise({ tasks: 3, horizon: 1, values })).toEqual({
      mean: [6, 5],
      deviation: [2, Math.sqrt(13)],
      finalMean: 5,
      finalDeviation: Math.sqrt(13),
      finalError: Math.sqrt(13 / 3),
      sumMean: 11,
      diverged: 0,
    });
    const one = summarise({ tasks: 1, horizon: 1, values: Float64Array.of(4, 2) });
    expect([one.finalMean, one.finalDeviation]).toEqual([2, 0]);
  });

  it('counts tasks that diverged, and is infinite with them', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const summary = summarise({ tasks: 2, horizon: 1, values: Float64Array.of(4, 2, 6, value) });
      expect(summary.diverged).toBe(1);
      expect(summary.mean).toEqual([5, Number.POSITIVE_INFINITY]);
      expect([summary.finalMean, summary.sumMean]).toEqual([
        Number.POSITIVE_INFINITY,
        Number.POSITIVE_INFINITY,
      ]);
    }
  });
});

describe('a tuned learning rate', () => {
  const { task } = smallConfig();
  const keys = taskKeys(5, 'validation', 0, 4);

  it('is the best of all that were tried, and what was measured is what that rate gives on its own', async () => {
    const options = { task, data: undefined, list: 'validation', horizon: 20 } as const;
    const { learningRate, beta, trials } = await tuneBaseline(context(), { name: 'adam' }, options, keys);
    expect([...new Set(trials.map((trial) => trial.beta))]).toEqual([0.5, 0.8, 0.9, 0.95, 0.99]);
    expect(trials.length).toBeGreaterThanOrEqual(11 + 4 * 3 + 6);
    const rates = trials.filter((trial) => trial.beta === beta).map((trial) => trial.learningRate);
    expect(rates).toEqual([...rates].sort((a, b) => a - b));
    expect(rates.length).toBeGreaterThanOrEqual(9);
    const best = trials.reduce((a, b) => (b.score < a.score ? b : a));
    expect([best.learningRate, best.beta]).toEqual([learningRate, beta]);
    // Tried on both sides, so that the best is not the edge of what was tried.
    expect(learningRate).toBeGreaterThan(rates[0] ?? 0);
    expect(learningRate).toBeLessThan(rates.at(-1) ?? 0);

    const evaluator = new Evaluator(context(), { ...options, tasks: 4 }, () => createHandDesigned('adam'));
    try {
      await evaluator.prepare();
      evaluator.optimizer.set({ learningRate, ...(beta !== undefined && { beta }) });
      expect(summarise(await evaluator.run(keys)).finalMean).toBe(best.score);
    } finally {
      evaluator.destroy();
    }
  });

  it('of heavy-ball momentum is looked for in proportion to 1 - beta', async () => {
    const options = { task, data: undefined, list: 'validation', horizon: 20 } as const;
    const { trials } = await tuneBaseline(context(), { name: 'momentum' }, options, keys);
    const least = (beta: number) => trials.find((trial) => trial.beta === beta)?.learningRate ?? 0;
    expect(least(0.5) / least(0.99)).toBeGreaterThan(10);
  });

  it('of a schedule is that of a run of the same horizon', async () => {
    const options = { task, data: undefined, list: 'validation', horizon: 20 } as const;
    const tuned = await tuneBaseline(context(), { name: 'adamw' }, options, keys);
    const best = Math.min(...tuned.trials.map(({ score }) => score));
    const baseline = createBaseline(context(), { name: 'adamw' }, { ...options, tasks: 4 });
    try {
      await baseline.prepare();
      baseline.optimizer.set(tuned);
      expect(summarise(await baseline.run(keys)).finalMean).toBe(best);
    } finally {
      baseline.destroy();
    }
  });

  it('is looked for beyond the first grid, where that does not hold the best', async () => {
    // The largest curvature of such a problem is about 2 (400 / 2)^2, so SGD diverges above 3e-5.
    const steep = { ...task, dimension: 400 } as typeof task;
    const options = { task: steep, data: undefined, list: 'validation', horizon: 10 } as const;
    const { learningRate, trials } = await tuneBaseline(context(), { name: 'sgd' }, options, keys);
    expect(learningRate).toBeLessThan(9e-5);
    expect(trials[0]?.learningRate).toBeLessThan(learningRate);
    expect(trials.at(-1)?.score).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the loss at a step', () => {
  it('is that step’s own, and late in a run the mean over the last hundredth of the steps', () => {
    const losses = Array.from({ length: 301 }, (_, t) => t);
    expect([0, 99, 199].map((step) => lossAtStep(losses, step))).toEqual([0, 99, 199]);
    expect(lossAtStep(losses, 300)).toBe((298 + 299 + 300) / 3);
    expect(lossAtStep(losses, 301)).toBeNaN();
  });
});
