import backwardCode from '../../shaders/clippedSquares/backward.wgsl?raw';
import forwardCode from '../../shaders/clippedSquares/forward.wgsl?raw';
import rBackwardCode from '../../shaders/clippedSquares/rBackward.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const clippedSquaresForwardKernel: Kernel = {
  name: 'clippedSquares/forward',
  code: forwardCode,
  tensors: { x: 'read', a: 'read', value: 'readWrite' },
  params: { count: 'u32', limit: 'f32' },
};

export const clippedSquaresBackwardKernel: Kernel = {
  name: 'clippedSquares/backward',
  code: backwardCode,
  tensors: { x: 'read', a: 'read', gradient: 'readWrite' },
  params: { count: 'u32', limit: 'f32', scale: 'f32' },
};

export const clippedSquaresRBackwardKernel: Kernel = {
  name: 'clippedSquares/rBackward',
  code: rBackwardCode,
  tensors: { x: 'read', a: 'read', v: 'read', product: 'readWrite' },
  params: { count: 'u32', limit: 'f32', scale: 'f32' },
};

/** The most that one coordinate adds to the loss, before the mean. */
export const SQUARE_LIMIT = 10;

/** value [B, D] = min((x - a)^2, 10). */
export function recordClippedSquares(
  program: Program,
  tensors: { readonly x: Tensor; readonly a: Tensor; readonly value: Tensor },
): void {
  const count = tensors.a.length;
  program.run(clippedSquaresForwardKernel, {
    tensors,
    params: { count, limit: SQUARE_LIMIT },
    workgroups: [groupsOf64(count)],
  });
}

/** gradient [B, D] of the mean of each row of D. */
export function recordClippedSquaresBackward(
  program: Program,
  tensors: { readonly x: Tensor; readonly a: Tensor; readonly gradient: Tensor },
  dimension: number,
): void {
  const count = tensors.a.length;
  program.run(clippedSquaresBackwardKernel, {
    tensors,
    params: { count, limit: SQUARE_LIMIT, scale: 2 / dimension },
    workgroups: [groupsOf64(count)],
  });
}

/** product [B, D] = the Hessian of the mean of each row of D, times v. */
export function recordClippedSquaresRBackward(
  program: Program,
  tensors: { readonly x: Tensor; readonly a: Tensor; readonly v: Tensor; readonly product: Tensor },
  dimension: number,
): void {
  const count = tensors.a.length;
  program.run(clippedSquaresRBackwardKernel, {
    tensors,
    params: { count, limit: SQUARE_LIMIT, scale: 2 / dimension },
    workgroups: [groupsOf64(count)],
  });
}
