import { describe, expect, it } from 'vitest';
import { taskKeys } from '../src/host/data/threefry.ts';
import { writeTensor } from '../src/host/gpu/readback.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../src/host/io/checkpoint.ts';
import { decodeWeights, encodeWeights } from '../src/host/io/weights.ts';
import { Evaluator, tasksAtOnce } from '../src/host/meta/evaluator.ts';
import { MetaTraining } from '../src/host/meta/metaTrain.ts';
import { summarise } from '../src/host/meta/statistics.ts';
import { metaLearningRateAt } from '../src/host/meta/trainer.ts';
import { denseLayers } from '../src/host/optimizees/layers/settings.ts';
import { createLearned } from '../src/host/optimizers/create.ts';
import { createHandDesigned } from '../src/host/optimizers/handDesigned.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { bits, last, recordRun, smallConfig, smallImages, smallMlpConfig } from './support/training.ts';

const context = gpuForThisFile();

describe('a resumed run', () => {
  /** Every checkpoint of `config`, through a file and on to the end, is the uninterrupted run bit for bit. */
  async function expectSameEnd(
    config: ReturnType<typeof smallConfig>,
    data?: ReturnType<typeof smallImages>,
  ) {
    const options = data ? { data } : {};
    const whole = await recordRun(context(), config, options);
    const end = last(whole.checkpoints);
    for (const checkpoint of whole.checkpoints) {
      const bytes = encodeCheckpoint(checkpoint);
      const from = decodeCheckpoint(bytes, 'test', checkpoint.state.phi.length);
      expect(from).toEqual(checkpoint);
      const rest = await recordRun(context(), config, { ...options, from });
      expect(rest.steps).toEqual(whole.steps.slice(checkpoint.iteration));
      expect(rest.validations).toEqual(whole.validations.filter((v) => v.iteration > checkpoint.iteration));
      expect(rest.result).toEqual(whole.result);
      expect(bits(rest.result.best.phi)).toEqual(bits(whole.result.best.phi));
      if (checkpoint !== end) expect(encodeCheckpoint(last(rest.checkpoints))).toEqual(encodeCheckpoint(end));
    }
    return whole;
  }

  it('is the uninterrupted one from every checkpoint, also from right after the best changed', async () => {
    const config = smallConfig({ iterations: 12, metaLearningRate: 0.1 });
    const { checkpoints, bests, validations } = await expectSameEnd(config);
    expect(checkpoints.map(({ iteration }) => iteration)).toEqual([2, 4, 6, 8, 10, 12]);
    const changedAt = bests.map(({ iteration }) => iteration);
    expect(checkpoints.some(({ iteration, best }) => best?.iteration === iteration)).toBe(true);
    expect(changedAt.length).toBeGreaterThan(1);
    expect(changedAt.length).toBeLessThan(validations.length);
  });

  it('is the uninterrupted one on images', async () => {
    await expectSameEnd(smallMlpConfig({ iterations: 4 }), smallImages());
  });

  it('is the uninterrupted one while the learning rate falls', async () => {
    const falling = { iterations: 8, metaLearningRate: 0.1, finalMetaLearningRate: 0 };
    const { steps } = await expectSameEnd(smallConfig(falling));
    expect(steps).not.toEqual(
      (await recordRun(context(), smallConfig({ ...falling, finalMetaLearningRate: 0.1 }))).steps,
    );
    const rates = [0, 2, 4, 6].map((iteration) => metaLearningRateAt(smallConfig(falling), iteration));
    expect(rates).toEqual(
      [0.1, 0.05 * (1 + Math.SQRT1_2), 0.05, 0.05 * (1 - Math.SQRT1_2)].map((rate) =>
        expect.closeTo(rate, 12),
      ),
    );
  });

  it('is the uninterrupted one while the average of the weights is kept', async () => {
    await expectSameEnd(smallConfig({ iterations: 12, metaLearningRate: 0.1, weightAverage: 0.7 }));
  });

  it('is the uninterrupted one for learned gates, a learned theta_0 and second order', async () => {
    const optimizer = { kind: 'momentum-lstm', hidden: 3, theta0Parameters: 3 } as const;
    const config = smallConfig({ optimizer, secondDerivatives: true, iterations: 6, lossWeights: 'final' });
    const { checkpoints, steps } = await expectSameEnd(config);
    expect(checkpoints).toHaveLength(3);
    expect(steps.every(({ skipped, gradientNorm }) => !skipped && gradientNorm > 0)).toBe(true);
    expect(await recordRun(context(), config)).toEqual(await recordRun(context(), config));
  });

  it('goes on from the end of the episode in which it was asked to stop', async () => {
    const config = smallConfig({ iterations: 12, validation: { tasks: 3, every: 6 } });
    const whole = await recordRun(context(), config);
    for (const stopAfter of [0, 1, 2, 5]) {
      const stopped = await recordRun(context(), config, { stopAfter });
      expect(stopped.result.stopped).toBe('asked');
      expect(stopped.result.iteration % 2).toBe(0);
      expect(stopped.steps).toHaveLength(stopped.result.iteration);
      const from = last(stopped.checkpoints);
      expect(from.iteration).toBe(stopped.result.iteration);
      const rest = await recordRun(context(), config, { from });
      expect([...stopped.steps, ...rest.steps]).toEqual(whole.steps);
      expect(rest.result).toEqual(whole.result);
    }
  });

  it('keeps an infinite score infinite: the first weights that converge are still better', async () => {
    const { checkpoints } = await recordRun(context(), smallConfig({ iterations: 2 }));
    const [checkpoint] = checkpoints;
    if (!checkpoint?.best) throw new Error('there is no best');
    const diverged = { ...checkpoint, best: { ...checkpoint.best, score: Number.POSITIVE_INFINITY } };
    const from = decodeCheckpoint(encodeCheckpoint(diverged), 'test', checkpoint.state.phi.length);
    expect(from.best?.score).toBe(Number.POSITIVE_INFINITY);
    const rest = await recordRun(context(), smallConfig({ iterations: 4 }), { from });
    expect(rest.validations[0]?.isBest).toBe(true);
    expect(rest.result.best.iteration).toBe(4);
  });

  it('refuses a checkpoint from inside an episode, which the configuration cannot have made', async () => {
    const { checkpoints } = await recordRun(context(), smallConfig({ iterations: 3 }));
    const from = last(checkpoints);
    expect(from.iteration).toBe(3);
    const longer = recordRun(context(), smallConfig({ iterations: 8 }), { from });
    await expect(longer).rejects.toThrow(/after 3 meta-steps, inside an episode of 2/);
  });
});

describe('a run that keeps failing', () => {
  const explosive = smallConfig({
    optimizer: { kind: 'l2l', layers: 0, preprocess: { kind: 'none' }, outputScale: 1 },
    iterations: 400,
    unroll: 20,
    horizon: 20,
    metaLearningRate: 10,
    patience: 5,
    validation: { tasks: 3, every: 50 },
  });

  it('stops after its patience and keeps the best weights', async () => {
    const { steps, result, bests, checkpoints, validations } = await recordRun(context(), explosive);
    expect(result.stopped).toBe('not-finite');
    expect(result.iteration).toBeLessThan(20);
    expect(steps.slice(-5).every(({ skipped }) => skipped)).toBe(true);
    expect(steps[0]?.skipped).toBe(false);
    expect(result.skipped).toBe(steps.filter(({ skipped }) => skipped).length);
    expect(bests).toHaveLength(1);
    expect(result.best.score).toBe(validations[0]?.score);
    expect(Number.isFinite(result.best.score)).toBe(true);
    expect(bits(last(checkpoints).best?.phi ?? new Float32Array())).toEqual(bits(result.best.phi));
    expect(last(checkpoints).skippedInRow).toBeGreaterThanOrEqual(5);
    // The skipped steps left the weights of the last good one.
    expect(bits(last(checkpoints).state.phi)).not.toEqual(bits(result.best.phi));
    expect(last(checkpoints).state.phi.every(Number.isFinite)).toBe(true);
  });

  it('never lets weights that diverge on a validation task be the best', async () => {
    const config = { ...explosive, iterations: 4, validation: { ...explosive.validation, every: 1 } };
    const { validations } = await recordRun(context(), config);
    const diverged = validations.filter(({ summary }) => summary.diverged > 0);
    expect(diverged.length).toBeGreaterThan(0);
    for (const { score, isBest } of diverged) {
      expect(score).toBe(Number.POSITIVE_INFINITY);
      expect(isBest).toBe(false);
    }
  });
});

describe('evaluation', () => {
  const data = smallImages();
  const config = smallMlpConfig({ iterations: 4 });
  const { task, horizon } = config;

  it('of saved and loaded weights gives the bits of the validation in training', async () => {
    const { bests, validations } = await recordRun(context(), config, { data });
    const options = { task, data, list: 'validation', tasks: 3, horizon } as const;
    const evaluator = new Evaluator(context(), options, (pool) => createLearned(pool, config.optimizer));
    try {
      await evaluator.prepare();
      for (const { phi, iteration } of bests) {
        const training = {
          seed: config.seed,
          iteration,
          horizon,
          unroll: config.unroll,
          secondDerivatives: false,
        };
        const weights = evaluator.optimizer.toNamed(phi);
        const bytes = encodeWeights({ optimizer: config.optimizer, task, training, weights });
        const file = decodeWeights(bytes, 'test');
        writeTensor(context(), evaluator.optimizer.phi, evaluator.optimizer.fromNamed(file.weights, 'test'));
        const summary = summarise(await evaluator.run(taskKeys(config.seed, 'validation', 0, 3)));
        expect(summary).toEqual(
          validations.find((validation) => validation.iteration === iteration)?.summary,
        );
      }
      expect(bests.length).toBeGreaterThan(0);
    } finally {
      evaluator.destroy();
    }
  });

  it('does not depend on how many tasks run at once, nor on their order', async () => {
    const keys = taskKeys(9, 'test', 0, 7);
    for (const make of [
      (tasks: number) =>
        new Evaluator(context(), { task, data, list: 'test', tasks, horizon }, (pool) =>
          createLearned(pool, config.optimizer),
        ),
      (tasks: number) =>
        new Evaluator(context(), { task, data, list: 'test', tasks, horizon: 7 }, () =>
          createHandDesigned('adam'),
        ),
    ]) {
      const results: Float64Array[] = [];
      for (const [tasks, order] of [
        [7, keys],
        [3, keys],
        [1, keys],
        [3, Uint32Array.from(keys, (_, i) => keys[12 - (i - (i % 2)) + (i % 2)] ?? 0)],
      ] as const) {
        const evaluator = make(tasks);
        try {
          expect(evaluator.batch).toBe(tasks);
          await evaluator.prepare();
          const { optimizer } = evaluator;
          if ('phi' in optimizer) writeTensor(context(), optimizer.phi, optimizer.initialPhi(3));
          else optimizer.set({ learningRate: 0.05 });
          results.push((await evaluator.run(order)).values);
        } finally {
          evaluator.destroy();
        }
      }
      const [whole = new Float64Array(), threes, ones, reversed] = results;
      const size = whole.length / 7;
      expect(whole.every((loss) => loss > 0)).toBe(true);
      expect(threes).toEqual(whole);
      expect(ones).toEqual(whole);
      const back = Array.from({ length: 7 }, (_, i) => [...whole.subarray((6 - i) * size, (7 - i) * size)]);
      expect([...(reversed ?? [])]).toEqual(back.flat());
    }
  });

  it('batches are of one size and nearly full', () => {
    expect([1, 16, 17, 18, 100].map((tasks) => tasksAtOnce(tasks, 15_910))).toEqual([1, 16, 9, 9, 15]);
    expect(tasksAtOnce(3, 1e9)).toBe(1);
  });

  it('takes as many tasks at once as fit the adapter', () => {
    const optimizer = { ...config.optimizer, hidden: 127 };
    const wide = new Evaluator(
      context(),
      { task: smallConfig().task, data: undefined, list: 'test', tasks: 60_000, horizon: 100 },
      (pool) => createLearned(pool, optimizer),
    );
    const { maxStorageBufferBindingSize } = context().device.limits;
    // The largest buffer holds a layer's state: 127 f32 a coordinate, three coordinates a task, rows padded a little.
    const fits = Math.min(60_000, Math.floor(maxStorageBufferBindingSize / (4 * 3 * 127)));
    expect(wide.batch).toBeLessThanOrEqual(fits);
    expect(wide.batch).toBeGreaterThan(0.99 * fits);
    expect(
      () =>
        new Evaluator(context(), { task, data, list: 'test', tasks: 1e9, horizon }, () =>
          createHandDesigned('sgd'),
        ),
    ).toThrow(/1000000000 tasks of 10 steps/);
  });
});

describe('memory', () => {
  const imitation = { teacher: 'adam', ratio: 0.5, learningRate: 0.05 } as const;
  it.each([
    ['of backpropagation', {}],
    ['beside imitation', { imitation }],
    ['of evolution strategies', { pes: { sigma: 0.01, pairs: 2 } }],
    ['of evolution strategies beside imitation', { pes: { sigma: 0.01, pairs: 2 }, imitation }],
  ])('%s announced is what is taken: tensors and readback to the byte', async (_, remedies) => {
    const { device } = context();
    const create = device.createBuffer.bind(device);
    const createTexture = device.createTexture.bind(device);
    const taken = { tensors: 0, staging: 0, parameters: 0 };
    device.createBuffer = (descriptor) => {
      const { usage, size } = descriptor;
      const kind =
        (usage & GPUBufferUsage.STORAGE) !== 0
          ? 'tensors'
          : (usage & GPUBufferUsage.MAP_READ) !== 0
            ? 'staging'
            : 'parameters';
      taken[kind] += size;
      return create(descriptor);
    };
    device.createTexture = (descriptor) => {
      const texture = createTexture(descriptor);
      expect(descriptor.format).toBe('rgba32float');
      taken.tensors += 16 * texture.width * texture.height;
      return texture;
    };
    try {
      const data = smallImages();
      const run = new MetaTraining(context(), smallMlpConfig(remedies), data);
      expect(taken).toEqual({ tensors: 0, staging: 0, parameters: 0 });
      try {
        const before = run.bytes;
        let atFirstValidation = 0;
        await run.run({
          onValidation: () => {
            atFirstValidation ||= taken.tensors + taken.staging;
          },
        });
        expect(run.bytes).toBe(before);
        // By then phi was read once, through a staging buffer of its own.
        const adam = 2 * run.trainer.optimizer.phi.bytes + 16;
        const adams = 'imitation' in remedies ? 2 : 1;
        expect(atFirstValidation).toBe(before + run.trainer.optimizer.phi.bytes + adams * adam);
        // 256 bytes of parameters a dispatch.
        expect(taken.parameters % 256).toBe(0);
        if (Object.keys(remedies).length > 0) return;
        expect(taken.parameters / 256).toBeGreaterThan(run.trainer.unroll.dispatches / 2);
        expect(taken.parameters / 256).toBeLessThan(3 * run.trainer.unroll.dispatches);
      } finally {
        run.destroy();
      }
    } finally {
      device.createBuffer = create;
      device.createTexture = createTexture;
    }
  });

  it('that no buffer of the adapter can hold is refused by name before any is taken', () => {
    const config = smallMlpConfig({
      task: { kind: 'images', resolution: 7, layers: denseLayers([100_000, 100_000], 'sigmoid') },
    });
    expect(() => new MetaTraining(context(), config, smallImages())).toThrow(
      /needs \d+ bytes, and this adapter allows \d+ in one buffer/,
    );
    const many = smallConfig({ tasks: 65_535, task: { kind: 'quadratic', dimension: 4000 } });
    expect(() => new MetaTraining(context(), many, undefined)).toThrow(
      expect.objectContaining({
        remedy: expect.stringMatching(/^use at most \d+ tasks at once instead of 65535$/),
      }),
    );
  });
});
