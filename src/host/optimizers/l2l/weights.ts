import { STREAMS, threefry, toUnit, type Words } from '../../data/threefry.ts';
import { FileFormatError } from '../../errors.ts';
import { lstmRow } from '../../ops/lstm.ts';
import type { NamedWeights } from '../optimizer.ts';
import type { L2lLayout, LayerBlock } from './layout.ts';

/**
 * Fresh weights: U(-1/sqrt(H), 1/sqrt(H)) for the LSTM layers as torch.nn.LSTMCell, 1 added to the forget
 * gates' biases, the output layer a tenth of that, so that training starts from small steps.
 */
export function initialPhi(layout: L2lLayout, seed: number): Float32Array {
  const phi = new Float32Array(layout.length);
  const key: Words = [seed >>> 0, STREAMS.phi];
  const fill = (offset: number, length: number, bound: number) => {
    for (let i = offset; i < offset + length; i++) {
      phi[i] = bound * (2 * toUnit(threefry(key, [i, STREAMS.phi])[0]) - 1);
    }
  };
  for (const block of layout.layers) {
    fill(block.offset, block.length, 1 / Math.sqrt(block.hidden));
    for (let unit = 0; unit < block.hidden; unit++) {
      const forgetBias = at(block, unit, lstmRow(block) - 1, 1);
      phi[forgetBias] = (phi[forgetBias] ?? 0) + 1;
    }
  }
  const { output } = layout;
  fill(output.offset, output.inputs + 1, 0.1 / Math.sqrt(output.inputs));
  return phi;
}

/** Index in phi of (unit, input k, gate). */
function at(block: LayerBlock, unit: number, k: number, gate: number): number {
  return block.offset + (unit * lstmRow(block) + k) * 4 + gate;
}

/** Calls `visit` for every weight of a layer: PyTorch tensor name, index in it, index in phi. */
function forEachWeight(
  block: LayerBlock,
  visit: (name: 'weight_ih' | 'weight_hh' | 'bias_ih', index: number, phi: number) => void,
): void {
  const { inputs, hidden } = block;
  for (let unit = 0; unit < hidden; unit++) {
    for (let gate = 0; gate < 4; gate++) {
      const row = gate * hidden + unit;
      for (let k = 0; k < inputs; k++) visit('weight_ih', row * inputs + k, at(block, unit, k, gate));
      for (let k = 0; k < hidden; k++)
        visit('weight_hh', row * hidden + k, at(block, unit, inputs + k, gate));
      visit('bias_ih', row, at(block, unit, inputs + hidden, gate));
    }
  }
}

/** Tensor names and shapes of a weight file of this layout, as torch's LSTMCell and Linear have them. */
function shapesOf(layout: L2lLayout): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const { name, inputs, hidden } of layout.layers) {
    shapes.set(`${name}.weight_ih`, [4 * hidden, inputs]);
    shapes.set(`${name}.weight_hh`, [4 * hidden, hidden]);
    shapes.set(`${name}.bias_ih`, [4 * hidden]);
    shapes.set(`${name}.bias_hh`, [4 * hidden]);
  }
  shapes.set('output.weight', [1, layout.output.inputs]);
  shapes.set('output.bias', [1]);
  return shapes;
}

/**
 * phi under PyTorch's names. PyTorch has two biases a layer where one is enough: `secondBias` says what
 * bias_hh gets, zero for weights, the same values for a gradient.
 */
export function toNamed(
  layout: L2lLayout,
  phi: Float32Array,
  secondBias: 'zero' | 'same',
): Map<string, NamedWeights> {
  const named = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, shape] of shapesOf(layout)) {
    named.set(name, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
  }
  const put = (name: string, index: number, value: number) => {
    const tensor = named.get(name);
    if (tensor) tensor.data[index] = value;
  };
  for (const block of layout.layers) {
    forEachWeight(block, (name, index, from) => {
      const value = phi[from] ?? Number.NaN;
      put(`${block.name}.${name}`, index, value);
      if (name === 'bias_ih' && secondBias === 'same') put(`${block.name}.bias_hh`, index, value);
    });
  }
  const { inputs, offset } = layout.output;
  for (let j = 0; j < inputs; j++) put('output.weight', j, phi[offset + j] ?? Number.NaN);
  put('output.bias', 0, phi[offset + inputs] ?? Number.NaN);
  return named;
}

/**
 * phi from PyTorch-named weights; the two biases of a layer are added.
 * @throws FileFormatError when a tensor is missing, superfluous, of another shape, or holds a non-finite value.
 */
export function fromNamed(
  layout: L2lLayout,
  weights: ReadonlyMap<string, NamedWeights>,
  source: string,
): Float32Array {
  const shapes = shapesOf(layout);
  for (const name of weights.keys()) {
    if (!shapes.has(name)) {
      throw new FileFormatError(
        `${source} holds a tensor ${name} that this l2l optimizer does not have`,
        'use a weights file of the same family, layers and preprocessing',
      );
    }
  }
  const value = (name: string, index: number): number => weights.get(name)?.data[index] ?? Number.NaN;
  for (const [name, shape] of shapes) {
    const tensor = weights.get(name);
    if (!tensor || tensor.shape.join() !== shape.join()) {
      const found = tensor ? `has shape [${tensor.shape.join(', ')}]` : 'is missing';
      throw new FileFormatError(
        `${source}: tensor ${name} ${found}, and [${shape.join(', ')}] is expected`,
        'use a weights file whose settings (layers, hidden, preprocess) match',
      );
    }
    if (!tensor.data.every(Number.isFinite)) {
      throw new FileFormatError(
        `${source}: tensor ${name} holds a value that is not finite`,
        'use an intact file',
      );
    }
  }
  const phi = new Float32Array(layout.length);
  for (const block of layout.layers) {
    forEachWeight(block, (name, index, to) => {
      const second = name === 'bias_ih' ? value(`${block.name}.bias_hh`, index) : 0;
      phi[to] = value(`${block.name}.${name}`, index) + second;
    });
  }
  const { inputs, offset } = layout.output;
  for (let j = 0; j < inputs; j++) phi[offset + j] = value('output.weight', j);
  phi[offset + inputs] = value('output.bias', 0);
  return phi;
}
