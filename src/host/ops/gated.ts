import backwardCode from '../../shaders/gated/backward.wgsl?raw';
import backwardFeaturesCode from '../../shaders/gated/backwardFeatures.wgsl?raw';
import backwardGradientCode from '../../shaders/gated/backwardGradient.wgsl?raw';
import backwardWeightsCode from '../../shaders/gated/backwardWeights.wgsl?raw';
import forwardCode from '../../shaders/gated/forward.wgsl?raw';
import resetCode from '../../shaders/gated/reset.wgsl?raw';
import gatesCode from '../../shaders/lib/gates.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';
import { type Sums, sumParams } from './reduce.ts';

/** The gates of the gated family, in the order of a weight's components. The last two belong to the second cell. */
export const GATES = ['forget', 'input', 'momentumForget', 'momentumInput'] as const;
export type GateName = (typeof GATES)[number];
/** A gate is a number, or a function of what its cell sees. */
export type Gate = 'learned' | { readonly fixed: number };
/** What a gate is given of its own previous value: before the sigmoid, or after it. */
export const GATE_FEEDBACKS = ['pre-sigmoid', 'sigmoid'] as const;
export type GateFeedback = (typeof GATE_FEEDBACKS)[number];

/** What the kernels are compiled for, and how many vec4f a row of coordinates has. */
export interface GatedSizes {
  /** Length of a, what the gates see beside their cell and themselves; 0 when none is learned. */
  readonly features: number;
  readonly gates: Readonly<Record<GateName, Gate>>;
  /** Whether there is a second cell, m. */
  readonly momentum: boolean;
  readonly feedback: GateFeedback;
  readonly mp4: number;
}

const fixedParams = { forget: 'f32', input: 'f32', momentumForget: 'f32', momentumInput: 'f32' } as const;

export const gatedResetKernel: Kernel = {
  name: 'gated/reset',
  code: resetCode,
  tensors: { state: 'readWrite' },
  params: { mp4: 'u32', rows: 'u32', gates: 'u32', start: 'f32' },
};

export const gatedForwardKernel: Kernel = {
  name: 'gated/forward',
  code: forwardCode,
  libraries: [gatesCode],
  tensors: {
    weights: 'uniform',
    features: 'read',
    before: 'read',
    theta: 'read',
    g: 'read',
    state: 'readWrite',
    next: 'readWrite',
  },
  params: { mp4: 'u32', ...fixedParams },
};

export const gatedBackwardKernel: Kernel = {
  name: 'gated/backward',
  code: backwardCode,
  libraries: [gatesCode],
  tensors: {
    weights: 'uniform',
    theta: 'read',
    g: 'read',
    before: 'read',
    state: 'read',
    adjoint: 'readWrite',
    carry: 'readWrite',
    dGates: 'readWrite',
  },
  params: { mp4: 'u32', ...fixedParams },
};

export const gatedBackwardGradientKernel: Kernel = {
  name: 'gated/backwardGradient',
  code: backwardGradientCode,
  libraries: [gatesCode],
  tensors: { state: 'read', carry: 'read', adjoint: 'read', dg: 'readWrite' },
  params: { mp4: 'u32', input: 'f32', momentumInput: 'f32' },
};

export const gatedBackwardWeightsKernel: Kernel = {
  name: 'gated/backwardWeights',
  code: backwardWeightsCode,
  libraries: [gatesCode],
  tensors: { features: 'read', before: 'read', theta: 'read', dGates: 'read', partials: 'readWrite' },
  params: { mp4: 'u32', chunks: 'u32', stride: 'u32', accumulate: 'u32' },
};

export const gatedBackwardFeaturesKernel: Kernel = {
  name: 'gated/backwardFeatures',
  code: backwardFeaturesCode,
  libraries: [gatesCode],
  tensors: { weights: 'uniform', dGates: 'read', dFeatures: 'readWrite' },
  params: { mp4: 'u32', accumulate: 'u32' },
};

/** vec4f of weights: one row for each of a, the cell, the gate's own previous value and the bias. */
export function gatedRows({ features }: Pick<GatedSizes, 'features'>): number {
  return features + 3;
}

/** Names of the learned gates, in the order of their rows in the state. */
export function learnedGates({ gates }: Pick<GatedSizes, 'gates'>): GateName[] {
  return GATES.filter((name) => gates[name] === 'learned');
}

/** Rows of the state: the learned gates' values before the sigmoid, then m. At least 1: no tensor is empty. */
export function gatedStateRows(sizes: Pick<GatedSizes, 'gates' | 'momentum'>): number {
  return Math.max(1, learnedGates(sizes).length + (sizes.momentum ? 1 : 0));
}

/** Modes as in lib/gates.wgsl: 0 fixed at one, 1 fixed, 2 + row learned. */
function constantsOf(sizes: GatedSizes) {
  const learned = learnedGates(sizes);
  const mode = (name: GateName) => {
    const gate = sizes.gates[name];
    if (gate === 'learned') return 2 + learned.indexOf(name);
    return gate.fixed === 1 ? 0 : 1;
  };
  return {
    FEATURES: sizes.features,
    FORGET: mode('forget'),
    INPUT: mode('input'),
    MOMENTUM_FORGET: mode('momentumForget'),
    MOMENTUM_INPUT: mode('momentumInput'),
    MOMENTUM: sizes.momentum ? 1 : 0,
    M_ROW: learned.length,
    FEEDBACK: GATE_FEEDBACKS.indexOf(sizes.feedback),
  };
}

/** The numbers of the fixed gates; those of learned gates are not read. */
function fixedOf({ gates }: GatedSizes): Record<GateName, number> {
  const value = (name: GateName) => {
    const gate = gates[name];
    return gate === 'learned' ? 0 : gate.fixed;
  };
  return {
    forget: value('forget'),
    input: value('input'),
    momentumForget: value('momentumForget'),
    momentumInput: value('momentumInput'),
  };
}

/** Before the sigmoid, a gate whose sigmoid is exactly 0 in f32. */
const SIGMOID_ZERO = -200;

/** state [rows, M] as before the first step: what gates are fed is 0, and so is m. */
export function recordGatedReset(program: Program, state: Tensor, sizes: GatedSizes): void {
  const { mp4 } = sizes;
  const rows = gatedStateRows(sizes);
  const start = sizes.feedback === 'sigmoid' ? SIGMOID_ZERO : 0;
  program.run(gatedResetKernel, {
    tensors: { state },
    params: { mp4, rows, gates: learnedGates(sizes).length, start },
    workgroups: [groupsOf64(rows * mp4)],
  });
}

/** state [rows, M] and next [M] from a [features, M], the state before, theta and g [M]; weights [gatedRows, 4]. */
export function recordGatedForward(
  program: Program,
  tensors: {
    readonly weights: Tensor;
    readonly features: Tensor;
    readonly before: Tensor;
    readonly theta: Tensor;
    readonly g: Tensor;
    readonly state: Tensor;
    readonly next: Tensor;
  },
  sizes: GatedSizes,
): void {
  program.run(gatedForwardKernel, {
    tensors,
    params: { mp4: sizes.mp4, ...fixedOf(sizes) },
    constants: constantsOf(sizes),
    workgroups: [groupsOf64(sizes.mp4)],
  });
}

/** dGates [learned gates, M]; adjoint [M] and carry [rows, M] go from after the step to before it. */
export function recordGatedBackward(
  program: Program,
  tensors: {
    readonly weights: Tensor;
    readonly theta: Tensor;
    readonly g: Tensor;
    readonly before: Tensor;
    readonly state: Tensor;
    readonly adjoint: Tensor;
    readonly carry: Tensor;
    readonly dGates: Tensor;
  },
  sizes: GatedSizes,
): void {
  program.run(gatedBackwardKernel, {
    tensors,
    params: { mp4: sizes.mp4, ...fixedOf(sizes) },
    constants: constantsOf(sizes),
    workgroups: [groupsOf64(sizes.mp4)],
  });
}

/** dg [M] = the adjoint of g as the cells take it up; before `recordGatedBackward` of the same step. */
export function recordGatedBackwardGradient(
  program: Program,
  tensors: { readonly state: Tensor; readonly carry: Tensor; readonly adjoint: Tensor; readonly dg: Tensor },
  sizes: GatedSizes,
): void {
  const { input, momentumInput } = fixedOf(sizes);
  program.run(gatedBackwardGradientKernel, {
    tensors,
    params: { mp4: sizes.mp4, input, momentumInput },
    constants: constantsOf(sizes),
    workgroups: [groupsOf64(sizes.mp4)],
  });
}

/** partials [chunks, stride] vec4f, of which gatedRows: = or += the chunks' shares of the weights' adjoint. */
export function recordGatedBackwardWeights(
  program: Program,
  tensors: {
    readonly features: Tensor;
    readonly before: Tensor;
    readonly theta: Tensor;
    readonly dGates: Tensor;
    readonly partials: Tensor;
  },
  sizes: GatedSizes,
  numbers: Sums,
): void {
  program.run(gatedBackwardWeightsKernel, {
    tensors,
    params: { mp4: sizes.mp4, ...sumParams(numbers) },
    constants: constantsOf(sizes),
    workgroups: [groupsOf64(numbers.chunks), Math.ceil(sizes.features / 4) + 1],
  });
}

/** dFeatures [features, M] = or += the adjoint of a. */
export function recordGatedBackwardFeatures(
  program: Program,
  tensors: { readonly weights: Tensor; readonly dGates: Tensor; readonly dFeatures: Tensor },
  sizes: GatedSizes,
  accumulate: boolean,
): void {
  program.run(gatedBackwardFeaturesKernel, {
    tensors,
    params: { mp4: sizes.mp4, accumulate: accumulate ? 1 : 0 },
    constants: constantsOf(sizes),
    workgroups: [groupsOf64(sizes.mp4), Math.ceil(sizes.features / 4)],
  });
}
