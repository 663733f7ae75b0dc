import handedRowsCode from '../../shaders/lib/handedRows.wgsl?raw';
import lanes4Code from '../../shaders/lib/lanes4.wgsl?raw';
import lanes8Code from '../../shaders/lib/lanes8.wgsl?raw';
import cellCode from '../../shaders/lib/lstmCell.wgsl?raw';
import gateAdjointsCode from '../../shaders/lib/lstmGateAdjoints.wgsl?raw';
import gateRowsCode from '../../shaders/lib/lstmGateRows.wgsl?raw';
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

/** vec4f of coordinates in a chunk at least, where a subgroup makes a whole step back for each of them. */
const LEAST_CHUNK = 40;
const MOST_CHUNKS = 32;

/** Shorter walks give at least as many workgroups of 64 lanes, if there are coordinates enough. */
const LEAST_WORKGROUPS = 4;

/** Loads of inputs, and of hidden inputs, a row a lane, that a thread of the weights' kernel sums at most. */
const MOST_GROUPS = 3;

/** A kernel but for the file that hands round what its lanes have loaded. */
type LanesKernel = Kernel & { readonly libraries: readonly string[] };

const forward: LanesKernel = {
  name: 'lstm/forwardSubgroups',
  code: forwardCode,
  libraries: [cellCode, texelsCode, handedRowsCode, unitsCode],
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
const backward: LanesKernel = {
  name: 'lstm/backwardSubgroups',
  code: backwardCode,
  libraries: [
    ...[cellCode, texelsCode, handedRowsCode, unitsCode],
    ...[gateRowsCode, gateAdjointsCode, inputTileCode],
  ],
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
    accumulate: 'u32',
    first: 'u32',
    rows: 'u32',
    addToX: 'u32',
    readoutRow: 'u32',
    units: 'u32',
    scale: 'f32',
  },
};

const backwardInputs: LanesKernel = {
  name: 'lstm/backwardInputsSubgroups',
  code: backwardInputsCode,
  libraries: [handedRowsCode, gateAdjointsCode, inputTileCode],
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

const backwardWeights: LanesKernel = {
  name: 'lstm/backwardWeightsSubgroups',
  code: backwardWeightsCode,
  libraries: [texelsCode, handedRowsCode, gateRowsCode],
  enables: ['subgroups'],
  tensors: { x: 'texels', hPrev: 'texels', dGates: 'read', partials: 'readWrite' },
  params: { mp4: 'u32', chunks: 'u32', length: 'u32', accumulate: 'u32', inputs: 'u32', hidden: 'u32' },
};

/** By lanes: how they hand round what they have loaded, and where a lane keeps its unit's weights. */
const LANES_CODE: Readonly<Record<SubgroupLanes, { readonly lanes: string; readonly unit: string }>> = {
  4: { lanes: lanes4Code, unit: unitArrayCode },
  8: { lanes: lanes8Code, unit: unitRegistersCode },
};

/** The kernels as they are compiled for subgroups of so many lanes. */
function kernelsFor(lanes: SubgroupLanes) {
  const code = LANES_CODE[lanes];
  const whole = (kernel: LanesKernel): Kernel => ({
    ...kernel,
    libraries: [
      code.lanes,
      ...kernel.libraries.flatMap((one) => (one === unitsCode ? [one, code.unit] : [one])),
    ],
  });
  return {
    forward: whole(forward),
    /** A whole step back through a layer; the plain kernels take three for it. */
    backward: whole(backward),
    backwardInputs: whole(backwardInputs),
    backwardWeights: whole(backwardWeights),
  };
}

export const lstmSubgroupKernels = { 4: kernelsFor(4), 8: kernelsFor(8) } as const;

/** What a step back through a layer makes. */
export interface LstmBackwardNumbers {
  /** Of the coordinates, whose shares of the weights' gradient are summed apart. */
  readonly chunks: number;
  /** Whether the shares are added to what is in `partials`. */
  readonly accumulate: boolean;
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
  /** [outputWeights / 4, chunks] vec4f: the chunks' shares of the adjoint of `weights`. */
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

/** Chunks of coordinates whose shares of the weights' gradient the subgroup kernels sum apart. */
export function subgroupChunks(mp4: number): number {
  return Math.min(MOST_CHUNKS, Math.ceil(mp4 / LEAST_CHUNK));
}

type Tensors<Name extends string> = Readonly<Record<Name, Tensor>>;

/** The dispatch of lstm/backwardSubgroups; what lies behind a readout stands for it where h is not read out. */
export function backwardDispatch(
  tensors: Tensors<'weights' | 'x' | 'hPrev' | 'cPrev' | 'dh' | 'dc' | 'dGates' | 'partials' | 'dx'>,
  { inputs, hidden, mp4 }: UnitSizes,
  { chunks, accumulate, x, hPrev }: LstmBackwardNumbers,
  readout?: LstmReadout,
): Dispatch {
  const first = x === 'none' ? inputs : 0;
  const end = hPrev ? inputs + hidden : inputs;
  const { partials, cPrev } = tensors;
  const until = readout?.partials ?? partials;
  const length = (until.offsetBytes + until.bytes - partials.offsetBytes) / 4;
  return {
    tensors: {
      ...tensors,
      partials: partials.root.view(partials.label, partials.offsetBytes / 4, [length]),
      top: readout?.h ?? tensors.hPrev,
      dOut: readout?.dOut ?? cPrev,
      readout: readout?.weights ?? cPrev,
    },
    params: {
      mp4,
      length: evenLength(mp4, chunks),
      chunks,
      accumulate: accumulate ? 1 : 0,
      first,
      rows: end - first,
      addToX: x === 'add' ? 1 : 0,
      readoutRow: (until.offsetBytes - partials.offsetBytes) / 16 / chunks,
      units: hidden,
      scale: readout?.scale ?? 0,
    },
    constants: { INPUTS: inputs, HIDDEN: hidden, READOUT: readout ? 1 : 0 },
    workgroups: [chunks],
  };
}

/** Workgroups of lstm/backwardInputsSubgroups, which has the params of the plain kernel. */
export function inputsWorkgroups(mp4: number, rows: number): Dispatch['workgroups'] {
  return [groupsOf64(mp4), Math.ceil(rows / 20)];
}

/** The dispatch of lstm/backwardWeightsSubgroups: one for x, hPrev and the bias. */
export function weightsDispatch(
  tensors: { readonly x: Tensor; readonly hPrev: Tensor; readonly dGates: Tensor; readonly partials: Tensor },
  { inputs, hidden, mp4 }: LstmSizes,
  numbers: { readonly chunks: number; readonly accumulate: boolean },
  lanes: SubgroupLanes,
): Dispatch {
  const { chunks } = numbers;
  const groups = (rows: number) => Math.ceil(rows / lanes);
  const [ofX, ofH] = [Math.min(MOST_GROUPS, groups(inputs)), Math.min(MOST_GROUPS, groups(hidden))];
  const constants: KernelConstants = { X_GROUPS: ofX, H_GROUPS: ofH };
  const tiles = Math.max(Math.ceil(groups(inputs) / ofX), Math.ceil(groups(hidden) / ofH));
  const accumulate = numbers.accumulate ? 1 : 0;
  return {
    tensors,
    params: { mp4, chunks, length: Math.ceil(mp4 / chunks), accumulate, inputs, hidden },
    constants,
    workgroups: [groupsOf64(lanes * chunks * Math.ceil(hidden / 4)), tiles],
  };
}
