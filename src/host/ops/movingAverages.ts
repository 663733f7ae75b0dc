import oneMinusPowerCode from '../../shaders/lib/oneMinusPower.wgsl?raw';
import backwardCode from '../../shaders/movingAverages/backward.wgsl?raw';
import forwardCode from '../../shaders/movingAverages/forward.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

const params = { count4: 'u32', step: 'u32', beta1: 'f32', beta2: 'f32', epsilon: 'f32' } as const;

export const movingAveragesForwardKernel: Kernel = {
  name: 'movingAverages/forward',
  code: forwardCode,
  libraries: [oneMinusPowerCode],
  tensors: {
    clock: 'read',
    g: 'read',
    mPrev: 'read',
    vPrev: 'read',
    m: 'readWrite',
    v: 'readWrite',
    u: 'readWrite',
  },
  params,
};

export const movingAveragesBackwardKernel: Kernel = {
  name: 'movingAverages/backward',
  code: backwardCode,
  libraries: [oneMinusPowerCode],
  tensors: {
    clock: 'read',
    g: 'read',
    m: 'read',
    v: 'read',
    du: 'read',
    dm: 'readWrite',
    dv: 'readWrite',
    dg: 'readWrite',
  },
  params,
};

/** Rows of u: g / sqrt(v) and m / sqrt(v). */
export const MOVING_FEATURES = 2;
/** Added to the root, as in the code of Lv et al. */
const EPSILON = 1e-8;

/** Decay rates of the averages of g and of g^2, and the step of the unroll. */
export interface MovingAverages {
  readonly beta1: number;
  readonly beta2: number;
  readonly step: number;
}

/** m, v [M] and the features u [2, M] from g [M] and the averages before. */
export function recordMovingAverages(
  program: Program,
  tensors: {
    readonly clock: Tensor;
    readonly g: Tensor;
    readonly mPrev: Tensor;
    readonly vPrev: Tensor;
    readonly m: Tensor;
    readonly v: Tensor;
    readonly u: Tensor;
  },
  { beta1, beta2, step }: MovingAverages,
): void {
  const count4 = tensors.g.length / 4;
  program.run(movingAveragesForwardKernel, {
    tensors,
    params: { count4, step, beta1, beta2, epsilon: EPSILON },
    workgroups: [groupsOf64(count4)],
  });
}

/** dg [M] from du [2, M] and the adjoints dm, dv of m and v after this step, which become those before it. */
export function recordMovingAveragesBackward(
  program: Program,
  tensors: {
    readonly clock: Tensor;
    readonly g: Tensor;
    readonly m: Tensor;
    readonly v: Tensor;
    readonly du: Tensor;
    readonly dm: Tensor;
    readonly dv: Tensor;
    readonly dg: Tensor;
  },
  { beta1, beta2, step }: MovingAverages,
): void {
  const count4 = tensors.g.length / 4;
  program.run(movingAveragesBackwardKernel, {
    tensors,
    params: { count4, step, beta1, beta2, epsilon: EPSILON },
    workgroups: [groupsOf64(count4)],
  });
}
