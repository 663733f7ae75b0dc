import { lstmRow } from '../../ops/lstm.ts';
import { lstmNamedBlocks, lstmPlace, lstmWeightBlocks } from '../lstmBlock.ts';
import { contiguousBlock, fillUniform, type NamedBlock, namedBlock } from '../namedBlocks.ts';
import type { WeightBlock } from '../optimizer.ts';
import type { L2lLayout } from './layout.ts';

/**
 * Fresh weights: U(-1/sqrt(H), 1/sqrt(H)) for the LSTM layers as torch.nn.LSTMCell, 1 added to the forget
 * gates' biases, the output layer a tenth of that, so that training starts from small steps.
 */
export function initialPhi(layout: L2lLayout, seed: number): Float32Array {
  const phi = new Float32Array(layout.length);
  const fill = (offset: number, length: number, bound: number) => {
    const places = Array.from({ length }, (_, i) => offset + i);
    fillUniform(phi, seed, places, -bound, bound);
  };
  for (const block of layout.layers) {
    fill(block.offset, block.length, 1 / Math.sqrt(block.hidden));
    for (let unit = 0; unit < block.hidden; unit++) {
      const forgetBias = lstmPlace(block, unit, lstmRow(block) - 1, 1);
      phi[forgetBias] = (phi[forgetBias] ?? 0) + 1;
    }
  }
  const { output } = layout;
  fill(output.offset, output.inputs + 1, 0.1 / Math.sqrt(output.inputs));
  return phi;
}

/** The tensors of a weight file of this layout, as torch's LSTMCell and Linear have them. */
export function namedBlocks({ layers, output }: L2lLayout): NamedBlock[] {
  return [
    ...layers.flatMap(lstmNamedBlocks),
    namedBlock('output.weight', [1, output.inputs], (index) => output.offset + index),
    namedBlock('output.bias', [1], () => output.offset + output.inputs),
  ];
}

/** The blocks whose meta-gradients are judged one by one. */
export function weightBlocks({ layers, output }: L2lLayout): WeightBlock[] {
  return [
    ...layers.flatMap(lstmWeightBlocks),
    contiguousBlock('output.weight', output.offset, output.inputs),
    contiguousBlock('output.bias', output.offset + output.inputs, 1),
  ];
}
