import backwardInputCode from '../../shaders/conv2d/backwardInputSubgroups.wgsl?raw';
import backwardWeightsCode from '../../shaders/conv2d/backwardWeightsSubgroups.wgsl?raw';
import forwardCode from '../../shaders/conv2d/forwardSubgroups.wgsl?raw';
import handedRowsCode from '../../shaders/lib/handedRows.wgsl?raw';
import handedTileCode from '../../shaders/lib/handedTile.wgsl?raw';
import lanes4Code from '../../shaders/lib/lanes4.wgsl?raw';
import lanes8Code from '../../shaders/lib/lanes8.wgsl?raw';
import tapWalkCode from '../../shaders/lib/tapWalk.wgsl?raw';
import texelsCode from '../../shaders/lib/texels.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Dispatch } from '../gpu/program.ts';
import { type Conv2dSizes, conv2dParams, conv2dWeightParams } from './conv2dSizes.ts';
import type { SubgroupLanes } from './lstmSubgroups.ts';

/*
 * The convolution's kernels for subgroups of 4 or 8 lanes: the same results from fewer loads (docs/performance.md), of images that are
 * read as texels. Tensors and params are those of the plain kernels.
 */

/** Channels of a subgroup. */
const TILE = 8;

/** Inputs of a subgroup of the weights' kernel, four a lane. */
const INPUTS = 32;

/** Inputs, the bias counted, from which on the weights' kernel is worth its while: of fewer, more than half of the lanes' sums are of none. */
const LEAST_INPUTS = 17;

/** Threads of a workgroup: with more, a task's few subgroups leave a core idle. */
const THREADS = 16;

const forward: Kernel = {
  name: 'conv2d/forwardSubgroups',
  code: forwardCode,
  enables: ['subgroups'],
  tensors: { theta: 'read', x: 'texels', y: 'readWrite' },
  params: conv2dParams,
};

const backwardInput: Kernel = {
  name: 'conv2d/backwardInputSubgroups',
  code: backwardInputCode,
  enables: ['subgroups'],
  tensors: { theta: 'read', dy: 'texels', dx: 'readWrite' },
  params: conv2dParams,
};

/** For 8 lanes; `sumsWeightsBySubgroups` says for which layers. */
export const conv2dBackwardWeightsSubgroupsKernel: Kernel = {
  name: 'conv2d/backwardWeightsSubgroups',
  code: backwardWeightsCode,
  enables: ['subgroups'],
  libraries: [texelsCode, lanes8Code, handedRowsCode],
  tensors: { x: 'texels', dy: 'read', target_: 'readWrite' },
  params: conv2dWeightParams,
};

function kernelsFor(lanesCode: string) {
  const libraries = [texelsCode, lanesCode, handedRowsCode, handedTileCode, tapWalkCode];
  return { forward: { ...forward, libraries }, backwardInput: { ...backwardInput, libraries } };
}

export const conv2dSubgroupKernels = { 4: kernelsFor(lanes4Code), 8: kernelsFor(lanes8Code) } as const;

/** Workgroups of the forward kernel: a lane makes 8 channels of 4 rows on a line of y. */
export function outputGroups(
  { outChannels, outHeight, rows, tasks }: Conv2dSizes,
  lanes: SubgroupLanes,
): Dispatch['workgroups'] {
  return [groupsOf(Math.ceil(outChannels / TILE) * Math.ceil(rows / (4 * lanes)), lanes), outHeight, tasks];
}

/** Workgroups of the inputs' kernel: a lane makes 8 channels of 4 rows on a line of x. */
export function inputGroups(
  { inChannels, inHeight, rows, tasks }: Conv2dSizes,
  lanes: SubgroupLanes,
): Dispatch['workgroups'] {
  return [groupsOf(Math.ceil(inChannels / TILE) * Math.ceil(rows / (4 * lanes)), lanes), inHeight, tasks];
}

/** Whether the weights' kernel takes a layer. It is for 8 lanes alone: by 4, SwiftShader takes longer than with the plain one. */
export function sumsWeightsBySubgroups(sizes: Conv2dSizes, lanes: SubgroupLanes | undefined): boolean {
  return lanes === 8 && inputsOf(sizes) >= LEAST_INPUTS;
}

/** Workgroups of the weights' kernel for a task and a chunk: a lane sums for 4 inputs and 8 channels. */
export function weightsGroups(sizes: Conv2dSizes): number {
  return groupsOf(Math.ceil(sizes.outChannels / TILE) * Math.ceil(inputsOf(sizes) / INPUTS), 8);
}

function inputsOf({ inChannels, kernel }: Conv2dSizes): number {
  return inChannels * kernel * kernel + 1;
}

function groupsOf(subgroups: number, lanes: SubgroupLanes): number {
  return Math.ceil((subgroups * lanes) / THREADS);
}
