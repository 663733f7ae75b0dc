import averageBackwardCode from '../../shaders/pool/averageBackward.wgsl?raw';
import averageForwardCode from '../../shaders/pool/averageForward.wgsl?raw';
import maxBackwardCode from '../../shaders/pool/maxBackward.wgsl?raw';
import maxBackwardApartCode from '../../shaders/pool/maxBackwardApart.wgsl?raw';
import maxForwardCode from '../../shaders/pool/maxForward.wgsl?raw';
import maxRForwardCode from '../../shaders/pool/maxRForward.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { windowsAlong } from './conv2dSizes.ts';
import { groupsOf64 } from './coordinates.ts';

const params = {
  channels: 'u32',
  inHeight: 'u32',
  inWidth: 'u32',
  outHeight: 'u32',
  outWidth: 'u32',
  kernel: 'u32',
  stride: 'u32',
  rows4: 'u32',
} as const;

export const maxPoolForwardKernel: Kernel = {
  name: 'pool/maxForward',
  code: maxForwardCode,
  tensors: { x: 'read', y: 'readWrite' },
  params,
};

export const maxPoolRForwardKernel: Kernel = {
  name: 'pool/maxRForward',
  code: maxRForwardCode,
  tensors: { x: 'read', rx: 'read', ry: 'readWrite' },
  params,
};

export const maxPoolBackwardKernel: Kernel = {
  name: 'pool/maxBackward',
  code: maxBackwardCode,
  tensors: { x: 'read', y: 'read', dy: 'read', dx: 'readWrite' },
  params,
};

/** Of windows that do not overlap: stride >= kernel. */
export const maxPoolBackwardApartKernel: Kernel = {
  ...maxPoolBackwardKernel,
  name: 'pool/maxBackwardApart',
  code: maxBackwardApartCode,
};

export const averagePoolForwardKernel: Kernel = {
  name: 'pool/averageForward',
  code: averageForwardCode,
  tensors: { x: 'read', y: 'readWrite' },
  params,
};

export const averagePoolBackwardKernel: Kernel = {
  name: 'pool/averageBackward',
  code: averageBackwardCode,
  tensors: { dy: 'read', dx: 'readWrite' },
  params,
};

/** Square windows over images, without padding; `rows` (a multiple of 4) examples a task. */
export interface PoolSizes {
  readonly tasks: number;
  readonly rows: number;
  readonly channels: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** Side of a window. */
  readonly kernel: number;
  readonly stride: number;
}

/**
 * How many windows of `kernel` fit into height x width, `stride` apart; the lines that are left are not seen.
 * @throws ConfigError when none fits, or a number is no positive integer.
 */
export function poolOutput(
  height: number,
  width: number,
  kernel: number,
  stride = kernel,
): Pick<PoolSizes, 'outHeight' | 'outWidth'> {
  return {
    outHeight: windowsAlong(height, kernel, stride),
    outWidth: windowsAlong(width, kernel, stride),
  };
}

/** y [B, channels, outHeight, outWidth, rows] = the maximum of each window of x. */
export function recordMaxPoolForward(
  program: Program,
  tensors: { readonly x: Tensor; readonly y: Tensor },
  sizes: PoolSizes,
): void {
  program.run(maxPoolForwardKernel, { tensors, params: paramsOf(sizes), workgroups: outputGrid(sizes) });
}

/** dx [B, channels, inHeight, inWidth, rows]: dy goes to the first maximum of its window, in reading order. */
export function recordMaxPoolBackward(
  program: Program,
  tensors: { readonly x: Tensor; readonly y: Tensor; readonly dy: Tensor; readonly dx: Tensor },
  sizes: PoolSizes,
): void {
  const isApart = sizes.stride >= sizes.kernel;
  program.run(isApart ? maxPoolBackwardApartKernel : maxPoolBackwardKernel, {
    tensors,
    params: paramsOf(sizes),
    workgroups: isApart ? cellGrid(sizes) : inputGrid(sizes),
  });
}

/** ry = the tangent rx of the element that each window's y is. */
export function recordMaxPoolRForward(
  program: Program,
  tensors: { readonly x: Tensor; readonly rx: Tensor; readonly ry: Tensor },
  sizes: PoolSizes,
): void {
  program.run(maxPoolRForwardKernel, { tensors, params: paramsOf(sizes), workgroups: outputGrid(sizes) });
}

/** rdx = the tangent of dx: rdy goes where dy went. */
export function recordMaxPoolRBackward(
  program: Program,
  { x, y, rdy, rdx }: { readonly x: Tensor; readonly y: Tensor; readonly rdy: Tensor; readonly rdx: Tensor },
  sizes: PoolSizes,
): void {
  recordMaxPoolBackward(program, { x, y, dy: rdy, dx: rdx }, sizes);
}

/** y = the mean of each window of x. Linear: ry from rx is the same. */
export function recordAveragePoolForward(
  program: Program,
  tensors: { readonly x: Tensor; readonly y: Tensor },
  sizes: PoolSizes,
): void {
  program.run(averagePoolForwardKernel, { tensors, params: paramsOf(sizes), workgroups: outputGrid(sizes) });
}

/** dx: dy in equal shares to all of its window. Linear: rdx from rdy is the same. */
export function recordAveragePoolBackward(
  program: Program,
  tensors: { readonly dy: Tensor; readonly dx: Tensor },
  sizes: PoolSizes,
): void {
  program.run(averagePoolBackwardKernel, { tensors, params: paramsOf(sizes), workgroups: inputGrid(sizes) });
}

function paramsOf(sizes: PoolSizes) {
  const { channels, inHeight, inWidth, outHeight, outWidth, kernel, stride, rows } = sizes;
  return { channels, inHeight, inWidth, outHeight, outWidth, kernel, stride, rows4: rows / 4 };
}

function outputGrid({ tasks, rows, channels, outHeight, outWidth }: PoolSizes) {
  return [groupsOf64((channels * outHeight * outWidth * rows) / 4), tasks] as const;
}

function inputGrid({ tasks, rows, channels, inHeight, inWidth }: PoolSizes) {
  return [groupsOf64((channels * inHeight * inWidth * rows) / 4), tasks] as const;
}

/** A thread from a window's corner to the next one's. */
function cellGrid({ tasks, rows, channels, inHeight, inWidth, stride }: PoolSizes) {
  const [lines, columns] = [Math.ceil(inHeight / stride), Math.ceil(inWidth / stride)];
  return [groupsOf64((columns * rows) / 4), channels * lines, tasks] as const;
}
