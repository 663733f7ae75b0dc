import { describe, expect, it } from 'vitest';
import type { ScalarFunction } from '../src/reference/derivatives.ts';
import {
  centralDifference,
  directionalDerivative,
  gradient,
  hessianVector,
} from '../src/reference/derivatives.ts';
import { adam, momentum, nesterov, rmsprop, sgd } from '../src/reference/handDesigned.ts';
import { lstmCell } from '../src/reference/lstm.ts';
import type { Activation, MlpShape } from '../src/reference/mlp.ts';
import { mlpLoss, mlpParameterCount, softmaxCrossEntropy } from '../src/reference/mlp.ts';
import type { Preprocess } from '../src/reference/preprocess.ts';
import { FLOAT32_EPSILON, preprocess, preprocessWidth } from '../src/reference/preprocess.ts';
import { mlpProblem } from '../src/reference/problems.ts';
import { quadraticLoss } from '../src/reference/quadratic.ts';
import { at, clip, LEAKY_SLOPE, numbers, select } from '../src/reference/scalar.ts';
import { Tape } from '../src/reference/tape.ts';
import { relativeError } from './support/cases.ts';

/** Deterministic numbers in (-1, 1), spread evenly (multiples of the golden ratio). */
const spread = (n: number, seed = 0): number[] =>
  Array.from({ length: n }, (_, i) => 2 * (((i + 1 + 97 * seed) * 0.6180339887498949) % 1) - 1);

const x = [0.7, -1.3, 0.4];
/** One function for every operation, all three inputs in play, no kink near x. */
const operations: Record<string, ScalarFunction> = {
  add: (A, [a, b, c]) => A.mul(A.add(v(a), v(b)), v(c)),
  sub: (A, [a, b, c]) => A.mul(A.sub(v(a), v(b)), v(c)),
  mul: (A, [a, b, c]) => A.mul(A.mul(v(a), v(b)), A.mul(v(c), v(a))),
  div: (A, [a, b, c]) => A.div(A.div(v(a), v(b)), v(c)),
  max: (A, [a, b, c]) => A.mul(A.max(A.mul(v(a), v(a)), v(b)), A.max(v(b), A.mul(v(c), v(c)))),
  exp: (A, [a, b, c]) => A.exp(A.mul(v(a), A.mul(v(b), v(c)))),
  log: (A, [a, b, c]) => A.log(A.add(A.mul(v(a), v(a)), A.mul(A.mul(v(b), v(b)), v(c)))),
  sqrt: (A, [a, b, c]) => A.sqrt(A.add(A.mul(v(a), v(c)), A.mul(v(b), v(b)))),
  tanh: (A, [a, b, c]) => A.mul(A.tanh(A.mul(v(a), v(b))), v(c)),
  sigmoid: (A, [a, b, c]) => A.mul(A.sigmoid(v(b)), A.mul(A.sigmoid(v(a)), v(c))),
  relu: (A, [a, b, c]) => A.add(A.mul(A.relu(v(a)), A.relu(A.mul(v(c), v(c)))), A.relu(v(b))),
  leakyRelu: (A, [a, b, c]) => A.mul(A.mul(A.leakyRelu(v(a)), A.leakyRelu(v(b))), A.leakyRelu(v(c))),
  elu: (A, [a, b, c]) => A.mul(A.mul(A.elu(v(a)), A.elu(v(b))), A.elu(A.mul(v(b), v(c)))),
  softplus: (A, [a, b, c]) => A.mul(A.mul(A.softplus(v(a)), A.softplus(v(b))), A.softplus(v(c))),
  abs: (A, [a, b, c]) => A.mul(A.mul(A.abs(v(a)), A.abs(v(b))), A.abs(v(c))),
  select: (A, [a, b, c]) =>
    A.mul(select(A.value(v(a)) > 0, v(b), v(c)), select(A.value(v(b)) > 0, v(b), A.mul(v(c), v(c)))),
  clip: (A, [a, b, c]) => A.mul(clip(A, v(a), -1, 1), A.mul(clip(A, v(b), -1, 1), A.mul(v(c), v(c)))),
  affine: (A, [a, b, c]) => {
    const matrix = [v(a), A.constant(2), v(b), A.mul(v(a), v(c)), v(c), A.constant(-1)];
    const column = A.affine(v(b), matrix, 1, 2, [v(c), v(a), A.mul(v(b), v(b))]);
    return A.affine(column, matrix, 0, 1, [column, A.constant(3), v(c)]);
  },
  'a shared subexpression': (A, [a, b, c]) => {
    const s = A.tanh(A.add(A.mul(v(a), v(b)), v(c)));
    return A.add(A.mul(s, A.exp(s)), A.mul(A.mul(s, s), v(a)));
  },
};

function v<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The function needs another input.');
  return value;
}

describe('tape and dual numbers', () => {
  for (const [name, f] of Object.entries(operations)) {
    it(`${name}: the tape and the dual numbers agree with central differences`, () => {
      const expected = centralDifference((p) => f(numbers, [...p]), x);
      const onTape = gradient(f, x);
      expect(onTape.value).toBe(f(numbers, x));
      expect(relativeError(onTape.gradient, expected)).toBeLessThan(1e-8);
      const duals = [0, 1, 2].map((i) =>
        directionalDerivative(
          f,
          x,
          [0, 1, 2].map((j) => (i === j ? 1 : 0)),
        ),
      );
      expect(relativeError(duals, onTape.gradient)).toBeLessThan(1e-14);
    });

    it(`${name}: Hessian-vector products agree with central differences of the gradient`, () => {
      const direction = [0.3, -0.8, 1.1];
      const expected = [0, 1, 2].map((i) =>
        centralDifference((p) => at(gradient(f, [...p]).gradient, i), x).reduce(
          (sum, h, j) => sum + h * at(direction, j),
          0,
        ),
      );
      expect(relativeError(hessianVector(f, x, direction), expected)).toBeLessThan(1e-8);
    });
  }

  it('sends derivatives at kinks where the algebra says', () => {
    const slope = (f: ScalarFunction, p: readonly number[]): number[] => [...gradient(f, p).gradient];
    expect(slope((A, [a]) => A.relu(v(a)), [0])).toEqual([0]);
    expect(slope((A, [a]) => A.leakyRelu(v(a)), [0])).toEqual([LEAKY_SLOPE]);
    expect([...hessianVector((A, [a]) => A.elu(v(a)), [0], [1])]).toEqual([1]);
    expect(slope((A, [a]) => A.abs(v(a)), [0])).toEqual([0]);
    expect(slope((A, [a, b]) => A.max(v(a), v(b)), [2, 2])).toEqual([1, 0]);
    expect(slope((A, [a]) => clip(A, v(a), -1, 1), [1])).toEqual([1]);
    expect(slope((A, [a]) => clip(A, v(a), -1, 1), [1.5])).toEqual([0]);
  });

  it('keeps NaN and does not overflow', () => {
    for (const op of ['relu', 'leakyRelu', 'elu', 'softplus', 'abs', 'sigmoid', 'tanh'] as const) {
      expect(numbers[op](Number.NaN)).toBeNaN();
      expect(gradient((A, [a]) => A[op](v(a)), [Number.NaN]).gradient[0]).toBeNaN();
    }
    expect(numbers.max(1, Number.NaN)).toBeNaN();
    expect([numbers.sigmoid(-800), numbers.sigmoid(800)]).toEqual([0, 1]);
    expect([numbers.softplus(-800), numbers.softplus(800), numbers.elu(-800)]).toEqual([0, 800, -1]);
  });

  it('refuses constants as inputs, and the variables of another tape', () => {
    const tape = new Tape();
    const a = tape.variable(1);
    expect(() => tape.gradient(a, [tape.constant(1)])).toThrow(/constant/);
    expect(() => tape.add(a, new Tape().variable(1))).toThrow(/another tape/);
    expect([...tape.gradient(tape.constant(3), [a])]).toEqual([0]);
  });
});

describe('preprocess', () => {
  const run = (form: Preprocess, g: number): number[] => preprocess(numbers, form, g);

  it('has the values of its formulas on both sides of each threshold', () => {
    expect(run({ kind: 'identity' }, -3)).toEqual([-3]);
    const logSign: Preprocess = { kind: 'log-sign', p: 10 };
    expect(run(logSign, -0.5)).toEqual([Math.log(0.5) / 10, -1]);
    expect(run(logSign, 2)).toEqual([Math.log(2) / 10, 1]);
    expect(run(logSign, -1e-6)).toEqual([-1, -1e-6 * Math.exp(10)]);
    expect(run(logSign, 0)).toEqual([-1, 0]);
    const clamp: Preprocess = { kind: 'clamp', k: 5 };
    expect(run(clamp, -0.5)).toEqual([Math.log(0.5 + FLOAT32_EPSILON) / 5, -1]);
    expect(run(clamp, 1e-3)).toEqual([-1, 1e-3 * Math.exp(5)]);
    expect(run(clamp, 0)).toEqual([-1, 0]);
  });

  it('has the derivatives of its formulas', () => {
    const forms: Preprocess[] = [{ kind: 'identity' }, { kind: 'log-sign', p: 3 }, { kind: 'clamp', k: 2 }];
    for (const form of forms) {
      for (const g of [-2, -0.11, -0.01, 0.003, 0.12, 1.7]) {
        for (let i = 0; i < preprocessWidth(form); i++) {
          const f: ScalarFunction = (A, [a]) => at(preprocess(A, form, v(a)), i);
          const expected = centralDifference((p) => f(numbers, [...p]), [g], 1e-7);
          expect(at(gradient(f, [g]).gradient, 0)).toBeCloseTo(at(expected, 0), 5);
        }
      }
    }
    expect([
      ...gradient((A, [a]) => at(preprocess(A, { kind: 'log-sign', p: 10 }, v(a)), 0), [0]).gradient,
    ]).toEqual([0]);
  });
});

describe('lstm', () => {
  it('orders its gates i, f, g, o', () => {
    const s = (z: number): number => 1 / (1 + Math.exp(-z));
    const weights = {
      weightIh: [1, 2, 3, 4],
      weightHh: [0.5, 0.6, 0.7, 0.8],
      biasIh: [0.1, 0.2, 0.3, 0.4],
      biasHh: [0, 0, 0, -0.1],
    };
    const state = lstmCell(numbers, weights, [0.3], { h: [-0.2], c: [0.9] });
    const c = s(0.4 + 0.3 * 2 - 0.2 - 0.12) * 0.9 + s(0.3 - 0.1 + 0.1) * Math.tanh(0.9 - 0.14 + 0.3);
    expect(at(state.c, 0)).toBeCloseTo(c, 14);
    expect(at(state.h, 0)).toBeCloseTo(s(1.2 - 0.16 + 0.3) * Math.tanh(c), 14);
    expect(() => lstmCell(numbers, weights, [0.3, 1], { h: [0], c: [0] })).toThrow(
      /weight_ih has 4 elements/,
    );
  });
});

describe('optimizees', () => {
  it('quadratic: sum over rows of (W theta - y)^2', () => {
    expect(quadraticLoss(numbers, [1, 2, 3, 4], [1, -1], [0.5, -1])).toBe(
      (0.5 - 2 - 1) ** 2 + (1.5 - 4 + 1) ** 2,
    );
    expect(() => quadraticLoss(numbers, [1, 2, 3], [1, -1], [0.5, -1])).toThrow(/W has 3 elements/);
  });

  it('cross-entropy: stable for logits of any size', () => {
    expect(softmaxCrossEntropy(numbers, [1000, 0], 0)).toBe(0);
    expect(softmaxCrossEntropy(numbers, [1000, 0], 1)).toBe(1000);
    expect(softmaxCrossEntropy(numbers, [-1000, -1000, -1000], 2)).toBeCloseTo(Math.log(3), 14);
  });

  it('mlp: a network of one hidden unit by hand', () => {
    const theta = [2, -1, 0.5, 0.3, -0.7, 0.1, 0.2]; // hidden = act(2 a - b + .5); logits = hidden [.3, -.7] + [.1, .2]
    const hidden = Math.tanh(2 * 0.4 - 0.9 + 0.5);
    const logits = [0.3 * hidden + 0.1, -0.7 * hidden + 0.2];
    const expected = -Math.log(Math.exp(at(logits, 1)) / (Math.exp(at(logits, 0)) + Math.exp(at(logits, 1))));
    const loss = mlpLoss(numbers, { sizes: [2, 1, 2], activation: 'tanh' }, theta, [0.4, 0.9], [1]);
    expect(loss).toBeCloseTo(expected, 14);
  });

  it('mlp problem: minibatch [step, task] of x and labels', () => {
    const shape: MlpShape = { sizes: [2, 3], activation: 'relu' };
    const [x, labels, theta] = [spread(24, 1), [0, 1, 2, 1, 0, 2, 1, 1, 0, 2, 2, 0], spread(9, 2)];
    const problem = mlpProblem(shape, 2, 2, x, labels); // 3 steps, 2 tasks, 2 examples
    const expected = mlpLoss(numbers, shape, theta, x.slice(12, 16), labels.slice(6, 8));
    expect(problem.loss(numbers, theta, 1, 1)).toBe(expected);
    expect(() => mlpProblem(shape, 2, 2, x, labels.slice(1))).toThrow(/labels has 11 elements/);
  });

  const activations = ['sigmoid', 'tanh', 'relu', 'leakyRelu', 'elu', 'softplus'] satisfies Activation[];
  for (const activation of activations) {
    it(`mlp with ${activation}: gradient and Hessian-vector product against central differences`, () => {
      const shape = { sizes: [3, 4, 2, 3], activation };
      const n = mlpParameterCount(shape.sizes);
      expect(n).toBe(3 * 4 + 4 + 4 * 2 + 2 + 2 * 3 + 3);
      const theta = spread(n, 1);
      const f: ScalarFunction = (A, p) => mlpLoss(A, shape, p, spread(15, 2), [0, 2, 1, 1, 0]);
      const expected = centralDifference((p) => f(numbers, [...p]), theta);
      expect(relativeError(gradient(f, theta).gradient, expected)).toBeLessThan(1e-8);
      const u = spread(n, 3);
      const along = (e: number): Float64Array =>
        gradient(
          f,
          theta.map((t, i) => t + e * at(u, i)),
        ).gradient;
      const below = along(-1e-5);
      const difference = along(1e-5).map((g, i) => (g - at(below, i)) / 2e-5);
      expect(relativeError(hessianVector(f, theta, u), difference)).toBeLessThan(1e-8);
    });
  }
});

describe('hand-designed optimizers, two steps each', () => {
  const twice = <State>(
    step: (theta: ArrayLike<number>, g: number[], state?: State) => { theta: Float64Array; state: State },
  ): number => {
    const first = step([1], [4]);
    return at(step(first.theta, [-2], first.state).theta, 0);
  };

  it('sgd', () => {
    expect(at(sgd(sgd([1], [4], 0.1), [-2], 0.1), 0)).toBeCloseTo(1 - 0.4 + 0.2, 14);
    expect(() => sgd([1], [4, 1], 0.1)).toThrow(/gradient/);
  });

  it('momentum', () => {
    const theta = twice<Float64Array>((p, g, s) => momentum(p, g, { lr: 0.1, beta: 0.5 }, s));
    expect(theta).toBeCloseTo(1 - 0.4 - 0.1 * (0.5 * 4 - 2), 14);
  });

  it('nesterov', () => {
    const theta = twice<Float64Array>((p, g, s) => nesterov(p, g, { lr: 0.1, beta: 0.25 }, s));
    expect(theta).toBeCloseTo(1 - 0.1 * (4 + 1) - 0.1 * (-2 + 0.25 * (1 - 2)), 14);
  });

  it('rmsprop', () => {
    const theta = twice<Float64Array>((p, g, s) => rmsprop(p, g, { lr: 0.1, alpha: 0.75, eps: 0.5 }, s));
    expect(theta).toBeCloseTo(1 - 0.4 / (2 + 0.5) + 0.2 / (Math.sqrt(0.75 * 4 + 1) + 0.5), 14);
  });

  it('adam', () => {
    const settings = { lr: 0.1, beta1: 0.5, beta2: 0.75, eps: 0.25 };
    const vhat = (0.75 * 4 + 0.25 * 4) / (1 - 0.75 ** 2);
    const expected = 1 - 0.4 / (4 + 0.25) - 0.1 * ((0.5 * 2 - 1) / 0.75 / (Math.sqrt(vhat) + 0.25));
    expect(twice((p, g, s: Parameters<typeof adam>[3]) => adam(p, g, settings, s))).toBeCloseTo(expected, 14);
    expect(at(adam([1], [4], settings).theta, 0)).toBeCloseTo(1 - 0.4 / 4.25, 14);
  });
});
