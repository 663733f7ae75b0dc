import tickCode from '../../shaders/clock/tick.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';

export const tickKernel: Kernel = {
  name: 'clock/tick',
  code: tickCode,
  tensors: { clock: 'readWrite' },
  params: {},
};

/** clock[0] += 1; clock [4] u32. */
export function recordTick(program: Program, clock: Tensor): void {
  program.run(tickKernel, { tensors: { clock }, workgroups: [1] });
}
