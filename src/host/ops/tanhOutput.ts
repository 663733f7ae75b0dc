import cellCode from '../../shaders/lib/lstmCell.wgsl?raw';
import backwardCode from '../../shaders/tanhOutput/backward.wgsl?raw';
import forwardCode from '../../shaders/tanhOutput/forward.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { OutputSizes } from './coordinateOutput.ts';
import { groupsOf64 } from './coordinates.ts';

export const tanhOutputForwardKernel: Kernel = {
  name: 'tanhOutput/forward',
  code: forwardCode,
  libraries: [cellCode],
  tensors: { weights: 'uniform', h: 'read', theta: 'read', next: 'readWrite' },
  params: { mp4: 'u32', scale: 'f32' },
};

export const tanhOutputBackwardKernel: Kernel = {
  name: 'tanhOutput/backward',
  code: backwardCode,
  tensors: { weights: 'uniform', h: 'read', dnext: 'read', dout: 'readWrite' },
  params: { mp4: 'u32', scale: 'f32' },
};

/** next [M] = theta - scale * tanh(w . h + bias); h [hidden, M], weights as coordinateOutput has them. */
export function recordTanhOutput(
  program: Program,
  tensors: { readonly weights: Tensor; readonly h: Tensor; readonly theta: Tensor; readonly next: Tensor },
  { hidden, mp4, scale }: OutputSizes,
): void {
  program.run(tanhOutputForwardKernel, {
    tensors,
    params: { mp4, scale },
    constants: { HIDDEN: hidden },
    workgroups: [groupsOf64(mp4)],
  });
}

/** dout [M], the adjoint of w . h + bias, from dnext [M]. */
export function recordTanhOutputBackward(
  program: Program,
  tensors: { readonly weights: Tensor; readonly h: Tensor; readonly dnext: Tensor; readonly dout: Tensor },
  { hidden, mp4, scale }: OutputSizes,
): void {
  program.run(tanhOutputBackwardKernel, {
    tensors,
    params: { mp4, scale },
    constants: { HIDDEN: hidden },
    workgroups: [groupsOf64(mp4)],
  });
}
