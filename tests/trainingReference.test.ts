import { describe, expect, it } from 'vitest';
import type { OptimizerConfig } from '../src/host/config.ts';
import { lossWeightsOf } from '../src/host/config.ts';
import { minibatchIndices, taskKeys } from '../src/host/data/threefry.ts';
import { createTasks } from '../src/host/meta/tasks.ts';
import { Trainer } from '../src/host/meta/trainer.ts';
import { denseLayers } from '../src/host/optimizees/layers/settings.ts';
import type { LearnedOptimizer } from '../src/host/optimizers/optimizer.ts';
import type { NamedTensors } from '../src/reference/lstm.ts';
import { mlpProblem, type Problem, quadraticProblem } from '../src/reference/problems.ts';
import { type UnrollGradient, type UnrollState, unrollGradient } from '../src/reference/unroll.ts';
import { relativeError } from './support/cases.ts';
import { gpuForThisFile } from './support/gpu.ts';
import {
  type EpisodeOptions,
  givenQuadratics,
  quadraticsOf,
  runEpisode,
  smallConfig,
  smallImages,
  smallMlpConfig,
  type UnrollResults,
} from './support/training.ts';

const context = gpuForThisFile();

/** f32 through 10 steps against float64, relative to the size of a tensor: seen 1e-6, PyTorch's own f32 is as far. */
const TOLERANCE = 2e-5;

/** phi under PyTorch's names, for the reference. */
function named(optimizer: LearnedOptimizer, phi: Float32Array): NamedTensors {
  return Object.fromEntries([...optimizer.toNamed(phi)].map(([name, { data }]) => [name, data]));
}

/** Losses (mean over tasks), theta_T and every block of the meta-gradient agree. */
function expectAgreement(
  optimizer: LearnedOptimizer,
  tasks: number,
  ours: UnrollResults,
  reference: UnrollGradient,
  what: string,
): void {
  const losses = Array.from(reference.losses, (_, t) => {
    const row = ours.losses.subarray(t * tasks, (t + 1) * tasks);
    return row.reduce((sum, loss) => sum + loss, 0) / tasks;
  });
  expect(relativeError(losses, reference.losses), `${what}: losses`).toBeLessThan(TOLERANCE);
  expect(relativeError(ours.theta, reference.theta), `${what}: theta`).toBeLessThan(TOLERANCE);
  const gradient = optimizer.gradientToNamed(ours.gradient);
  expect([...gradient.keys()].sort()).toEqual(Object.keys(reference.gradient).sort());
  for (const [name, { data }] of gradient) {
    const expected = reference.gradient[name] ?? [];
    expect(Math.hypot(...expected), `${what}: ${name}`).toBeGreaterThan(0);
    expect(relativeError(data, expected), `${what}: ${name}`).toBeLessThan(TOLERANCE);
  }
}

function outputScaleOf(config: OptimizerConfig): number {
  if (config.kind !== 'l2l') throw new Error(`${config.kind} has no output scale`);
  return config.outputScale;
}

describe('an episode of two unrolls against float64', () => {
  it('quadratics: the second unroll goes on from the carried theta and LSTM state', async () => {
    const { optimizer: settings } = smallConfig();
    const given = givenQuadratics(2, 3);
    const options: EpisodeOptions = {
      optimizer: settings,
      tasks: 2,
      unroll: 5,
      horizon: 10,
      lossWeights: [1, 1, 1, 1, 1, 1],
      createOptimizee: quadraticsOf(given, 2),
    };
    const { optimizer, phi, unrolls } = await runEpisode(context(), options, 11);
    let theta0: ArrayLike<number> = given.theta0;
    let state: UnrollState | undefined;
    for (const [index, ours] of unrolls.entries()) {
      const reference: UnrollGradient = unrollGradient({
        phi: named(optimizer, phi),
        problem: quadraticProblem(2, 3, given.W, given.y),
        theta0,
        steps: 5,
        preprocess: { kind: 'log-sign', p: 10 },
        outputScale: outputScaleOf(settings),
        ...(state && { state }),
      });
      expectAgreement(optimizer, 2, ours, reference, `unroll ${index}`);
      theta0 = reference.theta;
      state = reference.state;
    }
    // From a fresh state the second gradient would be another one.
    const fresh = unrollGradient({
      phi: named(optimizer, phi),
      problem: quadraticProblem(2, 3, given.W, given.y),
      theta0: unrolls[0]?.theta ?? [],
      steps: 5,
      preprocess: { kind: 'log-sign', p: 10 },
      outputScale: outputScaleOf(settings),
    });
    const second = optimizer.gradientToNamed(unrolls[1]?.gradient ?? new Float32Array());
    expect(
      relativeError(second.get('output.weight')?.data ?? [], fresh.gradient['output.weight'] ?? []),
    ).toBeGreaterThan(1e-2);
  });

  it('images: minibatch t of the episode is used at step t', async () => {
    const config = smallMlpConfig({
      task: { kind: 'images', resolution: 7, layers: denseLayers([2], 'sigmoid'), batch: 3 },
      optimizer: { kind: 'l2l', layers: 1, hidden: 3 },
    });
    const { optimizer: settings, task } = config;
    const data = smallImages();
    const keys = taskKeys(2, 'train', 0, 1);
    const options: EpisodeOptions = {
      optimizer: settings,
      tasks: 1,
      unroll: 2,
      horizon: 4,
      lossWeights: [1, 1, 1],
      keys,
      createOptimizee: (pool) => createTasks(pool, task, data, 'train', 1),
      read: ['theta 0'],
    };
    const { optimizer, phi, unrolls } = await runEpisode(context(), options, 4);
    const problem = episodeProblem([keys[0] ?? 0, keys[1] ?? 0], 4);
    const start = unrolls[0]?.read.get('theta 0') ?? new Float32Array();
    let theta0: ArrayLike<number> = start.subarray(0, problem.coordinates);
    let state: UnrollState | undefined;
    for (const [index, ours] of unrolls.entries()) {
      const reference: UnrollGradient = unrollGradient({
        phi: named(optimizer, phi),
        problem,
        theta0,
        steps: 2,
        firstStep: 2 * index,
        preprocess: { kind: 'log-sign', p: 10 },
        outputScale: outputScaleOf(settings),
        ...(state && { state }),
      });
      expectAgreement(optimizer, 1, ours, reference, `unroll ${index}`);
      theta0 = reference.theta;
      state = reference.state;
    }

    function episodeProblem(key: readonly [number, number], steps: number): Problem {
      const x: number[] = [];
      const labels: number[] = [];
      for (let t = 0; t <= steps; t++) {
        for (const image of minibatchIndices(key, t, 3, data.train.count)) {
          for (const pixel of data.train.pixels.subarray(49 * image, 49 * (image + 1))) x.push(pixel / 255);
          labels.push(data.train.labels[image] ?? Number.NaN);
        }
      }
      return mlpProblem({ sizes: [49, 2, 10], activation: 'sigmoid' }, 1, 3, x, labels);
    }
  });
});

describe('loss weights against float64', () => {
  const given = givenQuadratics(2, 3, 8);
  for (const weights of ['sum', 'final', [0, 0.5, 0, 2, 0.25, 1]] as const) {
    it(`${JSON.stringify(weights)}: meta-loss and meta-gradient`, async () => {
      const lossWeights = typeof weights === 'string' ? weights : [...weights];
      const config = smallConfig({ lossWeights });
      const list = lossWeightsOf(config);
      expect(list).toHaveLength(6);
      const options: EpisodeOptions = {
        optimizer: config.optimizer,
        tasks: 2,
        unroll: 5,
        horizon: 5,
        lossWeights: list,
        createOptimizee: quadraticsOf(given, 2),
      };
      const { optimizer, phi, unrolls } = await runEpisode(context(), options, config.seed);
      const reference = unrollGradient({
        phi: named(optimizer, phi),
        problem: quadraticProblem(2, 3, given.W, given.y),
        theta0: given.theta0,
        steps: 5,
        preprocess: { kind: 'log-sign', p: 10 },
        outputScale: outputScaleOf(config.optimizer),
        lossWeights: list,
      });
      for (const ours of unrolls) expectAgreement(optimizer, 2, ours, reference, JSON.stringify(weights));

      const trainer = new Trainer(context(), config, undefined, quadraticsOf(given, 2));
      try {
        await trainer.prepare();
        const step = await trainer.submit(0).read();
        expect(Math.abs(step.metaLoss / reference.metaLoss - 1)).toBeLessThan(TOLERANCE);
        const norm = Math.hypot(...(unrolls[0]?.gradient ?? []));
        expect(Math.abs(step.gradientNorm / norm - 1)).toBeLessThan(1e-6);
        expect(step).toMatchObject({ iteration: 0, stepsBefore: 0, skipped: false });
      } finally {
        trainer.destroy();
      }
    });
  }
});
