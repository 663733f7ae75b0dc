import { afterEach, describe, expect, it, vi } from 'vitest';
import { Program } from '../src/host/gpu/program.ts';
import { type GatedSettings, gatedSettings } from '../src/host/optimizers/gated/settings.ts';
import { gatedUnroll, gatedUnrollGradient } from '../src/reference/gatedUnroll.ts';
import { at } from '../src/reference/scalar.ts';
import { relativeError } from './support/cases.ts';
import { formOf, runGated } from './support/gatedUnrolls.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { type SmallProblem, smallMlp, smallQuadratic } from './support/smallProblems.ts';

const gpu = gpuForThisFile();

const mlp = { tasks: 2, hidden: [3], batch: 5, minibatches: 4 } as const;
const quadratics = smallQuadratic(3, 4);
const networks = smallMlp({ ...mlp, activation: 'tanh' });
/** Parameters of the networks' last layer: 3 hidden units to 3 classes. */
const HEAD = 3 * 3 + 3;
const LOG_SIGN = { kind: 'log-sign', p: 3 } as const;
/** One size of the controller for all tests: its kernels are compiled once. */
const CONTROLLED = { controller: 'lstm', hidden: 3, preprocess: LOG_SIGN } as const;
const DIRECT = { controller: 'direct', preprocess: LOG_SIGN } as const;

interface Case {
  readonly what: string;
  readonly problem: SmallProblem;
  readonly settings: GatedSettings;
}

const cases: readonly Case[] = [
  { what: 'controller, sum of losses', problem: networks, settings: gatedSettings('meta-lstm', CONTROLLED) },
  {
    what: 'sigmoid fed back',
    problem: quadratics,
    settings: gatedSettings('meta-lstm', { ...CONTROLLED, gateFeedback: 'sigmoid' }),
  },
  {
    what: 'two cells, sigmoid fed back',
    problem: networks,
    settings: gatedSettings('momentum-lstm', { ...DIRECT, gateFeedback: 'sigmoid' }),
  },
  {
    what: 'two cells with a controller, relu',
    problem: smallMlp({ ...mlp, activation: 'relu' }),
    settings: gatedSettings('momentum-lstm', CONTROLLED),
  },
  {
    what: 'a learned learning rate: forget gate fixed, input gate learned',
    problem: quadratics,
    settings: gatedSettings('gradient-descent-lstm', { ...DIRECT, gates: { input: 'learned' } }),
  },
  {
    what: 'learned weight decay at a fixed learning rate',
    problem: networks,
    settings: gatedSettings('gradient-descent-lstm', { ...DIRECT, gates: { forget: 'learned' } }),
  },
  {
    what: 'raw gradient and loss; two of four gates fixed',
    problem: smallMlp({ ...mlp, activation: 'sigmoid' }),
    settings: gatedSettings('momentum-lstm', {
      controller: 'direct',
      preprocess: { kind: 'none' },
      gates: { forget: { fixed: 0.95 }, momentumInput: { fixed: 0.8 } },
    }),
  },
  {
    what: 'clamped inputs',
    problem: networks,
    settings: gatedSettings('meta-lstm', { ...DIRECT, preprocess: { kind: 'clamp', k: 3 } }),
  },
  {
    what: 'nothing learned but theta_0',
    problem: quadratics,
    settings: gatedSettings('gradient-descent-lstm', {
      gates: { input: { fixed: 0.1 } },
      theta0Parameters: 4,
    }),
  },
  {
    what: 'theta_0 learned over tasks, momentum fixed',
    problem: networks,
    settings: gatedSettings('gradient-descent-lstm', {
      ...DIRECT,
      gates: { input: 'learned', momentumForget: { fixed: 0.9 }, momentumInput: { fixed: 1 } },
      theta0Parameters: networks.parameters,
    }),
  },
  {
    what: 'theta_0 learned but for its last layer, which is zero',
    problem: networks,
    settings: gatedSettings('meta-lstm', { ...DIRECT, theta0Parameters: networks.parameters - HEAD }),
  },
];

/** The starting points the device uses: theta_0 in every row where it is learned, zero in a last layer that is not. */
function startsOf({ problem: { theta0, parameters }, settings }: Case): Float32Array {
  const n = settings.theta0Parameters;
  if (n === undefined) return theta0;
  return theta0.map((_, i) => (i % parameters < n ? at(theta0, i % parameters) : 0));
}

describe.each([false, true])('second derivatives %s', (secondDerivatives) => {
  it.each(cases)('$what, on $problem.name', async (given) => {
    const { problem, settings } = given;
    const options = { steps: 3, lossWeights: [0.5, 1, 0, 2], secondDerivatives };
    const { phi, outcomes, optimizer } = await runGated(gpu(), problem, settings, options);
    const [ours] = outcomes;
    if (!ours) throw new Error('no unroll was run');
    const expected = gatedUnrollGradient({
      ...{ phi, form: formOf(settings), problem: problem.reference, theta0: startsOf(given) },
      ...options,
    });
    const losses = expected.losses.flatMap((row) => [...row]);
    expect(relativeError(ours.losses, losses), 'losses').toBeLessThan(1e-6);
    expect(relativeError(ours.theta, expected.theta), 'theta').toBeLessThan(1e-6);
    expect(relativeError(ours.startGradient, expected.theta0Gradient), 'start').toBeLessThan(1e-5);
    const whole = Math.hypot(...Object.values(expected.gradient).map((g) => Math.hypot(...g)));
    for (const [name, values] of Object.entries(expected.gradient)) {
      const block = ours.gradient[name] ?? new Float32Array();
      const difference = Math.hypot(...Array.from(values, (value, i) => value - (block[i] ?? Number.NaN)));
      expect(difference, name).toBeLessThan(2e-5 * Math.hypot(...values) + 1e-7 * whole);
      expect(Math.hypot(...block), `${name} receives a gradient`).toBeGreaterThan(0);
    }
    if (!optimizer.theta0) return;
    const summed = new Float64Array(problem.parameters);
    for (const [i, value] of expected.theta0Gradient.entries()) {
      const n = i % problem.parameters;
      summed[n] = at(summed, n) + value;
    }
    const learned = summed.subarray(0, optimizer.theta0.parameters);
    expect(relativeError(ours.gradient['theta0'] ?? [], learned), 'theta0').toBeLessThan(1e-5);
  });
});

describe('truncation', () => {
  const settings = gatedSettings('momentum-lstm', { ...CONTROLLED, theta0Parameters: quadratics.parameters });
  const start = quadratics.theta0.map((_, i) => at(quadratics.theta0, i % quadratics.parameters));

  it('carries theta, m, gates and controller: two unrolls are one of twice the length', async () => {
    const once = await runGated(gpu(), quadratics, settings, { steps: 6, lossWeights: new Array(7).fill(1) });
    const options = { steps: 3, lossWeights: new Array(4).fill(1), unrolls: 2 };
    const twice = await runGated(gpu(), quadratics, settings, options);
    const [whole] = once.outcomes;
    const [first, second] = twice.outcomes;
    const { tasks } = quadratics;
    expect([...(first?.losses ?? []), ...(second?.losses.subarray(tasks) ?? [])]).toEqual([
      ...(whole?.losses ?? []),
    ]);
    expect(second?.theta).toEqual(whole?.theta);
  });

  it('the second part has the gradient of its own graph, and none for theta_0', async () => {
    const options = { steps: 3, lossWeights: [0, 1, 1, 1] };
    const { phi, outcomes } = await runGated(gpu(), quadratics, settings, { ...options, unrolls: 2 });
    const shared = { ...options, phi, form: formOf(settings), problem: quadratics.reference };
    const head = gatedUnroll({ ...shared, theta0: start });
    const tail = gatedUnrollGradient({ ...shared, theta0: head.theta, state: head.state, firstStep: 3 });
    for (const [name, values] of Object.entries(tail.gradient)) {
      expect(relativeError(outcomes[1]?.gradient[name] ?? [], values), name).toBeLessThan(1e-5);
    }
    expect(Math.hypot(...(outcomes[0]?.gradient['theta0'] ?? []))).toBeGreaterThan(0);
    expect(outcomes[1]?.gradient['theta0']).toEqual(new Float32Array(quadratics.parameters));
  });
});

describe('many coordinates', () => {
  it.each([1, 8, 85, 86, 89])(
    '%i a task, three tasks: workgroups that are full and not',
    async (dimension) => {
      const problem = smallQuadratic(3, dimension);
      const settings = gatedSettings('momentum-lstm', DIRECT);
      const options = { steps: 2, lossWeights: [0, 0, 1] };
      const { phi, outcomes } = await runGated(gpu(), problem, settings, options);
      const shared = { phi, form: formOf(settings), problem: problem.reference, theta0: problem.theta0 };
      const expected = gatedUnrollGradient({ ...shared, ...options });
      for (const [name, values] of Object.entries(expected.gradient)) {
        expect(relativeError(outcomes[0]?.gradient[name] ?? [], values), name).toBeLessThan(2e-5);
      }
    },
  );
});

describe('first order', () => {
  afterEach(() => vi.restoreAllMocks());

  it('runs none of the kernels of second order', async () => {
    const run = vi.spyOn(Program.prototype, 'run');
    const kernels = () => new Set(run.mock.calls.map(([kernel]) => kernel.name));
    const settings = gatedSettings('meta-lstm', CONTROLLED);
    const options = { steps: 2, lossWeights: [0, 0, 1] };
    const first = await runGated(gpu(), networks, settings, options);
    const firstKernels = kernels();
    const second = await runGated(gpu(), networks, settings, { ...options, secondDerivatives: true });
    const added = [...kernels()].filter((name) => !firstKernels.has(name)).sort();
    expect(added).toEqual([
      'activation/rBackward',
      'dense/rBackwardInput',
      'dense/rBackwardWeights',
      'dense/rForward',
      'gated/backwardGradient',
      'gated/lossAdjoint',
      'gated/lossPartials',
      'preprocess/backward',
      'softmaxCrossEntropy/rBackward',
      'taskRows/addScaled',
    ]);
    expect(first.outcomes[0]?.gradient).not.toEqual(second.outcomes[0]?.gradient);
  });
});
