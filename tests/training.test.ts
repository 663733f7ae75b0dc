import { describe, expect, it } from 'vitest';
import { minibatchIndices, taskKeys } from '../src/host/data/threefry.ts';
import { readTensors } from '../src/host/gpu/readback.ts';
import { createTasks } from '../src/host/meta/tasks.ts';
import { Trainer, type TrainerState } from '../src/host/meta/trainer.ts';
import { gpuForThisFile } from './support/gpu.ts';
import {
  bits,
  type EpisodeOptions,
  givenQuadratics,
  last,
  quadraticsOf,
  recordRun,
  runEpisode,
  smallConfig,
  smallImages,
  smallMlpConfig,
} from './support/training.ts';

const context = gpuForThisFile();
const sum = (steps: number) => new Array<number>(steps + 1).fill(1);

describe('the same seed', () => {
  for (const [name, config, data] of [
    ['quadratics', smallConfig(), undefined],
    ['images', smallMlpConfig(), smallImages()],
  ] as const) {
    it(`gives the same bits twice, another seed does not: ${name}`, async () => {
      const options = data ? { data } : {};
      const first = await recordRun(context(), config, options);
      const second = await recordRun(context(), config, options);
      expect(first.steps).toHaveLength(config.iterations);
      expect(second).toEqual(first);
      expect(bits(last(second.checkpoints).state.phi)).toEqual(bits(last(first.checkpoints).state.phi));

      const other = await recordRun(context(), { ...config, seed: config.seed + 1 }, options);
      expect(other.steps.map(({ metaLoss }) => metaLoss)).not.toEqual(first.steps.map((s) => s.metaLoss));
      expect(bits(last(other.checkpoints).state.phi)).not.toEqual(bits(last(first.checkpoints).state.phi));
    });
  }

  it('learns: the validation loss falls', async () => {
    const { validations } = await recordRun(context(), smallConfig({ iterations: 40, tasks: 8 }));
    expect(last(validations).score).toBeLessThan(0.8 * (validations[0]?.score ?? 0));
  });
});

describe('truncation', () => {
  const { optimizer } = smallMlpConfig();
  const data = smallImages();
  const keys = taskKeys(7, 'train', 0, 2);
  const episode = (unroll: number): EpisodeOptions => ({
    optimizer,
    tasks: 2,
    unroll,
    horizon: 20,
    lossWeights: sum(unroll),
    keys,
    createOptimizee: (pool) => createTasks(pool, smallMlpConfig().task, data, 'train', 2),
  });

  it('cuts the graph and nothing else: the same losses in other unrolls, another gradient', async () => {
    const whole = await runEpisode(context(), episode(20), 3);
    const halves = await runEpisode(context(), episode(10), 3);
    const quarters = await runEpisode(context(), episode(5), 3);
    const [full] = whole.unrolls;
    expect(whole.unrolls).toHaveLength(1);
    for (const { unrolls } of [halves, quarters]) {
      const inOrder = unrolls.flatMap(({ losses }, i) => [...losses.subarray(i === 0 ? 0 : 2)]);
      expect(bits(Float32Array.from(inOrder))).toEqual(bits(full?.losses ?? new Float32Array()));
      expect(bits(last(unrolls).theta)).toEqual(bits(full?.theta ?? new Float32Array()));
      // The last loss of an unroll is that of the same point and minibatch as the first of the next.
      for (const [i, { losses }] of unrolls.slice(1).entries()) {
        expect(bits(losses.slice(0, 2))).toEqual(bits((unrolls[i]?.losses ?? losses).slice(-2)));
      }
    }
    const sumOf = (gradients: readonly Float32Array[]) =>
      Float32Array.from(gradients[0] ?? [], (_, i) => gradients.reduce((total, g) => total + (g[i] ?? 0), 0));
    const summed = sumOf(halves.unrolls.map(({ gradient }) => gradient));
    expect(Math.hypot(...summed)).toBeGreaterThan(0);
    const distance = Math.hypot(...summed.map((g, i) => g - (full?.gradient[i] ?? 0)));
    expect(distance / Math.hypot(...summed)).toBeGreaterThan(1e-3);
  });
});

describe('every weight learns', () => {
  for (const [name, config, data] of [
    [
      'quadratics, raw gradient',
      smallConfig({ optimizer: { kind: 'l2l', hidden: 4, preprocess: { kind: 'none' } } }),
      undefined,
    ],
    [
      'quadratics, clamp',
      smallConfig({ optimizer: { kind: 'l2l', hidden: 4, preprocess: { kind: 'clamp', k: 5 } } }),
      undefined,
    ],
    ['images, log-sign', smallMlpConfig(), smallImages()],
  ] as const) {
    it(`each block receives a gradient and each weight moves: ${name}`, async () => {
      const options: EpisodeOptions = {
        optimizer: config.optimizer,
        tasks: 2,
        unroll: 5,
        horizon: 5,
        lossWeights: sum(5),
        keys: taskKeys(1, 'train', 0, 2),
        createOptimizee: (pool) => createTasks(pool, config.task, data, 'train', 2),
      };
      const { optimizer, phi, unrolls } = await runEpisode(context(), options, config.seed);
      const gradient = optimizer.gradientToNamed(last(unrolls).gradient);
      expect([...gradient.keys()]).toEqual([...optimizer.toNamed(phi).keys()]);
      expect(gradient.size).toBe(4 * 2 + 2);
      for (const [block, { data: g }] of gradient) {
        expect(g.every(Number.isFinite), block).toBe(true);
        expect(Math.hypot(...g), block).toBeGreaterThan(0);
      }
      const run = await recordRun(context(), config, data ? { data } : {});
      const before = optimizer.toNamed(phi);
      for (const [block, { data: after }] of optimizer.toNamed(last(run.checkpoints).state.phi)) {
        const still = after.filter((value, i) => value === before.get(block)?.data[i]).length;
        // PyTorch has two biases a layer; one of them learns, the other is always zero.
        expect(still, `${block}: weights that did not move`).toBe(
          block.endsWith('bias_hh') ? after.length : 0,
        );
      }
    });
  }
});

describe('meta-Adam', () => {
  const fresh = (length: number): TrainerState => ({
    phi: new Float32Array(length),
    m: new Float32Array(length),
    v: new Float32Array(length),
    status: new Float32Array(4),
  });

  it("reaches the golden value of DeepMind's learning-to-learn (tests/referenceUnroll.test.ts)", async () => {
    const config = smallConfig({
      optimizer: { kind: 'l2l', layers: 0, preprocess: { kind: 'none' }, outputScale: 1 },
      tasks: 1,
      unroll: 5,
      horizon: 15,
      iterations: 3,
      metaLearningRate: 0.01,
      validation: { every: 3 },
    });
    const given = { W: Float32Array.of(1), y: Float32Array.of(0), theta0: Float32Array.of(1) };
    const trainer = new Trainer(context(), config, undefined, quadraticsOf(given, 1));
    try {
      await trainer.prepare(fresh(trainer.optimizer.phi.length));
      const costs: number[] = [];
      const xs: number[] = [];
      for (let iteration = 0; iteration < 3; iteration++) {
        await trainer.submit(iteration).read();
        const [losses, theta] = await readTensors(context(), [trainer.unroll.losses, trainer.unroll.theta]);
        costs.push(losses?.at(-1) ?? Number.NaN);
        xs.push(theta?.[0] ?? Number.NaN);
      }
      expect([costs[0], xs[0]]).toEqual([1, 1]);
      expect(costs[1]).toBeCloseTo(0.7325327, 6);
      expect(xs[1]).toBeCloseTo(0.8559, 4);
      expect(costs[2]).toBeCloseTo(0.3675123, 6);
      expect(xs[2]).toBeCloseTo(0.6062279, 6);
    } finally {
      trainer.destroy();
    }
  });

  it('skips and counts a step that is not finite, and leaves every bit of phi', async () => {
    const config = smallConfig({ iterations: 4 });
    const good = givenQuadratics(2, 3);
    const bad = { ...good, y: Float32Array.from(good.y, (y, i) => (i === 4 ? Number.NaN : y)) };
    const huge = { ...good, theta0: good.theta0.map((x) => x * 1e25) };
    for (const [what, given] of Object.entries({ bad, huge })) {
      const trainer = new Trainer(context(), config, undefined, quadraticsOf(given, 2));
      try {
        const { length } = trainer.optimizer.phi;
        const phi = trainer.optimizer.initialPhi(5);
        const m = new Float32Array(length).fill(0.25);
        await trainer.prepare({ ...fresh(length), phi, m, status: Float32Array.of(1, 1, 7, 2) });
        const step = await trainer.submit(0).read();
        expect(step.skipped, what).toBe(true);
        expect(Number.isFinite(step.metaLoss) && Number.isFinite(step.gradientNorm), what).toBe(false);
        const state = await trainer.readState();
        expect(bits(state.phi), what).toEqual(bits(phi));
        expect(bits(state.m), what).toEqual(bits(m));
        expect([...state.status.subarray(2)], what).toEqual([7, 3]);
      } finally {
        trainer.destroy();
      }
    }
  });

  it('averages the weights over meta-steps and leaves the training as it is without', async () => {
    const config = smallConfig({ iterations: 8, metaLearningRate: 0.1 });
    const decay = 0.75;
    const [plain, averaged] = [config, { ...config, weightAverage: decay }].map(
      (settings) => new Trainer(context(), settings, undefined),
    );
    if (!plain || !averaged) throw new Error('there are no trainers');
    try {
      for (const trainer of [plain, averaged]) await trainer.prepare();
      const first = await averaged.readState();
      expect(bits(first.average ?? new Float32Array())).toEqual(bits(first.phi));
      const expected = Float64Array.from(first.phi);
      for (let n = 0; n < config.iterations; n++) {
        expect(await averaged.submit(n).read()).toEqual(await plain.submit(n).read());
        const { phi, average = new Float32Array() } = await averaged.readState();
        // The plain mean of the first 4, after which the newest weights stay at a quarter.
        const share = n < 4 ? 1 / (n + 1) : 0.25;
        for (const [i, value] of phi.entries())
          expected[i] = (1 - share) * (expected[i] ?? 0) + share * value;
        // Each of up to 8 steps rounds at most three times, in numbers below 1.
        for (const [i, value] of average.entries()) {
          expect(Math.abs(value - (expected[i] ?? 0))).toBeLessThan(8 * 3 * 2 ** -24);
        }
      }
      const { average, phi } = await averaged.readState();
      expect(
        Math.max(...(average ?? new Float32Array()).map((value, i) => Math.abs(value - (phi[i] ?? 0)))),
      ).toBeGreaterThan(0.01);
      expect((await plain.readState()).average).toBeUndefined();
      // A state without an average, as of a run that kept none: it begins with the weights.
      const old = await plain.readState();
      const later = new Trainer(context(), { ...config, weightAverage: decay }, undefined);
      try {
        await later.prepare(old);
        expect(bits((await later.readState()).average ?? new Float32Array())).toEqual(bits(old.phi));
      } finally {
        later.destroy();
      }
    } finally {
      plain.destroy();
      averaged.destroy();
    }
  });

  it('clips by the global norm: only the direction of a large gradient counts', async () => {
    const norms: number[] = [];
    const states: TrainerState[] = [];
    for (const clip of [null, 1e-3]) {
      const trainer = new Trainer(context(), smallConfig({ clip }), undefined);
      try {
        await trainer.prepare();
        norms.push((await trainer.submit(0).read()).gradientNorm);
        states.push(await trainer.readState());
      } finally {
        trainer.destroy();
      }
    }
    const [free, clipped] = states;
    expect(norms[0]).toBeGreaterThan(1e-2);
    expect(norms[1]).toBe(norms[0]);
    // Adam's first m is 0.1 times the gradient it is given.
    expect(Math.hypot(...(clipped?.m ?? []))).toBeCloseTo(1e-4, 8);
    expect(Math.hypot(...(free?.m ?? []))).toBeCloseTo(0.1 * (norms[0] ?? 0), 5);
  });
});

describe('what is drawn', () => {
  it('no two lists of tasks share a key, whatever the seed', () => {
    const count = 5000;
    const seen = new Set<string>();
    for (const seed of [0, 1, 2, 0xffffffff]) {
      for (const list of ['train', 'validation', 'test'] as const) {
        const keys = taskKeys(seed, list, 0, count);
        expect(taskKeys(seed, list, 100, 3)).toEqual(keys.slice(200, 206));
        for (let i = 0; i < count; i++) seen.add(`${keys[2 * i]} ${keys[2 * i + 1]}`);
      }
    }
    expect(seen.size).toBe(4 * 3 * count);
  });

  it('minibatches drawn on the device are those of minibatchIndices', async () => {
    const config = smallMlpConfig();
    const data = smallImages();
    const keys = taskKeys(3, 'train', 4, 2);
    const options: EpisodeOptions = {
      optimizer: config.optimizer,
      tasks: 2,
      unroll: 1,
      horizon: 3,
      lossWeights: [1, 1],
      keys,
      createOptimizee: (pool) => createTasks(pool, config.task, data, 'train', 2),
      read: ['minibatch indices', 'minibatch x', 'minibatch labels'],
    };
    const { unrolls } = await runEpisode(context(), options, 1);
    for (const [t, { read }] of unrolls.entries()) {
      const words = (label: string) => new Uint32Array((read.get(label) ?? new Float32Array()).buffer);
      const [indices, labels, x] = [
        words('minibatch indices'),
        words('minibatch labels'),
        read.get('minibatch x'),
      ];
      for (const task of [0, 1]) {
        // The last minibatch of an unroll of one step is that of step t + 1; 10 examples lie in 12 rows.
        const key = [keys[2 * task] ?? 0, keys[2 * task + 1] ?? 0] as const;
        const expected = minibatchIndices(key, t + 1, 10, data.train.count);
        expect([...indices.subarray(12 * task, 12 * task + 10)]).toEqual([...expected]);
        for (const [row, image] of expected.entries()) {
          expect(labels[12 * task + row]).toBe(data.train.labels[image]);
          const feature = 17;
          const pixel = data.train.pixels[49 * image + feature] ?? Number.NaN;
          // WGSL allows a division 2.5 ULP.
          const seen = x?.[(49 * task + feature) * 12 + row] ?? Number.NaN;
          expect(Math.abs(seen - pixel / 255)).toBeLessThanOrEqual(3 * 2 ** -24);
        }
      }
    }
  });
});
