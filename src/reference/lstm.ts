import type { Algebra } from './scalar.ts';
import { at, expectLength } from './scalar.ts';

/** Weights of one LSTM layer in PyTorch's layout, row-major, gate order i, f, g, o. */
export interface LstmWeights<S> {
  /** [4H, in] */
  readonly weightIh: ArrayLike<S>;
  /** [4H, H] */
  readonly weightHh: ArrayLike<S>;
  /** [4H] */
  readonly biasIh: ArrayLike<S>;
  /** [4H] */
  readonly biasHh: ArrayLike<S>;
}

/** State of one LSTM layer for one coordinate: h [H] and c [H]. */
export interface LstmState<S> {
  readonly h: ArrayLike<S>;
  readonly c: ArrayLike<S>;
}

/** Weights of the coordinate-wise LSTM: stacked layers (none makes the optimizer linear) and the output map. */
export interface L2lWeights<S> {
  readonly layers: readonly LstmWeights<S>[];
  /** [1, H of the last layer], or [1, inputs] without layers */
  readonly outputWeight: ArrayLike<S>;
  /** [1] */
  readonly outputBias: ArrayLike<S>;
}

/**
 * One step of torch.nn.LSTMCell for one coordinate: z = W_ih x + b_ih + W_hh h + b_hh, split in i, f, g, o;
 * c' = s(f) c + s(i) tanh(g); h' = s(o) tanh(c').
 * @param x inputs [in]
 * @throws RangeError when a length does not fit.
 */
export function lstmCell<S>(
  A: Algebra<S>,
  weights: LstmWeights<S>,
  x: ArrayLike<S>,
  state: LstmState<S>,
): LstmState<S> {
  const hidden = state.h.length;
  expectLength('The LSTM cell state c', state.c, hidden, `hidden size ${hidden}`);
  expectLength('weight_ih', weights.weightIh, 4 * hidden * x.length, `[${4 * hidden}, ${x.length}]`);
  expectLength('weight_hh', weights.weightHh, 4 * hidden * hidden, `[${4 * hidden}, ${hidden}]`);
  expectLength('bias_ih', weights.biasIh, 4 * hidden, `[${4 * hidden}]`);
  expectLength('bias_hh', weights.biasHh, 4 * hidden, `[${4 * hidden}]`);
  const z = (row: number): S =>
    A.add(
      A.affine(at(weights.biasIh, row), weights.weightIh, row * x.length, 1, x),
      A.affine(at(weights.biasHh, row), weights.weightHh, row * hidden, 1, state.h),
    );
  const h: S[] = [];
  const c: S[] = [];
  for (let j = 0; j < hidden; j++) {
    const inputGate = A.sigmoid(z(j));
    const forgetGate = A.sigmoid(z(hidden + j));
    const candidate = A.tanh(z(2 * hidden + j));
    const outputGate = A.sigmoid(z(3 * hidden + j));
    const cell = A.add(A.mul(forgetGate, at(state.c, j)), A.mul(inputGate, candidate));
    c.push(cell);
    h.push(A.mul(outputGate, A.tanh(cell)));
  }
  return { h, c };
}

/**
 * One step of the coordinate-wise LSTM for one coordinate: the layers in turn, then out = w . h_last + b (the output
 * scale is not applied). Without layers out = w . u + b.
 * @param u preprocessed gradient [inputs]
 * @param state one entry a layer
 * @throws RangeError when a length does not fit.
 */
export function stackedLstm<S>(
  A: Algebra<S>,
  weights: L2lWeights<S>,
  u: ArrayLike<S>,
  state: readonly LstmState<S>[],
): { readonly output: S; readonly state: LstmState<S>[] } {
  expectLength('The LSTM state', state, weights.layers.length, `a stack of ${weights.layers.length} layers`);
  let x = u;
  const next = weights.layers.map((layer, k) => {
    const layerState = lstmCell(A, layer, x, at(state, k));
    x = layerState.h;
    return layerState;
  });
  expectLength('output.weight', weights.outputWeight, x.length, `[1, ${x.length}]`);
  expectLength('output.bias', weights.outputBias, 1, '[1]');
  return { output: A.affine(at(weights.outputBias, 0), weights.outputWeight, 0, 1, x), state: next };
}

/** Learned weights as flat row-major tensors under their PyTorch names: `lstm.0.weight_ih`, ..., `output.bias`. */
export type NamedTensors<S = number> = Readonly<Record<string, ArrayLike<S>>>;

/**
 * The coordinate-wise LSTM's weights found by name: `lstm.<k>.weight_ih|weight_hh|bias_ih|bias_hh` for k = 0, 1, ...
 * while `lstm.<k>.weight_ih` exists, then `output.weight` and `output.bias`.
 * @throws RangeError when a tensor is missing or a name is not one of these.
 */
export function l2lWeights<S>(tensors: NamedTensors<S>): L2lWeights<S> {
  const used = new Set<string>();
  const take = (name: string): ArrayLike<S> => {
    const tensor = tensors[name];
    if (tensor === undefined) throw new RangeError(`The weights lack the tensor "${name}": add it.`);
    used.add(name);
    return tensor;
  };
  const layers: LstmWeights<S>[] = [];
  for (let k = 0; `lstm.${k}.weight_ih` in tensors; k++) {
    layers.push({
      weightIh: take(`lstm.${k}.weight_ih`),
      weightHh: take(`lstm.${k}.weight_hh`),
      biasIh: take(`lstm.${k}.bias_ih`),
      biasHh: take(`lstm.${k}.bias_hh`),
    });
  }
  const weights = { layers, outputWeight: take('output.weight'), outputBias: take('output.bias') };
  for (const name of Object.keys(tensors)) {
    if (!used.has(name)) {
      throw new RangeError(`The weights hold an unknown tensor "${name}": remove or rename it.`);
    }
  }
  return weights;
}

/** Hidden size H of a layer, from the length of its bias. */
export function hiddenSize(layer: LstmWeights<unknown>): number {
  return layer.biasHh.length / 4;
}
