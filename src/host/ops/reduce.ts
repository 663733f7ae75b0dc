import partialsCode from '../../shaders/reduce/partials.wgsl?raw';
import rowsCode from '../../shaders/reduce/rows.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const reduceRowsKernel: Kernel = {
  name: 'reduce/rows',
  code: rowsCode,
  tensors: { value: 'read', target_: 'readWrite' },
  params: { tasks: 'u32', count: 'u32', slot: 'u32', scale: 'f32' },
};

export const reducePartialsKernel: Kernel = {
  name: 'reduce/partials',
  code: partialsCode,
  tensors: { partials: 'read', target_: 'readWrite' },
  params: { count: 'u32', chunks: 'u32' },
};

/** target[slot, b] = scale * sum_i value[b, i]; value [B, count], target [slots, B]. */
export function recordReduceRows(
  program: Program,
  tensors: { readonly value: Tensor; readonly target: Tensor },
  numbers: {
    readonly tasks: number;
    readonly slot: number;
    readonly scale: number;
  },
): void {
  const { tasks, slot, scale } = numbers;
  program.run(reduceRowsKernel, {
    tensors: { value: tensors.value, target_: tensors.target },
    params: { tasks, count: tensors.value.length / tasks, slot, scale },
    workgroups: [groupsOf64(tasks)],
  });
}

/** What chunks of coordinates sum apart: each its share of a gradient, `stride` vec4f after that of the chunk before it. */
export interface Sums {
  readonly chunks: number;
  readonly stride: number;
  /** Whether the shares are added to what is there. */
  readonly accumulate: boolean;
}

/** `Sums` as the params of a kernel. */
export function sumParams({ chunks, stride, accumulate }: Sums) {
  return { chunks, stride, accumulate: accumulate ? 1 : 0 };
}

/** target [count] vec4f = the sum over chunks of partials [chunks, count] vec4f. */
export function recordReducePartials(
  program: Program,
  tensors: { readonly partials: Tensor; readonly target: Tensor },
  chunks: number,
): void {
  const count = tensors.target.length / 4;
  program.run(reducePartialsKernel, {
    tensors: { partials: tensors.partials, target_: tensors.target },
    params: { count, chunks },
    workgroups: [groupsOf64(count)],
  });
}
