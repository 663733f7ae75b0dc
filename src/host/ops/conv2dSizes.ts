import { ConfigError } from '../errors.ts';

/** Params that all kernels of a convolution have. */
const geometry = {
  inChannels: 'u32',
  inHeight: 'u32',
  inWidth: 'u32',
  outChannels: 'u32',
  outHeight: 'u32',
  outWidth: 'u32',
  kernel: 'u32',
  stride: 'u32',
  padTop: 'u32',
  padLeft: 'u32',
  rows4: 'u32',
} as const;
/** Params of the kernels that read theta. */
export const conv2dParams = { ...geometry, taskStride: 'u32', offset: 'u32' } as const;
/** Params of the kernels that sum for the weights. */
export const conv2dWeightParams = {
  ...geometry,
  inputs: 'u32',
  chunkHeight: 'u32',
  targetStride: 'u32',
  targetOffset: 'u32',
} as const;

/** `same` pads with zeros, so that stride 1 keeps the size; `valid` does not pad. */
export type Padding = 'same' | 'valid';

/**
 * One convolution inside each task's parameters: weight [inChannels, kernel, kernel, outChannels] row-major at
 * `offset`, then the bias [outChannels]; tasks are `taskStride` values apart; `rows` (a multiple of 4) examples a task.
 */
export interface Conv2dSizes {
  readonly tasks: number;
  readonly rows: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** Side of the square kernel. */
  readonly kernel: number;
  readonly stride: number;
  /** Lines of zeros above and left of the image; below and right there are as many as the output needs. */
  readonly padTop: number;
  readonly padLeft: number;
  readonly taskStride: number;
  readonly offset: number;
}

/** A convolution's output size, and where its input begins. */
export type Conv2dOutput = Pick<Conv2dSizes, 'outHeight' | 'outWidth' | 'padTop' | 'padLeft'>;

/**
 * The output of a convolution over height x width. `same`: out = ceil(in / stride), the odd line of padding below and
 * right; `valid`: out = floor((in - kernel) / stride) + 1. Source: TensorFlow, tf.nn.convolution.
 * @throws ConfigError when the kernel does not fit into the image, or a number is no positive integer.
 */
export function conv2dOutput(
  height: number,
  width: number,
  kernel: number,
  stride: number,
  padding: Padding,
): Conv2dOutput {
  const [outHeight, padTop] = alongOneAxis(height, kernel, stride, padding);
  const [outWidth, padLeft] = alongOneAxis(width, kernel, stride, padding);
  return { outHeight, outWidth, padTop, padLeft };
}

/** Output length and padding before the first element. */
function alongOneAxis(length: number, kernel: number, stride: number, padding: Padding): [number, number] {
  if (padding === 'valid') return [windowsAlong(length, kernel, stride), 0];
  expectPositive(length, kernel, stride);
  const out = Math.ceil(length / stride);
  return [out, Math.floor(Math.max((out - 1) * stride + kernel - length, 0) / 2)];
}

/**
 * How many windows of `kernel` fit into `length`, `stride` apart.
 * @throws ConfigError when there is none, or a number is no positive integer.
 */
export function windowsAlong(length: number, kernel: number, stride: number): number {
  expectPositive(length, kernel, stride);
  if (kernel > length) {
    throw new ConfigError(
      `a window of ${kernel} does not fit into an image of ${length} without padding`,
      'use a smaller window, padding "same", or fewer layers that shrink the image',
    );
  }
  return Math.floor((length - kernel) / stride) + 1;
}

function expectPositive(length: number, kernel: number, stride: number): void {
  for (const [what, value] of Object.entries({ 'image side': length, window: kernel, stride })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new ConfigError(`a ${what} of ${value} is no positive whole number`, 'give one of 1 or more');
  }
}

/** Parameters of a convolution: weight and bias. */
export function conv2dParameters({
  inChannels,
  outChannels,
  kernel,
}: Pick<Conv2dSizes, 'inChannels' | 'outChannels' | 'kernel'>): number {
  return (inChannels * kernel * kernel + 1) * outChannels;
}

/** Threads a task that a weights' gradient should have, so that a GPU's lanes are busy with few tasks. */
const WEIGHT_THREADS = 1024;

/**
 * Into how many chunks of how many lines of positions the weights' gradient is split. A function of the layer alone,
 * so that a task's gradient has the same bits in any batch of tasks.
 */
export function conv2dWeightChunks(
  sizes: Pick<Conv2dSizes, 'inChannels' | 'outChannels' | 'kernel' | 'outHeight'>,
): { readonly chunks: number; readonly chunkHeight: number } {
  const { outChannels, outHeight } = sizes;
  const tiles = Math.ceil(conv2dParameters(sizes) / outChannels / 4) * Math.ceil(outChannels / 4);
  const wanted = Math.min(outHeight, Math.ceil(WEIGHT_THREADS / tiles));
  const chunkHeight = Math.ceil(outHeight / wanted);
  return { chunks: Math.ceil(outHeight / chunkHeight), chunkHeight };
}

/** f32 a task in the `partials` of a weights' gradient. */
export function conv2dPartials(
  sizes: Pick<Conv2dSizes, 'inChannels' | 'outChannels' | 'kernel' | 'outHeight'>,
): number {
  return conv2dWeightChunks(sizes).chunks * conv2dParameters(sizes);
}
