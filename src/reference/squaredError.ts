import { type Algebra, at, expectLength } from './scalar.ts';

/**
 * The mean over the outputs of (z - y)^2, for one example.
 * @throws RangeError when the lengths differ.
 */
export function squaredError<S>(A: Algebra<S>, output: ArrayLike<S>, target: ArrayLike<number>): S {
  expectLength('The target', target, output.length, 'the output');
  let sum = A.constant(0);
  for (let o = 0; o < output.length; o++) {
    const difference = A.sub(at(output, o), A.constant(at(target, o)));
    sum = A.add(sum, A.mul(difference, difference));
  }
  return A.div(sum, A.constant(output.length));
}
