import backwardInputCode from '../../shaders/dense/backwardInputSubgroups.wgsl?raw';
import backwardWeightsCode from '../../shaders/dense/backwardWeightsSubgroups.wgsl?raw';
import forwardCode from '../../shaders/dense/forwardSubgroups.wgsl?raw';
import handedRowsCode from '../../shaders/lib/handedRows.wgsl?raw';
import handedTileCode from '../../shaders/lib/handedTile.wgsl?raw';
import lanes4Code from '../../shaders/lib/lanes4.wgsl?raw';
import lanes8Code from '../../shaders/lib/lanes8.wgsl?raw';
import rowWalkCode from '../../shaders/lib/rowWalk.wgsl?raw';
import texelsCode from '../../shaders/lib/texels.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Dispatch } from '../gpu/program.ts';
import { type DenseSizes, denseParams as params } from './denseSizes.ts';
import type { SubgroupLanes } from './lstmSubgroups.ts';

/*
 * The dense layer's kernels for subgroups of 4 or 8 lanes: the same results from fewer loads (docs/performance.md), of an x, or
 * on the way to the inputs a dy, that is read as texels. Tensors and params are those of the plain kernels.
 */

/** Outputs, or inputs on the way back to them, of a subgroup. */
const TILE = 8;

/** Inputs of a lane of the weights' kernel. */
const INPUTS = 4;

/** Threads of a workgroup: with more, a task's few subgroups leave a core idle. */
const THREADS = 16;

const forward: Kernel = {
  name: 'dense/forwardSubgroups',
  code: forwardCode,
  enables: ['subgroups'],
  tensors: { theta: 'read', x: 'texels', y: 'readWrite' },
  params,
};

const backwardInput: Kernel = {
  name: 'dense/backwardInputSubgroups',
  code: backwardInputCode,
  enables: ['subgroups'],
  tensors: { theta: 'read', dy: 'texels', dx: 'readWrite' },
  params,
};

const backwardWeights: Kernel = {
  name: 'dense/backwardWeightsSubgroups',
  code: backwardWeightsCode,
  enables: ['subgroups'],
  tensors: { x: 'texels', dy: 'read', gradient: 'readWrite' },
  params,
};

function kernelsFor(lanesCode: string) {
  const libraries = [texelsCode, lanesCode, handedRowsCode];
  const walking = [...libraries, handedTileCode, rowWalkCode];
  return {
    forward: { ...forward, libraries: walking },
    backwardInput: { ...backwardInput, libraries: walking },
    backwardWeights: { ...backwardWeights, libraries },
  };
}

export const denseSubgroupKernels = { 4: kernelsFor(lanes4Code), 8: kernelsFor(lanes8Code) } as const;

/** Workgroups of the kernels whose lanes make 8 of `made` of 4 rows: outputs forward, inputs on the way back to them. */
export function tileGroups(
  made: number,
  { rows, tasks }: DenseSizes,
  lanes: SubgroupLanes,
): Dispatch['workgroups'] {
  const subgroups = Math.ceil(made / TILE) * Math.ceil(rows / (4 * lanes));
  return [Math.ceil((subgroups * lanes) / THREADS), tasks];
}

/** Workgroups of the weights' kernel: a lane sums for 4 inputs and 8 outputs. */
export function weightsGroups(
  { inputs, outputs, tasks }: DenseSizes,
  lanes: SubgroupLanes,
): Dispatch['workgroups'] {
  const subgroups = Math.ceil(outputs / TILE) * Math.ceil((inputs + 1) / (INPUTS * lanes));
  return [Math.ceil((subgroups * lanes) / THREADS), tasks];
}
