import type { Algebra } from './scalar.ts';
import { at, expectLength } from './scalar.ts';

/** An image or a volume of features, index (c * height + y) * width + x. */
export interface ImageShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** A square kernel; the first line of output sees the lines -padTop to kernel - 1 - padTop of the input. */
export interface ConvolutionShape {
  readonly input: ImageShape;
  readonly output: ImageShape;
  readonly kernel: number;
  readonly stride: number;
  readonly padTop: number;
  readonly padLeft: number;
}

/** Windows without padding. */
export interface PoolShape {
  readonly input: ImageShape;
  readonly output: ImageShape;
  readonly kernel: number;
  readonly stride: number;
}

/** PyTorch's default. */
export const BATCH_NORM_EPSILON = 1e-5;

/**
 * A convolution (as deep learning calls cross-correlation) of one example, zeros outside the image.
 * @param theta weight [in, kernel, kernel, out] row-major from `start`, then bias [out]
 * @param x [in, height, width]
 * @returns [out, height, width]
 * @throws RangeError when the length of x does not fit.
 */
export function conv2d<S>(
  A: Algebra<S>,
  shape: ConvolutionShape,
  theta: ArrayLike<S>,
  start: number,
  x: ArrayLike<S>,
): S[] {
  const { input, output, kernel, stride, padTop, padLeft } = shape;
  expectImage(x, input);
  const zero = A.constant(0);
  const pixel = (c: number, y: number, left: number): S => {
    const inside = y >= 0 && y < input.height && left >= 0 && left < input.width;
    return inside ? at(x, (c * input.height + y) * input.width + left) : zero;
  };
  const bias = start + input.channels * kernel * kernel * output.channels;
  return eachElement(output, (o, py, px) => {
    const patch: S[] = [];
    for (let c = 0; c < input.channels; c++) {
      for (let ky = 0; ky < kernel; ky++) {
        for (let kx = 0; kx < kernel; kx++) {
          patch.push(pixel(c, py * stride + ky - padTop, px * stride + kx - padLeft));
        }
      }
    }
    return A.affine(at(theta, bias + o), theta, start + o, output.channels, patch);
  });
}

/** The largest element of each window of one example; of several equal ones the first, in reading order. */
export function maxPool<S>(A: Algebra<S>, shape: PoolShape, x: ArrayLike<S>): S[] {
  return eachWindow(shape, x, (window) => window.reduce((most, value) => A.max(most, value)));
}

/** The mean of each window of one example. */
export function averagePool<S>(A: Algebra<S>, shape: PoolShape, x: ArrayLike<S>): S[] {
  const count = A.constant(shape.kernel * shape.kernel);
  return eachWindow(shape, x, (window) => A.div(total(A, window), count));
}

/** Mean and biased variance. */
export interface Statistics<S> {
  readonly mean: S;
  readonly variance: S;
}

/** Statistics of one channel: all its elements, over examples and positions. */
export function channelStatistics<S>(A: Algebra<S>, x: readonly S[]): Statistics<S> {
  const count = A.constant(x.length);
  const mean = A.div(total(A, x), count);
  const squares = x.map((value) => A.mul(A.sub(value, mean), A.sub(value, mean)));
  return { mean, variance: A.div(total(A, squares), count) };
}

/** gamma (x - mean) / sqrt(variance + epsilon) + beta (Ioffe & Szegedy 2015) for elements of one channel. */
export function normalize<S>(
  A: Algebra<S>,
  x: readonly S[],
  { mean, variance }: Statistics<S>,
  gamma: S,
  beta: S,
): S[] {
  const deviation = A.sqrt(A.add(variance, A.constant(BATCH_NORM_EPSILON)));
  return x.map((value) => A.add(A.mul(gamma, A.div(A.sub(value, mean), deviation)), beta));
}

/** A running statistic after a batch's: (1 - momentum) running + momentum batch, the variance unbiased. */
export function updateRunning(
  running: Statistics<number>,
  batch: Statistics<number>,
  count: number,
  momentum: number,
): Statistics<number> {
  const unbiased = (batch.variance * count) / (count - 1);
  return {
    mean: (1 - momentum) * running.mean + momentum * batch.mean,
    variance: (1 - momentum) * running.variance + momentum * unbiased,
  };
}

function total<S>(A: Algebra<S>, values: readonly S[]): S {
  return values.reduce((sum, value) => A.add(sum, value), A.constant(0));
}

function eachWindow<S>(shape: PoolShape, x: ArrayLike<S>, of: (window: S[]) => S): S[] {
  const { input, output, kernel, stride } = shape;
  expectImage(x, input);
  return eachElement(output, (c, py, px) => {
    const window: S[] = [];
    for (let ky = 0; ky < kernel; ky++) {
      for (let kx = 0; kx < kernel; kx++) {
        window.push(at(x, (c * input.height + py * stride + ky) * input.width + px * stride + kx));
      }
    }
    return of(window);
  });
}

function eachElement<S>(
  { channels, height, width }: ImageShape,
  of: (channel: number, y: number, x: number) => S,
): S[] {
  const elements: S[] = [];
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) elements.push(of(c, y, x));
    }
  }
  return elements;
}

function expectImage(x: ArrayLike<unknown>, { channels, height, width }: ImageShape): void {
  expectLength('x', x, channels * height * width, `an image [${channels}, ${height}, ${width}]`);
}
