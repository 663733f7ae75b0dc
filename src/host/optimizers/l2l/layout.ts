import { outputWeights } from '../../ops/coordinateOutput.ts';
import { type Preprocess, preprocessFeatures } from '../../ops/preprocess.ts';
import { type StackLayout, stackLayout } from '../lstmStack.ts';
import { alignedLength } from '../namedBlocks.ts';

/** Settings of the coordinate-wise LSTM of Andrychowicz et al. 2016. */
export interface L2lSettings {
  /** Stacked LSTM layers; 0 is a linear map of the preprocessed gradient. */
  readonly layers: number;
  readonly hidden: number;
  readonly preprocess: Preprocess;
  readonly outputScale: number;
}

/** Where everything lies in phi. Blocks start at multiples of 64 f32, so each can be bound on its own. */
export interface L2lLayout {
  readonly stack: StackLayout;
  /** [inputs + 1] f32: weights, then the bias, padded to vec4f. */
  readonly output: { readonly inputs: number; readonly offset: number; readonly length: number };
  /** f32 in phi, padding included. */
  readonly length: number;
  /** Weights as the papers count them. */
  readonly weightCount: number;
}

export function l2lLayout({ layers, hidden, preprocess }: L2lSettings): L2lLayout {
  const features = preprocessFeatures(preprocess);
  const stack = stackLayout(features, layers, hidden, 0);
  const inputs = layers === 0 ? features : hidden;
  const output = { inputs, offset: stack.end, length: outputWeights(inputs) };
  const weightCount = stack.layers.reduce((sum, block) => sum + block.length, inputs + 1);
  const length = alignedLength(Math.max(output.offset + output.length, stack.leastLength));
  return { stack, output, length, weightCount };
}
