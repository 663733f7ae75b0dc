import oneMinusPowerCode from '../../shaders/lib/oneMinusPower.wgsl?raw';
import averageCode from '../../shaders/metaAdam/average.wgsl?raw';
import blockNormsCode from '../../shaders/metaAdam/blockNorms.wgsl?raw';
import prepareCode from '../../shaders/metaAdam/prepare.wgsl?raw';
import updateCode from '../../shaders/metaAdam/update.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const metaAdamPrepareKernel: Kernel = {
  name: 'metaAdam/prepare',
  code: prepareCode,
  tensors: { gradient: 'read', losses: 'read', status: 'readWrite' },
  params: { count: 'u32', lossCount: 'u32', clip: 'f32' },
};

export const metaAdamUpdateKernel: Kernel = {
  name: 'metaAdam/update',
  code: updateCode,
  libraries: [oneMinusPowerCode],
  tensors: {
    status: 'read',
    gradient: 'read',
    rate: 'read',
    phi: 'readWrite',
    m: 'readWrite',
    v: 'readWrite',
  },
  params: { count: 'u32', first: 'u32', beta1: 'f32', beta2: 'f32', epsilon: 'f32' },
};

export const metaAdamBlockNormsKernel: Kernel = {
  name: 'metaAdam/blockNorms',
  code: blockNormsCode,
  tensors: { blocks: 'read', gradient: 'read', norms: 'readWrite' },
  params: { count: 'u32' },
};

export const weightAverageKernel: Kernel = {
  name: 'metaAdam/average',
  code: averageCode,
  tensors: { share: 'read', phi: 'read', average: 'readWrite' },
  params: { count: 'u32' },
};

/** Largest finite f32: the clip threshold that never clips. */
export const NO_CLIP = 3.4028234663852886e38;

/**
 * One meta-step: global-norm clip, finite check, Adam on phi with the learning rates `rate` [2]: of the optimizer's weights, and of
 * theta_0, which begins at element `theta0` of phi, if there is one. `status` [4] = (norm,
 * scale or 0 when skipped, applied, skipped).
 */
export function recordMetaAdam(
  program: Program,
  tensors: {
    readonly gradient: Tensor;
    readonly losses: Tensor;
    readonly status: Tensor;
    readonly rate: Tensor;
    readonly phi: Tensor;
    readonly m: Tensor;
    readonly v: Tensor;
  },
  numbers: {
    readonly clip: number;
    readonly theta0?: number | undefined;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
  },
): void {
  const { gradient, losses, status, rate, phi, m, v } = tensors;
  const count = gradient.length / 4;
  program.run(metaAdamPrepareKernel, {
    tensors: { gradient, losses, status },
    params: { count, lossCount: losses.length, clip: numbers.clip },
    workgroups: [1],
  });
  const { beta1, beta2, epsilon } = numbers;
  program.run(metaAdamUpdateKernel, {
    tensors: { status, gradient, rate, phi, m, v },
    params: { count, first: (numbers.theta0 ?? gradient.length) / 4, beta1, beta2, epsilon },
    workgroups: [groupsOf64(count)],
  });
}

/**
 * norms [K] = the norm of each block of the gradient, before the clip; blocks [K, 4] u32 = (offset, length of a run, runs,
 * distance from run to run) in elements of the gradient.
 */
export function recordBlockNorms(
  program: Program,
  tensors: { readonly blocks: Tensor; readonly gradient: Tensor; readonly norms: Tensor },
): void {
  const count = tensors.norms.length;
  program.run(metaAdamBlockNormsKernel, { tensors, params: { count }, workgroups: [count] });
}

/** average [P] += share [1] (phi [P] - average). */
export function recordWeightAverage(
  program: Program,
  tensors: { readonly share: Tensor; readonly phi: Tensor; readonly average: Tensor },
): void {
  const count = tensors.phi.length / 4;
  program.run(weightAverageKernel, { tensors, params: { count }, workgroups: [groupsOf64(count)] });
}
