import { describe, expect, it } from 'vitest';
import { layersSchema, parseConfig } from '../src/host/config.ts';
import { ConfigError } from '../src/host/errors.ts';
import { Program } from '../src/host/gpu/program.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { type Tensor, TensorPool } from '../src/host/gpu/tensor.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { coordinatesOf, coordinateTensor } from '../src/host/ops/coordinates.ts';
import { createGlyphEpisodes } from '../src/host/optimizees/episodes.ts';
import { createDeviceImages, createImageSource } from '../src/host/optimizees/examples.ts';
import { createNetwork } from '../src/host/optimizees/network.ts';
import { createHandDesigned } from '../src/host/optimizers/handDesigned.ts';
import { gradient, hessianVector } from '../src/reference/derivatives.ts';
import { type Statistics, updateRunning } from '../src/reference/layers.ts';
import { at, numbers } from '../src/reference/scalar.ts';
import { relativeError } from './support/cases.ts';
import { randomValues } from './support/compare.ts';
import { glyphEpisode, noiseGlyphs } from './support/episodes.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { networkLoss } from './support/networks.ts';

const gpu = gpuForThisFile();

const sizes = { ways: 3, shots: 2, queries: 3 };
const table = noiseGlyphs(7);
const MOMENTUM = 0.7;
const layersWith = (norm: object) =>
  parseConfig(
    layersSchema,
    [
      ...[
        { kind: 'conv', channels: 2 },
        { kind: 'batch-norm', ...norm },
        { kind: 'max-pool', stride: 1 },
      ],
      ...[
        { kind: 'dense', units: 4 },
        { kind: 'batch-norm', ...norm },
      ],
      { kind: 'activation', function: 'tanh' },
    ],
    'test',
  );
const batchForm = layersWith({});
const runningForm = layersWith({ statistics: 'running', momentum: MOMENTUM });
// 3x3 -> 2x2
const PARAMETERS = 20 + 4 + (2 * 4 + 1) * 4 + 8 + 5 * 3;
const settingsOf = (layers: typeof batchForm) => ({ layers, initial: { kind: 'pytorch' } }) as const;
/** Support sets of 6 rows of 8, query sets of 9 rows of 12. */
const shapeOf = (layers: typeof batchForm) => ({
  layers,
  input: { channels: 1, height: 3, width: 3 },
  outputs: 3,
});

const TASKS = 2;
const pairs = [[11, 12] as const, [13, 14] as const];
const episodes = pairs.map((key) => glyphEpisode(table, sizes, key));
/** theta_0, theta_1 and theta_2: two steps on the support set, then the query set. */
const STEPS = 2;
const thetas = Array.from({ length: STEPS + 1 }, (_, t) =>
  randomValues(TASKS * PARAMETERS, 100 + t, -0.8, 0.8),
);
const direction = randomValues(TASKS * PARAMETERS, 110);
const partOf = (values: Float32Array, task: number) =>
  values.subarray(task * PARAMETERS, (task + 1) * PARAMETERS);

/**
 * The support steps at given thetas, each made again `again` times as second order does, and then loss, gradient and
 * H v of the query set at the last theta. `garbage`: an episode of other tasks runs before.
 */
async function runEpisode(layers: typeof batchForm, { again = 0, garbage = false } = {}) {
  const context = gpu();
  const pool = new TensorPool(context);
  const keys = pool.tensor('keys', [TASKS, 2], 'u32');
  const clock = pool.tensor('clock', [4], 'u32');
  const tensors = { keys, clock, steps: STEPS, secondDerivatives: true };
  const source = createGlyphEpisodes(pool, TASKS, table, sizes, tensors);
  const optimizee = createNetwork({ pool, tasks: TASKS, settings: settingsOf(layers), source, tensors });
  const row = (name: string) => coordinateTensor(pool, name, coordinatesOf(TASKS, PARAMETERS));
  const rows = thetas.map((values, t) => ({ values, tensor: row(`theta ${t}`) }));
  const [start, v, g, product] = [row('start'), row('v'), row('gradient'), row('product')];
  const [losses, query] = [pool.tensor('losses', [STEPS + 1, TASKS]), pool.tensor('query', [1, TASKS])];
  const write = (tensor: Tensor, values: Float32Array) => {
    const padded = new Float32Array(tensor.length);
    padded.set(values);
    writeTensor(context, tensor, padded);
  };
  await pool.allocate();
  try {
    for (const { values, tensor } of rows) write(tensor, values);
    write(v, direction);
    const program = new Program(context, 'an episode');
    optimizee.upload();
    optimizee.recordReset(program, start);
    for (const [t, { tensor: theta }] of rows.entries()) {
      optimizee.recordSample(program, t);
      optimizee.recordLoss(program, theta, losses, t);
      optimizee.recordGradient(program, theta, g);
      for (let n = 0; n < (t < STEPS ? again : 1); n++) {
        optimizee.recordSample(program, t);
        optimizee.recordLoss(program, theta, losses, t);
        optimizee.recordHessianVector?.(program, theta, v, product);
      }
      if (t === STEPS) optimizee.query?.record(program, theta, { losses: query }, 0);
    }
    await program.prepare();
    for (const of of garbage ? [[91, 92, 93, 94], pairs.flat()] : [pairs.flat()]) {
      writeTensor(context, keys, Uint32Array.from(of));
      submit(context, (encoder) => program.encode(encoder));
    }
    const [all, ...others] = await readTensors(context, [losses, query, g, product]);
    if (!all) throw new Error('nothing was read');
    const [judged = all, ofTheta = all, Hv = all] = others;
    const own = (values: Float32Array) => values.subarray(0, TASKS * PARAMETERS);
    return { losses: all, query: judged, gradient: own(ofTheta), product: own(Hv) };
  } finally {
    pool.destroy();
  }
}

/** Running statistics of a task after its support steps: a row of channels a batch-norm layer. */
function runningAfter(task: number): Statistics<number>[][] {
  const running = [2, 4].map((count) => Array.from({ length: count }, () => ({ mean: 0, variance: 1 })));
  for (const theta of thetas.slice(0, STEPS)) {
    const { support } = at(episodes, task);
    const own = [...partOf(theta, task)];
    networkLoss(numbers, shapeOf(runningForm), own, support, {
      seen: (layer, channel, batch, count) => {
        const channels = at(running, layer);
        channels[channel] = updateRunning(at(channels, channel), batch, count, 1 - MOMENTUM);
      },
    });
  }
  return running;
}

describe('batch normalisation in episodes', () => {
  it.each([
    { statistics: 'batch', layers: batchForm },
    { statistics: 'running', layers: runningForm },
  ])('$statistics: losses of both sets, and derivatives on the query set', async ({ statistics, layers }) => {
    const ours = await runEpisode(layers);
    const shape = shapeOf(layers);
    for (const [task, { support, query }] of episodes.entries()) {
      for (const [t, theta] of thetas.slice(0, STEPS).entries()) {
        const expected = networkLoss(numbers, shape, [...partOf(theta, task)], support);
        expect(relativeError([at(ours.losses, t * TASKS + task)], [expected])).toBeLessThan(1e-6);
      }
      const hooks = statistics === 'running' ? { statistics: runningAfter(task) } : {};
      const last = partOf(at(thetas, STEPS), task);
      const { value, gradient: expected } = gradient((A, x) => networkLoss(A, shape, x, query, hooks), last);
      expect(relativeError([at(ours.losses, STEPS * TASKS + task)], [value])).toBeLessThan(1e-6);
      expect(relativeError(partOf(ours.gradient, task), expected), `task ${task}`).toBeLessThan(2e-6);
      const v = partOf(direction, task);
      const Hv = hessianVector((A, x) => networkLoss(A, shape, x, query, hooks), last, v);
      expect(relativeError(partOf(ours.product, task), Hv), `task ${task}, H v`).toBeLessThan(2e-6);
    }
    expect(ours.query).toEqual(ours.losses.slice(STEPS * TASKS));
  });

  it.each([
    { statistics: 'batch', layers: batchForm },
    { statistics: 'running', layers: runningForm },
  ])(
    '$statistics: nothing is left of another episode, and steps made again count once',
    async ({ layers }) => {
      const once = await runEpisode(layers);
      expect(await runEpisode(layers, { garbage: true })).toEqual(once);
      expect(await runEpisode(layers, { again: 2 })).toEqual(once);
    },
  );

  it('the two forms differ on the query set alone, and the momentum matters', async () => {
    const [batch, running] = [await runEpisode(batchForm), await runEpisode(runningForm)];
    expect(running.losses.slice(0, STEPS * TASKS)).toEqual(batch.losses.slice(0, STEPS * TASKS));
    expect(running.query).not.toEqual(batch.query);
    const other = await runEpisode(layersWith({ statistics: 'running' }));
    expect(other.query).not.toEqual(running.query);
  });

  it.each([
    { statistics: 'batch', layers: batchForm },
    { statistics: 'running', layers: runningForm },
  ])(
    '$statistics: an episode has the same bits after another one, and in another place',
    async ({ layers }) => {
      const pool = new TensorPool(gpu());
      const optimizer = createHandDesigned('sgd');
      const unroll = new Unroll({
        ...{ pool, tasks: TASKS, steps: 3, optimizer, measureQuery: 'every step' },
        createOptimizee: (tensors) => {
          const source = createGlyphEpisodes(pool, TASKS, table, sizes, tensors);
          return createNetwork({ pool, tasks: TASKS, settings: settingsOf(layers), source, tensors });
        },
      });
      await pool.allocate();
      try {
        await unroll.prepare();
        optimizer.set({ learningRate: 0.3 });
        const run = async (keys: readonly number[]) => {
          unroll.setTasks(Uint32Array.from(keys), 0);
          submit(gpu(), (encoder) => unroll.encode(encoder, 'reset'));
          const { losses = unroll.losses, accuracy = unroll.losses } = unroll.query ?? {};
          const [support, query, right] = await readTensors(gpu(), [unroll.losses, losses, accuracy]);
          return [support, query, right].map((values) => Array.from(values ?? []));
        };
        const first = await run([1, 2, 3, 4]);
        const other = await run([5, 6, 7, 8]);
        expect(other[1]).not.toEqual(first[1]);
        expect(await run([1, 2, 3, 4])).toEqual(first);
        const swapped = await run([3, 4, 1, 2]);
        // [slots, 2 tasks]
        const swap = (values: number[]) => values.map((_, i) => values[i ^ 1]);
        expect(swapped.map(swap)).toEqual(first);
      } finally {
        pool.destroy();
      }
    },
  );
});

describe('running statistics elsewhere', () => {
  const set = {
    ...{ name: 'noise', count: 23, height: 3, width: 3, classes: 3 },
    pixels: Uint8Array.from(randomValues(23 * 9, 121, 0, 255.99)),
    labels: Uint8Array.from(randomValues(23, 122, 0, 2.99)),
  };

  it('minibatches without a query set have the statistics of the batch, and nothing is kept', async () => {
    const bits = async (layers: typeof batchForm) => {
      const pool = new TensorPool(gpu());
      const optimizer = createHandDesigned('sgd');
      const images = createDeviceImages(pool, set);
      const unroll = new Unroll({
        ...{ pool, tasks: TASKS, steps: 3, optimizer },
        createOptimizee: (tensors) => {
          const source = createImageSource(pool, TASKS, images, 5, tensors);
          return createNetwork({ pool, tasks: TASKS, settings: settingsOf(layers), source, tensors });
        },
      });
      const { bytes } = pool;
      await pool.allocate();
      try {
        await unroll.prepare();
        optimizer.set({ learningRate: 0.3 });
        unroll.setTasks(Uint32Array.of(1, 2, 3, 4), 0);
        submit(gpu(), (encoder) => unroll.encode(encoder, 'reset'));
        return { bytes, dispatches: unroll.dispatches, read: await readTensors(gpu(), [unroll.losses]) };
      } finally {
        pool.destroy();
      }
    };
    expect(await bits(runningForm)).toEqual(await bits(batchForm));
  });

  it('a support set of one value a channel is refused before anything is allocated', () => {
    const pool = new TensorPool(gpu());
    const layers = layersWith({ statistics: 'running' });
    const tensors = {
      ...{ keys: pool.tensor('keys', [1, 2], 'u32'), clock: pool.tensor('clock', [4], 'u32'), steps: 1 },
    };
    const source = createGlyphEpisodes(pool, 1, table, { ways: 1, shots: 1, queries: 2 }, tensors);
    const create = () => createNetwork({ pool, tasks: 1, settings: settingsOf(layers), source, tensors });
    expect(create).toThrow(ConfigError);
    expect(create).toThrow(/1 value a channel/);
  });
});
