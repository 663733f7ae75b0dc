import {
  conv2dLayer,
  denseLayer,
  type GpuContext,
  type Layer,
  Program,
  readTensors,
  type Shape,
  submit,
  type Tensor,
  TensorPool,
  writeTensor,
} from '../src/host/index.ts';
import { conv2d } from '../src/reference/layers.ts';
import { numbers } from '../src/reference/scalar.ts';
import { type Check, relativeError } from './check.ts';
import { createRate, type Rate } from './rates.ts';

/** A convolution 3x3 that keeps the sides; `rows` a multiple of 4. */
export interface ConvolutionSizes {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly side: number;
  readonly rows: number;
}

const SIZES: ConvolutionSizes = { inChannels: 16, outChannels: 32, side: 14, rows: 32 };
const KERNEL = 3;
const PYTORCH = { kind: 'pytorch' } as const;

/** A layer on a batch of one task, and what its results are compared with. */
interface Case {
  readonly layer: Layer;
  readonly input: Shape;
  readonly rows: number;
  readonly description: string;
  readonly name: 'conv' | 'matmul';
  /** The output of one row in float64. */
  readonly expected: (theta: Float32Array, x: number[]) => number[];
}

/**
 * A convolution beside the matrix multiply it would be if its windows were laid out, [rows * positions, in * 9] times
 * [in * 9, out]: the same multiply-adds, by the kernels that networks run. Forward, and backward to inputs and weights.
 * Zeros outside the image count, as a matrix multiply would take them.
 */
export function createLayerRates(context: GpuContext, sizes: ConvolutionSizes = SIZES): Rate[] {
  const { inChannels, outChannels, side, rows } = sizes;
  const taps = inChannels * KERNEL * KERNEL;
  const image: Shape = { channels: inChannels, height: side, width: side };
  const vector: Shape = { channels: taps, height: 1, width: 1 };
  const flop = 2 * rows * side * side * taps * outChannels;
  const geometry = {
    input: image,
    output: { ...image, channels: outChannels },
    ...{ kernel: KERNEL, stride: 1, padTop: 1, padLeft: 1 },
  };
  const settings = { channels: outChannels, kernel: KERNEL, stride: 1, padding: 'same' } as const;
  const conv: Case = {
    name: 'conv',
    layer: conv2dLayer(image, settings, PYTORCH),
    input: image,
    rows,
    description: `conv ${inChannels}-${outChannels}, 3x3 on ${side}x${side}, ${rows} rows`,
    expected: (theta, x) => conv2d(numbers, geometry, theta, 0, x),
  };
  const matmul: Case = {
    name: 'matmul',
    layer: denseLayer(vector, outChannels, PYTORCH),
    input: vector,
    rows: rows * side * side,
    description: `matrix multiply ${rows * side * side}x${taps}x${outChannels}`,
    expected: (theta, x) =>
      Array.from({ length: outChannels }, (_, o) =>
        numbers.affine(theta[taps * outChannels + o] ?? Number.NaN, theta, o, outChannels, x),
      ),
  };
  return [
    forwardRate(context, matmul, flop),
    forwardRate(context, conv, flop),
    backwardRate(context, matmul, 2 * flop),
    backwardRate(context, conv, 2 * flop),
  ];
}

/** Numbers from 0 to 1, so that no sum cancels; biases are 0. */
function planCase(context: GpuContext, { layer, input, rows }: Case) {
  const pool = new TensorPool(context);
  const { parameters } = layer;
  const outputs = layer.output.channels;
  const features = ({ channels, height, width }: Shape) => channels * height * width;
  const theta = pool.tensor('layer theta', [1, parameters]);
  const gradient = pool.tensor('layer gradient', [1, parameters]);
  const [x, dx] = ['x', 'dx'].map((name) => pool.tensor(name, [1, features(input), rows]));
  const [y, dy] = ['y', 'dy'].map((name) => pool.tensor(name, [1, features(layer.output), rows]));
  if (!x || !dx || !y || !dy) throw new RangeError('four tensors stay four');
  layer.planReads?.(pool, { x, dy }, true);
  const place = { stride: parameters, offset: 0 };
  const bound = layer.bind(pool, { tasks: 1, batch: rows, rows, role: 'support' }, place, undefined);
  const values = (tensor: Tensor, seed: number) =>
    Float32Array.from({ length: tensor.length }, (_, i) => ((i * 7919 + seed * 104_729) % 8191) / 8191);
  const inputs = {
    theta: values(theta, 1).fill(0, parameters - outputs),
    x: values(x, 2),
    dy: values(dy, 3),
  };
  const nothing = (tensor: Tensor) =>
    writeTensor(context, tensor, new Float32Array(tensor.length).fill(Number.NaN));
  return {
    ...{ pool, bound, inputs, outputs },
    tensors: { theta, gradient, x, dx, y, dy },
    reset() {
      writeTensor(context, theta, inputs.theta);
      writeTensor(context, x, inputs.x);
      writeTensor(context, dy, inputs.dy);
      for (const tensor of [gradient, dx, y]) nothing(tensor);
    },
  };
}

function forwardRate(context: GpuContext, of: Case, amount: number): Rate {
  const { pool, bound, inputs, tensors, reset } = planCase(context, of);
  const program = new Program(context, `${of.name} forward`);
  return createRate(context, pool, {
    name: `${of.name} forward`,
    unit: 'GFLOP/s',
    amount,
    variants: [{ description: `${of.description}, forward`, program }],
    ...(of.name === 'conv' && { comparedWith: 'matmul forward' as const }),
    reset,
    record: () => bound.recordForward(program, tensors),
    async check(name): Promise<Check> {
      const [y = new Float32Array()] = await readTensors(context, [tensors.y]);
      const rows = [0, 5, of.rows - 1];
      const rowOf = (values: Float32Array, row: number) => [...values.filter((_, i) => i % of.rows === row)];
      const expected = rows.flatMap((row) => of.expected(inputs.theta, rowOf(inputs.x, row)));
      const ours = rows.flatMap((row) => rowOf(y, row));
      return { name, against: 'float64, three rows', error: relativeError(ours, expected), tolerance: 1e-5 };
    },
  });
}

function backwardRate(context: GpuContext, of: Case, amount: number): Rate {
  const { pool, bound, inputs, outputs, tensors, reset } = planCase(context, of);
  const program = new Program(context, `${of.name} backward`);
  return createRate(context, pool, {
    name: `${of.name} backward`,
    unit: 'GFLOP/s',
    amount,
    variants: [{ description: `${of.description}, backward`, program }],
    ...(of.name === 'conv' && { comparedWith: 'matmul backward' as const }),
    reset,
    record: () => bound.recordBackward(program, tensors),
    async check(name): Promise<Check> {
      const forward = new Program(context, 'forward of the check');
      bound.recordForward(forward, tensors);
      await forward.prepare();
      submit(context, (encoder) => forward.encode(encoder));
      const read = await readTensors(context, [tensors.y, tensors.dx, tensors.gradient]);
      const [y = [], dx = [], gradient = new Float32Array()] = read;
      const weights = gradient.length - outputs;
      const whole = inner(inputs.dy, y);
      const bias = gradient.slice(weights).reduce((sum, value) => sum + value, 0);
      const ours = [inner(inputs.x, dx), inner(inputs.theta.subarray(0, weights), gradient), bias];
      const expected = [whole, whole, inputs.dy.reduce((sum, value) => sum + value, 0)];
      const against = '<dy, y> = <dx, x> = <dW, W>, and the sum of dy';
      return { name, against, error: relativeError(ours, expected), tolerance: 1e-5 };
    },
  });
}

function inner(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? Number.NaN) * (b[i] ?? Number.NaN);
  return sum;
}
