import {
  planDenseInput,
  planDenseOutputAdjoint,
  recordDenseBackwardInput,
  recordDenseBackwardWeights,
  recordDenseForward,
  recordDenseRBackwardInput,
  recordDenseRBackwardWeights,
  recordDenseRForward,
} from '../../ops/dense.ts';
import { recordNormal, recordUniform } from '../../ops/random.ts';
import { featuresOf, type InitialValues, type Layer, type Shape, vectorShape } from './layer.ts';

/** y = W^T x + b over all features of x; parameters: weight [in, out] row-major, then bias [out]. */
export function denseLayer(input: Shape, outputs: number, initial: InitialValues): Layer {
  const inputs = featuresOf(input);
  const parameters = (inputs + 1) * outputs;
  return {
    kind: 'dense',
    name: `dense ${inputs}-${outputs}`,
    output: vectorShape(outputs),
    parameters,
    recordStart(program, keys, theta, place) {
      const span = { count: parameters, ...place };
      if (initial.kind === 'normal') {
        recordNormal(program, keys, theta, { ...span, scale: initial.scale });
      } else {
        const bound = 1 / Math.sqrt(inputs);
        recordUniform(program, keys, theta, { ...span, low: -bound, high: bound });
      }
    },
    planReads(pool, { x, dy }, wantsInputAdjoint) {
      planDenseInput(pool, x, inputs);
      if (wantsInputAdjoint) planDenseOutputAdjoint(pool, dy, outputs);
    },
    bind(_pool, { tasks, rows }, place) {
      const sizes = { tasks, rows, inputs, outputs, ...place };
      return {
        recordForward: (program, { theta, x, y }) => recordDenseForward(program, { theta, x, y }, sizes),
        recordBackward(program, { theta, x, dy, dx, gradient }) {
          if (gradient) recordDenseBackwardWeights(program, { x, dy, gradient }, sizes);
          if (dx) recordDenseBackwardInput(program, { theta, dy, dx }, sizes);
        },
        recordRForward(program, { theta, v, x, rx, ry }) {
          recordDenseRForward(program, { theta, v, x, rx, ry }, sizes);
        },
        recordRBackward(program, { theta, v, x, rx, dy, rdy, rdx, product }) {
          recordDenseRBackwardWeights(program, { x, rx, dy, rdy, product }, sizes);
          if (rdx) recordDenseRBackwardInput(program, { theta, v, dy, rdy, rdx }, sizes);
        },
      };
    },
  };
}
