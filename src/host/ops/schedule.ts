import cosineScheduleCode from '../../shaders/lib/cosineSchedule.wgsl?raw';
import sineCode from '../../shaders/lib/sine.wgsl?raw';
import cosineCode from '../../shaders/schedule/cosine.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const cosineUpdateKernel: Kernel = {
  name: 'schedule/cosine',
  code: cosineCode,
  libraries: [sineCode, cosineScheduleCode],
  tensors: { clock: 'read', theta: 'read', next: 'readWrite' },
  params: { count4: 'u32', step: 'u32', horizon: 'u32' },
};

/** The update next - theta of step clock[0] + `step` shrinks as a cosine from 1 to 0 along `horizon` steps. */
export function recordCosineUpdate(
  program: Program,
  tensors: { readonly clock: Tensor; readonly theta: Tensor; readonly next: Tensor },
  { step, horizon }: { readonly step: number; readonly horizon: number },
): void {
  const count4 = tensors.next.length / 4;
  program.run(cosineUpdateKernel, {
    tensors,
    params: { count4, step, horizon },
    workgroups: [groupsOf64(count4)],
  });
}
