import { describe, expect, it } from 'vitest';
import { ConfigError } from '../src/host/errors.ts';
import type { GpuContext } from '../src/host/gpu/context.ts';
import {
  recordConv2dBackwardInput,
  recordConv2dBackwardWeights,
  recordConv2dForward,
  recordConv2dRBackwardInput,
  recordConv2dRBackwardWeights,
  recordConv2dRForward,
} from '../src/host/ops/conv2d.ts';
import {
  type Conv2dSizes,
  conv2dOutput,
  conv2dParameters,
  conv2dPartials,
  conv2dWeightChunks,
  type Padding,
} from '../src/host/ops/conv2dSizes.ts';
import { type ConvolutionShape, conv2d } from '../src/reference/layers.ts';
import { expectClose, inner, magnitudes, randomValues } from './support/compare.ts';
import { runKernels, unwritten } from './support/gpu.ts';
import { eachExample, type Layer, layerFaces, termSizes } from './support/layerReference.ts';
import { LSTM_KERNELS, lstmDevices } from './support/lstmDevices.ts';
import { sumOf } from './support/tolerances.ts';

const deviceOf = lstmDevices();

describe('conv2dOutput', () => {
  type Case = readonly [Parameters<typeof conv2dOutput>, readonly [number, number, number, number]];
  const cases: readonly Case[] = [
    // TensorFlow: out = ceil(in / stride); pad max((out - 1) stride + k - in, 0), the odd line at the end.
    [
      [28, 28, 3, 1, 'same'],
      [28, 28, 1, 1],
    ],
    [
      [28, 28, 3, 2, 'same'],
      [14, 14, 0, 0],
    ],
    [
      [7, 7, 3, 2, 'same'],
      [4, 4, 1, 1],
    ],
    [
      [28, 7, 5, 2, 'same'],
      [14, 4, 1, 2],
    ],
    [
      [5, 6, 1, 3, 'same'],
      [2, 2, 0, 0],
    ],
    [
      [28, 27, 5, 2, 'valid'],
      [12, 12, 0, 0],
    ],
    [
      [3, 5, 3, 1, 'valid'],
      [1, 3, 0, 0],
    ],
  ];
  it.each(cases)('%j', (size, [outHeight, outWidth, padTop, padLeft]) => {
    expect(conv2dOutput(...size)).toEqual({ outHeight, outWidth, padTop, padLeft });
  });

  it('refuses a window that does not fit, and sizes that are none', () => {
    expect(() => conv2dOutput(7, 2, 3, 1, 'valid')).toThrow(ConfigError);
    expect(() => conv2dOutput(7, 2, 3, 1, 'valid')).toThrow(/window of 3 .* image of 2/);
    expect(() => conv2dOutput(7, 7, 3, 0, 'same')).toThrow(/stride of 0/);
  });
});

interface Shape {
  readonly channels: readonly [number, number];
  readonly image: readonly [number, number];
  readonly kernel: number;
  readonly stride: number;
  readonly padding: Padding;
  readonly tasks?: number;
  readonly rows?: number;
}

/** Every kernel side, stride and padding; then channels and rows around the tiles of the subgroup kernels: 8; 16 and 32; 17 and 32 inputs. */
const shapes: readonly Shape[] = [
  { channels: [1, 1], image: [3, 3], kernel: 3, stride: 1, padding: 'valid', tasks: 1, rows: 4 },
  { channels: [3, 5], image: [5, 7], kernel: 3, stride: 1, padding: 'same', tasks: 3 },
  { channels: [5, 3], image: [7, 4], kernel: 3, stride: 2, padding: 'same' },
  { channels: [5, 9], image: [6, 5], kernel: 3, stride: 2, padding: 'valid', rows: 4 },
  { channels: [3, 5], image: [7, 6], kernel: 5, stride: 1, padding: 'valid' },
  { channels: [2, 6], image: [6, 9], kernel: 5, stride: 2, padding: 'same', tasks: 3, rows: 4 },
  { channels: [3, 2], image: [4, 3], kernel: 7, stride: 1, padding: 'same', rows: 4 },
  { channels: [6, 5], image: [5, 3], kernel: 1, stride: 2, padding: 'same' },
  { channels: [8, 9], image: [3, 4], kernel: 3, stride: 1, padding: 'same', rows: 36 },
  { channels: [9, 8], image: [3, 2], kernel: 3, stride: 3, padding: 'same', rows: 28 },
  { channels: [7, 17], image: [2, 3], kernel: 1, stride: 1, padding: 'valid', rows: 4 },
  { channels: [1, 3], image: [4, 5], kernel: 4, stride: 3, padding: 'valid', rows: 68 },
  { channels: [31, 9], image: [1, 2], kernel: 1, stride: 1, padding: 'same', rows: 4 },
];

function sizesOf({ channels, image, kernel, stride, padding, tasks = 2, rows = 8 }: Shape): Conv2dSizes {
  const [inChannels, outChannels] = channels;
  const [inHeight, inWidth] = image;
  const layer = { inChannels, outChannels, kernel };
  return {
    ...layer,
    ...conv2dOutput(inHeight, inWidth, kernel, stride, padding),
    ...{ tasks, rows, inHeight, inWidth, stride },
    ...{ offset: 5, taskStride: conv2dParameters(layer) + 9 },
  };
}

function dataOf(sizes: Conv2dSizes) {
  const { tasks, rows, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth, taskStride } = sizes;
  const parameters = tasks * taskStride;
  const input = tasks * inChannels * inHeight * inWidth * rows;
  const output = tasks * outChannels * outHeight * outWidth * rows;
  const inputs = {
    ...{ theta: randomValues(parameters, 1), v: randomValues(parameters, 2) },
    ...{ x: randomValues(input, 3), rx: randomValues(input, 4) },
    ...{ dy: randomValues(output, 5), rdy: randomValues(output, 6) },
  };
  return {
    ...inputs,
    ...{ y: unwritten(output), dx: unwritten(input), gradient: unwritten(parameters) },
    ...{ ry: unwritten(output), rdx: unwritten(input), product: unwritten(parameters) },
    partials: unwritten(tasks * conv2dPartials(sizes)),
    ...{ summedGradient: unwritten(parameters), summedProduct: unwritten(parameters) },
  };
}

function reference(sizes: Conv2dSizes): Layer {
  const shape: ConvolutionShape = {
    ...sizes,
    input: { channels: sizes.inChannels, height: sizes.inHeight, width: sizes.inWidth },
    output: { channels: sizes.outChannels, height: sizes.outHeight, width: sizes.outWidth },
  };
  return (A, theta, x) =>
    eachExample(x, sizes, (example, task) =>
      conv2d(A, shape, theta, task * sizes.taskStride + sizes.offset, example),
    );
}

const runAll = (context: GpuContext, sizes: Conv2dSizes, data: ReturnType<typeof dataOf>) =>
  runKernels(context, data, (program, t) => {
    const { theta, v, x, rx, dy, rdy, gradient, product, partials } = t;
    recordConv2dForward(program, { theta, x, y: t.y }, sizes);
    recordConv2dBackwardInput(program, { theta, dy, dx: t.dx }, sizes);
    recordConv2dBackwardWeights(program, { x, dy, gradient }, sizes);
    recordConv2dRForward(program, { theta, v, x, rx, ry: t.ry }, sizes);
    recordConv2dRBackwardInput(program, { theta, v, dy, rdy, rdx: t.rdx }, sizes);
    recordConv2dRBackwardWeights(program, { x, rx, dy, rdy, product }, sizes);
    recordConv2dBackwardWeights(program, { x, dy, gradient: t.summedGradient, partials }, sizes);
    recordConv2dRBackwardWeights(program, { x, rx, dy, rdy, product: t.summedProduct, partials }, sizes);
  });

describe.each(LSTM_KERNELS)('conv2d, %s', (kernels) => {
  it.for(shapes)(
    '$channels, $image, kernel $kernel, stride $stride, $padding: all faces',
    async (shape, test) => {
      const sizes = sizesOf(shape);
      const data = dataOf(sizes);
      const read = await runAll(deviceOf(kernels, test), sizes, data);
      const layer = reference(sizes);
      const expected = layerFaces(layer, data);
      const scale = termSizes(layer, data);

      const { kernel, inChannels, outChannels, outHeight, outWidth, rows, taskStride, offset } = sizes;
      const inputs = inChannels * kernel ** 2;
      const outputs = outChannels * kernel ** 2;
      const examples = outHeight * outWidth * rows;
      expectClose(read.y, expected.y, sumOf(inputs + 1, scale.y), 'y');
      expectClose(read.dx, expected.dx, sumOf(outputs, scale.dx), 'dx');
      expectClose(read.ry, expected.ry, sumOf(2 * inputs + 1, scale.ry), 'ry');
      expectClose(read.rdx, expected.rdx, sumOf(2 * outputs, scale.rdx), 'rdx');

      const own = (values: Float64Array) =>
        values.map((value, i) => {
          const within = (i % taskStride) - offset;
          return within >= 0 && within < conv2dParameters(sizes) ? value : Number.NaN;
        });
      const [gradient, product] = [own(expected.dtheta), own(expected.product)];
      const ofGradient = sumOf(examples, scale.dtheta);
      const ofProduct = sumOf(2 * examples, scale.product);
      expectClose(read.gradient, gradient, ofGradient, 'gradient, the layer alone');
      expectClose(read.product, product, ofProduct, 'product, the layer alone');
      expectClose(read.summedGradient, gradient, ofGradient, 'gradient, in chunks');
      expectClose(read.summedProduct, product, ofProduct, 'product, in chunks');
    },
  );

  it.for(shapes)(
    '$channels, $image, kernel $kernel, stride $stride, $padding: <ry, dy> = <rx, dx> + <v, dtheta>',
    async (shape, test) => {
      const sizes = sizesOf(shape);
      const data = dataOf(sizes);
      const { ry, dx, gradient } = await runAll(deviceOf(kernels, test), sizes, data);
      const ofLayer = (values: Float32Array) => values.map((value) => (Number.isNaN(value) ? 0 : value));
      const right = inner(data.rx, dx) + inner(data.v, ofLayer(gradient));
      const terms = 2 * sizes.inChannels * sizes.kernel ** 2 + sizes.outHeight * sizes.outWidth * sizes.rows;
      const size = [inner(magnitudes(termSizes(reference(sizes), data).ry), magnitudes(data.dy))];
      expectClose([inner(ry, data.dy)], [right], sumOf(terms, size), '<ry, dy>');
    },
  );

  it('without rx it is the layer along v', async (test) => {
    const sizes = sizesOf({ channels: [2, 3], image: [4, 5], kernel: 3, stride: 2, padding: 'same' });
    const data = dataOf(sizes);
    data.rx.fill(0);
    const with0 = await runAll(deviceOf(kernels, test), sizes, data);
    const out = await runKernels(deviceOf(kernels, test), data, (program, { theta, v, x, dy, rdy, ...t }) => {
      const { ry, product, partials, summedProduct } = t;
      recordConv2dRForward(program, { theta, v, x, rx: undefined, ry }, sizes);
      recordConv2dRBackwardWeights(program, { x, rx: undefined, dy, rdy, product }, sizes);
      const chunked = { x, rx: undefined, dy, rdy, product: summedProduct, partials };
      recordConv2dRBackwardWeights(program, chunked, sizes);
    });
    const scale = termSizes(reference(sizes), data);
    expectClose(out.ry, with0.ry, sumOf(2 * 18 + 1, scale.ry), 'ry');
    expectClose(out.product, with0.product, sumOf(2 * 48, scale.product), 'product');
    expectClose(out.summedProduct, with0.product, sumOf(2 * 48, scale.product), 'product, in chunks');
  });

  it('a 1 x 1 kernel that copies a channel copies it, bit for bit', async (test) => {
    const sizes = sizesOf({ channels: [3, 1], image: [3, 4], kernel: 1, stride: 1, padding: 'valid' });
    const data = dataOf(sizes);
    data.theta.fill(0);
    for (const task of [0, 1]) data.theta[task * sizes.taskStride + 5 + 1] = 1;
    const { y } = await runAll(deviceOf(kernels, test), sizes, data);
    const plane = 12 * 8;
    const copied = [0, 1].flatMap((task) => [
      ...data.x.subarray((task * 3 + 1) * plane, (task * 3 + 2) * plane),
    ]);
    expect([...y]).toEqual(copied);
  });

  it('NaN in one pixel, weight or adjoint reaches exactly what depends on it', async (test) => {
    const sizes = sizesOf({ channels: [1, 2], image: [4, 4], kernel: 3, stride: 1, padding: 'same' });
    const one = { ...sizes, rows: 4, offset: 0, taskStride: 20 };
    const data = dataOf(one);
    const pixel = (y: number, x: number, row: number) => (y * 4 + x) * 4 + row;
    data.x[pixel(0, 0, 1)] = Number.NaN; // task 0, the corner, row 1
    data.theta[20 + 0 * 2 + 1] = Number.NaN; // task 1, the first tap, to output 1
    data.dy[pixel(3, 3, 2)] = Number.NaN; // task 0, output 0, the opposite corner, row 2
    const { y, dx, gradient } = await runAll(deviceOf(kernels, test), one, data);
    const found = (values: Float32Array) => [...values.keys()].filter((i) => Number.isNaN(values[i]));
    // The pixel is under the taps of the four positions around it, in both outputs.
    const around = [pixel(0, 0, 1), pixel(0, 1, 1), pixel(1, 0, 1), pixel(1, 1, 1)];
    const inTask0 = [...around, ...around.map((i) => 64 + i)];
    // The first tap of position (y, x) is over pixel (y - 1, x - 1), which positions of the first line and column lack.
    const inTask1 = [...Array(64).keys()].filter((i) => i >= 16 && i % 16 >= 4).map((i) => 3 * 64 + i);
    expect(found(y)).toEqual([...inTask0, ...inTask1]);
    const under = [pixel(2, 2, 2), pixel(2, 3, 2), pixel(3, 2, 2), pixel(3, 3, 2)];
    const lastOfTap = [...Array(64).keys()].filter((i) => i < 48 && i % 16 < 12).map((i) => 64 + i);
    expect(found(dx)).toEqual([...under, ...lastOfTap]);
    // Output 0: each tap meets dy's corner, outside the image as 0 times NaN, and so does the bias. Output 1: the taps
    // that have the pixel under them, (ky, kx) of 0 or 1.
    const ofOutput0 = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((tap) => 2 * tap);
    const ofOutput1 = [0, 1, 3, 4].map((tap) => 2 * tap + 1);
    expect(found(gradient)).toEqual([...ofOutput0, ...ofOutput1].sort((a, b) => a - b));
  });

  it('chunks of positions depend on the layer alone, and cover it', () => {
    for (const shape of shapes) {
      const sizes = sizesOf(shape);
      const { chunks, chunkHeight } = conv2dWeightChunks(sizes);
      expect(chunks * chunkHeight).toBeGreaterThanOrEqual(sizes.outHeight);
      expect((chunks - 1) * chunkHeight).toBeLessThan(sizes.outHeight);
      expect(conv2dPartials(sizes)).toBe(chunks * conv2dParameters(sizes));
    }
    const layer = { inChannels: 16, outChannels: 32, kernel: 3, outHeight: 32 };
    // 37 x 8 tiles: 4 chunks of 8 lines make 1184 threads.
    expect(conv2dWeightChunks(layer)).toEqual({ chunks: 4, chunkHeight: 8 });
    expect(conv2dWeightChunks({ ...layer, inChannels: 64, outChannels: 64 }).chunks).toBe(1);
  });

  it('refuses partials that are too small', async (test) => {
    const sizes = sizesOf({ channels: [1, 1], image: [5, 5], kernel: 3, stride: 1, padding: 'valid' });
    const data = { ...dataOf(sizes), partials: unwritten(8) };
    const run = runKernels(deviceOf(kernels, test), data, (program, { x, dy, gradient, partials }) =>
      recordConv2dBackwardWeights(program, { x, dy, gradient, partials }, sizes),
    );
    await expect(run).rejects.toThrow(/partials has 8 elements, but 2 tasks need 30 each/);
  });
});
