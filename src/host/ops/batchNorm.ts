import { ConfigError } from '../errors.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import {
  batchNormBackwardInputKernel,
  batchNormBackwardWeightsKernel,
  batchNormForwardKernel,
  batchNormForwardRunningKernel,
  batchNormMeansKernel,
  batchNormRBackwardInputKernel,
  batchNormRForwardKernel,
  batchNormRSumsKernel,
  batchNormStatisticsChunksKernel,
  batchNormStatisticsKernel,
  batchNormSumsKernel,
  batchNormUpdateRunningKernel,
} from './batchNormKernels.ts';
import { groupsOf64 } from './coordinates.ts';

/**
 * Batch normalisation (Ioffe & Szegedy 2015) of each task's channels over its examples and positions, epsilon 1e-5.
 * Inside each task's parameters: gamma [channels] at `offset`, then beta [channels]; tasks are `taskStride` apart.
 * x and y are [B, channels, positions, rows]. Rows beyond the batch take no part, and are 0 in every output.
 */
export interface BatchNormSizes {
  readonly tasks: number;
  /** `batch` rounded up to a multiple of 4. */
  readonly rows: number;
  /** Examples that count. */
  readonly batch: number;
  readonly channels: number;
  /** Height times width; 1 after a dense layer. */
  readonly positions: number;
  readonly taskStride: number;
  readonly offset: number;
}

/** The pairs of means that `moments` holds for each channel; lib/batchNorm.wgsl says what they are. */
const SLOTS = ['statistics', 'adjoints', 'tangents', 'rAdjoints'] as const;
type Slot = (typeof SLOTS)[number];

/** Sums over a channel are taken in at most this many chunks of positions, a thread each. */
const MOST_CHUNKS = 32;

/** A function of the layer alone, so that a task has the same bits in any batch of tasks. */
function chunksOf(positions: number): { readonly chunks: number; readonly chunkLength: number } {
  const chunkLength = Math.ceil(positions / MOST_CHUNKS);
  return { chunks: Math.ceil(positions / chunkLength), chunkLength };
}

/** f32 a task in `moments`: what the faces of one layer hand on to each other. Every layer has its own. */
export function batchNormMoments({ channels }: Pick<BatchNormSizes, 'channels'>): number {
  return channels * SLOTS.length * 2;
}

/** f32 a task in `partials`: used within a face, so layers may share one that is large enough. */
export function batchNormPartials({
  channels,
  positions,
}: Pick<BatchNormSizes, 'channels' | 'positions'>): number {
  return channels * chunksOf(positions).chunks * 2;
}

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

/** As `recordBatchNormForward`, with statistics mean and variance [B, channels] that are given. */
export function recordBatchNormForwardRunning(
  program: Program,
  tensors: {
    readonly theta: Tensor;
    readonly x: Tensor;
    readonly mean: Tensor;
    readonly variance: Tensor;
    readonly y: Tensor;
  },
  sizes: BatchNormSizes,
): void {
  program.run(batchNormForwardRunningKernel, { tensors, ...elementDispatch(sizes) });
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
  recordMeans(program, { partials, moments }, sizes, 'adjoints');
  if (gradient) recordWeights(program, { moments, gradient }, sizes, 'adjoints');
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
  recordMeans(program, { partials, moments }, sizes, 'tangents');
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
  recordMeans(program, { partials, moments }, sizes, 'rAdjoints');
  recordWeights(program, { moments, gradient: product }, sizes, 'rAdjoints');
  program.run(batchNormRBackwardInputKernel, {
    tensors: { theta, v, x, rx, dy, rdy, moments, rdx },
    ...elementDispatch(sizes),
  });
}

/**
 * Running statistics mean and variance [B, channels] = (1 - momentum) of what they were + momentum times those of the
 * batch in `moments`, the variance unbiased. They start as 0 and 1.
 * @throws ConfigError when a channel has one element a batch, whose unbiased variance is 0 / 0.
 */
export function recordBatchNormUpdateRunning(
  program: Program,
  tensors: { readonly moments: Tensor; readonly mean: Tensor; readonly variance: Tensor },
  { tasks, channels, batch, positions }: BatchNormSizes,
  momentum: number,
): void {
  const elements = batch * positions;
  if (elements < 2) {
    throw new ConfigError(
      'batch normalisation has 1 value a channel, and no variance can be estimated from it',
      'use a batch of 2 or more examples',
    );
  }
  const count = tasks * channels;
  program.run(batchNormUpdateRunningKernel, {
    tensors,
    params: { count, momentum, unbiased: elements / (elements - 1) },
    workgroups: [groupsOf64(count)],
  });
}

/** moments[slot] = the sum of the chunks over the number of elements. */
function recordMeans(
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
function recordWeights(
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

function channelGrid({ tasks, channels }: BatchNormSizes) {
  return [groupsOf64(channels), tasks] as const;
}

function elementDispatch({ tasks, rows, batch, channels, positions, taskStride, offset }: BatchNormSizes) {
  return {
    params: { channels, positions, rows4: rows / 4, batch, taskStride, offset },
    workgroups: [groupsOf64((channels * positions * rows) / 4), tasks] as const,
  };
}

function chunkDispatch({ tasks, rows, batch, channels, positions }: BatchNormSizes) {
  const chunking = chunksOf(positions);
  return {
    params: { channels, positions, rows4: rows / 4, batch, ...chunking },
    workgroups: [groupsOf64(channels * chunking.chunks), tasks] as const,
  };
}
