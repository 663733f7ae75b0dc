import backwardInputCode from '../../shaders/dense/backwardInput.wgsl?raw';
import backwardWeightsCode from '../../shaders/dense/backwardWeights.wgsl?raw';
import forwardCode from '../../shaders/dense/forward.wgsl?raw';
import rBackwardInputCode from '../../shaders/dense/rBackwardInput.wgsl?raw';
import rBackwardWeightsCode from '../../shaders/dense/rBackwardWeights.wgsl?raw';
import rForwardCode from '../../shaders/dense/rForward.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';
import { type DenseSizes, denseParams as params } from './denseSizes.ts';
import { denseSubgroupKernels, tileGroups, weightsGroups } from './denseSubgroups.ts';
import type { SubgroupLanes } from './lstmSubgroups.ts';
import { lstmLanes, planLayerTexels } from './lstmVariants.ts';

export const denseForwardKernel: Kernel = {
  name: 'dense/forward',
  code: forwardCode,
  tensors: { theta: 'read', x: 'read', y: 'readWrite' },
  params,
};

export const denseBackwardInputKernel: Kernel = {
  name: 'dense/backwardInput',
  code: backwardInputCode,
  tensors: { theta: 'read', dy: 'read', dx: 'readWrite' },
  params,
};

export const denseBackwardWeightsKernel: Kernel = {
  name: 'dense/backwardWeights',
  code: backwardWeightsCode,
  tensors: { x: 'read', dy: 'read', gradient: 'readWrite' },
  params,
};

export const denseRForwardKernel: Kernel = {
  name: 'dense/rForward',
  code: rForwardCode,
  tensors: { theta: 'read', v: 'read', x: 'read', rx: 'read', ry: 'readWrite' },
  params,
};

export const denseRBackwardInputKernel: Kernel = {
  name: 'dense/rBackwardInput',
  code: rBackwardInputCode,
  tensors: { theta: 'read', v: 'read', dy: 'read', rdy: 'read', rdx: 'readWrite' },
  params,
};

export const denseRBackwardWeightsKernel: Kernel = {
  name: 'dense/rBackwardWeights',
  code: rBackwardWeightsCode,
  tensors: { x: 'read', rx: 'read', dy: 'read', rdy: 'read', product: 'readWrite' },
  params,
};

function paramsOf({ inputs, outputs, rows, stride, offset }: DenseSizes) {
  return { inputs, outputs, rows4: rows / 4, stride, offset };
}

/** Inputs from which on a copy of x as texels is worth its while. */
const LEAST_TEXEL_INPUTS = 64;

/** Gives the x of a large layer the texels that the subgroup kernels read. */
export function planDenseInput(pool: TensorPool, x: Tensor, inputs: number): void {
  if (inputs >= LEAST_TEXEL_INPUTS) planLayerTexels(pool, x);
}

/** Outputs from which on a copy of dy as texels is worth its while where dx is made. */
const LEAST_TEXEL_OUTPUTS = 32;

/** Gives the dy of a layer the texels that the subgroup kernel of its inputs' adjoint reads. */
export function planDenseOutputAdjoint(pool: TensorPool, dy: Tensor, outputs: number): void {
  if (outputs >= LEAST_TEXEL_OUTPUTS) planLayerTexels(pool, dy);
}

/** Lanes of the subgroup kernels, where what they read as texels was planned for them. */
function lanesFor(program: Program, read: Tensor): SubgroupLanes | undefined {
  return read.texels && lstmLanes(program.context);
}

/** y [B, outputs, rows] = W^T x + bias, x [B, inputs, rows]. */
export function recordDenseForward(
  program: Program,
  tensors: { readonly theta: Tensor; readonly x: Tensor; readonly y: Tensor },
  sizes: DenseSizes,
): void {
  const lanes = lanesFor(program, tensors.x);
  const threads = Math.ceil(sizes.outputs / 4) * (sizes.rows / 4);
  program.run(lanes ? denseSubgroupKernels[lanes].forward : denseForwardKernel, {
    tensors,
    params: paramsOf(sizes),
    workgroups: lanes ? tileGroups(sizes.outputs, sizes, lanes) : [groupsOf64(threads), sizes.tasks],
  });
}

/** dx [B, inputs, rows] = W dy. */
export function recordDenseBackwardInput(
  program: Program,
  tensors: { readonly theta: Tensor; readonly dy: Tensor; readonly dx: Tensor },
  sizes: DenseSizes,
): void {
  const lanes = lanesFor(program, tensors.dy);
  const threads = Math.ceil(sizes.inputs / 4) * (sizes.rows / 4);
  program.run(lanes ? denseSubgroupKernels[lanes].backwardInput : denseBackwardInputKernel, {
    tensors,
    params: paramsOf(sizes),
    workgroups: lanes ? tileGroups(sizes.inputs, sizes, lanes) : [groupsOf64(threads), sizes.tasks],
  });
}

/** gradient (this layer's elements) = x dy^T and the sum of dy over the rows. */
export function recordDenseBackwardWeights(
  program: Program,
  tensors: { readonly x: Tensor; readonly dy: Tensor; readonly gradient: Tensor },
  sizes: DenseSizes,
): void {
  const lanes = lanesFor(program, tensors.x);
  const threads = Math.ceil((sizes.inputs + 1) / 4) * Math.ceil(sizes.outputs / 4);
  program.run(lanes ? denseSubgroupKernels[lanes].backwardWeights : denseBackwardWeightsKernel, {
    tensors,
    params: paramsOf(sizes),
    workgroups: lanes ? weightsGroups(sizes, lanes) : [groupsOf64(threads), sizes.tasks],
  });
}

/**
 * ry [B, outputs, rows] = the tangent of y along v [B, stride], with the tangent rx of x; leave rx out where x
 * does not depend on theta.
 */
export function recordDenseRForward(
  program: Program,
  tensors: {
    readonly theta: Tensor;
    readonly v: Tensor;
    readonly x: Tensor;
    readonly rx: Tensor | undefined;
    readonly ry: Tensor;
  },
  sizes: DenseSizes,
): void {
  const { theta, v, x, rx, ry } = tensors;
  if (!rx) {
    recordDenseForward(program, { theta: v, x, y: ry }, sizes);
    return;
  }
  const threads = Math.ceil(sizes.outputs / 4) * (sizes.rows / 4);
  program.run(denseRForwardKernel, {
    tensors: { theta, v, x, rx, ry },
    params: paramsOf(sizes),
    workgroups: [groupsOf64(threads), sizes.tasks],
  });
}

/** rdx [B, inputs, rows] = the tangent of dx along v [B, stride], with the tangent rdy of dy. */
export function recordDenseRBackwardInput(
  program: Program,
  tensors: {
    readonly theta: Tensor;
    readonly v: Tensor;
    readonly dy: Tensor;
    readonly rdy: Tensor;
    readonly rdx: Tensor;
  },
  sizes: DenseSizes,
): void {
  const threads = Math.ceil(sizes.inputs / 4) * (sizes.rows / 4);
  program.run(denseRBackwardInputKernel, {
    tensors,
    params: paramsOf(sizes),
    workgroups: [groupsOf64(threads), sizes.tasks],
  });
}

/** product (this layer's elements) = the tangent of the weights' gradient; leave rx out where it is zero. */
export function recordDenseRBackwardWeights(
  program: Program,
  tensors: {
    readonly x: Tensor;
    readonly rx: Tensor | undefined;
    readonly dy: Tensor;
    readonly rdy: Tensor;
    readonly product: Tensor;
  },
  sizes: DenseSizes,
): void {
  const { x, rx, dy, rdy, product } = tensors;
  if (!rx) {
    recordDenseBackwardWeights(program, { x, dy: rdy, gradient: product }, sizes);
    return;
  }
  const threads = Math.ceil((sizes.inputs + 1) / 4) * Math.ceil(sizes.outputs / 4);
  program.run(denseRBackwardWeightsKernel, {
    tensors: { x, rx, dy, rdy, product },
    params: paramsOf(sizes),
    workgroups: [groupsOf64(threads), sizes.tasks],
  });
}
