import { outputWeights } from '../../ops/coordinateOutput.ts';
import { lstmWindow } from '../../ops/lstm.ts';
import { type Preprocess, preprocessFeatures } from '../../ops/preprocess.ts';
import { type LstmBlock, lstmBlock } from '../lstmBlock.ts';
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
  readonly layers: readonly LstmBlock[];
  /** [inputs + 1] f32: weights, then the bias, padded to vec4f. */
  readonly output: { readonly inputs: number; readonly offset: number; readonly length: number };
  /** vec4f of phi that an LSTM kernel binds: the most that any layer needs, so that layers share pipelines. */
  readonly window: number;
  /** f32 in phi, padding included; every binding of `window` fits. */
  readonly length: number;
  /** Weights as the papers count them. */
  readonly weightCount: number;
}

export function l2lLayout({ layers, hidden, preprocess }: L2lSettings): L2lLayout {
  const blocks: LstmBlock[] = [];
  let offset = 0;
  let inputs = preprocessFeatures(preprocess);
  for (let layer = 0; layer < layers; layer++) {
    const block = lstmBlock(`lstm.${layer}`, inputs, hidden, offset);
    blocks.push(block);
    offset += alignedLength(block.length);
    inputs = hidden;
  }
  const output = { inputs, offset, length: outputWeights(inputs) };
  const window = Math.max(1, ...blocks.map(lstmWindow));
  const lastStart = Math.max(0, ...blocks.map((block) => block.offset + block.length));
  const weightCount = blocks.reduce((sum, block) => sum + block.length, inputs + 1);
  const length = alignedLength(Math.max(offset + output.length, lastStart + 4 * window));
  return { layers: blocks, output, window, length, weightCount };
}
