import { lstmRow } from '../ops/lstm.ts';
import { fillUniform, type NamedBlock, namedBlock } from './namedBlocks.ts';
import type { WeightBlock } from './optimizer.ts';

/** One LSTM layer inside phi: [hidden, inputs + hidden + 1] vec4f (gates i, f, g, o), at `offset` f32. */
export interface LstmBlock {
  readonly name: string;
  readonly inputs: number;
  readonly hidden: number;
  readonly offset: number;
  readonly length: number;
}

export function lstmBlock(name: string, inputs: number, hidden: number, offset: number): LstmBlock {
  return { name, inputs, hidden, offset, length: hidden * lstmRow({ inputs, hidden }) * 4 };
}

/** Index in phi of (unit, input k, gate); inputs from below come first, then h, then the bias. */
export function lstmPlace(block: LstmBlock, unit: number, k: number, gate: number): number {
  return block.offset + (unit * lstmRow(block) + k) * 4 + gate;
}

/** Fresh weights: U(-1/sqrt(H), 1/sqrt(H)) as torch.nn.LSTMCell, 1 added to the forget gates' biases. */
export function fillLstm(phi: Float32Array, seed: number, block: LstmBlock): void {
  const places = Array.from({ length: block.length }, (_, i) => block.offset + i);
  const bound = 1 / Math.sqrt(block.hidden);
  fillUniform(phi, seed, places, -bound, bound);
  for (let unit = 0; unit < block.hidden; unit++) {
    const forgetBias = lstmPlace(block, unit, lstmRow(block) - 1, 1);
    phi[forgetBias] = (phi[forgetBias] ?? 0) + 1;
  }
}

/** The layer's tensors as torch.nn.LSTMCell names and orders them. */
export function lstmNamedBlocks(block: LstmBlock): NamedBlock[] {
  const { name, inputs, hidden } = block;
  const place = (row: number, k: number) => lstmPlace(block, row % hidden, k, Math.floor(row / hidden));
  const bias = (row: number) => place(row, inputs + hidden);
  return [
    namedBlock(`${name}.weight_ih`, [4 * hidden, inputs], (i) => place(Math.floor(i / inputs), i % inputs)),
    namedBlock(`${name}.weight_hh`, [4 * hidden, hidden], (i) =>
      place(Math.floor(i / hidden), inputs + (i % hidden)),
    ),
    namedBlock(`${name}.bias_ih`, [4 * hidden], bias),
    { ...namedBlock(`${name}.bias_hh`, [4 * hidden], bias), addend: true },
  ];
}

/** The layer's weights on its inputs, on its own state, and its biases: in phi a unit's lie together. */
export function lstmWeightBlocks(block: LstmBlock): WeightBlock[] {
  const { name, inputs, hidden } = block;
  const stride = 4 * lstmRow(block);
  const part = (label: string, first: number, rows: number): WeightBlock => ({
    name: `${name}.${label}`,
    offset: lstmPlace(block, 0, first, 0),
    length: 4 * rows,
    runs: hidden,
    stride,
  });
  return [part('weight_ih', 0, inputs), part('weight_hh', inputs, hidden), part('bias', inputs + hidden, 1)];
}
