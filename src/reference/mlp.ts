import type { Algebra } from './scalar.ts';
import { at, expectLength } from './scalar.ts';

export type Activation = 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'elu' | 'softplus';

/** A multilayer perceptron: `sizes` from input to output, `activation` after every layer but the last. */
export interface MlpShape {
  readonly sizes: readonly number[];
  readonly activation: Activation;
}

/** Number of parameters N: sum over layers of in * out + out. */
export function mlpParameterCount(sizes: readonly number[]): number {
  return sizes.slice(1).reduce((sum, out, l) => sum + (at(sizes, l) + 1) * out, 0);
}

/**
 * Output of the last layer (no activation) for one example.
 * @param theta [N], per layer: weight [in, out] row-major, then bias [out]; a layer is x W + b
 * @param x [sizes[0]]
 * @throws RangeError when a length does not fit.
 */
export function mlpLogits<S>(A: Algebra<S>, shape: MlpShape, theta: ArrayLike<S>, x: ArrayLike<number>): S[] {
  const { sizes, activation } = shape;
  expectLength('theta', theta, mlpParameterCount(sizes), `an MLP of sizes ${sizes.join(', ')}`);
  expectLength('The example x', x, at(sizes, 0), `an MLP of sizes ${sizes.join(', ')}`);
  let values = Array.from(x, (value) => A.constant(value));
  let offset = 0;
  for (let l = 1; l < sizes.length; l++) {
    const inputs = values;
    const out = at(sizes, l);
    const start = offset;
    const bias = start + inputs.length * out;
    const last = l === sizes.length - 1;
    values = Array.from({ length: out }, (_, j) => {
      const z = A.affine(at(theta, bias + j), theta, start + j, out, inputs);
      return last ? z : A[activation](z);
    });
    offset = bias + out;
  }
  return values;
}

/**
 * -log softmax(logits)[label] = log sum_j exp(z_j - m) - (z_label - m). The shift m is the largest logit, taken as a
 * constant: the loss does not depend on it, so neither do its derivatives.
 * @throws RangeError when the label is not the index of a logit.
 */
export function softmaxCrossEntropy<S>(A: Algebra<S>, logits: ArrayLike<S>, label: number): S {
  const values = Array.from(logits, (logit) => A.value(logit));
  const m = A.constant(Math.max(...values));
  let sum = A.constant(0);
  for (const logit of Array.from(logits)) sum = A.add(sum, A.exp(A.sub(logit, m)));
  return A.sub(A.log(sum), A.sub(at(logits, label), m));
}

/**
 * Softmax cross-entropy of an MLP, mean over the batch.
 * @param theta [N] as in `mlpLogits`
 * @param x [batch, sizes[0]] row-major
 * @param labels [batch], class indices
 * @throws RangeError when a length does not fit.
 */
export function mlpLoss<S>(
  A: Algebra<S>,
  shape: MlpShape,
  theta: ArrayLike<S>,
  x: ArrayLike<number>,
  labels: ArrayLike<number>,
): S {
  const batch = labels.length;
  const width = at(shape.sizes, 0);
  expectLength('x', x, batch * width, `[${batch}, ${width}]`);
  let sum = A.constant(0);
  for (let i = 0; i < batch; i++) {
    const example = Array.from({ length: width }, (_, k) => at(x, i * width + k));
    sum = A.add(sum, softmaxCrossEntropy(A, mlpLogits(A, shape, theta, example), at(labels, i)));
  }
  return A.div(sum, A.constant(batch));
}
