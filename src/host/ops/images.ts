import gatherCode from '../../shaders/images/gather.wgsl?raw';
import minibatchCode from '../../shaders/images/minibatch.wgsl?raw';
import warpCode from '../../shaders/images/warp.wgsl?raw';
import threefryCode from '../../shaders/lib/threefry.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const gatherKernel: Kernel = {
  name: 'images/gather',
  code: gatherCode,
  tensors: { pixels: 'read', indices: 'read', x: 'readWrite' },
  params: { batch: 'u32', rows: 'u32', features: 'u32' },
};

export const minibatchKernel: Kernel = {
  name: 'images/minibatch',
  code: minibatchCode,
  libraries: [threefryCode],
  tensors: { keys: 'read', clock: 'read', classes: 'read', indices: 'readWrite', labels: 'readWrite' },
  params: { batch: 'u32', rows: 'u32', images: 'u32', stream: 'u32', step: 'u32' },
};

export const warpKernel: Kernel = {
  name: 'images/warp',
  code: warpCode,
  tensors: { pixels: 'read', indices: 'read', maps: 'read', x: 'readWrite' },
  params: { batch: 'u32', rows: 'u32', side: 'u32', factor: 'u32', count: 'u32' },
};

/** x [B, features, rows] in [0, 1]: the images `indices` [B, rows]; `pixels` holds bytes, four a word. */
export function recordGather(
  program: Program,
  tensors: { readonly pixels: Tensor; readonly indices: Tensor; readonly x: Tensor },
  sizes: { readonly tasks: number; readonly batch: number; readonly rows: number; readonly features: number },
): void {
  const { tasks, batch, rows, features } = sizes;
  program.run(gatherKernel, {
    tensors,
    params: { batch, rows, features },
    workgroups: [groupsOf64((Math.ceil(features / 4) * rows) / 4), tasks],
  });
}

/**
 * indices [B, rows] u32: the images of the minibatch of step clock[0] + step, drawn with replacement; labels [B, rows] u32:
 * their `classes` [images] u32, 0 beyond the batch.
 */
export function recordMinibatch(
  program: Program,
  tensors: {
    readonly keys: Tensor;
    readonly clock: Tensor;
    readonly classes: Tensor;
    readonly indices: Tensor;
    readonly labels: Tensor;
  },
  numbers: {
    readonly batch: number;
    readonly rows: number;
    readonly images: number;
    readonly stream: number;
    readonly step: number;
  },
): void {
  program.run(minibatchKernel, {
    tensors,
    params: { ...numbers },
    workgroups: [groupsOf64(numbers.rows), tensors.keys.length / 2],
  });
}

/**
 * x [B, (side / factor)^2, rows] in [0, 1]: the images `indices` [B, rows] of side x side pixels, each warped by its map of
 * `maps` [B, rows, 8] (`recordDistortions`) and average-pooled by `factor`, which divides `side`.
 */
export function recordWarp(
  program: Program,
  tensors: {
    readonly pixels: Tensor;
    readonly indices: Tensor;
    readonly maps: Tensor;
    readonly x: Tensor;
  },
  sizes: {
    readonly tasks: number;
    readonly batch: number;
    readonly rows: number;
    readonly side: number;
    readonly factor: number;
  },
): void {
  const { tasks, batch, rows, side, factor } = sizes;
  const count = (side / factor) ** 2 * rows;
  program.run(warpKernel, {
    tensors,
    params: { batch, rows, side, factor, count },
    workgroups: [groupsOf64(count), tasks],
  });
}
