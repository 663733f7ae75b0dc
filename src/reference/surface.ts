import type { Algebra } from './scalar.ts';

/** The test functions of two variables: Rosenbrock 1960; Beale 1958; Rastrigin 1974. */
export function surfaceHeight<S>(
  A: Algebra<S>,
  surface: 'bowl' | 'rosenbrock' | 'beale' | 'rastrigin',
  x: S,
  y: S,
): S {
  const number = (value: number) => A.constant(value);
  const square = (a: S) => A.mul(a, a);
  switch (surface) {
    case 'bowl':
      return A.mul(number(0.5), A.add(square(x), A.mul(number(10), square(y))));
    case 'rosenbrock':
      return A.add(square(A.sub(number(1), x)), A.mul(number(100), square(A.sub(y, square(x)))));
    case 'beale': {
      const powers = [y, square(y), A.mul(y, square(y))];
      return [1.5, 2.25, 2.625].reduce((sum, constant, i) => {
        const residual = A.add(A.sub(number(constant), x), A.mul(x, powers[i] ?? y));
        return A.add(sum, square(residual));
      }, number(0));
    }
    case 'rastrigin': {
      const wave = (a: S) =>
        A.sub(A.add(number(10), square(a)), A.mul(number(10), A.cos(A.mul(number(2 * Math.PI), a))));
      return A.add(wave(x), wave(y));
    }
  }
}
