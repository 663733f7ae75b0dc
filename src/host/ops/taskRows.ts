import addScaledCode from '../../shaders/taskRows/addScaled.wgsl?raw';
import addSlotCode from '../../shaders/taskRows/addSlot.wgsl?raw';
import broadcastCode from '../../shaders/taskRows/broadcast.wgsl?raw';
import partCode from '../../shaders/taskRows/part.wgsl?raw';
import sumCode from '../../shaders/taskRows/sum.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const taskRowsBroadcastKernel: Kernel = {
  name: 'taskRows/broadcast',
  code: broadcastCode,
  tensors: { row: 'read', rows: 'readWrite' },
  params: { count: 'u32' },
};

export const taskRowsSumKernel: Kernel = {
  name: 'taskRows/sum',
  code: sumCode,
  tensors: { rows: 'read', row: 'readWrite' },
  params: { count: 'u32', tasks: 'u32' },
};

export const taskRowsAddScaledKernel: Kernel = {
  name: 'taskRows/addScaled',
  code: addScaledCode,
  tensors: { factor: 'read', x: 'read', y: 'readWrite' },
  params: { count: 'u32' },
};

export const taskRowsPartKernel: Kernel = {
  name: 'taskRows/part',
  code: partCode,
  tensors: { source: 'read', target_: 'readWrite' },
  params: {
    count: 'u32',
    sourceStride: 'u32',
    sourceOffset: 'u32',
    targetStride: 'u32',
    targetOffset: 'u32',
  },
};

export const taskRowsAddSlotKernel: Kernel = {
  name: 'taskRows/addSlot',
  code: addSlotCode,
  tensors: { value: 'read', target_: 'readWrite' },
  params: { tasks: 'u32', slot: 'u32' },
};

/** A batch of tasks: `tasks` rows of `count` values. */
export interface RowSizes {
  readonly tasks: number;
  readonly count: number;
}

/** rows [B, count] = row [count], for every task; what follows the rows in their tensor is left alone. */
export function recordBroadcastRow(
  program: Program,
  tensors: { readonly row: Tensor; readonly rows: Tensor },
  { tasks, count }: RowSizes,
): void {
  program.run(taskRowsBroadcastKernel, {
    tensors,
    params: { count },
    workgroups: [groupsOf64(count), tasks],
  });
}

/** row [count] = the sum over tasks of rows [B, count]. */
export function recordSumRows(
  program: Program,
  tensors: { readonly rows: Tensor; readonly row: Tensor },
  { tasks, count }: RowSizes,
): void {
  program.run(taskRowsSumKernel, { tensors, params: { count, tasks }, workgroups: [groupsOf64(count)] });
}

/** y [B, count] += factor [B] * x [B, count]. */
export function recordAddScaledRows(
  program: Program,
  tensors: { readonly factor: Tensor; readonly x: Tensor; readonly y: Tensor },
  { tasks, count }: RowSizes,
): void {
  program.run(taskRowsAddScaledKernel, {
    tensors,
    params: { count },
    workgroups: [groupsOf64(count), tasks],
  });
}

/** Rows of values, a task each: where in them `count` elements begin. */
export interface RowPart {
  readonly tensor: Tensor;
  readonly stride: number;
  readonly offset: number;
}

/** `count` elements of every row of one tensor into the rows of another. */
export function recordRowPart(
  program: Program,
  from: RowPart,
  to: RowPart,
  { tasks, count }: RowSizes,
): void {
  program.run(taskRowsPartKernel, {
    tensors: { source: from.tensor, target_: to.tensor },
    params: {
      count,
      ...{ sourceStride: from.stride, sourceOffset: from.offset },
      ...{ targetStride: to.stride, targetOffset: to.offset },
    },
    workgroups: [groupsOf64(count), tasks],
  });
}

/** target[slot, b] += value[b]; value [B], target [slots, B]. */
export function recordAddSlot(
  program: Program,
  { value, target }: { readonly value: Tensor; readonly target: Tensor },
  slot: number,
): void {
  const tasks = value.length;
  program.run(taskRowsAddSlotKernel, {
    tensors: { value, target_: target },
    params: { tasks, slot },
    workgroups: [groupsOf64(tasks)],
  });
}
