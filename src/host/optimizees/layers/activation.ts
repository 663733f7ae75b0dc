import {
  type Activation,
  recordActivationBackward,
  recordActivationForward,
  recordActivationRBackward,
  recordActivationRForward,
} from '../../ops/activation.ts';
import type { Layer, Shape } from './layer.ts';

/** y = activation(x), elementwise. */
export function activationLayer(input: Shape, activation: Activation): Layer {
  return {
    kind: 'activation',
    name: activation,
    output: input,
    parameters: 0,
    recordStart() {},
    bind: () => ({
      recordForward: (program, { x, y }) => recordActivationForward(program, { x, y }, activation),
      recordBackward(program, { y, dy, dx }) {
        if (dx) recordActivationBackward(program, { y, dy, dx }, activation);
      },
      recordRForward(program, { y, rx, ry }) {
        if (rx) recordActivationRForward(program, { y, rx, ry }, activation);
      },
      recordRBackward(program, { y, ry, dy, rdy, rdx }) {
        if (rdx) recordActivationRBackward(program, { y, ry, dy, rdy, rdx }, activation);
      },
    }),
  };
}
