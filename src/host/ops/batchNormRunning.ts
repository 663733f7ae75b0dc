import { ConfigError } from '../errors.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { recordBatchNormMeans, recordBatchNormWeights } from './batchNorm.ts';
import {
  batchNormBackwardInputKernel,
  batchNormRBackwardInputKernel,
  batchNormResetRunningKernel,
  batchNormRForwardKernel,
  batchNormRSumsKernel,
  batchNormSumsKernel,
  batchNormUpdateRunningKernel,
} from './batchNormKernels.ts';
import { type BatchNormSizes, batchNormMoments, chunkDispatch, elementDispatch } from './batchNormSizes.ts';
import { groupsOf64 } from './coordinates.ts';

/*
 * Batch normalisation with running statistics, which count as constants: they are moments whose means of adjoints and
 * tangents are 0, so that the kernels of the batch form compute dx = gamma s dy, and `recordBatchNormForward` y.
 * `running` and `sums` are [B, batchNormMoments].
 */

/** running = mean 0 and variance 1 of every channel. */
export function recordBatchNormResetRunning(
  program: Program,
  running: Tensor,
  { tasks, channels }: Pick<BatchNormSizes, 'tasks' | 'channels'>,
): void {
  const count = (tasks * batchNormMoments({ channels })) / 2;
  program.run(batchNormResetRunningKernel, {
    tensors: { running },
    params: { count },
    workgroups: [groupsOf64(count)],
  });
}

/**
 * Running statistics = momentum of what they were + (1 - momentum) of those of the batch in `moments`, the variance
 * unbiased.
 * @throws ConfigError as `requireVariance`
 */
export function recordBatchNormUpdateRunning(
  program: Program,
  tensors: { readonly moments: Tensor; readonly running: Tensor },
  sizes: BatchNormSizes,
  momentum: number,
): void {
  requireVariance(sizes);
  const count = sizes.tasks * sizes.channels;
  const elements = sizes.batch * sizes.positions;
  program.run(batchNormUpdateRunningKernel, {
    tensors,
    params: { count, momentum, unbiased: elements / (elements - 1) },
    workgroups: [groupsOf64(count)],
  });
}

/** @throws ConfigError when a channel has one value a batch, whose unbiased variance is 0 / 0. */
export function requireVariance({ batch, positions }: Pick<BatchNormSizes, 'batch' | 'positions'>): void {
  if (batch * positions >= 2) return;
  throw new ConfigError(
    'batch normalisation has 1 value a channel, and no variance can be estimated from it',
    'use a batch of 2 or more examples',
  );
}

/** dx = gamma s dy, and gradient (this layer's elements) unless it is left out; `sums` is overwritten then. */
export function recordBatchNormRunningBackward(
  program: Program,
  tensors: {
    readonly theta: Tensor;
    readonly x: Tensor;
    readonly dy: Tensor;
    readonly partials: Tensor;
    readonly running: Tensor;
    readonly sums: Tensor;
    readonly dx: Tensor;
    readonly gradient?: Tensor | undefined;
  },
  sizes: BatchNormSizes,
): void {
  const { theta, x, dy, partials, running, sums, dx, gradient } = tensors;
  if (gradient) {
    const ofChannels = { x, values: dy, moments: running, partials };
    program.run(batchNormSumsKernel, { tensors: ofChannels, ...chunkDispatch(sizes) });
    recordBatchNormMeans(program, { partials, moments: sums }, sizes, 'adjoints');
    recordBatchNormWeights(program, { moments: sums, gradient }, sizes, 'adjoints');
  }
  program.run(batchNormBackwardInputKernel, {
    tensors: { theta, x, dy, moments: running, dx },
    ...elementDispatch(sizes),
  });
}

/** ry = the tangent of y along v [B, taskStride] and rx: v[gamma] xhat + gamma s rx + v[beta]. */
export function recordBatchNormRunningRForward(
  program: Program,
  tensors: {
    readonly theta: Tensor;
    readonly v: Tensor;
    readonly x: Tensor;
    readonly rx: Tensor;
    readonly running: Tensor;
    readonly ry: Tensor;
  },
  sizes: BatchNormSizes,
): void {
  const { running: moments, ...others } = tensors;
  program.run(batchNormRForwardKernel, { tensors: { ...others, moments }, ...elementDispatch(sizes) });
}

/** rdx = s (v[gamma] dy + gamma rdy), and product (this layer's elements) = the tangent of the gradient. */
export function recordBatchNormRunningRBackward(
  program: Program,
  tensors: {
    readonly theta: Tensor;
    readonly v: Tensor;
    readonly x: Tensor;
    readonly rx: Tensor;
    readonly dy: Tensor;
    readonly rdy: Tensor;
    readonly partials: Tensor;
    readonly running: Tensor;
    readonly sums: Tensor;
    readonly rdx: Tensor;
    readonly product: Tensor;
  },
  sizes: BatchNormSizes,
): void {
  const { theta, v, x, rx, dy, rdy, partials, running: moments, sums, rdx, product } = tensors;
  const ofChannels = { x, rx, dy, rdy, moments, partials };
  program.run(batchNormRSumsKernel, { tensors: ofChannels, ...chunkDispatch(sizes) });
  recordBatchNormMeans(program, { partials, moments: sums }, sizes, 'rAdjoints');
  recordBatchNormWeights(program, { moments: sums, gradient: product }, sizes, 'rAdjoints');
  program.run(batchNormRBackwardInputKernel, {
    tensors: { theta, v, x, rx, dy, rdy, moments, rdx },
    ...elementDispatch(sizes),
  });
}
