import type { Algebra } from './scalar.ts';
import { at, expectLength } from './scalar.ts';

/**
 * Loss of one random quadratic: the sum over D rows of (W theta - y)^2 (DeepMind's learning-to-learn, `quadratic`).
 * @param W [D, D] row-major
 * @param y [D]
 * @param theta [D]
 * @throws RangeError when a length does not fit.
 */
export function quadraticLoss<S>(
  A: Algebra<S>,
  W: ArrayLike<number>,
  y: ArrayLike<number>,
  theta: ArrayLike<S>,
): S {
  const D = theta.length;
  expectLength('W', W, D * D, `[${D}, ${D}]`);
  expectLength('y', y, D, `[${D}]`);
  const matrix = Array.from(W, (w) => A.constant(w));
  let loss = A.constant(0);
  for (let row = 0; row < D; row++) {
    const residual = A.affine(A.constant(-at(y, row)), matrix, row * D, 1, theta);
    loss = A.add(loss, A.mul(residual, residual));
  }
  return loss;
}
