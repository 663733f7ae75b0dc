import addScaledCode from '../../shaders/taskRows/addScaled.wgsl?raw';
import broadcastCode from '../../shaders/taskRows/broadcast.wgsl?raw';
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
