import forwardCode from '../../shaders/softmaxCrossEntropy/forward.wgsl?raw';
import rBackwardCode from '../../shaders/softmaxCrossEntropy/rBackward.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

const params = { classes: 'u32', rows: 'u32', batch: 'u32' } as const;

export const softmaxCrossEntropyForwardKernel: Kernel = {
  name: 'softmaxCrossEntropy/forward',
  code: forwardCode,
  tensors: { logits: 'read', labels: 'read', rowLoss: 'readWrite', dlogits: 'readWrite' },
  params,
};

export const softmaxCrossEntropyRBackwardKernel: Kernel = {
  name: 'softmaxCrossEntropy/rBackward',
  code: rBackwardCode,
  tensors: { logits: 'read', rlogits: 'read', rdlogits: 'readWrite' },
  params,
};

export interface SoftmaxSizes {
  readonly tasks: number;
  readonly classes: number;
  /** Examples that count. */
  readonly batch: number;
  /** `batch` rounded up to a multiple of 4. */
  readonly rows: number;
}

/**
 * rowLoss [B, rows]: the cross-entropy of each example, in nats; dlogits [B, classes, rows]: the adjoint of its mean over the
 * batch. Both are 0 beyond the batch.
 */
export function recordSoftmaxCrossEntropyForward(
  program: Program,
  tensors: {
    readonly logits: Tensor;
    readonly labels: Tensor;
    readonly rowLoss: Tensor;
    readonly dlogits: Tensor;
  },
  { tasks, classes, rows, batch }: SoftmaxSizes,
): void {
  program.run(softmaxCrossEntropyForwardKernel, {
    tensors,
    params: { classes, rows, batch },
    workgroups: [groupsOf64(rows), tasks],
  });
}

/** rdlogits [B, classes, rows]: the tangent of dlogits along rlogits. */
export function recordSoftmaxCrossEntropyRBackward(
  program: Program,
  tensors: { readonly logits: Tensor; readonly rlogits: Tensor; readonly rdlogits: Tensor },
  { tasks, classes, rows, batch }: SoftmaxSizes,
): void {
  program.run(softmaxCrossEntropyRBackwardKernel, {
    tensors,
    params: { classes, rows, batch },
    workgroups: [groupsOf64(rows), tasks],
  });
}
