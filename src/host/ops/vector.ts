import axpyCode from '../../shaders/vector/axpy.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const axpyKernel: Kernel = {
  name: 'vector/axpy',
  code: axpyCode,
  tensors: { x: 'read', y: 'readWrite' },
  params: { count4: 'u32', scale: 'f32', keep: 'f32' },
};

/** y = scale * x + keep * y; lengths a multiple of 4. With keep = 0 the old y has no influence, not even as NaN. */
export function recordAxpy(
  program: Program,
  tensors: { readonly x: Tensor; readonly y: Tensor },
  scale: number,
  keep: number,
): void {
  const count4 = tensors.y.length / 4;
  program.run(axpyKernel, {
    tensors,
    params: { count4, scale, keep },
    workgroups: [groupsOf64(count4)],
  });
}
