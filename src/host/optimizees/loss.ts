import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { recordAccuracy } from '../ops/accuracy.ts';
import {
  recordSoftmaxCrossEntropyForward,
  recordSoftmaxCrossEntropyRBackward,
} from '../ops/softmaxCrossEntropy.ts';
import { recordSquaredErrorForward, recordSquaredErrorRBackward } from '../ops/squaredError.ts';
import type { ExampleBatch, Objective } from './examples.ts';

/** What a network is trained to do on one batch: output and its adjoint and tangents are [B, outputs, rows]. */
export interface BoundLoss {
  /** rowLoss [B, rows]: the loss of every example; doutput: the adjoint of their mean. Both are 0 beyond the batch. */
  recordForward(
    program: Program,
    tensors: { readonly output: Tensor; readonly rowLoss: Tensor; readonly doutput: Tensor },
  ): void;
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
      recordForward: (program, tensors) => recordSquaredErrorForward(program, { ...tensors, target }, sizes),
      recordRBackward: (program, { routput, rdoutput }) =>
        recordSquaredErrorRBackward(program, { routput, rdoutput }, sizes),
    };
  }
  const sizes = { ...counts, classes: objective.outputs };
  return {
    recordForward: (program, { output: logits, rowLoss, doutput: dlogits }) =>
      recordSoftmaxCrossEntropyForward(program, { logits, labels: target, rowLoss, dlogits }, sizes),
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
