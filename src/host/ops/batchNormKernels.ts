import backwardInputCode from '../../shaders/batchNorm/backwardInput.wgsl?raw';
import backwardWeightsCode from '../../shaders/batchNorm/backwardWeights.wgsl?raw';
import forwardCode from '../../shaders/batchNorm/forward.wgsl?raw';
import meansCode from '../../shaders/batchNorm/means.wgsl?raw';
import rBackwardInputCode from '../../shaders/batchNorm/rBackwardInput.wgsl?raw';
import resetRunningCode from '../../shaders/batchNorm/resetRunning.wgsl?raw';
import rForwardCode from '../../shaders/batchNorm/rForward.wgsl?raw';
import rSumsCode from '../../shaders/batchNorm/rSums.wgsl?raw';
import statisticsCode from '../../shaders/batchNorm/statistics.wgsl?raw';
import statisticsChunksCode from '../../shaders/batchNorm/statisticsChunks.wgsl?raw';
import sumsCode from '../../shaders/batchNorm/sums.wgsl?raw';
import updateRunningCode from '../../shaders/batchNorm/updateRunning.wgsl?raw';
import libraryCode from '../../shaders/lib/batchNorm.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';

const libraries = [libraryCode];
const counts = { channels: 'u32', positions: 'u32' } as const;
const elementParams = { ...counts, rows4: 'u32', batch: 'u32', taskStride: 'u32', offset: 'u32' } as const;
const chunkParams = { ...counts, rows4: 'u32', batch: 'u32', chunks: 'u32', chunkLength: 'u32' } as const;

export const batchNormStatisticsChunksKernel: Kernel = {
  name: 'batchNorm/statisticsChunks',
  code: statisticsChunksCode,
  libraries,
  tensors: { x: 'read', partials: 'readWrite' },
  params: chunkParams,
};

export const batchNormStatisticsKernel: Kernel = {
  name: 'batchNorm/statistics',
  code: statisticsCode,
  libraries,
  tensors: { partials: 'read', moments: 'readWrite' },
  params: { ...counts, batch: 'u32', chunks: 'u32', chunkLength: 'u32' },
};

export const batchNormSumsKernel: Kernel = {
  name: 'batchNorm/sums',
  code: sumsCode,
  libraries,
  tensors: { x: 'read', values: 'read', moments: 'read', partials: 'readWrite' },
  params: chunkParams,
};

export const batchNormRSumsKernel: Kernel = {
  name: 'batchNorm/rSums',
  code: rSumsCode,
  libraries,
  tensors: { x: 'read', rx: 'read', dy: 'read', rdy: 'read', moments: 'read', partials: 'readWrite' },
  params: chunkParams,
};

export const batchNormMeansKernel: Kernel = {
  name: 'batchNorm/means',
  code: meansCode,
  tensors: { partials: 'read', moments: 'readWrite' },
  params: { ...counts, batch: 'u32', chunks: 'u32', slot: 'u32' },
};

export const batchNormForwardKernel: Kernel = {
  name: 'batchNorm/forward',
  code: forwardCode,
  libraries,
  tensors: { theta: 'read', x: 'read', moments: 'read', y: 'readWrite' },
  params: elementParams,
};

export const batchNormBackwardInputKernel: Kernel = {
  name: 'batchNorm/backwardInput',
  code: backwardInputCode,
  libraries,
  tensors: { theta: 'read', x: 'read', dy: 'read', moments: 'read', dx: 'readWrite' },
  params: elementParams,
};

export const batchNormBackwardWeightsKernel: Kernel = {
  name: 'batchNorm/backwardWeights',
  code: backwardWeightsCode,
  tensors: { moments: 'read', gradient: 'readWrite' },
  params: { ...counts, batch: 'u32', slot: 'u32', taskStride: 'u32', offset: 'u32' },
};

export const batchNormRForwardKernel: Kernel = {
  name: 'batchNorm/rForward',
  code: rForwardCode,
  libraries,
  tensors: { theta: 'read', v: 'read', x: 'read', rx: 'read', moments: 'read', ry: 'readWrite' },
  params: elementParams,
};

export const batchNormRBackwardInputKernel: Kernel = {
  name: 'batchNorm/rBackwardInput',
  code: rBackwardInputCode,
  libraries,
  tensors: {
    ...{ theta: 'read', v: 'read', x: 'read', rx: 'read', dy: 'read', rdy: 'read' },
    ...{ moments: 'read', rdx: 'readWrite' },
  } as const,
  params: elementParams,
};

export const batchNormUpdateRunningKernel: Kernel = {
  name: 'batchNorm/updateRunning',
  code: updateRunningCode,
  libraries,
  tensors: { moments: 'read', running: 'readWrite' },
  params: { count: 'u32', momentum: 'f32', unbiased: 'f32' },
};

export const batchNormResetRunningKernel: Kernel = {
  name: 'batchNorm/resetRunning',
  code: resetRunningCode,
  libraries,
  tensors: { running: 'readWrite' },
  params: { count: 'u32' },
};
