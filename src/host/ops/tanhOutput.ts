import cellCode from '../../shaders/lib/lstmCell.wgsl?raw';
import readoutCode from '../../shaders/lib/readout.wgsl?raw';
import tanhOutputCode from '../../shaders/lib/tanhOutput.wgsl?raw';
import texelsCode from '../../shaders/lib/texels.wgsl?raw';
import backwardCode from '../../shaders/tanhOutput/backward.wgsl?raw';
import backwardTexelsCode from '../../shaders/tanhOutput/backwardTexels.wgsl?raw';
import forwardCode from '../../shaders/tanhOutput/forward.wgsl?raw';
import forwardTexelsCode from '../../shaders/tanhOutput/forwardTexels.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { type OutputSizes, readsTexels } from './coordinateOutput.ts';
import { groupsOf64 } from './coordinates.ts';

const libraries = [cellCode, readoutCode, tanhOutputCode];
const params = { mp4: 'u32', hidden: 'u32', scale: 'f32' } as const;

export const tanhOutputForwardKernel: Kernel = {
  name: 'tanhOutput/forward',
  code: forwardCode,
  libraries,
  tensors: { weights: 'uniform', h: 'read', theta: 'read', next: 'readWrite' },
  params,
};

export const tanhOutputForwardTexelsKernel: Kernel = {
  name: 'tanhOutput/forwardTexels',
  code: forwardTexelsCode,
  libraries: [texelsCode, ...libraries],
  tensors: { weights: 'uniform', h: 'texels', theta: 'read', next: 'readWrite' },
  params,
};

export const tanhOutputBackwardKernel: Kernel = {
  name: 'tanhOutput/backward',
  code: backwardCode,
  libraries,
  tensors: { weights: 'uniform', h: 'read', dnext: 'read', dout: 'readWrite' },
  params,
};

export const tanhOutputBackwardTexelsKernel: Kernel = {
  name: 'tanhOutput/backwardTexels',
  code: backwardTexelsCode,
  libraries: [texelsCode, ...libraries],
  tensors: { weights: 'uniform', h: 'texels', dnext: 'read', dout: 'readWrite' },
  params,
};

/** next [M] = theta - scale * tanh(w . h + bias); h [hidden, M], weights as coordinateOutput has them. */
export function recordTanhOutput(
  program: Program,
  tensors: { readonly weights: Tensor; readonly h: Tensor; readonly theta: Tensor; readonly next: Tensor },
  { hidden, mp4, scale }: OutputSizes,
): void {
  program.run(readsTexels(program, tensors.h) ? tanhOutputForwardTexelsKernel : tanhOutputForwardKernel, {
    tensors,
    params: { mp4, hidden, scale },
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
  program.run(readsTexels(program, tensors.h) ? tanhOutputBackwardTexelsKernel : tanhOutputBackwardKernel, {
    tensors,
    params: { mp4, hidden, scale },
    constants: { HIDDEN: hidden },
    workgroups: [groupsOf64(mp4)],
  });
}
