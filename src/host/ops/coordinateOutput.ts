import backwardCode from '../../shaders/coordinateOutput/backward.wgsl?raw';
import backwardWeightsCode from '../../shaders/coordinateOutput/backwardWeights.wgsl?raw';
import forwardCode from '../../shaders/coordinateOutput/forward.wgsl?raw';
import forwardTexelsCode from '../../shaders/coordinateOutput/forwardTexels.wgsl?raw';
import readoutCode from '../../shaders/lib/readout.wgsl?raw';
import texelsCode from '../../shaders/lib/texels.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';
import { lstmLanes } from './lstmVariants.ts';
import { type Sums, sumParams } from './reduce.ts';

export const coordinateOutputForwardKernel: Kernel = {
  name: 'coordinateOutput/forward',
  code: forwardCode,
  libraries: [readoutCode],
  tensors: { weights: 'uniform', h: 'read', theta: 'read', next: 'readWrite' },
  params: { mp4: 'u32', hidden: 'u32', scale: 'f32' },
};

export const coordinateOutputForwardTexelsKernel: Kernel = {
  name: 'coordinateOutput/forwardTexels',
  code: forwardTexelsCode,
  libraries: [texelsCode, readoutCode],
  tensors: { weights: 'uniform', h: 'texels', theta: 'read', next: 'readWrite' },
  params: { mp4: 'u32', hidden: 'u32', scale: 'f32' },
};

export const coordinateOutputBackwardKernel: Kernel = {
  name: 'coordinateOutput/backward',
  code: backwardCode,
  tensors: { weights: 'uniform', dnext: 'read', dh: 'readWrite' },
  params: { mp4: 'u32', scale: 'f32' },
};

export const coordinateOutputBackwardWeightsKernel: Kernel = {
  name: 'coordinateOutput/backwardWeights',
  code: backwardWeightsCode,
  tensors: { h: 'read', dnext: 'read', partials: 'readWrite' },
  params: { mp4: 'u32', chunks: 'u32', stride: 'u32', accumulate: 'u32', scale: 'f32' },
};

export interface OutputSizes {
  readonly hidden: number;
  readonly mp4: number;
  readonly scale: number;
}

/** f32 the weights take: hidden + 1 (the bias), rounded up to a vec4f. */
export function outputWeights(hidden: number): number {
  return 4 * (Math.floor(hidden / 4) + 1);
}

/** Whether h is read as texels: where it has them, for the LSTM reads them too. */
export function readsTexels(program: Program, h: Tensor): boolean {
  return h.texels !== undefined && lstmLanes(program.context) !== undefined;
}

/** next [M] = theta + scale * (w . h + bias); h [hidden, M]. */
export function recordCoordinateOutput(
  program: Program,
  tensors: { readonly weights: Tensor; readonly h: Tensor; readonly theta: Tensor; readonly next: Tensor },
  { hidden, mp4, scale }: OutputSizes,
): void {
  const kernel = readsTexels(program, tensors.h)
    ? coordinateOutputForwardTexelsKernel
    : coordinateOutputForwardKernel;
  program.run(kernel, {
    tensors,
    params: { mp4, hidden, scale },
    constants: { HIDDEN: hidden },
    workgroups: [groupsOf64(mp4)],
  });
}

/** dh [hidden, M] += scale * dnext * w. */
export function recordCoordinateOutputBackward(
  program: Program,
  tensors: { readonly weights: Tensor; readonly dnext: Tensor; readonly dh: Tensor },
  { hidden, mp4, scale }: OutputSizes,
): void {
  if (hidden === 0) return;
  program.run(coordinateOutputBackwardKernel, {
    tensors,
    params: { mp4, scale },
    constants: { HIDDEN: hidden },
    workgroups: [groupsOf64(mp4), hidden],
  });
}

/** partials [chunks, stride] vec4f, of which outputWeights / 4: = or += the chunks' shares of the adjoint of w and bias. */
export function recordCoordinateOutputBackwardWeights(
  program: Program,
  tensors: { readonly h: Tensor; readonly dnext: Tensor; readonly partials: Tensor },
  { hidden, mp4, scale }: OutputSizes,
  numbers: Sums,
): void {
  program.run(coordinateOutputBackwardWeightsKernel, {
    tensors,
    params: { mp4, ...sumParams(numbers), scale },
    constants: { HIDDEN: hidden },
    workgroups: [groupsOf64(numbers.chunks), outputWeights(hidden) / 4],
  });
}
