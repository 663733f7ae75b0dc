import axpyCode from '../../shaders/vector/axpy.wgsl?raw';
import fillCode from '../../shaders/vector/fill.wgsl?raw';
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

export const fillKernel: Kernel = {
  name: 'vector/fill',
  code: fillCode,
  tensors: { y: 'readWrite' },
  params: { count: 'u32', value: 'f32' },
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

/** y = value, for y of any length. */
export function recordFill(program: Program, y: Tensor, value = 0): void {
  program.run(fillKernel, {
    tensors: { y },
    params: { count: y.length, value },
    workgroups: [
      Math.min(Math.ceil(y.length / 256), program.context.device.limits.maxComputeWorkgroupsPerDimension),
    ],
  });
}
