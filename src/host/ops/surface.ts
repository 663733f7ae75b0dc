import surfaceCode from '../../shaders/lib/surface.wgsl?raw';
import backwardCode from '../../shaders/surface/backward.wgsl?raw';
import forwardCode from '../../shaders/surface/forward.wgsl?raw';
import rBackwardCode from '../../shaders/surface/rBackward.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

/** Test functions of two variables, in the order of lib/surface.wgsl. */
export const SURFACES = ['bowl', 'rosenbrock', 'beale', 'rastrigin'] as const;
export type Surface = (typeof SURFACES)[number];

const libraries = [surfaceCode];

export const surfaceForwardKernel: Kernel = {
  name: 'surface/forward',
  code: forwardCode,
  libraries,
  tensors: { theta: 'read', losses: 'readWrite' },
  params: { tasks: 'u32', which: 'u32', slot: 'u32' },
};

export const surfaceBackwardKernel: Kernel = {
  name: 'surface/backward',
  code: backwardCode,
  libraries,
  tensors: { theta: 'read', gradient: 'readWrite' },
  params: { tasks: 'u32', which: 'u32' },
};

export const surfaceRBackwardKernel: Kernel = {
  name: 'surface/rBackward',
  code: rBackwardCode,
  libraries,
  tensors: { theta: 'read', v: 'read', product: 'readWrite' },
  params: { tasks: 'u32', which: 'u32' },
};

/** losses[slot, b] = the surface's height at theta_b; theta [B, 2], losses [slots, B]. */
export function recordSurfaceForward(
  program: Program,
  tensors: { readonly theta: Tensor; readonly losses: Tensor },
  surface: Surface,
  { tasks, slot }: { readonly tasks: number; readonly slot: number },
): void {
  const params = { tasks, which: SURFACES.indexOf(surface), slot };
  program.run(surfaceForwardKernel, { tensors, params, workgroups: [groupsOf64(tasks)] });
}

/** gradient [B, 2] = the surface's slope at theta [B, 2]. */
export function recordSurfaceBackward(
  program: Program,
  tensors: { readonly theta: Tensor; readonly gradient: Tensor },
  surface: Surface,
  tasks: number,
): void {
  const params = { tasks, which: SURFACES.indexOf(surface) };
  program.run(surfaceBackwardKernel, { tensors, params, workgroups: [groupsOf64(tasks)] });
}

/** product [B, 2] = the surface's Hessian at theta [B, 2] times v [B, 2]. */
export function recordSurfaceRBackward(
  program: Program,
  tensors: { readonly theta: Tensor; readonly v: Tensor; readonly product: Tensor },
  surface: Surface,
  tasks: number,
): void {
  const params = { tasks, which: SURFACES.indexOf(surface) };
  program.run(surfaceRBackwardKernel, { tensors, params, workgroups: [groupsOf64(tasks)] });
}
