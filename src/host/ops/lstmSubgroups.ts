import handedRowsCode from '../../shaders/lib/handedRows.wgsl?raw';
import lanes4Code from '../../shaders/lib/lanes4.wgsl?raw';
import lanes8Code from '../../shaders/lib/lanes8.wgsl?raw';
import cellCode from '../../shaders/lib/lstmCell.wgsl?raw';
import gateAdjointsCode from '../../shaders/lib/lstmGateAdjoints.wgsl?raw';
import gateRowsCode from '../../shaders/lib/lstmGateRows.wgsl?raw';
import gatesKeptCode from '../../shaders/lib/lstmGatesKept.wgsl?raw';
import gatesStoredCode from '../../shaders/lib/lstmGatesStored.wgsl?raw';
import inputTileCode from '../../shaders/lib/lstmInputTile.wgsl?raw';
import unitArrayCode from '../../shaders/lib/lstmUnitArray.wgsl?raw';
import unitRegistersCode from '../../shaders/lib/lstmUnitRegisters.wgsl?raw';
import unitsCode from '../../shaders/lib/lstmUnits.wgsl?raw';
import texelsCode from '../../shaders/lib/texels.wgsl?raw';
import backwardInputsCode from '../../shaders/lstm/backwardInputsSubgroups.wgsl?raw';
import backwardCode from '../../shaders/lstm/backwardSubgroups.wgsl?raw';
import backwardWeightsCode from '../../shaders/lstm/backwardWeightsSubgroups.wgsl?raw';
import forwardCode from '../../shaders/lstm/forwardSubgroups.wgsl?raw';
import type { Kernel, KernelConstants } from '../gpu/kernel.ts';
import type { Dispatch } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';
import type { LstmSizes } from './lstmSizes.ts';
import { type Sums, sumParams } from './reduce.ts';

/*
 * The LSTM's kernels for subgroups of 4 or 8 lanes: the same results from fewer loads (docs/performance.md). Each function
 * gives the dispatch of its kernel; the tensors are those of the plain kernel unless said otherwise.
 */

/** Lanes of a subgroup: what hands round what they have loaded is written for these. */
export const SUBGROUP_LANES = [4, 8] as const;
export type SubgroupLanes = (typeof SUBGROUP_LANES)[number];

/** Units of a subgroup whose lanes are units; 8 lanes take them at two vec4f of coordinates at once. */
const UNITS = 4;

/** vec4f of coordinates a subgroup walks over at most, after it has loaded its weights. */
const WALK = 128;

/** Chunks whose shares of the weights' gradient are kept apart at most where a subgroup makes a whole step back; more coordinates take turns. */
const MOST_CHUNKS = 256;

/** The same where kernels of their own sum for the weights, and how many vec4f of coordinates a chunk has at least. */
const MOST_SUMMED_CHUNKS = 32;
const LEAST_SUMMED = 40;

/** Shorter walks give at least as many workgroups of 64 lanes, if there are coordinates enough. */
const LEAST_WORKGROUPS = 4;

/** Loads of inputs, and of hidden inputs, a row a lane, that a thread of the weights' kernel sums at most. */
const MOST_GROUPS = 3;

const forward: Kernel = {
  name: 'lstm/forwardSubgroups',
  code: forwardCode,
  enables: ['subgroups'],
  tensors: {
    weights: 'texels',
    x: 'texels',
    hPrev: 'texels',
    cPrev: 'read',
    h: 'readWrite',
    c: 'readWrite',
  },
  params: { mp4: 'u32', length: 'u32' },
};

/** A whole step back through a layer; the plain kernels take three for it. */
const backward: Kernel = {
  name: 'lstm/backwardSubgroups',
  code: backwardCode,
  enables: ['subgroups'],
  tensors: {
    weights: 'texels',
    x: 'texels',
    hPrev: 'texels',
    cPrev: 'read',
    dh: 'readWrite',
    dc: 'readWrite',
    dGates: 'readWrite',
    partials: 'readWrite',
    dx: 'readWrite',
    top: 'texels',
    dOut: 'read',
    readout: 'read',
  },
  params: {
    mp4: 'u32',
    length: 'u32',
    chunks: 'u32',
    firstChunk: 'u32',
    stride: 'u32',
    accumulate: 'u32',
    first: 'u32',
    rows: 'u32',
    addToX: 'u32',
    readoutRow: 'u32',
    units: 'u32',
    scale: 'f32',
  },
};

const backwardInputs: Kernel = {
  name: 'lstm/backwardInputsSubgroups',
  code: backwardInputsCode,
  enables: ['subgroups'],
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

const backwardWeights: Kernel = {
  name: 'lstm/backwardWeightsSubgroups',
  code: backwardWeightsCode,
  enables: ['subgroups'],
  tensors: { x: 'texels', hPrev: 'texels', dGates: 'read', partials: 'readWrite' },
  params: {
    mp4: 'u32',
    chunks: 'u32',
    stride: 'u32',
    length: 'u32',
    accumulate: 'u32',
    inputs: 'u32',
    hidden: 'u32',
  },
};

/**
 * By lanes: how they hand round what they have loaded, where a lane keeps its unit's weights, and where the adjoints of the gates are from
 * one phase of a step back to the next.
 */
const LANES_CODE = {
  4: { lanes: lanes4Code, unit: unitArrayCode, gates: gatesStoredCode },
  8: { lanes: lanes8Code, unit: unitRegistersCode, gates: gatesKeptCode },
} as const satisfies Record<SubgroupLanes, unknown>;

/** The kernels as they are compiled for subgroups of so many lanes. */
function kernelsFor(number: SubgroupLanes) {
  const { lanes, unit, gates } = LANES_CODE[number];
  const units = [lanes, cellCode, texelsCode, handedRowsCode, unitsCode, unit];
  const tile = [gateAdjointsCode, inputTileCode];
  return {
    forward: { ...forward, libraries: units },
    /** A whole step back through a layer; the plain kernels take three for it. */
    backward: { ...backward, libraries: [...units, gates, gateRowsCode, ...tile] },
    backwardInputs: { ...backwardInputs, libraries: [lanes, handedRowsCode, ...tile] },
    backwardWeights: { ...backwardWeights, libraries: [lanes, texelsCode, handedRowsCode, gateRowsCode] },
  };
}

export const lstmSubgroupKernels = { 4: kernelsFor(4), 8: kernelsFor(8) } as const;

/** What a step back through a layer makes. */
export interface LstmBackwardNumbers extends Sums {
  /** What becomes of the adjoint of x. */
  readonly x: 'none' | 'set' | 'add';
  /** Whether the adjoint of hPrev is wanted: before the first step nobody reads it. */
  readonly hPrev: boolean;
}

/** out = weights . [h, 1], made of the h after the step; its adjoint dOut [M] adds scale * weights * dOut to that of h. */
export interface LstmReadout {
  /** [hidden + 1] f32, the bias last, padded to vec4f. */
  readonly weights: Tensor;
  readonly h: Tensor;
  readonly dOut: Tensor;
  readonly scale: number;
  /** [chunks, stride] vec4f, of which outputWeights / 4: the chunks' shares of the adjoint of `weights`. */
  readonly partials: Tensor;
}

type Walk = Pick<Dispatch, 'params' | 'constants' | 'workgroups'>;
type UnitSizes = Omit<LstmSizes, 'window'>;

/** vec4f in each of `parts` parts of a row, an even number. */
function evenLength(mp4: number, parts: number): number {
  return 2 * Math.ceil(mp4 / 2 / parts);
}

/**
 * Params, constants and workgroups of the forward kernel. Sizes are constants, so layers of different
 * sizes have pipelines of their own.
 */
export function unitWalk({ inputs, hidden, mp4 }: UnitSizes, lanes: SubgroupLanes): Walk {
  const unitGroups = Math.ceil(hidden / UNITS);
  const most = Math.min(WALK, Math.ceil((mp4 * unitGroups * lanes) / (64 * LEAST_WORKGROUPS)));
  const length = evenLength(mp4, Math.ceil(mp4 / most));
  return {
    params: { mp4, length },
    constants: { INPUTS: inputs, HIDDEN: hidden },
    workgroups: [groupsOf64(lanes * unitGroups * Math.ceil(mp4 / length))],
  };
}

/** Whether lstm/backwardSubgroups leaves the adjoints of the gates in a tensor. */
export function storesGates(lanes: SubgroupLanes): boolean {
  return LANES_CODE[lanes].gates === gatesStoredCode;
}

/** vec4f of coordinates, an even number, whose gates' adjoints have room in a workgroup's memory of `bytes`. */
export function mostCoordinates(hidden: number, bytes: number): number {
  return Math.min(WALK, 2 * Math.floor(bytes / (2 * 16 * 4 * hidden)));
}

/** Chunks of at most `longest` vec4f whose shares of the weights' gradient lstm/backwardSubgroups sums apart. */
export function chunksOfSteps(mp4: number, longest: number): number {
  return Math.min(MOST_CHUNKS, Math.ceil(mp4 / longest));
}

/** Chunks of coordinates whose shares of the weights' gradient lstm/backwardWeightsSubgroups sums apart. */
export function chunksOfSums(mp4: number): number {
  return Math.min(MOST_SUMMED_CHUNKS, Math.ceil(mp4 / LEAST_SUMMED));
}

type Tensors<Name extends string> = Readonly<Record<Name, Tensor>>;

/**
 * The dispatches of lstm/backwardSubgroups, each for as many chunks of at most `longest` vec4f as have shares of their own; something else
 * stands for a readout where h is not read out.
 * @param longest `Infinity` where the gates' adjoints are stored
 */
export function backwardDispatches(
  tensors: Tensors<'weights' | 'x' | 'hPrev' | 'cPrev' | 'dh' | 'dc' | 'dGates' | 'partials' | 'dx'>,
  { inputs, hidden, mp4 }: UnitSizes,
  { x, hPrev, ...sums }: LstmBackwardNumbers,
  longest: number,
  readout?: LstmReadout,
): Dispatch[] {
  const { chunks } = sums;
  const first = x === 'none' ? inputs : 0;
  const end = hPrev ? inputs + hidden : inputs;
  const { partials, cPrev } = tensors;
  const all = Math.max(chunks, Math.ceil(mp4 / longest));
  const kept = Number.isFinite(longest) ? { LENGTH: longest } : {};
  return Array.from({ length: Math.ceil(all / chunks) }, (_, turn) => ({
    tensors: {
      ...tensors,
      top: readout?.h ?? tensors.hPrev,
      dOut: readout?.dOut ?? cPrev,
      readout: readout?.weights ?? cPrev,
    },
    params: {
      mp4,
      length: evenLength(mp4, all),
      firstChunk: turn * chunks,
      ...sumParams({ ...sums, accumulate: sums.accumulate || turn > 0 }),
      first,
      rows: end - first,
      addToX: x === 'add' ? 1 : 0,
      readoutRow: readout ? (readout.partials.offsetBytes - partials.offsetBytes) / 16 : 0,
      units: hidden,
      scale: readout?.scale ?? 0,
    },
    constants: { INPUTS: inputs, HIDDEN: hidden, READOUT: readout ? 1 : 0, ...kept },
    workgroups: [Math.min(chunks, all - turn * chunks)],
  }));
}

/** Workgroups of lstm/backwardInputsSubgroups, which has the params of the plain kernel. */
export function inputsWorkgroups(mp4: number, rows: number): Dispatch['workgroups'] {
  return [groupsOf64(mp4), Math.ceil(rows / 20)];
}

/** The dispatch of lstm/backwardWeightsSubgroups: one for x, hPrev and the bias. */
export function weightsDispatch(
  tensors: { readonly x: Tensor; readonly hPrev: Tensor; readonly dGates: Tensor; readonly partials: Tensor },
  { inputs, hidden, mp4 }: LstmSizes,
  numbers: Sums,
  lanes: SubgroupLanes,
): Dispatch {
  const { chunks } = numbers;
  const groups = (rows: number) => Math.ceil(rows / lanes);
  const [ofX, ofH] = [Math.min(MOST_GROUPS, groups(inputs)), Math.min(MOST_GROUPS, groups(hidden))];
  const constants: KernelConstants = { X_GROUPS: ofX, H_GROUPS: ofH };
  const tiles = Math.max(Math.ceil(groups(inputs) / ofX), Math.ceil(groups(hidden) / ofH));
  return {
    tensors,
    params: { mp4, ...sumParams(numbers), length: Math.ceil(mp4 / chunks), inputs, hidden },
    constants,
    workgroups: [groupsOf64(lanes * chunks * Math.ceil(hidden / 4)), tiles],
  };
}
