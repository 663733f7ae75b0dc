import { outputWeights } from '../../ops/coordinateOutput.ts';
import { MOVING_FEATURES } from '../../ops/movingAverages.ts';
import { type StackLayout, stackLayout } from '../lstmStack.ts';
import { alignedLength } from '../namedBlocks.ts';

/** Settings of RNNprop (Lv, Jiang & Li 2017). */
export interface RnnpropSettings {
  /** Stacked LSTM layers, at least one. */
  readonly layers: number;
  /** Units of the input layer and of each LSTM layer. */
  readonly hidden: number;
  /** Decay rates of the moving averages of g and of g^2. */
  readonly beta1: number;
  readonly beta2: number;
  /** The longest step: the output passes a tanh. */
  readonly outputScale: number;
}

/** Where everything lies in phi. Blocks start at multiples of 64 f32, so each can be bound on its own. */
export interface RnnpropLayout {
  /** [hidden] vec4f: the weights of the two features, the bias, one unused; at the start. */
  readonly input: { readonly hidden: number; readonly length: number };
  readonly stack: StackLayout;
  /** [hidden + 1] f32: weights, then the bias, padded to vec4f. */
  readonly output: { readonly inputs: number; readonly offset: number; readonly length: number };
  /** f32 in phi, padding included. */
  readonly length: number;
  readonly weightCount: number;
}

export function rnnpropLayout({ layers, hidden }: RnnpropSettings): RnnpropLayout {
  const input = { hidden, length: 4 * hidden };
  const stack = stackLayout(hidden, layers, hidden, alignedLength(input.length));
  const output = { inputs: hidden, offset: stack.end, length: outputWeights(hidden) };
  const inputWeights = (MOVING_FEATURES + 1) * hidden;
  const weightCount = stack.layers.reduce((sum, { length }) => sum + length, inputWeights + hidden + 1);
  const length = alignedLength(Math.max(output.offset + output.length, stack.leastLength));
  return { input, stack, output, length, weightCount };
}
