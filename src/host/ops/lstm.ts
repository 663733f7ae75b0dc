import gatesCode from '../../shaders/lib/lstmGates.wgsl?raw';
import backwardGatesCode from '../../shaders/lstm/backwardGates.wgsl?raw';
import backwardInputsCode from '../../shaders/lstm/backwardInputs.wgsl?raw';
import backwardWeightsCode from '../../shaders/lstm/backwardWeights.wgsl?raw';
import forwardCode from '../../shaders/lstm/forward.wgsl?raw';
import gateValuesCode from '../../shaders/lstm/gates.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

const gateParams = { mp4: 'u32', inputs: 'u32', hidden: 'u32', firstUnit: 'u32', units: 'u32' } as const;

export const lstmForwardKernel: Kernel = {
  name: 'lstm/forward',
  code: forwardCode,
  libraries: [gatesCode],
  tensors: { weights: 'uniform', x: 'read', hPrev: 'read', cPrev: 'read', h: 'readWrite', c: 'readWrite' },
  params: gateParams,
};

export const lstmGatesKernel: Kernel = {
  name: 'lstm/gates',
  code: gateValuesCode,
  libraries: [gatesCode],
  tensors: { weights: 'uniform', x: 'read', hPrev: 'read', z: 'readWrite' },
  params: gateParams,
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
  params: gateParams,
};

export const lstmBackwardInputsKernel: Kernel = {
  name: 'lstm/backwardInputs',
  code: backwardInputsCode,
  tensors: { weights: 'uniform', dGates: 'read', dInput: 'readWrite' },
  params: {
    mp4: 'u32',
    size: 'u32',
    firstUnit: 'u32',
    units: 'u32',
    first: 'u32',
    rows: 'u32',
    accumulate: 'u32',
  },
};

export const lstmBackwardWeightsKernel: Kernel = {
  name: 'lstm/backwardWeights',
  code: backwardWeightsCode,
  tensors: { input: 'read', dGates: 'read', partials: 'readWrite' },
  params: {
    mp4: 'u32',
    chunks: 'u32',
    accumulate: 'u32',
    hidden: 'u32',
    size: 'u32',
    rows: 'u32',
    first: 'u32',
    outputs: 'u32',
  },
};

/** Sizes of one layer, and how many vec4f a row of coordinates has. */
export interface LstmSizes {
  readonly inputs: number;
  readonly hidden: number;
  readonly mp4: number;
  /** vec4f in the weights' binding; layers with the same window share their pipelines. */
  readonly window: number;
}

/** vec4f of weights a unit has: its inputs, its hidden inputs and its bias, one component a gate. */
export function lstmRow({ inputs, hidden }: Pick<LstmSizes, 'inputs' | 'hidden'>): number {
  return inputs + hidden + 1;
}

/** vec4f of weights one dispatch over a layer reads at most. */
export function lstmWindow(sizes: Pick<LstmSizes, 'inputs' | 'hidden'>): number {
  return Math.max(...unitRanges(sizes).map(({ units }) => units)) * lstmRow(sizes);
}

/** Bytes one uniform binding may have in every WebGPU implementation. */
const UNIFORM_BYTES = 65536;

/**
 * Weights are read at uniform indices from a uniform binding; a layer too large for one is split into
 * dispatches over units. Splits fall on multiples of 16 units, so that each part is aligned to 256 bytes.
 */
function unitRanges(sizes: Pick<LstmSizes, 'inputs' | 'hidden'>): { first: number; units: number }[] {
  const bytes = lstmRow(sizes) * 16;
  const fit = Math.floor(UNIFORM_BYTES / bytes);
  if (fit >= sizes.hidden) return [{ first: 0, units: sizes.hidden }];
  const step = Math.floor(fit / 16) * 16;
  if (step === 0) {
    throw new RangeError(
      `an LSTM layer of ${sizes.inputs} inputs and ${sizes.hidden} units is not supported`,
    );
  }
  const ranges: { first: number; units: number }[] = [];
  for (let first = 0; first < sizes.hidden; first += step) {
    ranges.push({ first, units: Math.min(step, sizes.hidden - first) });
  }
  return ranges;
}

function weightsOf(weights: Tensor, sizes: LstmSizes, range: { first: number; units: number }): Tensor {
  const offset = range.first * lstmRow(sizes) * 4;
  return weights.view(`${weights.label} from unit ${range.first}`, offset, [sizes.window * 4]);
}

function sizesOf({ inputs, hidden, mp4 }: LstmSizes) {
  return { mp4, inputs, hidden };
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
      params: { ...sizesOf(sizes), firstUnit: range.first, units: range.units },
      constants: { WEIGHTS: sizes.window },
      workgroups: [groupsOf64(sizes.mp4 / 2), Math.ceil(range.units / 4)],
    });
  }
}

/** The gates of `recordLstmGates`, in the order of their blocks of rows. */
export const LSTM_GATES = ['input', 'forget', 'output'] as const;

/** z [3 hidden, M]: the gates before their sigmoid, a block of `hidden` rows each, from x [inputs, M], hPrev [hidden, M]. */
export function recordLstmGates(
  program: Program,
  tensors: { readonly weights: Tensor; readonly x: Tensor; readonly hPrev: Tensor; readonly z: Tensor },
  sizes: LstmSizes,
): void {
  for (const range of unitRanges(sizes)) {
    program.run(lstmGatesKernel, {
      tensors: { ...tensors, weights: weightsOf(tensors.weights, sizes, range) },
      params: { ...sizesOf(sizes), firstUnit: range.first, units: range.units },
      constants: { WEIGHTS: sizes.window },
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
      params: { ...sizesOf(sizes), firstUnit: range.first, units: range.units },
      constants: { WEIGHTS: sizes.window },
      workgroups: [groupsOf64(sizes.mp4 / 2), Math.ceil(range.units / 4)],
    });
  }
}

/**
 * dInput = or += the adjoint of the layer's inputs from below (`of: 'x'`, [inputs, M]) or of hPrev (`of:
 * 'hPrev'`, [hidden, M]), from dGates [4 hidden, M].
 */
export function recordLstmBackwardInputs(
  program: Program,
  tensors: { readonly weights: Tensor; readonly dGates: Tensor; readonly dInput: Tensor },
  sizes: LstmSizes,
  numbers: { readonly of: 'x' | 'hPrev'; readonly accumulate: boolean },
): void {
  const rows = numbers.of === 'x' ? sizes.inputs : sizes.hidden;
  const first = numbers.of === 'x' ? 0 : sizes.inputs;
  for (const [index, range] of unitRanges(sizes).entries()) {
    const accumulate = numbers.accumulate || index > 0 ? 1 : 0;
    program.run(lstmBackwardInputsKernel, {
      tensors: { ...tensors, weights: weightsOf(tensors.weights, sizes, range) },
      params: {
        mp4: sizes.mp4,
        size: lstmRow(sizes),
        firstUnit: range.first,
        units: range.units,
        first,
        rows,
        accumulate,
      },
      constants: { WEIGHTS: sizes.window },
      workgroups: [groupsOf64(sizes.mp4 / 2), Math.ceil(rows / 10)],
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
  const { inputs, hidden, mp4 } = sizes;
  const parts = [
    { input: tensors.x, rows: inputs, first: 0, outputs: inputs },
    { input: tensors.hPrev, rows: hidden, first: inputs, outputs: hidden + 1 },
  ];
  for (const { input, ...part } of parts) {
    program.run(lstmBackwardWeightsKernel, {
      tensors: { input, dGates: tensors.dGates, partials: tensors.partials },
      params: {
        mp4,
        chunks: numbers.chunks,
        accumulate: numbers.accumulate ? 1 : 0,
        hidden,
        size: lstmRow(sizes),
        ...part,
      },
      workgroups: [groupsOf64(numbers.chunks), Math.ceil(hidden / 2), Math.ceil(part.outputs / 7)],
    });
  }
}
