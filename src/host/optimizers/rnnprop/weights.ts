import { MOVING_FEATURES } from '../../ops/movingAverages.ts';
import { fillLstm, lstmNamedBlocks, lstmWeightBlocks } from '../lstmBlock.ts';
import { contiguousBlock, fillUniform, type NamedBlock, namedBlock } from '../namedBlocks.ts';
import type { WeightBlock } from '../optimizer.ts';
import type { RnnpropLayout } from './layout.ts';

/**
 * Fresh weights: the input layer as torch.nn.Linear, U(-1/sqrt(2), 1/sqrt(2)); LSTM layers and output layer as those of
 * l2l, so that training starts from small steps.
 */
export function initialPhi({ input, stack, output, length }: RnnpropLayout, seed: number): Float32Array {
  const phi = new Float32Array(length);
  const inputPlaces = Array.from({ length: input.length }, (_, i) => i).filter((i) => i % 4 < 3);
  const bound = 1 / Math.sqrt(MOVING_FEATURES);
  fillUniform(phi, seed, inputPlaces, -bound, bound);
  for (const block of stack.layers) fillLstm(phi, seed, block);
  const outputPlaces = Array.from({ length: output.inputs + 1 }, (_, i) => output.offset + i);
  const small = 0.1 / Math.sqrt(output.inputs);
  fillUniform(phi, seed, outputPlaces, -small, small);
  return phi;
}

/** The tensors of a weight file of this layout, as torch's Linear and LSTMCell have them. */
export function namedBlocks({ input, stack, output }: RnnpropLayout): NamedBlock[] {
  const { hidden } = input;
  const place = (unit: number, k: number) => 4 * unit + k;
  return [
    namedBlock('input.weight', [hidden, MOVING_FEATURES], (i) =>
      place(Math.floor(i / MOVING_FEATURES), i % MOVING_FEATURES),
    ),
    namedBlock('input.bias', [hidden], (unit) => place(unit, MOVING_FEATURES)),
    ...stack.layers.flatMap(lstmNamedBlocks),
    namedBlock('output.weight', [1, output.inputs], (index) => output.offset + index),
    namedBlock('output.bias', [1], () => output.offset + output.inputs),
  ];
}

/** The blocks whose meta-gradients are judged one by one. */
export function weightBlocks({ input, stack, output }: RnnpropLayout): WeightBlock[] {
  const ofInput = { runs: input.hidden, stride: 4 };
  return [
    { name: 'input.weight', offset: 0, length: MOVING_FEATURES, ...ofInput },
    { name: 'input.bias', offset: MOVING_FEATURES, length: 1, ...ofInput },
    ...stack.layers.flatMap(lstmWeightBlocks),
    contiguousBlock('output.weight', output.offset, output.inputs),
    contiguousBlock('output.bias', output.offset + output.inputs, 1),
  ];
}
