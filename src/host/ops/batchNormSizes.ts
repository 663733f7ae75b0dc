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
export const SLOTS = ['statistics', 'adjoints', 'tangents', 'rAdjoints'] as const;
export type Slot = (typeof SLOTS)[number];

/** Sums over a channel are taken in at most this many chunks of positions, a thread each. */
const MOST_CHUNKS = 32;

/** A function of the layer alone, so that a task has the same bits in any batch of tasks. */
export function chunksOf(positions: number): { readonly chunks: number; readonly chunkLength: number } {
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

/** A thread a channel. */
export function channelGrid({ tasks, channels }: BatchNormSizes) {
  return [groupsOf64(channels), tasks] as const;
}

/** A thread for four rows of a position. */
export function elementDispatch({
  tasks,
  rows,
  batch,
  channels,
  positions,
  taskStride,
  offset,
}: BatchNormSizes) {
  return {
    params: { channels, positions, rows4: rows / 4, batch, taskStride, offset },
    workgroups: [groupsOf64((channels * positions * rows) / 4), tasks] as const,
  };
}

/** A thread a chunk of positions. */
export function chunkDispatch({ tasks, rows, batch, channels, positions }: BatchNormSizes) {
  const chunking = chunksOf(positions);
  return {
    params: { channels, positions, rows4: rows / 4, batch, ...chunking },
    workgroups: [groupsOf64(channels * chunking.chunks), tasks] as const,
  };
}
