import type { Algebra } from './scalar.ts';
import { at, LEAKY_SLOPE } from './scalar.ts';

/** A value and its tangent R{value}, the derivative along one direction (Pearlmutter's R-operator). */
export interface Dual<S> {
  readonly value: S;
  readonly tangent: S;
}

/**
 * Dual numbers over another algebra: over `numbers` they give directional derivatives; over a `Tape` the tangent can
 * itself be differentiated, which gives Hessian-vector products and second-order meta-gradients.
 */
export function dualAlgebra<S>(A: Algebra<S>): Algebra<Dual<S>> {
  const zero = A.constant(0);
  const one = A.constant(1);
  const scaled = (value: S, slope: S, a: Dual<S>): Dual<S> => ({ value, tangent: A.mul(slope, a.tangent) });
  return {
    constant: (x) => ({ value: A.constant(x), tangent: zero }),
    value: (a) => A.value(a.value),
    add: (a, b) => ({ value: A.add(a.value, b.value), tangent: A.add(a.tangent, b.tangent) }),
    sub: (a, b) => ({ value: A.sub(a.value, b.value), tangent: A.sub(a.tangent, b.tangent) }),
    mul: (a, b) => ({
      value: A.mul(a.value, b.value),
      tangent: A.add(A.mul(a.tangent, b.value), A.mul(a.value, b.tangent)),
    }),
    div(a, b) {
      const value = A.div(a.value, b.value);
      return { value, tangent: A.div(A.sub(a.tangent, A.mul(value, b.tangent)), b.value) };
    },
    max: (a, b) => ({
      value: A.max(a.value, b.value),
      tangent: A.value(a.value) >= A.value(b.value) ? a.tangent : b.tangent,
    }),
    exp(a) {
      const value = A.exp(a.value);
      return scaled(value, value, a);
    },
    log: (a) => ({ value: A.log(a.value), tangent: A.div(a.tangent, a.value) }),
    sqrt(a) {
      const value = A.sqrt(a.value);
      return scaled(value, A.div(A.constant(0.5), value), a);
    },
    sin: (a) => scaled(A.sin(a.value), A.cos(a.value), a),
    cos: (a) => scaled(A.cos(a.value), A.sub(zero, A.sin(a.value)), a),
    tanh(a) {
      const value = A.tanh(a.value);
      return scaled(value, A.sub(one, A.mul(value, value)), a);
    },
    sigmoid(a) {
      const value = A.sigmoid(a.value);
      return scaled(value, A.mul(value, A.sub(one, value)), a);
    },
    relu: (a) => ({ value: A.relu(a.value), tangent: A.value(a.value) <= 0 ? zero : a.tangent }),
    leakyRelu(a) {
      const slope = A.value(a.value) > 0 ? one : A.constant(LEAKY_SLOPE);
      return scaled(A.leakyRelu(a.value), slope, a);
    },
    elu(a) {
      const value = A.elu(a.value);
      return scaled(value, A.value(a.value) > 0 ? one : A.add(value, one), a);
    },
    softplus: (a) => scaled(A.softplus(a.value), A.sigmoid(a.value), a),
    abs: (a) => scaled(A.abs(a.value), A.constant(Math.sign(A.value(a.value))), a),
    affine(bias, weights, start, stride, inputs) {
      const row = Array.from(inputs, (_, k) => at(weights, start + k * stride));
      const w = row.map((weight) => weight.value);
      const x = Array.from(inputs, (input) => input.value);
      const rw = row.map((weight) => weight.tangent);
      const rx = Array.from(inputs, (input) => input.tangent);
      const tangent = A.affine(A.affine(bias.tangent, rw, 0, 1, x), w, 0, 1, rx);
      return { value: A.affine(bias.value, w, 0, 1, x), tangent };
    },
  };
}
