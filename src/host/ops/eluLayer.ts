import backwardCode from '../../shaders/eluLayer/backward.wgsl?raw';
import backwardWeightsCode from '../../shaders/eluLayer/backwardWeights.wgsl?raw';
import forwardCode from '../../shaders/eluLayer/forward.wgsl?raw';
import expm1Code from '../../shaders/lib/expm1.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';
import { type Sums, sumParams } from './reduce.ts';

export const eluLayerForwardKernel: Kernel = {
  name: 'eluLayer/forward',
  code: forwardCode,
  libraries: [expm1Code],
  tensors: { weights: 'uniform', u: 'read', x: 'readWrite' },
  params: { mp4: 'u32' },
};

export const eluLayerBackwardKernel: Kernel = {
  name: 'eluLayer/backward',
  code: backwardCode,
  tensors: { weights: 'uniform', x: 'read', dx: 'read', du: 'readWrite' },
  params: { mp4: 'u32' },
};

export const eluLayerBackwardWeightsKernel: Kernel = {
  name: 'eluLayer/backwardWeights',
  code: backwardWeightsCode,
  tensors: { u: 'read', x: 'read', dx: 'read', partials: 'readWrite' },
  params: { mp4: 'u32', chunks: 'u32', stride: 'u32', accumulate: 'u32' },
};

/** Two inputs, `hidden` units. */
export interface EluLayerSizes {
  readonly hidden: number;
  readonly mp4: number;
}

/** x [hidden, M] = elu(w u + bias), u [2, M]; weights [hidden] vec4f (w of either input, bias, unused). */
export function recordEluLayer(
  program: Program,
  tensors: { readonly weights: Tensor; readonly u: Tensor; readonly x: Tensor },
  { hidden, mp4 }: EluLayerSizes,
): void {
  program.run(eluLayerForwardKernel, {
    tensors,
    params: { mp4 },
    constants: { HIDDEN: hidden },
    workgroups: [groupsOf64(mp4), hidden],
  });
}

/** du [2, M] from x and dx [hidden, M]. */
export function recordEluLayerBackward(
  program: Program,
  tensors: { readonly weights: Tensor; readonly x: Tensor; readonly dx: Tensor; readonly du: Tensor },
  { hidden, mp4 }: EluLayerSizes,
): void {
  program.run(eluLayerBackwardKernel, {
    tensors,
    params: { mp4 },
    constants: { HIDDEN: hidden },
    workgroups: [groupsOf64(mp4)],
  });
}

/** partials [chunks, stride] vec4f, of which hidden: = or += the chunks' shares of the adjoint of the weights. */
export function recordEluLayerBackwardWeights(
  program: Program,
  tensors: { readonly u: Tensor; readonly x: Tensor; readonly dx: Tensor; readonly partials: Tensor },
  { hidden, mp4 }: EluLayerSizes,
  numbers: Sums,
): void {
  program.run(eluLayerBackwardWeightsKernel, {
    tensors,
    params: { mp4, ...sumParams(numbers) },
    workgroups: [groupsOf64(numbers.chunks), hidden],
  });
}
