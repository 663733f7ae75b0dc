import backwardInputCode from '../../shaders/conv2d/backwardInput.wgsl?raw';
import backwardWeightsCode from '../../shaders/conv2d/backwardWeights.wgsl?raw';
import forwardCode from '../../shaders/conv2d/forward.wgsl?raw';
import rBackwardInputCode from '../../shaders/conv2d/rBackwardInput.wgsl?raw';
import rBackwardWeightsCode from '../../shaders/conv2d/rBackwardWeights.wgsl?raw';
import rForwardCode from '../../shaders/conv2d/rForward.wgsl?raw';
import sumChunksCode from '../../shaders/conv2d/sumChunks.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import {
  type Conv2dSizes,
  conv2dParameters,
  conv2dParams,
  conv2dWeightChunks,
  conv2dWeightParams,
} from './conv2dSizes.ts';
import {
  conv2dBackwardWeightsSubgroupsKernel,
  conv2dSubgroupKernels,
  inputGroups,
  outputGroups,
  sumsWeightsBySubgroups,
  weightsGroups,
} from './conv2dSubgroups.ts';
import { groupsOf64 } from './coordinates.ts';
import type { SubgroupLanes } from './lstmSubgroups.ts';
import { lstmLanes, planLayerTexels } from './lstmVariants.ts';

export const conv2dForwardKernel: Kernel = {
  name: 'conv2d/forward',
  code: forwardCode,
  tensors: { theta: 'read', x: 'read', y: 'readWrite' },
  params: conv2dParams,
};

export const conv2dBackwardInputKernel: Kernel = {
  name: 'conv2d/backwardInput',
  code: backwardInputCode,
  tensors: { theta: 'read', dy: 'read', dx: 'readWrite' },
  params: conv2dParams,
};

export const conv2dBackwardWeightsKernel: Kernel = {
  name: 'conv2d/backwardWeights',
  code: backwardWeightsCode,
  tensors: { x: 'read', dy: 'read', target_: 'readWrite' },
  params: conv2dWeightParams,
};

export const conv2dRForwardKernel: Kernel = {
  name: 'conv2d/rForward',
  code: rForwardCode,
  tensors: { theta: 'read', v: 'read', x: 'read', rx: 'read', ry: 'readWrite' },
  params: conv2dParams,
};

export const conv2dRBackwardInputKernel: Kernel = {
  name: 'conv2d/rBackwardInput',
  code: rBackwardInputCode,
  tensors: { theta: 'read', v: 'read', dy: 'read', rdy: 'read', rdx: 'readWrite' },
  params: conv2dParams,
};

export const conv2dRBackwardWeightsKernel: Kernel = {
  name: 'conv2d/rBackwardWeights',
  code: rBackwardWeightsCode,
  tensors: { x: 'read', rx: 'read', dy: 'read', rdy: 'read', target_: 'readWrite' },
  params: conv2dWeightParams,
};

export const conv2dSumChunksKernel: Kernel = {
  name: 'conv2d/sumChunks',
  code: sumChunksCode,
  tensors: { partials: 'read', gradient: 'readWrite' },
  params: { count: 'u32', chunks: 'u32', taskStride: 'u32', offset: 'u32' },
};

/** Gives x, and dy where the adjoint of x is wanted, the texels that the subgroup kernels read. */
export function planConv2dReads(
  pool: TensorPool,
  { x, dy }: { readonly x: Tensor; readonly dy?: Tensor },
): void {
  planLayerTexels(pool, x);
  if (dy) planLayerTexels(pool, dy);
}

/** Kernels for the lanes of subgroups, where `tensor` was planned for them. */
function lanesFor(program: Program, tensor: Tensor): SubgroupLanes | undefined {
  return tensor.texels && lstmLanes(program.context);
}

/** y [B, outChannels, outHeight, outWidth, rows] = W * x + bias, x [B, inChannels, inHeight, inWidth, rows]. */
export function recordConv2dForward(
  program: Program,
  tensors: { readonly theta: Tensor; readonly x: Tensor; readonly y: Tensor },
  sizes: Conv2dSizes,
): void {
  const { taskStride, offset } = sizes;
  const lanes = lanesFor(program, tensors.x);
  program.run(lanes ? conv2dSubgroupKernels[lanes].forward : conv2dForwardKernel, {
    tensors,
    params: { ...geometryOf(sizes), taskStride, offset },
    workgroups: lanes ? outputGroups(sizes, lanes) : outputGrid(sizes),
  });
}

/** dx [B, inChannels, inHeight, inWidth, rows] = the adjoint of x for the adjoint dy of y. */
export function recordConv2dBackwardInput(
  program: Program,
  tensors: { readonly theta: Tensor; readonly dy: Tensor; readonly dx: Tensor },
  sizes: Conv2dSizes,
): void {
  const { taskStride, offset } = sizes;
  const lanes = lanesFor(program, tensors.dy);
  program.run(lanes ? conv2dSubgroupKernels[lanes].backwardInput : conv2dBackwardInputKernel, {
    tensors,
    params: { ...geometryOf(sizes), taskStride, offset },
    workgroups: lanes ? inputGroups(sizes, lanes) : inputGrid(sizes),
  });
}

/**
 * gradient (this layer's elements) = the adjoint of the weight and of the bias: sums over rows and positions in a
 * fixed order. With `partials` (`conv2dPartials` f32 a task) positions are split over more threads, and the chunks'
 * sums added up after; without, each thread goes through all positions.
 * @throws RangeError when `partials` is too small.
 */
export function recordConv2dBackwardWeights(
  program: Program,
  tensors: {
    readonly x: Tensor;
    readonly dy: Tensor;
    readonly gradient: Tensor;
    readonly partials?: Tensor | undefined;
  },
  sizes: Conv2dSizes,
): void {
  const { x, dy, gradient, partials } = tensors;
  const bySubgroups = sumsWeightsBySubgroups(sizes, lanesFor(program, x));
  const kernel = bySubgroups ? conv2dBackwardWeightsSubgroupsKernel : conv2dBackwardWeightsKernel;
  const groups = bySubgroups ? weightsGroups(sizes) : weightGrid(sizes);
  recordWeightSums(program, sizes, groups, gradient, partials, (target_, dispatch) =>
    program.run(kernel, { tensors: { x, dy, target_ }, ...dispatch }),
  );
}

/** ry = the tangent of y along v [B, taskStride], with the tangent rx of x; rx undefined where x is constant. */
export function recordConv2dRForward(
  program: Program,
  tensors: {
    readonly theta: Tensor;
    readonly v: Tensor;
    readonly x: Tensor;
    readonly rx: Tensor | undefined;
    readonly ry: Tensor;
  },
  sizes: Conv2dSizes,
): void {
  const { theta, v, x, rx, ry } = tensors;
  if (!rx) {
    recordConv2dForward(program, { theta: v, x, y: ry }, sizes);
    return;
  }
  const { taskStride, offset } = sizes;
  program.run(conv2dRForwardKernel, {
    tensors: { theta, v, x, rx, ry },
    params: { ...geometryOf(sizes), taskStride, offset },
    workgroups: outputGrid(sizes),
  });
}

/** rdx = the tangent of dx along v [B, taskStride], with the tangent rdy of dy. */
export function recordConv2dRBackwardInput(
  program: Program,
  tensors: {
    readonly theta: Tensor;
    readonly v: Tensor;
    readonly dy: Tensor;
    readonly rdy: Tensor;
    readonly rdx: Tensor;
  },
  sizes: Conv2dSizes,
): void {
  const { taskStride, offset } = sizes;
  program.run(conv2dRBackwardInputKernel, {
    tensors,
    params: { ...geometryOf(sizes), taskStride, offset },
    workgroups: inputGrid(sizes),
  });
}

/**
 * product (this layer's elements) = the tangent of the weights' gradient; rx undefined where x is constant.
 * `partials` as in `recordConv2dBackwardWeights`.
 * @throws RangeError when `partials` is too small.
 */
export function recordConv2dRBackwardWeights(
  program: Program,
  tensors: {
    readonly x: Tensor;
    readonly rx: Tensor | undefined;
    readonly dy: Tensor;
    readonly rdy: Tensor;
    readonly product: Tensor;
    readonly partials?: Tensor | undefined;
  },
  sizes: Conv2dSizes,
): void {
  const { x, rx, dy, rdy, product, partials } = tensors;
  if (!rx) {
    recordConv2dBackwardWeights(program, { x, dy: rdy, gradient: product, partials }, sizes);
    return;
  }
  recordWeightSums(program, sizes, weightGrid(sizes), product, partials, (target_, dispatch) =>
    program.run(conv2dRBackwardWeightsKernel, { tensors: { x, rx, dy, rdy, target_ }, ...dispatch }),
  );
}

interface WeightDispatch {
  readonly params: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number, number];
}

/** Runs a kernel of conv2dWeightParams with `groups` workgroups a task and chunk, in one chunk straight into `gradient`, or in chunks into `partials` and then summed. */
function recordWeightSums(
  program: Program,
  sizes: Conv2dSizes,
  groups: number,
  gradient: Tensor,
  partials: Tensor | undefined,
  run: (target: Tensor, dispatch: WeightDispatch) => void,
): void {
  const { tasks, outChannels, outHeight, taskStride, offset } = sizes;
  const count = conv2dParameters(sizes);
  const inputs = count / outChannels - 1;
  const { chunks, chunkHeight } = partials
    ? conv2dWeightChunks(sizes)
    : { chunks: 1, chunkHeight: outHeight };
  const workgroups = [groups, tasks, chunks] as const;
  const common = { ...geometryOf(sizes), inputs, chunkHeight };
  if (!partials) {
    run(gradient, { params: { ...common, targetStride: taskStride, targetOffset: offset }, workgroups });
    return;
  }
  if (partials.length < tasks * chunks * count) {
    throw new RangeError(
      `partials ${partials.label} has ${partials.length} elements, but ${tasks} tasks need ${chunks * count} each: plan them with conv2dPartials`,
    );
  }
  run(partials, { params: { ...common, targetStride: chunks * count, targetOffset: 0 }, workgroups });
  program.run(conv2dSumChunksKernel, {
    tensors: { partials, gradient },
    params: { count, chunks, taskStride, offset },
    workgroups: [groupsOf64(count), tasks],
  });
}

function geometryOf(sizes: Conv2dSizes) {
  const { inChannels, inHeight, inWidth, outChannels, outHeight, outWidth } = sizes;
  const { kernel, stride, padTop, padLeft, rows } = sizes;
  return {
    ...{ inChannels, inHeight, inWidth, outChannels, outHeight, outWidth },
    ...{ kernel, stride, padTop, padLeft, rows4: rows / 4 },
  };
}

function outputGrid({ tasks, rows, outChannels, outHeight, outWidth }: Conv2dSizes) {
  return [groupsOf64((Math.ceil(outChannels / 4) * outHeight * outWidth * rows) / 4), tasks] as const;
}

function inputGrid({ tasks, rows, inChannels, inHeight, inWidth }: Conv2dSizes) {
  return [groupsOf64((Math.ceil(inChannels / 4) * inHeight * inWidth * rows) / 4), tasks] as const;
}

function weightGrid({ inChannels, outChannels, kernel }: Conv2dSizes): number {
  const rows = inChannels * kernel * kernel + 1;
  return groupsOf64(Math.ceil(rows / 4) * Math.ceil(outChannels / 4));
}
