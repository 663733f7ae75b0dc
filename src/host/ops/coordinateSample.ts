import axpyCode from '../../shaders/coordinateSample/axpy.wgsl?raw';
import drawCode from '../../shaders/coordinateSample/draw.wgsl?raw';
import gatherCode from '../../shaders/coordinateSample/gather.wgsl?raw';
import scatterCode from '../../shaders/coordinateSample/scatter.wgsl?raw';
import threefryCode from '../../shaders/lib/threefry.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { type Coordinates, groupsOf64 } from './coordinates.ts';

export const coordinateSampleDrawKernel: Kernel = {
  name: 'coordinateSample/draw',
  code: drawCode,
  libraries: [threefryCode],
  tensors: { keys: 'read', clock: 'read', indices: 'readWrite', sizes: 'readWrite' },
  params: { samples: 'u32', parameters: 'u32', stream: 'u32' },
};

export const coordinateSampleGatherKernel: Kernel = {
  name: 'coordinateSample/gather',
  code: gatherCode,
  tensors: { indices: 'read', source: 'read', target_: 'readWrite' },
  params: { count: 'u32', sourceStride: 'u32', targetStride: 'u32' },
};

export const coordinateSampleScatterKernel: Kernel = {
  name: 'coordinateSample/scatter',
  code: scatterCode,
  tensors: { indices: 'read', source: 'read', target_: 'readWrite' },
  params: { count: 'u32', sourceStride: 'u32', targetStride: 'u32', firstRow: 'u32' },
};

export const coordinateSampleAxpyKernel: Kernel = {
  name: 'coordinateSample/axpy',
  code: axpyCode,
  tensors: { sizes: 'read', x: 'read', y: 'readWrite' },
  params: { count: 'u32', scale: 'f32', keep: 'f32' },
};

/**
 * indices [B, S] u32 and sizes [B, S]: one coordinate of each of a task's S strata of equal size (give or take one),
 * a function of the task's key and the clock, and how many coordinates it stands for.
 */
export function recordCoordinateSample(
  program: Program,
  tensors: {
    readonly keys: Tensor;
    readonly clock: Tensor;
    readonly indices: Tensor;
    readonly sizes: Tensor;
  },
  numbers: { readonly samples: number; readonly parameters: number; readonly stream: number },
): void {
  program.run(coordinateSampleDrawKernel, {
    tensors,
    params: { ...numbers },
    workgroups: [groupsOf64(numbers.samples), tensors.keys.length / 2],
  });
}

/** target [rows, M'] = the sampled coordinates (`sampled.count` indices) of source [rows, M]. */
export function recordSampleGather(
  program: Program,
  { indices, source, target }: { readonly indices: Tensor; readonly source: Tensor; readonly target: Tensor },
  all: Coordinates,
  sampled: Coordinates,
): void {
  const [sourceStride, targetStride] = [all.mp4 * 4, sampled.mp4 * 4];
  program.run(coordinateSampleGatherKernel, {
    tensors: { indices, source, target_: target },
    params: { count: sampled.count, sourceStride, targetStride },
    workgroups: [groupsOf64(sampled.count), target.length / targetStride],
  });
}

/**
 * The other way: target [rows, M] at the sampled coordinates = rows of source [.., M'] from `firstRow` on; the other
 * coordinates of target are left alone.
 */
export function recordSampleScatter(
  program: Program,
  { indices, source, target }: { readonly indices: Tensor; readonly source: Tensor; readonly target: Tensor },
  all: Coordinates,
  sampled: Coordinates,
  firstRow = 0,
): void {
  const [sourceStride, targetStride] = [sampled.mp4 * 4, all.mp4 * 4];
  program.run(coordinateSampleScatterKernel, {
    tensors: { indices, source, target_: target },
    params: { count: sampled.count, sourceStride, targetStride, firstRow },
    workgroups: [groupsOf64(sampled.count), target.length / targetStride],
  });
}

/** y = scale * sizes * x + keep * y over the sampled coordinates; with keep = 0 the old y has no influence. */
export function recordSampleAxpy(
  program: Program,
  tensors: { readonly sizes: Tensor; readonly x: Tensor; readonly y: Tensor },
  count: number,
  scale: number,
  keep: number,
): void {
  program.run(coordinateSampleAxpyKernel, {
    tensors,
    params: { count, scale, keep },
    workgroups: [groupsOf64(count)],
  });
}
