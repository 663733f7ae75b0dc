import backwardCode from '../../shaders/quadratic/backward.wgsl?raw';
import forwardCode from '../../shaders/quadratic/forward.wgsl?raw';
import rForwardCode from '../../shaders/quadratic/rForward.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const quadraticForwardKernel: Kernel = {
  name: 'quadratic/forward',
  code: forwardCode,
  tensors: {
    W: 'read',
    y: 'read',
    v: 'read',
    residual: 'readWrite',
    losses: 'readWrite',
    gradient: 'readWrite',
  },
  params: { count: 'u32', dimension: 'u32', tasks: 'u32', slot: 'u32', withGradient: 'u32' },
};

export const quadraticBackwardKernel: Kernel = {
  name: 'quadratic/backward',
  code: backwardCode,
  tensors: { W: 'read', residual: 'read', gradient: 'readWrite' },
  params: { count: 'u32', dimension: 'u32' },
};

export const quadraticRForwardKernel: Kernel = {
  name: 'quadratic/rForward',
  code: rForwardCode,
  tensors: { W: 'read', v: 'read', rresidual: 'readWrite' },
  params: { count: 'u32', dimension: 'u32' },
};

/**
 * residual [B, D] = W v - y, losses[slot, b] = the sum of its squares, and gradient [B, D] = 2 W^T residual where it is wanted, else
 * left alone; W [B, D, D], y [B, D], v [B, D], losses [slots, B].
 */
export function recordQuadraticForward(
  program: Program,
  tensors: {
    readonly W: Tensor;
    readonly y: Tensor;
    readonly v: Tensor;
    readonly residual: Tensor;
    readonly losses: Tensor;
    readonly gradient: Tensor;
  },
  dimension: number,
  { slot, withGradient }: { readonly slot: number; readonly withGradient: boolean },
): void {
  const count = tensors.residual.length;
  const tasks = Math.max(1, Math.floor(64 / dimension));
  program.run(quadraticForwardKernel, {
    tensors,
    params: { count, dimension, tasks, slot, withGradient: withGradient ? 1 : 0 },
    workgroups: [Math.ceil(count / dimension / tasks)],
  });
}

/** gradient [B, D] = 2 W^T residual. */
export function recordQuadraticBackward(
  program: Program,
  tensors: { readonly W: Tensor; readonly residual: Tensor; readonly gradient: Tensor },
  dimension: number,
): void {
  const count = tensors.residual.length;
  program.run(quadraticBackwardKernel, {
    tensors,
    params: { count, dimension },
    workgroups: [groupsOf64(count)],
  });
}

/** rresidual [B, D] = W v: the tangent of the residual along v [B, D]. */
export function recordQuadraticRForward(
  program: Program,
  tensors: { readonly W: Tensor; readonly v: Tensor; readonly rresidual: Tensor },
  dimension: number,
): void {
  const count = tensors.rresidual.length;
  program.run(quadraticRForwardKernel, {
    tensors,
    params: { count, dimension },
    workgroups: [groupsOf64(count)],
  });
}
