import { describe, expect, it } from 'vitest';
import { centralDifference } from '../src/reference/derivatives.ts';
import type { AdamState } from '../src/reference/handDesigned.ts';
import { adam } from '../src/reference/handDesigned.ts';
import type { Activation } from '../src/reference/mlp.ts';
import type { Preprocess } from '../src/reference/preprocess.ts';
import type { Problem } from '../src/reference/problems.ts';
import { mlpProblem, quadraticProblem } from '../src/reference/problems.ts';
import { at } from '../src/reference/scalar.ts';
import type { UnrollOptions, UnrollResult } from '../src/reference/unroll.ts';
import { unroll, unrollGradient } from '../src/reference/unroll.ts';
import type { GradientCase } from './support/cases.ts';
import { loadCase, relativeError } from './support/cases.ts';

function caseProblem(file: GradientCase): Problem {
  if (file.text('problem') === 'quadratic') {
    return quadraticProblem(file.number('tasks'), file.number('dim'), file.values('W'), file.values('y'));
  }
  const shape = {
    sizes: file.text('sizes').split(',').map(Number),
    activation: file.text('activation') as Activation,
  };
  return mlpProblem(
    shape,
    file.number('tasks'),
    file.number('batch'),
    file.values('x'),
    file.values('labels'),
  );
}

function caseOptions(file: GradientCase): UnrollOptions {
  const p = file.number('p');
  const form: Preprocess =
    file.text('preprocess') === 'identity' ? { kind: 'identity' } : { kind: 'log-sign', p };
  return {
    phi: file.group('optimizer.'),
    problem: caseProblem(file),
    theta0: file.values('theta0'),
    steps: file.number('unroll'),
    preprocess: form,
    outputScale: file.number('output_scale'),
  };
}

describe('unroll against PyTorch autograd in float64', () => {
  for (const name of ['l2l_quadratic_first', 'l2l_mlp_sigmoid_logsign_first', 'l2l_mlp_tanh_second']) {
    it(`${name}: losses, theta_T and every block of the meta-gradient`, { timeout: 60_000 }, () => {
      const file = loadCase(name);
      const secondDerivatives = file.text('second_derivatives') === 'true';
      const result = unrollGradient({ ...caseOptions(file), secondDerivatives });
      const expected = file.group('expect.grad.');
      const errors = {
        losses: relativeError(result.losses, file.values('expect.losses')),
        theta: relativeError(result.theta, file.values('expect.theta')),
        ...Object.fromEntries(
          Object.entries(result.gradient).map(([key, g]) => [key, relativeError(g, expected[key] ?? [])]),
        ),
      };
      expect(Object.keys(result.gradient).sort()).toEqual(Object.keys(expected).sort());
      const worst = Math.max(...Object.values(errors));
      expect(worst, JSON.stringify(errors)).toBeLessThan(1e-6);
      expect(worst, 'exact agreement with float32 files would be suspect').toBeGreaterThan(0);
    });
  }
});

/** Two quadratics of two coordinates; an LSTM of one layer, H = 2, and log-sign inputs. */
function small(): UnrollOptions {
  const weights = (n: number, phase: number): Float64Array =>
    Float64Array.from({ length: n }, (_, i) => 0.6 * Math.sin(1.7 * i + phase));
  return {
    phi: {
      'lstm.0.weight_ih': weights(16, 1),
      'lstm.0.weight_hh': weights(16, 2),
      'lstm.0.bias_ih': weights(8, 3),
      'lstm.0.bias_hh': weights(8, 4),
      'output.weight': weights(2, 5),
      'output.bias': weights(1, 6),
    },
    problem: quadraticProblem(2, 2, [0.9, 0.2, 0.4, 0.7, 0.1, 0.8, 0.6, 0.3], [0.5, 0.1, 0.9, 0.4]),
    theta0: [0.3, -0.2, 0.5, 0.1],
    steps: 3,
    preprocess: { kind: 'log-sign', p: 3 },
    outputScale: 0.3,
    lossWeights: [1, 0, 0.5, 2],
  };
}

describe('unroll', () => {
  it('second order is the derivative of the meta-loss, first order is not', () => {
    const options = small();
    const second = unrollGradient({ ...options, secondDerivatives: true });
    const first = unrollGradient(options);
    for (const [name, values] of Object.entries(options.phi)) {
      const expected = centralDifference(
        (moved) => unroll({ ...options, phi: { ...options.phi, [name]: moved } }).metaLoss,
        values,
      );
      expect(relativeError(second.gradient[name] ?? [], expected), name).toBeLessThan(1e-7);
      expect(relativeError(first.gradient[name] ?? [], expected), name).toBeGreaterThan(1e-5);
    }
    const { gradient: _, ...forward } = first;
    expect(forward).toEqual(unroll(options));
    expect(first.metaLoss).toBeCloseTo(
      at(first.losses, 0) + 0.5 * at(first.losses, 2) + 2 * at(first.losses, 3),
      14,
    );
  });

  it('continued from its own state it is the longer unroll', () => {
    const { lossWeights: _, ...options } = small();
    const labels = Array.from({ length: 10 }, (_unused, i) => i % 2);
    const x = labels.map((label, i) => label - 0.5 + 0.1 * i);
    const problem = mlpProblem({ sizes: [1, 2], activation: 'relu' }, 1, 2, x, labels);
    const whole = { ...options, problem, steps: 4 };
    const long = unroll(whole);
    const head = unroll({ ...whole, steps: 1 });
    const tail = unroll({ ...whole, steps: 3, theta0: head.theta, state: head.state, firstStep: 1 });
    expect(tail.theta).toEqual(long.theta);
    expect(tail.state).toEqual(long.state);
    expect([at(head.losses, 0), ...tail.losses]).toEqual([...long.losses]);
    expect(() => unroll({ ...whole, steps: 5 })).toThrow(/There is no minibatch 5/);
  });

  it('says which tensor does not fit', () => {
    const options = small();
    expect(() => unroll({ ...options, phi: { ...options.phi, extra: [1] } })).toThrow(/"extra"/);
    expect(() => unroll({ ...options, phi: { ...options.phi, 'output.weight': [1] } })).toThrow(
      /output.weight/,
    );
    expect(() => unroll({ ...options, theta0: [1] })).toThrow(/theta0 has 1 elements/);
    expect(() => unroll({ ...options, lossWeights: [1] })).toThrow(/lossWeights/);
  });
});

/**
 * DeepMind's golden value (google-deepmind/learning-to-learn, meta_test.py, L2LTest.testResults, with meta.py):
 * - Problem f(x) = x^2, one coordinate, x = 1 at the start.
 * - Optimizer: CoordinateWiseDeepLSTM with no layers, preprocessing `identity`, scale 1, initialised with zeros: the
 *   linear map out = w g + b with w = b = 0; x <- x + out.
 * - One epoch of two unrolls of 5 steps. Meta-loss: the sum of the 6 losses; g is a constant (first order, the default).
 * - In each unroll: the forward pass and the meta-gradient with the present w and b; the cost reported is the last of
 *   the 6 losses, f(x_5), and x is x_5, both from before this unroll's meta-step; then one Adam step on (w, b) with
 *   learning rate 0.01, beta 0.9 and 0.999, eps 1e-8; x_5 is where the next unroll starts, Adam's averages go on.
 * The first unroll leaves x at 1 (w = b = 0), and its meta-step makes w = b = -0.01, being Adam's first; so cost and x
 * after the second unroll depend only on the sign of one meta-gradient. The third unroll is not in DeepMind's test. Its
 * values, confirmed by a separate program, tell apart what the second cannot: cost .3675123 in first order, .3677429 in
 * second; .366689 if Adam's averages were reset between unrolls; .5239182 if x were.
 */
describe('the golden value of learning-to-learn', () => {
  const adamSettings = { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8 };

  function metaTrain(unrolls: number, secondDerivatives: boolean): UnrollResult[] {
    let phi: ArrayLike<number> = [0, 0];
    let state: AdamState | undefined;
    let theta: ArrayLike<number> = [1];
    const results: UnrollResult[] = [];
    for (let k = 0; k < unrolls; k++) {
      const result = unrollGradient({
        phi: { 'output.weight': [at(phi, 0)], 'output.bias': [at(phi, 1)] },
        problem: quadraticProblem(1, 1, [1], [0]),
        theta0: theta,
        steps: 5,
        preprocess: { kind: 'identity' },
        outputScale: 1,
        secondDerivatives,
      });
      const g = [...(result.gradient['output.weight'] ?? []), ...(result.gradient['output.bias'] ?? [])];
      const step = adam(phi, g, adamSettings, state);
      phi = step.theta;
      state = step.state;
      theta = result.theta;
      results.push(result);
    }
    return results;
  }

  it('cost .7325327 and x .8559 after the second unroll', () => {
    const [first, second] = metaTrain(2, false);
    expect([...(first?.losses ?? [])]).toEqual([1, 1, 1, 1, 1, 1]);
    expect(second?.losses[5]).toBeCloseTo(0.7325327, 6);
    expect(second?.theta[0]).toBeCloseTo(0.8559, 4);
  });

  it('the third unroll tells first order from second', () => {
    const third = metaTrain(3, false)[2];
    expect(third?.losses[5]).toBeCloseTo(0.3675123, 6);
    expect(third?.theta[0]).toBeCloseTo(0.6062279, 6);
    expect(metaTrain(3, true)[2]?.losses[5]).toBeCloseTo(0.3677429, 6);
  });
});
