import type { Algebra } from './scalar.ts';
import { at, LEAKY_SLOPE, numbers } from './scalar.ts';

/** A scalar of a `Tape`. Constants have index -1 and are not recorded. */
export class Variable {
  readonly tape: Tape;
  readonly index: number;
  readonly value: number;

  constructor(tape: Tape, index: number, value: number) {
    this.tape = tape;
    this.index = index;
    this.value = value;
  }
}

interface AffineRecord {
  readonly weights: ArrayLike<Variable>;
  readonly start: number;
  readonly stride: number;
  readonly inputs: ArrayLike<Variable>;
}

/**
 * Reverse-mode automatic differentiation over scalars: the operations of the algebra, each recorded with its local
 * derivatives, and one reverse sweep. A recorded operation takes about a hundred bytes, an affine one no more whatever
 * its number of terms, so unrolls of tens of millions of multiplications fit.
 *
 *     const tape = new Tape();
 *     const x = tape.variable(3);
 *     tape.gradient(tape.mul(x, x), [x]); // Float64Array [6]
 */
export class Tape implements Algebra<Variable> {
  private count = 0;
  /** Two parents a node; -1 is none; -2 - k in the first place points to `affines[k]`, whose bias is the second. */
  private parents = new Int32Array(2048);
  private partials = new Float64Array(2048);
  private readonly affines: AffineRecord[] = [];

  /** A new independent variable. */
  variable(value: number): Variable {
    return this.push(value, -1, 0, -1, 0);
  }

  /** New independent variables, one for each value. */
  variables(values: ArrayLike<number>): Variable[] {
    return Array.from(values, (value) => this.variable(value));
  }

  /**
   * d output / d input for each input; 0 where the output does not depend on it.
   * @throws RangeError when an input is a constant, or a variable belongs to another tape.
   */
  gradient(output: Variable, inputs: readonly Variable[]): Float64Array {
    this.own(output);
    for (const input of inputs) {
      this.own(input);
      if (input.index < 0) {
        throw new RangeError(
          'An input of gradient() is a constant of the tape: create it with tape.variable().',
        );
      }
    }
    const adjoint = new Float64Array(this.count);
    if (output.index >= 0) adjoint[output.index] = 1;
    for (let i = output.index; i >= 0; i--) {
      const a = at(adjoint, i);
      if (a === 0) continue;
      const first = at(this.parents, 2 * i);
      const second = at(this.parents, 2 * i + 1);
      if (first >= 0) adjoint[first] = at(adjoint, first) + a * at(this.partials, 2 * i);
      if (second >= 0) adjoint[second] = at(adjoint, second) + a * at(this.partials, 2 * i + 1);
      if (first <= -2) sweepAffine(at(this.affines, -2 - first), a, adjoint);
    }
    return Float64Array.from(inputs, (input) => at(adjoint, input.index));
  }

  constant(x: number): Variable {
    return new Variable(this, -1, x);
  }

  value(a: Variable): number {
    return a.value;
  }

  add(a: Variable, b: Variable): Variable {
    return this.binary(a.value + b.value, a, 1, b, 1);
  }

  sub(a: Variable, b: Variable): Variable {
    return this.binary(a.value - b.value, a, 1, b, -1);
  }

  mul(a: Variable, b: Variable): Variable {
    return this.binary(a.value * b.value, a, b.value, b, a.value);
  }

  div(a: Variable, b: Variable): Variable {
    const quotient = a.value / b.value;
    return this.binary(quotient, a, 1 / b.value, b, -quotient / b.value);
  }

  max(a: Variable, b: Variable): Variable {
    const first = step(a.value >= b.value, a.value < b.value);
    return this.binary(Math.max(a.value, b.value), a, first, b, 1 - first);
  }

  exp(a: Variable): Variable {
    const y = Math.exp(a.value);
    return this.unary(y, a, y);
  }

  log(a: Variable): Variable {
    return this.unary(Math.log(a.value), a, 1 / a.value);
  }

  sqrt(a: Variable): Variable {
    const y = Math.sqrt(a.value);
    return this.unary(y, a, 0.5 / y);
  }

  sin(a: Variable): Variable {
    return this.unary(Math.sin(a.value), a, Math.cos(a.value));
  }

  cos(a: Variable): Variable {
    return this.unary(Math.cos(a.value), a, -Math.sin(a.value));
  }

  tanh(a: Variable): Variable {
    const y = Math.tanh(a.value);
    return this.unary(y, a, 1 - y * y);
  }

  sigmoid(a: Variable): Variable {
    const y = numbers.sigmoid(a.value);
    return this.unary(y, a, y * (1 - y));
  }

  relu(a: Variable): Variable {
    return this.unary(Math.max(a.value, 0), a, step(a.value > 0, a.value <= 0));
  }

  leakyRelu(a: Variable): Variable {
    const slope = a.value > 0 ? 1 : LEAKY_SLOPE;
    return this.unary(numbers.leakyRelu(a.value), a, Number.isNaN(a.value) ? a.value : slope);
  }

  elu(a: Variable): Variable {
    const y = numbers.elu(a.value);
    return this.unary(y, a, a.value > 0 ? 1 : y + 1);
  }

  softplus(a: Variable): Variable {
    return this.unary(numbers.softplus(a.value), a, numbers.sigmoid(a.value));
  }

  abs(a: Variable): Variable {
    return this.unary(Math.abs(a.value), a, Math.sign(a.value));
  }

  affine(
    bias: Variable,
    weights: ArrayLike<Variable>,
    start: number,
    stride: number,
    inputs: ArrayLike<Variable>,
  ): Variable {
    this.own(bias);
    let sum = bias.value;
    let recorded = bias.index >= 0;
    for (let k = 0; k < inputs.length; k++) {
      const w = at(weights, start + k * stride);
      const x = at(inputs, k);
      this.own(w);
      this.own(x);
      sum += w.value * x.value;
      recorded ||= w.index >= 0 || x.index >= 0;
    }
    if (!recorded) return this.constant(sum);
    this.affines.push({ weights, start, stride, inputs });
    return this.push(sum, -1 - this.affines.length, 0, bias.index, 1);
  }

  private unary(value: number, a: Variable, partial: number): Variable {
    this.own(a);
    return a.index < 0 ? this.constant(value) : this.push(value, a.index, partial, -1, 0);
  }

  private binary(value: number, a: Variable, partialA: number, b: Variable, partialB: number): Variable {
    this.own(a);
    this.own(b);
    if (a.index < 0 && b.index < 0) return this.constant(value);
    // A constant's index is -1, which is also "no parent".
    return this.push(value, a.index, partialA, b.index, partialB);
  }

  private push(
    value: number,
    first: number,
    partialFirst: number,
    second: number,
    partialSecond: number,
  ): Variable {
    const i = this.count++;
    if (2 * i + 1 >= this.parents.length) this.grow();
    this.parents[2 * i] = first;
    this.parents[2 * i + 1] = second;
    this.partials[2 * i] = partialFirst;
    this.partials[2 * i + 1] = partialSecond;
    return new Variable(this, i, value);
  }

  private grow(): void {
    const parents = new Int32Array(2 * this.parents.length);
    parents.set(this.parents);
    const partials = new Float64Array(2 * this.partials.length);
    partials.set(this.partials);
    this.parents = parents;
    this.partials = partials;
  }

  private own(a: Variable): void {
    if (a.tape !== this) {
      throw new RangeError(
        'A variable of another tape was used: take its value and make it a constant here.',
      );
    }
  }
}

/** 1, 0, or NaN when neither comparison holds (an operand is NaN). */
function step(one: boolean, zero: boolean): number {
  if (one) return 1;
  return zero ? 0 : Number.NaN;
}

function sweepAffine(record: AffineRecord, a: number, adjoint: Float64Array): void {
  const { weights, start, stride, inputs } = record;
  for (let k = 0; k < inputs.length; k++) {
    const w = at(weights, start + k * stride);
    const x = at(inputs, k);
    if (w.index >= 0) adjoint[w.index] = at(adjoint, w.index) + a * x.value;
    if (x.index >= 0) adjoint[x.index] = at(adjoint, x.index) + a * w.value;
  }
}
