import {
  batchNormBackwardInputKernel,
  batchNormBackwardWeightsKernel,
  batchNormForwardKernel,
  batchNormMeansKernel,
  batchNormRBackwardInputKernel,
  batchNormResetRunningKernel,
  batchNormRForwardKernel,
  batchNormRSumsKernel,
  batchNormStatisticsChunksKernel,
  batchNormStatisticsKernel,
  batchNormSumsKernel,
  batchNormUpdateRunningKernel,
} from '../../src/host/ops/batchNormKernels.ts';
import {
  conv2dBackwardInputKernel,
  conv2dBackwardWeightsKernel,
  conv2dForwardKernel,
  conv2dRBackwardInputKernel,
  conv2dRBackwardWeightsKernel,
  conv2dRForwardKernel,
  conv2dSumChunksKernel,
} from '../../src/host/ops/conv2d.ts';
import {
  averagePoolBackwardKernel,
  averagePoolForwardKernel,
  maxPoolBackwardApartKernel,
  maxPoolBackwardKernel,
  maxPoolForwardKernel,
  maxPoolRForwardKernel,
} from '../../src/host/ops/pool.ts';

const image = { inHeight: 4, inWidth: 3, outHeight: 4, outWidth: 3, rows4: 1 };
const geometry = {
  ...image,
  ...{ inChannels: 2, outChannels: 3, kernel: 3, stride: 1, padTop: 1, padLeft: 1 },
};
const conv = { ...geometry, taskStride: 57, offset: 0 };
const weights = { ...geometry, inputs: 18, chunkHeight: 4, targetStride: 57, targetOffset: 0 };
const pool = {
  ...{ channels: 3, inHeight: 4, inWidth: 3, outHeight: 3, outWidth: 2 },
  ...{ kernel: 2, stride: 1, rows4: 1 },
};
const counts = { channels: 3, positions: 5, batch: 3 };
const elements = { ...counts, rows4: 1, taskStride: 6, offset: 0 };
const chunks = { ...counts, rows4: 1, chunks: 2, chunkLength: 3 };

/** Cases of tests/kernels.guards.test.ts: sizes far smaller than a workgroup, and what a task's threads write. */
export const layerGuards = [
  { kernel: conv2dForwardKernel, params: conv, written: { y: 3 * 12 * 4 } },
  { kernel: conv2dRForwardKernel, params: conv, written: { ry: 3 * 12 * 4 } },
  { kernel: conv2dBackwardInputKernel, params: conv, written: { dx: 2 * 12 * 4 } },
  { kernel: conv2dRBackwardInputKernel, params: conv, written: { rdx: 2 * 12 * 4 } },
  { kernel: conv2dBackwardWeightsKernel, params: weights, written: { target_: 57 } },
  { kernel: conv2dRBackwardWeightsKernel, params: weights, written: { target_: 57 } },
  {
    kernel: conv2dSumChunksKernel,
    params: { count: 5, chunks: 2, taskStride: 5, offset: 0 },
    written: { gradient: 5 },
  },
  { kernel: maxPoolForwardKernel, params: pool, written: { y: 3 * 6 * 4 } },
  { kernel: maxPoolRForwardKernel, params: pool, written: { ry: 3 * 6 * 4 } },
  { kernel: maxPoolBackwardKernel, params: pool, written: { dx: 3 * 12 * 4 } },
  {
    kernel: maxPoolBackwardApartKernel,
    params: { ...pool, outHeight: 2, outWidth: 1, stride: 2 },
    ...{ written: { dx: 3 * 12 * 4 }, grid: [7, 1] as const },
  },
  { kernel: averagePoolForwardKernel, params: pool, written: { y: 3 * 6 * 4 } },
  { kernel: averagePoolBackwardKernel, params: pool, written: { dx: 3 * 12 * 4 } },
  { kernel: batchNormStatisticsChunksKernel, params: chunks, written: { partials: 3 * 2 * 2 } },
  // Moments are eight numbers a channel, of which a slot is two.
  {
    kernel: batchNormStatisticsKernel,
    params: { ...counts, chunks: 2, chunkLength: 3 },
    written: { moments: 16 + 2 },
  },
  { kernel: batchNormSumsKernel, params: chunks, written: { partials: 3 * 2 * 2 } },
  { kernel: batchNormRSumsKernel, params: chunks, written: { partials: 3 * 2 * 2 } },
  { kernel: batchNormMeansKernel, params: { ...counts, chunks: 2, slot: 2 }, written: { moments: 16 + 6 } },
  {
    kernel: batchNormBackwardWeightsKernel,
    params: { ...counts, slot: 1, taskStride: 6, offset: 0 },
    written: { gradient: 6 },
  },
  { kernel: batchNormForwardKernel, params: elements, written: { y: 3 * 5 * 4 } },
  { kernel: batchNormBackwardInputKernel, params: elements, written: { dx: 3 * 5 * 4 } },
  { kernel: batchNormRForwardKernel, params: elements, written: { ry: 3 * 5 * 4 } },
  { kernel: batchNormRBackwardInputKernel, params: elements, written: { rdx: 3 * 5 * 4 } },
  {
    kernel: batchNormUpdateRunningKernel,
    params: { count: 5, momentum: 0.1, unbiased: 1.5 },
    // Eight numbers a channel, of which the statistics are the first two.
    written: { running: 4 * 8 + 2 },
  },
  { kernel: batchNormResetRunningKernel, params: { count: 5 }, written: { running: 10 } },
] as const;
