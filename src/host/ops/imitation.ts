import differenceCode from '../../shaders/imitation/difference.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { Coordinates } from './coordinates.ts';

export const imitationDifferenceKernel: Kernel = {
  name: 'imitation/difference',
  code: differenceCode,
  tensors: { target_: 'read', next: 'readWrite', losses: 'readWrite' },
  params: { parameters: 'u32', length: 'u32', step: 'u32' },
};

/**
 * next [M] = next - target, zero beyond the coordinates; row `step` of losses [T, B] = half the mean square of it over
 * the coordinates of every task.
 */
export function recordImitationDifference(
  program: Program,
  { target, next, losses }: { readonly target: Tensor; readonly next: Tensor; readonly losses: Tensor },
  { tasks, parameters, mp4 }: Coordinates,
  step: number,
): void {
  program.run(imitationDifferenceKernel, {
    tensors: { target_: target, next, losses },
    params: { parameters, length: 4 * mp4, step },
    workgroups: [tasks],
  });
}
