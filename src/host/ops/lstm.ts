import gatesCode from '../../shaders/lib/lstmGates.wgsl?raw';
import backwardGatesCode from '../../shaders/lstm/backwardGates.wgsl?raw';
import backwardInputsCode from '../../shaders/lstm/backwardInputs.wgsl?raw';
import backwardWeightsCode from '../../shaders/lstm/backwardWeights.wgsl?raw';
import forwardCode from '../../shaders/lstm/forward.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const lstmForwardKernel: Kernel = {
  name: 'lstm/forward',
  code: forwardCode,
  libraries: [gatesCode],
  tensors: { weights: 'uniform', x: 'read', hPrev: 'read', cPrev: 'read', h: 'readWrite', c: 'readWrite' },
  params: { mp4: 'u32', firstUnit: 'u32' },
};

export const lstmBackwardGatesKernel: Kernel = {
  name: 'lstm/backwardGates',
  code: backwardGatesCode,
  libraries: [gatesCode],
  tensors: {
    weights: 'uniform',
    x: 'read',
    hPrev: 'read',
    cPrev: 'read',
    dh: 'read',
    dc: 'readWrite',
    dGates: 'readWrite',
  },
  params: { mp4: 'u32', firstUnit: 'u32' },
};

export const lstmBackwardInputsKernel: Kernel = {
  name: 'lstm/backwardInputs',
  code: backwardInputsCode,
  tensors: { weights: 'uniform', dGates: 'read', dx: 'readWrite', dh: 'readWrite' },
  params: { mp4: 'u32', firstUnit: 'u32', firstInput: 'u32', accumulate: 'u32' },
};

export const lstmBackwardWeightsKernel: Kernel = {
  name: 'lstm/backwardWeights',
  code: backwardWeightsCode,
  tensors: { x: 'read', hPrev: 'read', dGates: 'read', partials: 'readWrite' },
  params: { mp4: 'u32', chunks: 'u32', accumulate: 'u32' },
};

/** Sizes of one layer, and how many vec4f a row of coordinates has. */
export interface LstmSizes {
  readonly inputs: number;
  readonly hidden: number;
  readonly mp4: number;
}

/** vec4f of weights a unit has: its inputs, its hidden inputs and its bias, one component a gate. */
export function lstmRow({ inputs, hidden }: Pick<LstmSizes, 'inputs' | 'hidden'>): number {
  return inputs + hidden + 1;
}

/** Bytes one uniform binding may have in every WebGPU implementation. */
const UNIFORM_BYTES = 65536;

/**
 * Weights are read at uniform indices from a uniform binding; a layer too large for one is split into
 * dispatches over units. Splits fall on multiples of 16 units, so that each part is aligned to 256 bytes.
 */
function unitRanges(sizes: LstmSizes): { first: number; units: number }[] {
  const bytes = lstmRow(sizes) * 16;
  const fit = Math.floor(UNIFORM_BYTES / bytes);
  if (fit >= sizes.hidden) return [{ first: 0, units: sizes.hidden }];
  const step = Math.floor(fit / 16) * 16;
  if (step === 0) {
    throw new RangeError(`an LSTM layer of ${sizes.inputs} inputs and ${sizes.hidden} units is not supported`);
  }
  const ranges: { first: number; units: number }[] = [];
  for (let first = 0; first < sizes.hidden; first += step) {
    ranges.push({ first, units: Math.min(step, sizes.hidden - first) });
  }
  return ranges;
}

function weightsOf(weights: Tensor, sizes: LstmSizes, range: { first: number; units: number }): Tensor {
  const row = lstmRow(sizes) * 4;
  return weights.view(`${weights.label}[${range.first}]`, range.first * row, [range.units * row]);
}

function constantsOf({ inputs, hidden }: LstmSizes, units: number) {
  return { IN: inputs, HIDDEN: hidden, UNITS: units };
}

/** h, c [hidden, M] from x [inputs, M], hPrev, cPrev [hidden, M]; weights [hidden, row, 4]. */
export function recordLstmForward(
  program: Program,
  tensors: {
    readonly weights: Tensor;
    readonly x: Tensor;
    readonly hPrev: Tensor;
    readonly cPrev: Tensor;
    readonly h: Tensor;
    readonly c: Tensor;
  },
  sizes: LstmSizes,
): void {
  for (const range of unitRanges(sizes)) {
    program.run(lstmForwardKernel, {
      tensors: { ...tensors, weights: weightsOf(tensors.weights, sizes, range) },
      params: { mp4: sizes.mp4, firstUnit: range.first },
      constants: constantsOf(sizes, range.units),
      workgroups: [groupsOf64(sizes.mp4 / 2), Math.ceil(range.units / 4)],
    });
  }
}

/** dGates [4 hidden, M] from dh and dc [hidden, M]; dc becomes the adjoint of cPrev. */
export function recordLstmBackwardGates(
  program: Program,
  tensors: {
    readonly weights: Tensor;
    readonly x: Tensor;
    readonly hPrev: Tensor;
    readonly cPrev: Tensor;
    readonly dh: Tensor;
    readonly dc: Tensor;
    readonly dGates: Tensor;
  },
  sizes: LstmSizes,
): void {
  for (const range of unitRanges(sizes)) {
    program.run(lstmBackwardGatesKernel, {
      tensors: { ...tensors, weights: weightsOf(tensors.weights, sizes, range) },
      params: { mp4: sizes.mp4, firstUnit: range.first },
      constants: constantsOf(sizes, range.units),
      workgroups: [groupsOf64(sizes.mp4 / 2), Math.ceil(range.units / 4)],
    });
  }
}

/**
 * dh = the adjoint of hPrev; dx += the adjoint of x, where `dx` is given (it is left out when nothing below
 * needs it: the gradient is a constant in first order).
 */
export function recordLstmBackwardInputs(
  program: Program,
  tensors: {
    readonly weights: Tensor;
    readonly dGates: Tensor;
    readonly dx: Tensor | undefined;
    readonly dh: Tensor;
    /** Any other tensor, bound in the place of dx when there is none. */
    readonly unused: Tensor;
  },
  sizes: LstmSizes,
): void {
  const firstInput = tensors.dx ? 0 : sizes.inputs;
  const inputs = sizes.inputs + sizes.hidden - firstInput;
  for (const [index, range] of unitRanges(sizes).entries()) {
    program.run(lstmBackwardInputsKernel, {
      tensors: {
        weights: weightsOf(tensors.weights, sizes, range),
        dGates: tensors.dGates,
        dx: tensors.dx ?? tensors.unused,
        dh: tensors.dh,
      },
      params: { mp4: sizes.mp4, firstUnit: range.first, firstInput, accumulate: index === 0 ? 0 : 1 },
      constants: constantsOf(sizes, range.units),
      workgroups: [groupsOf64(sizes.mp4 / 2), Math.ceil(inputs / 8)],
    });
  }
}

/** partials [hidden * row, chunks] vec4f = or += the chunks' shares of the weights' adjoint. */
export function recordLstmBackwardWeights(
  program: Program,
  tensors: { readonly x: Tensor; readonly hPrev: Tensor; readonly dGates: Tensor; readonly partials: Tensor },
  sizes: LstmSizes,
  numbers: { readonly chunks: number; readonly accumulate: boolean },
): void {
  program.run(lstmBackwardWeightsKernel, {
    tensors,
    params: { mp4: sizes.mp4, chunks: numbers.chunks, accumulate: numbers.accumulate ? 1 : 0 },
    constants: { IN: sizes.inputs, HIDDEN: sizes.hidden },
    workgroups: [groupsOf64(numbers.chunks), Math.ceil(sizes.hidden / 2), Math.ceil(lstmRow(sizes) / 8)],
  });
}
