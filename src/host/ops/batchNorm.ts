import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import {
  batchNormBackwardInputKernel,
  batchNormBackwardWeightsKernel,
  batchNormForwardKernel,
  batchNormMeansKernel,
  batchNormRBackwardInputKernel,
  batchNormRForwardKernel,
  batchNormRSumsKernel,
  batchNormStatisticsChunksKernel,
  batchNormStatisticsKernel,
  batchNormSumsKernel,
} from './batchNormKernels.ts';
import {
  type BatchNormSizes,
  channelGrid,
  chunkDispatch,
  chunksOf,
  elementDispatch,
  SLOTS,
  type Slot,
} from './batchNormSizes.ts';

/** Mean and biased variance of each channel of x into `moments`; the other faces need them. */
export function recordBatchNormStatistics(
  program: Program,
  { x, partials, moments }: { readonly x: Tensor; readonly partials: Tensor; readonly moments: Tensor },
  sizes: BatchNormSizes,
): void {
  const { channels, positions, batch } = sizes;
  program.run(batchNormStatisticsChunksKernel, { tensors: { x, partials }, ...chunkDispatch(sizes) });
  program.run(batchNormStatisticsKernel, {
    tensors: { partials, moments },
    params: { channels, positions, batch, ...chunksOf(positions) },
    workgroups: channelGrid(sizes),
  });
}

/** y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with the statistics in `moments`. */
export function recordBatchNormForward(
  program: Program,
  tensors: { readonly theta: Tensor; readonly x: Tensor; readonly moments: Tensor; readonly y: Tensor },
  sizes: BatchNormSizes,
): void {
  program.run(batchNormForwardKernel, { tensors, ...elementDispatch(sizes) });
}

/** dx, and gradient (this layer's elements) unless it is left out, from the statistics in `moments`. */
export function recordBatchNormBackward(
  program: Program,
  tensors: {
    readonly theta: Tensor;
    readonly x: Tensor;
    readonly dy: Tensor;
    readonly partials: Tensor;
    readonly moments: Tensor;
    readonly dx: Tensor;
    readonly gradient?: Tensor | undefined;
  },
  sizes: BatchNormSizes,
): void {
  const { theta, x, dy, partials, moments, dx, gradient } = tensors;
  const sums = { x, values: dy, moments, partials };
  program.run(batchNormSumsKernel, { tensors: sums, ...chunkDispatch(sizes) });
  recordBatchNormMeans(program, { partials, moments }, sizes, 'adjoints');
  if (gradient) recordBatchNormWeights(program, { moments, gradient }, sizes, 'adjoints');
  program.run(batchNormBackwardInputKernel, {
    tensors: { theta, x, dy, moments, dx },
    ...elementDispatch(sizes),
  });
}

/** ry = the tangent of y along v [B, taskStride] and rx, from the statistics in `moments`. */
export function recordBatchNormRForward(
  program: Program,
  tensors: {
    readonly theta: Tensor;
    readonly v: Tensor;
    readonly x: Tensor;
    readonly rx: Tensor;
    readonly partials: Tensor;
    readonly moments: Tensor;
    readonly ry: Tensor;
  },
  sizes: BatchNormSizes,
): void {
  const { theta, v, x, rx, partials, moments, ry } = tensors;
  const sums = { x, values: rx, moments, partials };
  program.run(batchNormSumsKernel, { tensors: sums, ...chunkDispatch(sizes) });
  recordBatchNormMeans(program, { partials, moments }, sizes, 'tangents');
  program.run(batchNormRForwardKernel, {
    tensors: { theta, v, x, rx, moments, ry },
    ...elementDispatch(sizes),
  });
}

/**
 * rdx and product (this layer's elements) = the tangents of dx and of the gradient along v, rx and rdy. `moments` must
 * hold what `recordBatchNormBackward` with this dy and `recordBatchNormRForward` with this rx have left there.
 */
export function recordBatchNormRBackward(
  program: Program,
  tensors: {
    readonly theta: Tensor;
    readonly v: Tensor;
    readonly x: Tensor;
    readonly rx: Tensor;
    readonly dy: Tensor;
    readonly rdy: Tensor;
    readonly partials: Tensor;
    readonly moments: Tensor;
    readonly rdx: Tensor;
    readonly product: Tensor;
  },
  sizes: BatchNormSizes,
): void {
  const { theta, v, x, rx, dy, rdy, partials, moments, rdx, product } = tensors;
  const sums = { x, rx, dy, rdy, moments, partials };
  program.run(batchNormRSumsKernel, { tensors: sums, ...chunkDispatch(sizes) });
  recordBatchNormMeans(program, { partials, moments }, sizes, 'rAdjoints');
  recordBatchNormWeights(program, { moments, gradient: product }, sizes, 'rAdjoints');
  program.run(batchNormRBackwardInputKernel, {
    tensors: { theta, v, x, rx, dy, rdy, moments, rdx },
    ...elementDispatch(sizes),
  });
}

/** moments[slot] = the sum of the chunks over the number of elements. */
export function recordBatchNormMeans(
  program: Program,
  tensors: { readonly partials: Tensor; readonly moments: Tensor },
  sizes: BatchNormSizes,
  slot: Slot,
): void {
  const { channels, positions, batch } = sizes;
  program.run(batchNormMeansKernel, {
    tensors,
    params: { channels, positions, batch, chunks: chunksOf(positions).chunks, slot: SLOTS.indexOf(slot) },
    workgroups: channelGrid(sizes),
  });
}

/** gradient (this layer's elements) from the means in a slot. */
export function recordBatchNormWeights(
  program: Program,
  tensors: { readonly moments: Tensor; readonly gradient: Tensor },
  sizes: BatchNormSizes,
  slot: Slot,
): void {
  const { channels, positions, batch, taskStride, offset } = sizes;
  program.run(batchNormBackwardWeightsKernel, {
    tensors,
    params: { channels, positions, batch, slot: SLOTS.indexOf(slot), taskStride, offset },
    workgroups: channelGrid(sizes),
  });
}
