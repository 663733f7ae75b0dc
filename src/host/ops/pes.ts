import threefryCode from '../../shaders/lib/threefry.wgsl?raw';
import differencesCode from '../../shaders/pes/differences.wgsl?raw';
import gradientCode from '../../shaders/pes/gradient.wgsl?raw';
import perturbCode from '../../shaders/pes/perturb.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const pesPerturbKernel: Kernel = {
  name: 'pes/perturb',
  code: perturbCode,
  libraries: [threefryCode],
  tensors: { draw: 'read', kinds: 'read', phi: 'read', xi: 'readWrite', members: 'readWrite' },
  params: { count: 'u32', sigma: 'f32' },
};

export const pesDifferencesKernel: Kernel = {
  name: 'pes/differences',
  code: differencesCode,
  tensors: { weights: 'read', losses: 'read', differences: 'readWrite' },
  params: { count: 'u32', stride: 'u32', tasks: 'u32', scale: 'f32' },
};

export const pesGradientKernel: Kernel = {
  name: 'pes/gradient',
  code: gradientCode,
  tensors: { differences: 'read', xi: 'read', gradient: 'readWrite' },
  params: { count: 'u32', pairs: 'u32' },
};

/**
 * members [2 pairs, P] = phi +- sigma e_i with fresh perturbations e_i of unit variance from the key in draw [4] u32;
 * xi [pairs, P] is their sum since draw[2] was 1. kinds [P] u32: 0 padding, 1 weight, 2 theta_0.
 */
export function recordPesPerturb(
  program: Program,
  tensors: {
    readonly draw: Tensor;
    readonly kinds: Tensor;
    readonly phi: Tensor;
    readonly xi: Tensor;
    readonly members: Tensor;
  },
  sigma: number,
): void {
  const count = tensors.phi.length;
  program.run(pesPerturbKernel, {
    tensors,
    params: { count, sigma },
    workgroups: [groupsOf64(count), tensors.xi.length / count],
  });
}

/**
 * gradient [P] = mean over pairs of (L+ - L-) / (2 sigma) * xi, L the sum of losses weighted by `weights` [T + 1], mean
 * over tasks; losses [2 pairs, stride] hold [T + 1, B] each; differences [pairs] is overwritten.
 */
export function recordPesGradient(
  program: Program,
  tensors: {
    readonly weights: Tensor;
    readonly losses: Tensor;
    readonly differences: Tensor;
    readonly xi: Tensor;
    readonly gradient: Tensor;
  },
  { tasks, sigma }: { readonly tasks: number; readonly sigma: number },
): void {
  const { weights, losses, differences, xi, gradient } = tensors;
  const pairs = differences.length;
  program.run(pesDifferencesKernel, {
    tensors: { weights, losses, differences },
    params: {
      count: weights.length * tasks,
      stride: losses.length / (2 * pairs),
      tasks,
      scale: 1 / (2 * sigma * tasks * pairs),
    },
    workgroups: [pairs],
  });
  program.run(pesGradientKernel, {
    tensors: { differences, xi, gradient },
    params: { count: gradient.length, pairs },
    workgroups: [groupsOf64(gradient.length)],
  });
}
