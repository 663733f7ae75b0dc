import cellCode from '../../shaders/lib/lstmCell.wgsl?raw';
import gateAdjointsCode from '../../shaders/lib/lstmGateAdjoints.wgsl?raw';
import gatesCode from '../../shaders/lib/lstmGates.wgsl?raw';
import backwardGatesCode from '../../shaders/lstm/backwardGates.wgsl?raw';
import backwardInputsCode from '../../shaders/lstm/backwardInputs.wgsl?raw';
import backwardWeightsCode from '../../shaders/lstm/backwardWeights.wgsl?raw';
import forwardCode from '../../shaders/lstm/forward.wgsl?raw';
import gateValuesCode from '../../shaders/lstm/gates.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Dispatch, Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { recordCoordinateOutputBackward, recordCoordinateOutputBackwardWeights } from './coordinateOutput.ts';
import { groupsOf64 } from './coordinates.ts';
import { type LstmSizes, lstmRow, unitRanges, weightsOf } from './lstmSizes.ts';
import {
  backwardDispatches,
  inputsWorkgroups,
  type LstmBackwardNumbers,
  type LstmReadout,
  lstmSubgroupKernels,
  unitWalk,
  weightsDispatch,
} from './lstmSubgroups.ts';
import { lanesHoldUnits, longestChunk, lstmLanes } from './lstmVariants.ts';
import { type Sums, sumParams } from './reduce.ts';

export { type LstmSizes, lstmRow, lstmWindow } from './lstmSizes.ts';
export type { LstmReadout } from './lstmSubgroups.ts';

const gateParams = { mp4: 'u32', inputs: 'u32', hidden: 'u32', firstUnit: 'u32', units: 'u32' } as const;

export const lstmForwardKernel: Kernel = {
  name: 'lstm/forward',
  code: forwardCode,
  libraries: [cellCode, gatesCode],
  tensors: { weights: 'uniform', x: 'read', hPrev: 'read', cPrev: 'read', h: 'readWrite', c: 'readWrite' },
  params: gateParams,
};

export const lstmGatesKernel: Kernel = {
  name: 'lstm/gates',
  code: gateValuesCode,
  libraries: [cellCode, gatesCode],
  tensors: { weights: 'uniform', x: 'read', hPrev: 'read', z: 'readWrite' },
  params: gateParams,
};

export const lstmBackwardGatesKernel: Kernel = {
  name: 'lstm/backwardGates',
  code: backwardGatesCode,
  libraries: [cellCode, gatesCode],
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
  libraries: [gateAdjointsCode],
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
  libraries: [gateAdjointsCode],
  tensors: { input: 'read', dGates: 'read', partials: 'readWrite' },
  params: {
    mp4: 'u32',
    chunks: 'u32',
    stride: 'u32',
    accumulate: 'u32',
    hidden: 'u32',
    size: 'u32',
    rows: 'u32',
    first: 'u32',
    outputs: 'u32',
  },
};

/** Runs a kernel whose threads are tiles of lib/lstmGates.wgsl, for as many units at once as the weights' binding holds. */
function runOnTiles(
  program: Program,
  kernel: Kernel,
  tensors: Readonly<Record<string, Tensor>> & { readonly weights: Tensor },
  sizes: LstmSizes,
): void {
  const { inputs, hidden, mp4 } = sizes;
  for (const range of unitRanges(sizes)) {
    program.run(kernel, {
      tensors: { ...tensors, weights: weightsOf(tensors.weights, sizes, range) },
      params: { mp4, inputs, hidden, firstUnit: range.first, units: range.units },
      constants: { WEIGHTS: sizes.window },
      workgroups: [groupsOf64(mp4 / 2), Math.ceil(range.units / 4)],
    });
  }
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
  const lanes = lstmLanes(program.context);
  if (lanes && lanesHoldUnits(sizes)) {
    program.run(lstmSubgroupKernels[lanes].forward, { tensors, ...unitWalk(sizes, lanes) });
    return;
  }
  runOnTiles(program, lstmForwardKernel, tensors, sizes);
}

/** The gates of `recordLstmGates`, in the order of their blocks of rows. */
export const LSTM_GATES = ['input', 'forget', 'output'] as const;

/** z [3 hidden, M]: the gates before their sigmoid, a block of `hidden` rows each, from x [inputs, M], hPrev [hidden, M]. */
export function recordLstmGates(
  program: Program,
  tensors: { readonly weights: Tensor; readonly x: Tensor; readonly hPrev: Tensor; readonly z: Tensor },
  sizes: LstmSizes,
): void {
  runOnTiles(program, lstmGatesKernel, tensors, sizes);
}

/**
 * A step back through a layer: dc becomes the adjoint of cPrev, dh that of hPrev, dx = or += that of x; partials [chunks, stride]
 * vec4f, of which hidden * row: = or += the chunks' shares of the weights' adjoint. dGates [4 hidden, M] is left behind where
 * `lstmStoresGates`. Where one is not, or no dx is wanted, it is any tensor but the others.
 * @param readout of the layer's h, whose adjoint comes on top of dh; its partials lie behind the layer's in one tensor
 */
export function recordLstmBackward(
  program: Program,
  tensors: {
    readonly weights: Tensor;
    readonly x: Tensor;
    readonly hPrev: Tensor;
    readonly cPrev: Tensor;
    readonly dh: Tensor;
    readonly dc: Tensor;
    readonly dGates: Tensor;
    readonly partials: Tensor;
    readonly dx: Tensor;
  },
  sizes: LstmSizes,
  numbers: LstmBackwardNumbers,
  readout?: LstmReadout,
): void {
  const { partials, dx, ...ofGates } = tensors;
  const { weights, x, hPrev, dh, dGates } = ofGates;
  const lanes = lstmLanes(program.context);
  if (lanes && lanesHoldUnits(sizes)) {
    const longest = longestChunk(program.context, sizes);
    for (const dispatch of backwardDispatches(tensors, sizes, numbers, longest, readout)) {
      program.run(lstmSubgroupKernels[lanes].backward, dispatch);
    }
    return;
  }
  if (readout) {
    const { h, dOut: dnext, scale } = readout;
    const outputSizes = { hidden: sizes.hidden, mp4: sizes.mp4, scale };
    const sums = { h, dnext, partials: readout.partials };
    recordCoordinateOutputBackwardWeights(program, sums, outputSizes, numbers);
    recordCoordinateOutputBackward(program, { weights: readout.weights, dnext, dh }, outputSizes);
  }
  recordLstmBackwardGates(program, ofGates, sizes);
  recordLstmBackwardWeights(program, { x, hPrev, dGates, partials }, sizes, numbers);
  const toInputs = (dInput: Tensor, of: 'x' | 'hPrev', accumulate: boolean) =>
    recordLstmBackwardInputs(program, { weights, dGates, dInput }, sizes, { of, accumulate });
  if (numbers.x !== 'none') toInputs(dx, 'x', numbers.x === 'add');
  if (numbers.hPrev) toInputs(dh, 'hPrev', false);
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
  runOnTiles(program, lstmBackwardGatesKernel, tensors, sizes);
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
  const lanes = lstmLanes(program.context);
  const kernel = lanes ? lstmSubgroupKernels[lanes].backwardInputs : lstmBackwardInputsKernel;
  const workgroups: Dispatch['workgroups'] = lanes
    ? inputsWorkgroups(sizes.mp4, rows)
    : [groupsOf64(sizes.mp4 / 2), Math.ceil(rows / 10)];
  for (const [index, range] of unitRanges(sizes).entries()) {
    const accumulate = numbers.accumulate || index > 0 ? 1 : 0;
    program.run(kernel, {
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
      workgroups,
    });
  }
}

/** partials [chunks, stride] vec4f, of which hidden * row: = or += the chunks' shares of the weights' adjoint. */
export function recordLstmBackwardWeights(
  program: Program,
  tensors: { readonly x: Tensor; readonly hPrev: Tensor; readonly dGates: Tensor; readonly partials: Tensor },
  sizes: LstmSizes,
  numbers: Sums,
): void {
  const lanes = lstmLanes(program.context);
  if (lanes) {
    program.run(lstmSubgroupKernels[lanes].backwardWeights, weightsDispatch(tensors, sizes, numbers, lanes));
    return;
  }
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
        ...sumParams(numbers),
        hidden,
        size: lstmRow(sizes),
        ...part,
      },
      workgroups: [groupsOf64(numbers.chunks), Math.ceil(hidden / 2), Math.ceil(part.outputs / 7)],
    });
  }
}
