import forwardCode from '../../shaders/accuracy/forward.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const accuracyKernel: Kernel = {
  name: 'accuracy/forward',
  code: forwardCode,
  tensors: { logits: 'read', labels: 'read', accuracy: 'readWrite' },
  params: { tasks: 'u32', classes: 'u32', rows: 'u32', batch: 'u32', slot: 'u32' },
};

/**
 * accuracy[slot, b]: the share of a task's batch whose largest logit (the first of equal ones) is the label's; an example
 * with a logit that is not finite counts as wrong. logits [B, classes, rows], labels [B, rows] u32,
 * accuracy [slots, B].
 */
export function recordAccuracy(
  program: Program,
  tensors: { readonly logits: Tensor; readonly labels: Tensor; readonly accuracy: Tensor },
  numbers: {
    readonly tasks: number;
    readonly classes: number;
    /** `batch` rounded up to a multiple of 4. */
    readonly rows: number;
    /** Examples that count. */
    readonly batch: number;
    readonly slot: number;
  },
): void {
  const { tasks, classes, rows, batch, slot } = numbers;
  program.run(accuracyKernel, {
    tensors,
    params: { tasks, classes, rows, batch, slot },
    workgroups: [groupsOf64(tasks)],
  });
}
