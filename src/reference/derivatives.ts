import { dualAlgebra } from './dual.ts';
import type { Algebra } from './scalar.ts';
import { at, expectLength, numbers } from './scalar.ts';
import { Tape } from './tape.ts';

/** A scalar function of a vector, written once for every algebra. */
export type ScalarFunction = <S>(A: Algebra<S>, x: readonly S[]) => S;

/** f(x) and its gradient, by the reverse tape. */
export function gradient(
  f: ScalarFunction,
  x: ArrayLike<number>,
): { readonly value: number; readonly gradient: Float64Array } {
  const tape = new Tape();
  const variables = tape.variables(x);
  const output = f(tape, variables);
  return { value: output.value, gradient: tape.gradient(output, variables) };
}

/** The derivative of f at x along v, <grad f(x), v>, by dual numbers. */
export function directionalDerivative(f: ScalarFunction, x: ArrayLike<number>, v: ArrayLike<number>): number {
  expectLength('The direction v', v, x.length, 'x');
  const duals = Array.from(x, (value, i) => ({ value, tangent: at(v, i) }));
  return f(dualAlgebra(numbers), duals).tangent;
}

/** H v, H the Hessian of f at x: the tape's gradient of the dual numbers' directional derivative. */
export function hessianVector(f: ScalarFunction, x: ArrayLike<number>, v: ArrayLike<number>): Float64Array {
  expectLength('The direction v', v, x.length, 'x');
  const tape = new Tape();
  const variables = tape.variables(x);
  const duals = variables.map((value, i) => ({ value, tangent: tape.constant(at(v, i)) }));
  return tape.gradient(f(dualAlgebra(tape), duals).tangent, variables);
}

/**
 * The gradient of f at x by (f(x + eps e_i) - f(x - eps e_i)) / (2 eps). The error is about eps^2 |f'''| / 6 plus
 * 1e-16 |f| / eps; the default eps balances them for functions and derivatives of order one.
 */
export function centralDifference(
  f: (x: Float64Array) => number,
  x: ArrayLike<number>,
  eps = 1e-5,
): Float64Array {
  return Float64Array.from(x, (value, i) => {
    const moved = Float64Array.from(x);
    moved[i] = value + eps;
    const above = f(moved);
    moved[i] = value - eps;
    return (above - f(moved)) / (2 * eps);
  });
}
