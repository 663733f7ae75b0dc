import { fillLstm, lstmNamedBlocks, lstmWeightBlocks } from '../lstmBlock.ts';
import { contiguousBlock, fillUniform, type NamedBlock, namedBlock } from '../namedBlocks.ts';
import type { WeightBlock } from '../optimizer.ts';
import type { L2lLayout } from './layout.ts';

/**
 * Fresh weights: LSTM layers as `fillLstm` has them, the output layer a tenth of that, so that training starts from small steps.
 */
export function initialPhi(layout: L2lLayout, seed: number): Float32Array {
  const phi = new Float32Array(layout.length);
  for (const block of layout.stack.layers) fillLstm(phi, seed, block);
  const { output } = layout;
  const places = Array.from({ length: output.inputs + 1 }, (_, i) => output.offset + i);
  const bound = 0.1 / Math.sqrt(output.inputs);
  fillUniform(phi, seed, places, -bound, bound);
  return phi;
}

/** The tensors of a weight file of this layout, as torch's LSTMCell and Linear have them. */
export function namedBlocks({ stack, output }: L2lLayout): NamedBlock[] {
  return [
    ...stack.layers.flatMap(lstmNamedBlocks),
    namedBlock('output.weight', [1, output.inputs], (index) => output.offset + index),
    namedBlock('output.bias', [1], () => output.offset + output.inputs),
  ];
}

/** The blocks whose meta-gradients are judged one by one. */
export function weightBlocks({ stack, output }: L2lLayout): WeightBlock[] {
  return [
    ...stack.layers.flatMap(lstmWeightBlocks),
    contiguousBlock('output.weight', output.offset, output.inputs),
    contiguousBlock('output.bias', output.offset + output.inputs, 1),
  ];
}
