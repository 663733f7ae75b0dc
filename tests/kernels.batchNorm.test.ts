import { describe, expect, it } from 'vitest';
import { ConfigError } from '../src/host/errors.ts';
import {
  recordBatchNormBackward,
  recordBatchNormForward,
  recordBatchNormRBackward,
  recordBatchNormRForward,
  recordBatchNormStatistics,
} from '../src/host/ops/batchNorm.ts';
import {
  recordBatchNormResetRunning,
  recordBatchNormRunningBackward,
  recordBatchNormRunningRBackward,
  recordBatchNormRunningRForward,
  recordBatchNormUpdateRunning,
} from '../src/host/ops/batchNormRunning.ts';
import { type BatchNormSizes, batchNormMoments, batchNormPartials } from '../src/host/ops/batchNormSizes.ts';
import { channelStatistics, normalize, updateRunning } from '../src/reference/layers.ts';
import { at, numbers } from '../src/reference/scalar.ts';
import { expectClose, inner, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { type Layer, layerFaces } from './support/layerReference.ts';
import { batchNormAllowed, EPSILON, rounded } from './support/tolerances.ts';

const gpu = gpuForThisFile();

/** After a dense layer; chunks of one position and of several, the last one shorter; rows with and without padding. */
const shapes: readonly BatchNormSizes[] = [
  { tasks: 1, rows: 4, batch: 3, channels: 1, positions: 1 },
  { tasks: 3, rows: 8, batch: 5, channels: 5, positions: 1 },
  { tasks: 3, rows: 8, batch: 6, channels: 3, positions: 15 },
  { tasks: 2, rows: 8, batch: 8, channels: 5, positions: 33 },
  { tasks: 2, rows: 4, batch: 1, channels: 2, positions: 70 },
  { tasks: 1, rows: 4, batch: 3, channels: 67, positions: 6 },
].map((shape) => ({ ...shape, offset: 5, taskStride: 2 * shape.channels + 9 }));

/** Random numbers, and NaN in the rows beyond the batch: what is there must not count. */
function elements({ tasks, rows, batch, channels, positions }: BatchNormSizes, seed: number): Float32Array {
  const values = randomValues(tasks * channels * positions * rows, seed);
  return values.map((value, i) => (i % rows < batch ? value : Number.NaN));
}

function dataOf(sizes: BatchNormSizes) {
  const { tasks, taskStride } = sizes;
  const x = elements(sizes, 3);
  const parameters = tasks * taskStride;
  return {
    ...{ theta: randomValues(parameters, 1), v: randomValues(parameters, 2) },
    ...{ x, rx: elements(sizes, 4), dy: elements(sizes, 5), rdy: elements(sizes, 6) },
    ...{ y: unwritten(x.length), dx: unwritten(x.length), gradient: unwritten(parameters) },
    ...{ ry: unwritten(x.length), rdx: unwritten(x.length), product: unwritten(parameters) },
    partials: unwritten(tasks * batchNormPartials(sizes)),
    moments: unwritten(tasks * batchNormMoments(sizes)),
  };
}

/** x's elements of one channel: where they are. */
function channelIndices({ rows, batch, channels, positions }: BatchNormSizes, task: number, c: number) {
  const first = (task * channels + c) * positions * rows;
  return Array.from({ length: positions * rows }, (_, i) => first + i).filter((i) => i % rows < batch);
}

function reference(sizes: BatchNormSizes): Layer {
  const { tasks, channels, taskStride, offset } = sizes;
  return (A, theta, x) => {
    const y = x.map(() => A.constant(0));
    for (let task = 0; task < tasks; task++) {
      for (let c = 0; c < channels; c++) {
        const indices = channelIndices(sizes, task, c);
        const values = indices.map((i) => at(x, i));
        const gamma = at(theta, task * taskStride + offset + c);
        const beta = at(theta, task * taskStride + offset + channels + c);
        const result = normalize(A, values, channelStatistics(A, values), gamma, beta);
        for (const [k, i] of indices.entries()) y[i] = at(result, k);
      }
    }
    return y;
  };
}

/** The rows beyond the batch as 0, so that a reference that multiplies all elements can use them. */
const zeroed = (values: Float32Array) => values.map((value) => (Number.isNaN(value) ? 0 : value));

const expectedOf = (sizes: BatchNormSizes, data: ReturnType<typeof dataOf>) =>
  layerFaces(reference(sizes), {
    ...data,
    ...{ x: zeroed(data.x), rx: zeroed(data.rx), dy: zeroed(data.dy), rdy: zeroed(data.rdy) },
  });

const runAll = (sizes: BatchNormSizes, data: ReturnType<typeof dataOf>) =>
  runKernels(gpu(), data, (program, t) => {
    const { theta, v, x, rx, dy, rdy, partials, moments, gradient, product } = t;
    recordBatchNormStatistics(program, { x, partials, moments }, sizes);
    recordBatchNormForward(program, { theta, x, moments, y: t.y }, sizes);
    recordBatchNormBackward(program, { theta, x, dy, partials, moments, dx: t.dx, gradient }, sizes);
    recordBatchNormRForward(program, { theta, v, x, rx, partials, moments, ry: t.ry }, sizes);
    const tangents = { theta, v, x, rx, dy, rdy, partials, moments, rdx: t.rdx, product };
    recordBatchNormRBackward(program, tangents, sizes);
  });

describe('batchNorm', () => {
  it.each(shapes)(
    '$tasks tasks, $batch of $rows rows, $channels channels, $positions positions: all faces',
    async (sizes) => {
      const { channels, taskStride, offset } = sizes;
      const data = dataOf(sizes);
      const read = await runAll(sizes, data);
      const expected = expectedOf(sizes, data);
      for (const face of ['y', 'dx', 'ry', 'rdx'] as const) {
        expectClose(read[face], expected[face], batchNormAllowed(expected[face]), face);
        const padding = read[face].filter((_, i) => i % sizes.rows >= sizes.batch);
        expect(padding, `${face} beyond the batch`).toEqual(new Float32Array(padding.length));
      }
      const own = (values: Float64Array) =>
        values.map((value, i) => {
          const within = (i % taskStride) - offset;
          return within >= 0 && within < 2 * channels ? value : Number.NaN;
        });
      const { dtheta, product } = expected;
      expectClose(read.gradient, own(dtheta), batchNormAllowed(dtheta), 'gradient, the layer alone');
      expectClose(read.product, own(product), batchNormAllowed(product), 'product, the layer alone');
    },
  );

  it.each(shapes)(
    '$tasks tasks, $batch of $rows rows, $channels channels, $positions positions: identities',
    async (sizes) => {
      const data = dataOf(sizes);
      const { dx, ry, rdx, gradient, product } = await runAll(sizes, data);
      const [x, rx, dy] = [data.x, data.rx, data.dy].map(zeroed);
      if (!x || !rx || !dy) throw new Error('three arrays stay three');
      const ofLayer = inner(data.v, zeroed(gradient));
      const size = Math.hypot(...ry) * Math.hypot(...dy);
      const same = (left: number, right: number, what: string) =>
        expectClose([left], [right], { relative: 16 * EPSILON, scale: [size] }, what);
      same(inner(ry, dy), inner(rx, dx) + ofLayer, '<ry, dy> = <rx, dx> + <v, dtheta>');
      // y does not change when a constant is added to x: neither adjoint has a component along it.
      for (let task = 0; task < sizes.tasks; task++) {
        for (let c = 0; c < sizes.channels; c++) {
          const indices = channelIndices(sizes, task, c);
          const total = (values: Float32Array) => indices.reduce((sum, i) => sum + at(values, i), 0);
          const terms = (values: Float32Array) =>
            indices.reduce((sum, i) => sum + Math.abs(at(values, i)), 0) + 1;
          expectClose([total(dx)], [0], { relative: 16 * EPSILON, scale: [terms(dx)] }, 'sum of dx');
          expectClose([total(rdx)], [0], { relative: 16 * EPSILON, scale: [terms(rdx)] }, 'sum of rdx');
        }
      }
      expect(product.some((value) => Math.abs(value) > 0.01)).toBe(true);
    },
  );

  it('without gradient it makes the same dx, and leaves theta gradients alone', async () => {
    const sizes = { tasks: 2, rows: 8, batch: 6, channels: 3, positions: 4, taskStride: 6, offset: 0 };
    const data = dataOf(sizes);
    const full = await runAll(sizes, data);
    const { dx } = await runKernels(gpu(), data, (program, { theta, x, dy, partials, moments, dx }) => {
      recordBatchNormStatistics(program, { x, partials, moments }, sizes);
      recordBatchNormBackward(program, { theta, x, dy, partials, moments, dx }, sizes);
    });
    expect(dx).toEqual(full.dx);
  });

  it.each([
    { mean: 1000, spread: 1 },
    { mean: -3, spread: 1e-3 },
    { mean: 0, spread: 1e-6 },
  ])('statistics of a channel around $mean +- $spread keep their digits', async ({ mean, spread }) => {
    const sizes = { tasks: 2, rows: 8, batch: 7, channels: 3, positions: 100, taskStride: 6, offset: 0 };
    const data = dataOf(sizes);
    for (const [i, value] of data.x.entries()) data.x[i] = mean + spread * value;
    const { moments } = await runAll(sizes, data);
    for (const [task, c] of [0, 1].flatMap((b) => [0, 1, 2].map((channel) => [b, channel] as const))) {
      const values = channelIndices(sizes, task, c).map((i) => at(data.x, i));
      const expected = channelStatistics(numbers, values);
      const first = (task * 3 + c) * 8;
      const size = Math.abs(mean) + spread;
      const ofMean = { relative: 2 * EPSILON, scale: [size] };
      expectClose([at(moments, first)], [expected.mean], ofMean, 'mean');
      // Means of chunks are rounded: EPSILON size / spread deviations. One pass, <x^2> - <x>^2, would lose the square
      // of size / spread.
      expectClose([at(moments, first + 1)], [expected.variance], rounded(16 + size / spread), 'variance');
    }
  });

  it('a constant channel becomes beta', async () => {
    const sizes = { tasks: 1, rows: 4, batch: 3, channels: 2, positions: 5, taskStride: 4, offset: 0 };
    const data = { ...dataOf(sizes), x: new Float32Array(40).fill(0.3) };
    const { y } = await runAll(sizes, data);
    const beta = [at(data.theta, 2), at(data.theta, 3)];
    const expected = Array.from(y, (_, i) => (i % 4 < 3 ? at(beta, i < 20 ? 0 : 1) : 0));
    expectClose(y, expected, rounded(1), 'y');
  });

  it('NaN in one element of a channel reaches the whole channel, and no other', async () => {
    const sizes = { tasks: 2, rows: 4, batch: 3, channels: 2, positions: 5, taskStride: 4, offset: 0 };
    const data = dataOf(sizes);
    data.x[(1 * 2 + 0) * 20 + 6] = Number.NaN;
    const { y } = await runAll(sizes, data);
    const found = [...y.keys()].filter((i) => Number.isNaN(y[i]));
    expect(found).toEqual(channelIndices(sizes, 1, 0));
  });
});

describe('running statistics', () => {
  const sizes = { tasks: 2, rows: 8, batch: 5, channels: 35, positions: 3, taskStride: 73, offset: 2 };

  it('start as 0 and 1 and move towards each batch; forward with them', async () => {
    const [momentum, steps] = [0.9, 3];
    const data = {
      ...dataOf(sizes),
      x1: elements(sizes, 11).map((value) => 5 + 2 * value),
      running: unwritten(8 * 70),
    };
    const read = await runKernels(gpu(), data, (program, t) => {
      const { theta, x, x1, partials, moments, running, y } = t;
      recordBatchNormResetRunning(program, running, sizes);
      for (const values of [x, x1, x1]) {
        recordBatchNormStatistics(program, { x: values, partials, moments }, sizes);
        recordBatchNormUpdateRunning(program, { moments, running }, sizes, momentum);
      }
      recordBatchNormForward(program, { theta, x, moments: running, y }, sizes);
    });
    const y = new Float64Array(read.y.length);
    const running = Array.from({ length: 70 }, (_, k) => {
      const [task, c] = [Math.floor(k / 35), k % 35];
      const indices = channelIndices(sizes, task, c);
      const of = (values: Float32Array) => indices.map((i) => at(values, i));
      const batches = [data.x, data.x1, data.x1].map((values) => channelStatistics(numbers, of(values)));
      const final = batches.reduce((before, batch) => updateRunning(before, batch, 15, 1 - momentum), {
        ...{ mean: 0, variance: 1 },
      });
      const gamma = at(data.theta, task * 73 + 2 + c);
      const beta = at(data.theta, task * 73 + 2 + 35 + c);
      const normalized = normalize(numbers, of(data.x), final, gamma, beta);
      for (const [n, i] of indices.entries()) y[i] = at(normalized, n);
      return final;
    });
    const slot = (at: number) => read.running.filter((_, i) => i % 8 === at);
    expectClose(
      slot(0),
      running.map(({ mean }) => mean),
      { absolute: 8 * steps * EPSILON },
      'mean',
    );
    expectClose(
      slot(1),
      running.map(({ variance }) => variance),
      rounded(8 * steps),
      'variance',
    );
    expectClose(read.y, y, batchNormAllowed(y), 'y');
    expect(read.running.filter((_, i) => i % 8 > 1)).toEqual(new Float32Array(6 * 70));
  });

  it.each(shapes)(
    '$tasks tasks, $batch of $rows rows, $channels channels, $positions positions: all faces, as constants',
    async (sizes) => {
      const { tasks, channels, taskStride, offset } = sizes;
      const count = tasks * channels;
      const [mean, variance] = [randomValues(count, 21, -2, 2), randomValues(count, 22, 0.2, 3)];
      const running = new Float32Array(8 * count);
      for (let k = 0; k < count; k++) running.set([at(mean, k), at(variance, k)], 8 * k);
      const data = { ...dataOf(sizes), running, sums: unwritten(8 * count) };
      const all = { ...data, dx1: unwritten(data.x.length) };
      const read = await runKernels(gpu(), all, (program, t) => {
        const { theta, v, x, rx, dy, rdy, partials, sums, gradient, product } = t;
        recordBatchNormForward(program, { theta, x, moments: t.running, y: t.y }, sizes);
        const own = { theta, x, dy, partials, sums, running: t.running };
        recordBatchNormRunningBackward(program, { ...own, dx: t.dx1 }, sizes);
        recordBatchNormRunningBackward(program, { ...own, dx: t.dx, gradient }, sizes);
        recordBatchNormRunningRForward(program, { theta, v, x, rx, running: t.running, ry: t.ry }, sizes);
        const tangents = { ...own, v, rx, rdy, rdx: t.rdx, product };
        recordBatchNormRunningRBackward(program, tangents, sizes);
      });
      const layer: Layer = (A, theta, x) => {
        const y = x.map(() => A.constant(0));
        for (let k = 0; k < count; k++) {
          const [task, c] = [Math.floor(k / channels), k % channels];
          const indices = channelIndices(sizes, task, c);
          const own = { mean: A.constant(at(mean, k)), variance: A.constant(at(variance, k)) };
          const gamma = at(theta, task * taskStride + offset + c);
          const beta = at(theta, task * taskStride + offset + channels + c);
          const of = indices.map((i) => at(x, i));
          for (const [n, value] of normalize(A, of, own, gamma, beta).entries()) y[at(indices, n)] = value;
        }
        return y;
      };
      const expected = layerFaces(layer, {
        ...data,
        ...{ x: zeroed(data.x), rx: zeroed(data.rx), dy: zeroed(data.dy), rdy: zeroed(data.rdy) },
      });
      for (const face of ['y', 'dx', 'ry', 'rdx'] as const) {
        expectClose(read[face], expected[face], batchNormAllowed(expected[face]), face);
        const padding = read[face].filter((_, i) => i % sizes.rows >= sizes.batch);
        expect(padding, `${face} beyond the batch`).toEqual(new Float32Array(padding.length));
      }
      expect(read.dx1).toEqual(read.dx);
      const own = (values: Float64Array) =>
        values.map((value, i) => {
          const within = (i % taskStride) - offset;
          return within >= 0 && within < 2 * channels ? value : Number.NaN;
        });
      const { dtheta, product } = expected;
      expectClose(read.gradient, own(dtheta), batchNormAllowed(dtheta), 'gradient, the layer alone');
      expectClose(read.product, own(product), batchNormAllowed(product), 'product, the layer alone');
      expect(read.running, 'constants').toEqual(running);
    },
  );

  it('refuses a single value a channel', async () => {
    const single = { ...sizes, batch: 1, positions: 1 };
    const data = { ...dataOf(single), running: unwritten(8 * 70) };
    const run = runKernels(gpu(), data, (program, { moments, running }) =>
      recordBatchNormUpdateRunning(program, { moments, running }, single, 0.9),
    );
    await expect(run).rejects.toThrow(ConfigError);
  });
});
