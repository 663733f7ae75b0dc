import { describe, expect, it } from 'vitest';
import { taskKeys } from '../src/host/data/threefry.ts';
import { Evaluator } from '../src/host/meta/evaluator.ts';
import { summarise } from '../src/host/meta/statistics.ts';
import { tuneLearningRate } from '../src/host/meta/tune.ts';
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
    const { learningRate, trials } = await tuneLearningRate(context(), { name: 'adam' }, options, keys);
    const rates = trials.map((trial) => trial.learningRate);
    expect(rates).toEqual([...rates].sort((a, b) => a - b));
    expect(rates.length).toBeGreaterThanOrEqual(17);
    const best = trials.reduce((a, b) => (b.score < a.score ? b : a));
    expect(best.learningRate).toBe(learningRate);
    // Tried on both sides, so that the best is not the edge of what was tried.
    expect(learningRate).toBeGreaterThan(rates[0] ?? 0);
    expect(learningRate).toBeLessThan(rates.at(-1) ?? 0);

    const evaluator = new Evaluator(context(), { ...options, tasks: 4 }, () => createHandDesigned('adam'));
    try {
      await evaluator.prepare();
      evaluator.optimizer.setLearningRates(new Array<number>(4).fill(learningRate));
      expect(summarise(await evaluator.run(keys)).finalMean).toBe(best.score);
    } finally {
      evaluator.destroy();
    }
  });

  it('is looked for beyond the first grid, where that does not hold the best', async () => {
    // The largest curvature of such a problem is about 2 (400 / 2)^2, so SGD diverges above 3e-5.
    const steep = { ...task, dimension: 400 } as typeof task;
    const options = { task: steep, data: undefined, list: 'validation', horizon: 10 } as const;
    const { learningRate, trials } = await tuneLearningRate(context(), { name: 'sgd' }, options, keys);
    expect(learningRate).toBeLessThan(9e-5);
    expect(trials[0]?.learningRate).toBeLessThan(learningRate);
    expect(trials.at(-1)?.score).toBe(Number.POSITIVE_INFINITY);
  });
});
