import threefryCode from '../../shaders/lib/threefry.wgsl?raw';
import applyCode from '../../shaders/randomScaling/apply.wgsl?raw';
import drawCode from '../../shaders/randomScaling/draw.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const randomScalingDrawKernel: Kernel = {
  name: 'randomScaling/draw',
  code: drawCode,
  libraries: [threefryCode],
  tensors: { keys: 'read', scales: 'readWrite' },
  params: { parameters: 'u32', first: 'u32', stream: 'u32', range: 'f32', factor: 'f32' },
};

export const randomScalingApplyKernel: Kernel = {
  name: 'randomScaling/apply',
  code: applyCode,
  tensors: { scales: 'read', x: 'read', y: 'readWrite' },
  params: { count: 'u32', divide: 'u32' },
};

/** scales [B, N] = factor exp(U(-range, range)), from the tasks' keys [B, 2] u32; 1 for the parameters before the first. */
export function recordRandomScales(
  program: Program,
  tensors: { readonly keys: Tensor; readonly scales: Tensor },
  numbers: {
    readonly parameters: number;
    readonly first: number;
    readonly stream: number;
    readonly range: number;
    readonly factor: number;
  },
): void {
  program.run(randomScalingDrawKernel, {
    tensors,
    params: { ...numbers },
    workgroups: [groupsOf64(numbers.parameters), tensors.keys.length / 2],
  });
}

/** y = scales * x, or x / scales, over as many elements as there are scales; the rest of y is left alone. */
export function recordScaled(
  program: Program,
  tensors: { readonly scales: Tensor; readonly x: Tensor; readonly y: Tensor },
  how: 'times' | 'divided',
): void {
  const count = tensors.scales.length;
  program.run(randomScalingApplyKernel, {
    tensors,
    params: { count, divide: how === 'divided' ? 1 : 0 },
    workgroups: [groupsOf64(count)],
  });
}
