import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { recordAccuracy } from '../ops/accuracy.ts';
import {
  recordSoftmaxCrossEntropyBackward,
  recordSoftmaxCrossEntropyForward,
  recordSoftmaxCrossEntropyRBackward,
} from '../ops/softmaxCrossEntropy.ts';
import {
  recordSquaredErrorBackward,
  recordSquaredErrorForward,
  recordSquaredErrorRBackward,
} from '../ops/squaredError.ts';
import type { ExampleBatch, Objective } from './examples.ts';

/** What a network is trained to do on one batch: output and its adjoint and tangents are [B, outputs, rows]. */
export interface BoundLoss {
  /** rowLoss [B, rows]: the loss of every example; 0 beyond the batch. */
  recordForward(program: Program, output: Tensor, rowLoss: Tensor): void;
  /** doutput: the adjoint of the mean loss over the batch. */
  recordBackward(program: Program, output: Tensor, doutput: Tensor): void;
  /** rdoutput: the tangent of doutput along routput. */
  recordRBackward(
    program: Program,
    tensors: { readonly output: Tensor; readonly routput: Tensor; readonly rdoutput: Tensor },
  ): void;
  /** accuracy[slot, b]: the share of the batch that is classified right; only where there are classes. */
  recordAccuracy?(program: Program, output: Tensor, accuracy: Tensor, slot: number): void;
}

/** Mean softmax cross-entropy over labels, or mean squared error over targets. */
export function bindLoss(objective: Objective, batch: ExampleBatch, tasks: number): BoundLoss {
  const { target } = batch;
  const counts = { tasks, batch: batch.batch, rows: batch.rows };
  if (objective.kind === 'regression') {
    const sizes = { ...counts, outputs: objective.outputs };
    return {
      recordForward: (program, output, rowLoss) =>
        recordSquaredErrorForward(program, { output, target, rowLoss }, sizes),
      recordBackward: (program, output, doutput) =>
        recordSquaredErrorBackward(program, { output, target, doutput }, sizes),
      recordRBackward: (program, { routput, rdoutput }) =>
        recordSquaredErrorRBackward(program, { routput, rdoutput }, sizes),
    };
  }
  const sizes = { ...counts, classes: objective.outputs };
  return {
    recordForward: (program, logits, rowLoss) =>
      recordSoftmaxCrossEntropyForward(program, { logits, labels: target, rowLoss }, sizes),
    recordBackward: (program, logits, dlogits) =>
      recordSoftmaxCrossEntropyBackward(program, { logits, labels: target, dlogits }, sizes),
    recordRBackward: (program, { output, routput, rdoutput }) =>
      recordSoftmaxCrossEntropyRBackward(
        program,
        { logits: output, rlogits: routput, rdlogits: rdoutput },
        sizes,
      ),
    recordAccuracy: (program, logits, accuracy, slot) =>
      recordAccuracy(program, { logits, labels: target, accuracy }, { ...sizes, slot }),
  };
}
