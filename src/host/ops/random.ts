import threefryCode from '../../shaders/lib/threefry.wgsl?raw';
import normalCode from '../../shaders/random/normal.wgsl?raw';
import uniformCode from '../../shaders/random/uniform.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const uniformKernel: Kernel = {
  name: 'random/uniform',
  code: uniformCode,
  libraries: [threefryCode],
  tensors: { keys: 'read', target_: 'readWrite' },
  params: { count: 'u32', stride: 'u32', offset: 'u32', stream: 'u32', low: 'f32', high: 'f32' },
};

export const normalKernel: Kernel = {
  name: 'random/normal',
  code: normalCode,
  libraries: [threefryCode],
  tensors: { keys: 'read', target_: 'readWrite' },
  params: { count: 'u32', stride: 'u32', offset: 'u32', stream: 'u32', scale: 'f32' },
};

/** The functions `threefry` and `toUnit` in WGSL, for kernels that draw numbers of their own. */
export const THREEFRY_WGSL: string = threefryCode;

/** Which elements of each task's row are drawn: `count` of them from `offset` on, rows `stride` apart. */
export interface Span {
  readonly count: number;
  readonly stride: number;
  readonly offset: number;
}

/** target[b, offset + i] ~ U(low, high), from task b's key (keys [B, 2] u32). */
export function recordUniform(
  program: Program,
  keys: Tensor,
  target: Tensor,
  span: Span & { readonly stream: number; readonly low: number; readonly high: number },
): void {
  program.run(uniformKernel, {
    tensors: { keys, target_: target },
    params: { ...span },
    workgroups: [groupsOf64(span.count), keys.length / 2],
  });
}

/** target[b, offset + i] ~ N(0, scale^2), from task b's key (keys [B, 2] u32). */
export function recordNormal(
  program: Program,
  keys: Tensor,
  target: Tensor,
  span: Span & { readonly stream: number; readonly scale: number },
): void {
  program.run(normalKernel, {
    tensors: { keys, target_: target },
    params: { ...span },
    workgroups: [groupsOf64(span.count), keys.length / 2],
  });
}
