import gatherCode from '../../shaders/images/gather.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const gatherKernel: Kernel = {
  name: 'images/gather',
  code: gatherCode,
  tensors: { pixels: 'read', classes: 'read', indices: 'read', x: 'readWrite', labels: 'readWrite' },
  params: { batch: 'u32', rows: 'u32', features: 'u32' },
};

/**
 * Assembles minibatches: x [B, features, rows] in [0, 1] and labels [B, rows] u32 from `indices` [B, rows].
 * `pixels` and `classes` hold bytes, four a word.
 */
export function recordGather(
  program: Program,
  tensors: {
    readonly pixels: Tensor;
    readonly classes: Tensor;
    readonly indices: Tensor;
    readonly x: Tensor;
    readonly labels: Tensor;
  },
  sizes: { readonly tasks: number; readonly batch: number; readonly rows: number; readonly features: number },
): void {
  const { tasks, batch, rows, features } = sizes;
  program.run(gatherKernel, {
    tensors,
    params: { batch, rows, features },
    workgroups: [groupsOf64((features * rows) / 4), tasks],
  });
}
