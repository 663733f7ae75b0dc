import { describe, expect, it } from 'vitest';
import { ConfigError } from '../src/host/errors.ts';
import {
  type PoolSizes,
  poolOutput,
  recordAveragePoolBackward,
  recordAveragePoolForward,
  recordMaxPoolBackward,
  recordMaxPoolForward,
  recordMaxPoolRBackward,
  recordMaxPoolRForward,
} from '../src/host/ops/pool.ts';
import { averagePool, maxPool } from '../src/reference/layers.ts';
import { expectClose, inner, magnitudes, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { eachExample, type Layer, layerFaces, termSizes } from './support/layerReference.ts';
import { sumOf } from './support/tolerances.ts';

const gpu = gpuForThisFile();
const { NaN: nan } = Number;

/** Disjoint, overlapping and spaced windows; images that windows fill, and images with lines left. */
const shapes: readonly PoolSizes[] = [
  { tasks: 1, rows: 4, channels: 1, inHeight: 1, inWidth: 1, kernel: 1, stride: 1 },
  { tasks: 3, rows: 8, channels: 3, inHeight: 6, inWidth: 4, kernel: 2, stride: 2 },
  { tasks: 2, rows: 8, channels: 5, inHeight: 7, inWidth: 5, kernel: 2, stride: 2 },
  { tasks: 3, rows: 8, channels: 3, inHeight: 7, inWidth: 6, kernel: 3, stride: 2 },
  { tasks: 2, rows: 4, channels: 2, inHeight: 5, inWidth: 8, kernel: 3, stride: 1 },
  { tasks: 2, rows: 4, channels: 5, inHeight: 8, inWidth: 5, kernel: 2, stride: 3 },
].map((shape) => ({ ...shape, ...poolOutput(shape.inHeight, shape.inWidth, shape.kernel, shape.stride) }));

function dataOf({ tasks, rows, channels, inHeight, inWidth, outHeight, outWidth }: PoolSizes) {
  const input = tasks * channels * inHeight * inWidth * rows;
  const output = tasks * channels * outHeight * outWidth * rows;
  return {
    ...{ x: randomValues(input, 3), rx: randomValues(input, 4) },
    ...{ dy: randomValues(output, 5), rdy: randomValues(output, 6) },
    ...{ y: unwritten(output), dx: unwritten(input), ry: unwritten(output), rdx: unwritten(input) },
  };
}

function reference(sizes: PoolSizes, pool: typeof maxPool): Layer {
  const { channels, inHeight, inWidth, outHeight, outWidth, kernel, stride } = sizes;
  const shape = {
    ...{ input: { channels, height: inHeight, width: inWidth }, kernel, stride },
    output: { channels, height: outHeight, width: outWidth },
  };
  return (A, _, x) => eachExample(x, sizes, (example) => pool(A, shape, example));
}

const runMax = (sizes: PoolSizes, data: ReturnType<typeof dataOf>) =>
  runKernels(gpu(), data, (program, { x, y, rx, ry, dy, dx, rdy, rdx }) => {
    recordMaxPoolForward(program, { x, y }, sizes);
    recordMaxPoolBackward(program, { x, y, dy, dx }, sizes);
    recordMaxPoolRForward(program, { x, rx, ry }, sizes);
    recordMaxPoolRBackward(program, { x, y, rdy, rdx }, sizes);
  });

const none = { theta: [], v: [] };
/** Windows that can hold one pixel. */
const windowsOf = ({ kernel, stride }: PoolSizes) => Math.ceil(kernel / stride) ** 2;

describe('poolOutput', () => {
  it('counts whole windows; the stride is the window unless given', () => {
    expect(poolOutput(28, 7, 2)).toEqual({ outHeight: 14, outWidth: 3 });
    expect(poolOutput(28, 7, 3, 2)).toEqual({ outHeight: 13, outWidth: 3 });
    expect(() => poolOutput(28, 1, 2)).toThrow(ConfigError);
    expect(() => poolOutput(28, 28, 2, 1.5)).toThrow(/stride of 1.5/);
  });
});

describe('max-pooling', () => {
  it.each(shapes)('$inHeight x $inWidth, window $kernel, stride $stride: all faces', async (sizes) => {
    const data = dataOf(sizes);
    const read = await runMax(sizes, data);
    const layer = reference(sizes, maxPool);
    const expected = layerFaces(layer, { ...data, ...none });
    // Values are copied, and adjoints only added up.
    expectClose(read.y, expected.y, {}, 'y');
    expectClose(read.ry, expected.ry, {}, 'ry');
    // A sum's terms are at most 1.
    const scale = read.dx.map(() => windowsOf(sizes));
    expectClose(read.dx, expected.dx, sumOf(windowsOf(sizes), scale), 'dx');
    expectClose(read.rdx, expected.rdx, sumOf(windowsOf(sizes), scale), 'rdx');
    const size = [inner(magnitudes(read.ry), magnitudes(data.dy))];
    const [left, right] = [inner(read.ry, data.dy), inner(data.rx, read.dx)];
    expectClose([left], [right], sumOf(windowsOf(sizes), size), '<ry, dy> = <rx, dx>');
  });

  it.each(shapes)('$inHeight x $inWidth, window $kernel, stride $stride: many ties', async (sizes) => {
    const data = dataOf(sizes);
    // Three values, zero of either sign.
    for (const [i, value] of data.x.entries()) data.x[i] = Math.round(value * 1.4);
    const read = await runMax(sizes, data);
    const expected = layerFaces(reference(sizes, maxPool), { ...data, ...none });
    const scale = read.dx.map(() => windowsOf(sizes));
    expectClose(read.y, expected.y, {}, 'y');
    expectClose(read.ry, expected.ry, {}, 'ry');
    expectClose(read.dx, expected.dx, sumOf(windowsOf(sizes), scale), 'dx');
    expectClose(read.rdx, expected.rdx, sumOf(windowsOf(sizes), scale), 'rdx');
  });

  it('the first of equal elements gets the adjoint, in each window of its own', async () => {
    const sizes = { tasks: 1, rows: 4, channels: 1, inHeight: 1, inWidth: 3, kernel: 1, stride: 1 };
    const overlapping = { ...sizes, inHeight: 2, kernel: 2, outHeight: 1, outWidth: 2 };
    // Lines of an image: [0, 5, 0] over [5, 5, 1]; the windows are columns 0-1 and 1-2.
    const data = {
      ...dataOf(overlapping),
      x: Float32Array.from([0, 5, 0, 5, 5, 1].flatMap((value) => [value, value, value, value])),
      dy: Float32Array.of(1, 1, 1, 1, 10, 10, 10, 10),
    };
    const { dx } = await runMax(overlapping, data);
    expect([...dx].filter((_, i) => i % 4 === 0)).toEqual([0, 11, 0, 0, 0, 0]);
  });

  it('NaN in a window is its maximum, and takes its adjoint', async () => {
    const sizes = { tasks: 1, rows: 4, channels: 1, inHeight: 2, inWidth: 2, kernel: 2, stride: 2 };
    const one = { ...sizes, outHeight: 1, outWidth: 1 };
    // Rows have NaN at the first, the second, the last pixel, and nowhere.
    const x = [nan, 1, 1, 1, 2, nan, 2, 2, 3, 3, 3, 3, 4, 4, nan, 4];
    const data = { ...dataOf(one), x: Float32Array.from(x), dy: Float32Array.of(1, 2, 3, 4) };
    const { y, dx, ry } = await runMax(one, data);
    expect([...y]).toEqual([nan, nan, nan, 4]);
    expect([...dx]).toEqual([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4]);
    expect([...ry]).toEqual([data.rx[0], data.rx[5], data.rx[14], data.rx[15]]);
  });

  it('a window of -infinity has a first maximum too', async () => {
    const sizes = { tasks: 1, rows: 4, channels: 1, inHeight: 1, inWidth: 2, kernel: 1, stride: 1 };
    const one = { ...sizes, outHeight: 1, outWidth: 2 };
    const data = { ...dataOf(one), x: new Float32Array(8).fill(Number.NEGATIVE_INFINITY) };
    const { y, dx } = await runMax(one, data);
    expect([y, dx]).toEqual([data.x, data.dy]);
  });
});

describe('average-pooling', () => {
  it.each(shapes)('$inHeight x $inWidth, window $kernel, stride $stride: both faces', async (sizes) => {
    const data = dataOf(sizes);
    const read = await runKernels(gpu(), data, (program, { x, y, dy, dx }) => {
      recordAveragePoolForward(program, { x, y }, sizes);
      recordAveragePoolBackward(program, { dy, dx }, sizes);
    });
    const layer = reference(sizes, averagePool);
    const expected = layerFaces(layer, { ...data, ...none });
    const scale = termSizes(layer, { ...data, ...none });
    // A division may be off by 2.5 ULP: as much as five more terms.
    expectClose(read.y, expected.y, sumOf(sizes.kernel ** 2 + 5, scale.y), 'y');
    expectClose(read.dx, expected.dx, sumOf(windowsOf(sizes) + 5, scale.dx), 'dx');
    // It is linear: the tangents are the same maps of rx and rdy.
    const moved = layerFaces(layer, { ...data, ...none, x: data.rx, dy: data.rdy });
    expect([expected.ry, expected.rdx]).toEqual([moved.y, moved.dx]);
  });
});
