/**
 * The arithmetic every reference formula is written in. A formula takes an `Algebra<S>` and scalars `S`, so one
 * text of it runs on float64 numbers (`numbers`), on dual numbers (dual.ts) and on a reverse-mode tape (tape.ts).
 *
 * Where an operation has a kink, the derivative is: relu'(0) = 0, leakyRelu'(0) = LEAKY_SLOPE, abs'(0) = 0, and
 * max(a, b) with a = b follows a. elu'' jumps at 0: there it is that of the exponential, 1.
 */
export interface Algebra<S> {
  /** The number x as a scalar whose derivative is zero. */
  constant(x: number): S;
  /** The float64 number a scalar stands for. */
  value(a: S): number;
  add(a: S, b: S): S;
  sub(a: S, b: S): S;
  mul(a: S, b: S): S;
  div(a: S, b: S): S;
  max(a: S, b: S): S;
  exp(a: S): S;
  log(a: S): S;
  sqrt(a: S): S;
  sin(a: S): S;
  cos(a: S): S;
  tanh(a: S): S;
  sigmoid(a: S): S;
  relu(a: S): S;
  /** a where a > 0, else LEAKY_SLOPE a. */
  leakyRelu(a: S): S;
  /** a where a > 0, else e^a - 1. */
  elu(a: S): S;
  /** log(1 + e^a). */
  softplus(a: S): S;
  abs(a: S): S;
  /**
   * bias + sum over k of weights[start + k * stride] * inputs[k], added in this order; one row (stride 1) or column
   * (stride = row length) of a row-major matrix times a vector. Neither array may be changed afterwards: a tape
   * keeps them for its reverse sweep.
   */
  affine(bias: S, weights: ArrayLike<S>, start: number, stride: number, inputs: ArrayLike<S>): S;
}

/** The slope of leakyRelu below 0. */
export const LEAKY_SLOPE = 0.01;

/** Float64 numbers. */
export const numbers: Algebra<number> = {
  constant: (x) => x,
  value: (a) => a,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  max: (a, b) => Math.max(a, b),
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sigmoid,
  relu: (a) => Math.max(a, 0),
  leakyRelu: (a) => (a > 0 ? a : LEAKY_SLOPE * a),
  elu: (a) => (a > 0 ? a : Math.expm1(a)),
  softplus: (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a))),
  abs: Math.abs,
  affine(bias, weights, start, stride, inputs) {
    let sum = bias;
    for (let k = 0; k < inputs.length; k++) sum += at(weights, start + k * stride) * at(inputs, k);
    return sum;
  },
};

/** 1 / (1 + e^-x), without overflow for any x. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/**
 * `whenTrue` or `whenFalse`, the other one taking no part in any derivative. Both are computed: a branch that is not
 * taken must still not divide by zero if its operands carry tangents, so give it a harmless argument.
 */
export function select<S>(condition: boolean, whenTrue: S, whenFalse: S): S {
  return condition ? whenTrue : whenFalse;
}

/** min(max(a, low), high); at the bounds the derivative is that of a. */
export function clip<S>(A: Algebra<S>, a: S, low: number, high: number): S {
  const raised = A.max(a, A.constant(low));
  return select(A.value(raised) > high, A.constant(high), raised);
}

/**
 * array[index].
 * @throws RangeError when the index is outside the array.
 */
export function at<T>(array: ArrayLike<T>, index: number): T {
  const element = array[index];
  if (element === undefined) {
    throw new RangeError(
      `Index ${index} is outside an array of ${array.length} elements: check the shapes given.`,
    );
  }
  return element;
}

/**
 * @throws RangeError naming `what` when `array` has not `length` elements.
 */
export function expectLength(what: string, array: ArrayLike<unknown>, length: number, shape: string): void {
  if (array.length !== length) {
    throw new RangeError(
      `${what} has ${array.length} elements but ${shape} needs ${length}: check its shape.`,
    );
  }
}
