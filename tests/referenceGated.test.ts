import { describe, expect, it } from 'vitest';
import { centralDifference } from '../src/reference/derivatives.ts';
import type { GatedForm } from '../src/reference/gated.ts';
import { gatedStart, gatedStep, gatedWeights } from '../src/reference/gated.ts';
import { type GatedUnrollOptions, gatedUnroll, gatedUnrollGradient } from '../src/reference/gatedUnroll.ts';
import { momentum, sgd } from '../src/reference/handDesigned.ts';
import type { Activation } from '../src/reference/mlp.ts';
import { mlpProblem, quadraticProblem } from '../src/reference/problems.ts';
import { at, numbers } from '../src/reference/scalar.ts';
import { loadCase, relativeError } from './support/cases.ts';
import { randomValues } from './support/compare.ts';

const BOTH = { forget: 'learned', input: 'learned' } as const;
const ALL = { ...BOTH, momentumForget: 'learned', momentumInput: 'learned' } as const;

describe('the gated family against PyTorch autograd in float64', () => {
  const cases = ['metalstm_lstm_first', 'metalstm_direct_second', 'momentumlstm_direct_first'];
  it.each(cases)('%s: losses, theta_T and every block of the meta-gradient', { timeout: 60_000 }, (name) => {
    const file = loadCase(name);
    const shape = {
      sizes: file.text('sizes').split(',').map(Number),
      activation: file.text('activation') as Activation,
    };
    const steps = file.number('unroll');
    const result = gatedUnrollGradient({
      phi: file.group('optimizer.'),
      form: {
        gates: file.text('optimizer') === 'momentum-lstm' ? ALL : BOTH,
        feedback: file.text('gate_feedback') as GatedForm['feedback'],
        preprocess: { kind: 'log-sign', p: file.number('p') },
      },
      problem: mlpProblem(shape, 1, file.number('batch'), file.values('x'), file.values('labels')),
      theta0: file.values('theta0'),
      steps,
      lossWeights: Array.from({ length: steps + 1 }, (_, t) => (t === steps ? 1 : 0)),
      secondDerivatives: file.text('second_derivatives') === 'true',
    });
    const expected = file.group('expect.grad.');
    const ours = { ...result.gradient, theta0: result.theta0Gradient };
    expect(Object.keys(ours).sort()).toEqual(Object.keys(expected).sort());
    for (const [block, values] of Object.entries(ours)) {
      expect(relativeError(values, expected[block] ?? []), block).toBeLessThan(1e-6);
    }
    const losses = result.losses.map((row) => at(row, 0));
    expect(relativeError(losses, file.values('expect.losses'))).toBeLessThan(1e-6);
    expect(relativeError(result.theta, file.values('expect.theta'))).toBeLessThan(1e-6);
  });
});

/** Two quadratics of two dimensions; gates of every kind, a controller of two units. */
function small(): GatedUnrollOptions {
  const weights = (n: number, seed: number) => randomValues(n, seed, -0.7, 0.7);
  return {
    phi: {
      'lstm.0.weight_ih': weights(8 * 4, 1),
      'lstm.0.weight_hh': weights(8 * 2, 2),
      'lstm.0.bias_ih': weights(8, 3),
      'lstm.0.bias_hh': weights(8, 4),
      'input_gate.weight': weights(4, 5),
      'input_gate.bias': weights(1, 6),
      'momentum_forget_gate.weight': weights(4, 7),
      'momentum_forget_gate.bias': weights(1, 8),
    },
    form: {
      gates: { forget: 0.9, input: 'learned', momentumForget: 'learned', momentumInput: 0.7 },
      feedback: 'sigmoid',
      preprocess: { kind: 'log-sign', p: 3 },
    },
    problem: quadraticProblem(2, 2, randomValues(8, 9), randomValues(4, 10)),
    theta0: randomValues(4, 11),
    steps: 3,
    lossWeights: [0.5, 1, 0, 2],
  };
}

describe('gatedUnroll', () => {
  it('second order is the derivative of the meta-loss, for weights and theta_0; first order is not', () => {
    const options = small();
    const second = gatedUnrollGradient({ ...options, secondDerivatives: true });
    const first = gatedUnrollGradient(options);
    for (const [name, values] of Object.entries(options.phi)) {
      const expected = centralDifference(
        (moved) => gatedUnroll({ ...options, phi: { ...options.phi, [name]: moved } }).metaLoss,
        values,
      );
      expect(relativeError(second.gradient[name] ?? [], expected), name).toBeLessThan(1e-7);
      expect(relativeError(first.gradient[name] ?? [], expected), name).toBeGreaterThan(1e-4);
    }
    const expected = centralDifference(
      (theta0) => gatedUnroll({ ...options, theta0 }).metaLoss,
      options.theta0,
    );
    expect(relativeError(second.theta0Gradient, expected)).toBeLessThan(1e-7);
    expect(relativeError(first.theta0Gradient, expected)).toBeGreaterThan(1e-4);
  });

  it('continued from its own state it is the longer unroll', () => {
    const options = small();
    const long = gatedUnroll(options);
    const head = gatedUnroll({ ...options, steps: 1, lossWeights: [0, 0] });
    const { theta: theta0, state } = head;
    const tail = gatedUnroll({ ...options, theta0, state, steps: 2, firstStep: 1, lossWeights: [0, 0, 0] });
    expect(tail.theta).toEqual(long.theta);
    expect(tail.losses).toEqual(long.losses.slice(1));
  });
});

describe('fixed gates', () => {
  const theta = randomValues(5, 1);
  const g = randomValues(5, 2);
  const weights = gatedWeights<number>({});
  const run = (gates: GatedForm['gates']) => {
    const form: GatedForm = { gates, feedback: 'pre-sigmoid', preprocess: { kind: 'identity' } };
    const start = gatedStart(numbers, weights);
    return Array.from(theta, (x, n) => {
      const first = gatedStep(numbers, form, weights, { theta: x, g: at(g, n), loss: 1 }, start);
      return gatedStep(numbers, form, weights, { theta: first.theta, g: at(g, n), loss: 1 }, first.state)
        .theta;
    });
  };

  it('F = 1 and I = lr are gradient descent', () => {
    expect(run({ forget: 1, input: 0.1 })).toEqual([...sgd(sgd(theta, g, 0.1), g, 0.1)]);
  });

  it('and with Fm = beta, Im = 1 heavy-ball momentum', () => {
    const settings = { lr: 0.1, beta: 0.9 };
    const first = momentum(theta, g, settings);
    const second = momentum(first.theta, g, settings, first.state);
    expect(run({ forget: 1, input: 0.1, momentumForget: 0.9, momentumInput: 1 })).toEqual([...second.theta]);
  });

  it('a learned gate without weights is an error', () => {
    expect(() => run(BOTH)).toThrow(/forget gate is learned but has no weights/);
  });
});
