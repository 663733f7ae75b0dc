import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConfigError } from '../src/host/errors.ts';
import type { GpuContext } from '../src/host/gpu/context.ts';
import { Program } from '../src/host/gpu/program.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { Unroll, type UnrollOptions } from '../src/host/meta/unroll.ts';
import { coordinatesOf, coordinateTensor } from '../src/host/ops/coordinates.ts';
import { createL2l } from '../src/host/optimizers/l2l/l2l.ts';
import type { L2lSettings } from '../src/host/optimizers/l2l/layout.ts';
import { hessianVector } from '../src/reference/derivatives.ts';
import type { Preprocess } from '../src/reference/preprocess.ts';
import { type UnrollGradient, unrollGradient } from '../src/reference/unroll.ts';
import { relativeError } from './support/cases.ts';
import { inner, randomValues } from './support/compare.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { type SmallProblem, smallMlp, smallQuadratic } from './support/smallProblems.ts';

const gpu = gpuForThisFile();

/** H v of every task at theta_0 on the minibatch of step 0, for each of some directions. */
async function hessianVectors(
  context: GpuContext,
  problem: SmallProblem,
  directions: readonly Float32Array[],
) {
  const pool = new TensorPool(context);
  const { tasks, parameters } = problem;
  const keys = pool.tensor('keys', [tasks, 2], 'u32');
  const clock = pool.tensor('clock', [4], 'u32');
  const optimizee = problem.create(pool)({ keys, clock, steps: 1, secondDerivatives: true });
  const row = (name: string) => coordinateTensor(pool, name, coordinatesOf(tasks, parameters));
  const [theta, losses] = [row('theta'), pool.tensor('losses', [1, tasks])];
  const vs = directions.map((_, i) => row(`v ${i}`));
  const products = directions.map((_, i) => row(`product ${i}`));
  await pool.allocate();
  writeTensor(context, keys, problem.keys);
  for (const [i, v] of vs.entries()) {
    const padded = new Float32Array(v.length);
    padded.set(directions[i] ?? []);
    writeTensor(context, v, padded);
  }
  const program = new Program(context, 'Hessian-vector products');
  optimizee.upload();
  optimizee.recordReset(program, theta);
  optimizee.recordSample(program, 0);
  optimizee.recordLoss(program, theta, losses, 0);
  for (const [i, v] of vs.entries()) {
    const product = products[i];
    if (product) optimizee.recordHessianVector?.(program, theta, v, product);
  }
  await program.prepare();
  submit(context, (encoder) => program.encode(encoder));
  const read = await readTensors(context, products);
  pool.destroy();
  return read.map((product) => product.subarray(0, tasks * parameters));
}

describe('Hessian-vector products', () => {
  const mlp = { tasks: 1, hidden: [5], batch: 6, minibatches: 1 } as const;
  const problems = [
    smallQuadratic(3, 7),
    smallMlp({ ...mlp, hidden: [], activation: 'tanh' }),
    smallMlp({ ...mlp, activation: 'sigmoid' }),
    smallMlp({ ...mlp, activation: 'tanh', tasks: 3 }),
    smallMlp({ ...mlp, activation: 'relu', hidden: [6, 5] }),
    smallMlp({ ...mlp, activation: 'sigmoid', hidden: [4, 3, 5], batch: 8, tasks: 2 }),
  ];

  it.each(problems)('$name: against the reference, and symmetric', async (problem) => {
    const { tasks, parameters, reference, theta0 } = problem;
    const [u, v] = [randomValues(tasks * parameters, 31), randomValues(tasks * parameters, 32)];
    const [Hu = new Float32Array(), Hv = new Float32Array()] = await hessianVectors(gpu(), problem, [u, v]);
    for (let task = 0; task < tasks; task++) {
      const part = (values: Float32Array) => values.subarray(task * parameters, (task + 1) * parameters);
      const expected = hessianVector((A, x) => reference.loss(A, x, task, 0), part(theta0), part(v));
      expect(relativeError(part(Hv), expected), `task ${task}`).toBeLessThan(2e-6);
      const size = Math.hypot(...part(u)) * Math.hypot(...part(Hv));
      expect(Math.abs(inner(part(u), part(Hv)) - inner(part(v), part(Hu)))).toBeLessThan(1e-6 * size);
    }
  });
});

/** An unroll of l2l on a small problem, on the device and in the reference. */
async function bothUnrolls(problem: SmallProblem, settings: L2lSettings, options: UnrollChoice) {
  const context = gpu();
  const pool = new TensorPool(context);
  const optimizer = createL2l(pool, settings);
  const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
  const { tasks } = problem;
  const createOptimizee = problem.create(pool);
  const unroll = new Unroll({ pool, tasks, optimizer, createOptimizee, metaGradient, ...options });
  await pool.allocate();
  const phi = randomPhi(optimizer.initialPhi(7));
  writeTensor(context, optimizer.phi, phi);
  await unroll.prepare();
  unroll.setTasks(problem.keys, 0);
  submit(context, (encoder) => unroll.encode(encoder, 'reset'));
  const [gradient = new Float32Array()] = await readTensors(context, [metaGradient]);
  const named = (values: Map<string, { data: Float32Array }>) =>
    Object.fromEntries([...values].map(([name, { data }]) => [name, data]));
  const ours = named(optimizer.gradientToNamed(gradient));
  const { dispatches } = unroll;
  pool.destroy();
  const { preprocess } = settings;
  const form: Preprocess = preprocess.kind === 'none' ? { kind: 'identity' } : preprocess;
  const reference = (secondDerivatives: boolean): UnrollGradient =>
    unrollGradient({
      phi: named(optimizer.toNamed(phi)),
      problem: problem.reference,
      theta0: problem.theta0,
      steps: options.steps,
      preprocess: form,
      outputScale: settings.outputScale,
      lossWeights: options.lossWeights,
      secondDerivatives,
    });
  return { ours, dispatches, reference };
}

type UnrollChoice = Pick<UnrollOptions, 'steps' | 'secondDerivatives'> & {
  readonly lossWeights: readonly number[];
};

/** One size for all tests: its kernels are compiled once. */
const LSTM = { layers: 2, hidden: 3, outputScale: 2 } as const;

/** Larger weights than fresh ones, so that the gradients' path through the optimizer matters. */
function randomPhi(fresh: Float32Array): Float32Array {
  const noise = randomValues(fresh.length, 41, -0.5, 0.5);
  return fresh.map((value, i) => (value === 0 ? 0 : value + (noise[i] ?? 0)));
}

describe('second-order meta-gradients of l2l', () => {
  const lstm = { ...LSTM, preprocess: { kind: 'none' } } as const;
  const mlp = { tasks: 2, hidden: [3], batch: 5, minibatches: 4 } as const;
  const cases: { readonly what: string; readonly problem: SmallProblem; readonly settings: L2lSettings }[] = [
    { what: 'raw gradient', problem: smallQuadratic(2, 3), settings: lstm },
    { what: 'linear', problem: smallQuadratic(2, 3), settings: { ...lstm, layers: 0, outputScale: 0.2 } },
    {
      what: 'log-sign, linear',
      problem: smallMlp({ ...mlp, activation: 'tanh' }),
      settings: { ...lstm, layers: 0, outputScale: 0.2, preprocess: { kind: 'log-sign', p: 3 } },
    },
    {
      what: 'clamp',
      problem: smallMlp({ ...mlp, activation: 'sigmoid' }),
      settings: { ...lstm, preprocess: { kind: 'clamp', k: 3 } },
    },
    { what: 'relu', problem: smallMlp({ ...mlp, activation: 'relu' }), settings: lstm },
  ];

  it.each(cases)('$what on $problem.name', async ({ problem, settings }) => {
    const options = { steps: 3, lossWeights: [1, 0.5, 0, 2], secondDerivatives: true };
    const { ours, reference } = await bothUnrolls(problem, settings, options);
    const [first, second] = [reference(false).gradient, reference(true).gradient];
    const size = (values: Float64Array) => Math.hypot(...values);
    const whole = Math.hypot(...Object.values(second).map(size));
    for (const [name, expected] of Object.entries(second)) {
      const difference = size(expected.map((value, i) => value - (ours[name]?.[i] ?? Number.NaN)));
      expect(difference, name).toBeLessThan(1e-5 * size(expected) + 1e-6 * whole);
    }
    const differs = Object.entries(second).some(([name, g]) => relativeError(first[name] ?? [], g) > 1e-3);
    expect(differs, 'second order differs from first here').toBe(true);
  });
});

describe('first order', () => {
  afterEach(() => vi.restoreAllMocks());

  it('is the default and runs no kernel of second order', async () => {
    const run = vi.spyOn(Program.prototype, 'run');
    const kernels = () => new Set(run.mock.calls.map(([kernel]) => kernel.name));
    const problem = smallMlp({ tasks: 1, hidden: [3], activation: 'tanh', batch: 4, minibatches: 3 });
    const settings: L2lSettings = { ...LSTM, preprocess: { kind: 'log-sign', p: 5 } };
    const options = { steps: 2, lossWeights: [1, 1, 1] };
    const byDefault = await bothUnrolls(problem, settings, options);
    const first = await bothUnrolls(problem, settings, { ...options, secondDerivatives: false });
    const firstKernels = kernels();
    const second = await bothUnrolls(problem, settings, { ...options, secondDerivatives: true });
    const added = [...kernels()].filter((name) => !firstKernels.has(name)).sort();
    expect(added).toEqual([
      'activation/rBackward',
      'dense/rBackwardInput',
      'dense/rBackwardWeights',
      'dense/rForward',
      'preprocess/backward',
      'softmaxCrossEntropy/rBackward',
    ]);
    expect(byDefault.dispatches).toBe(first.dispatches);
    expect(first.dispatches).toBeLessThan(second.dispatches);
    expect(byDefault.ours).toEqual(first.ours);
    expect(first.ours).not.toEqual(second.ours);
  });
});

describe('what has no second derivatives', () => {
  const settings: L2lSettings = { layers: 0, hidden: 1, preprocess: { kind: 'none' }, outputScale: 1 };

  it('is refused by name, never taken in first order silently', () => {
    const pool = new TensorPool(gpu());
    const optimizer = createL2l(pool, settings);
    const problem = smallQuadratic(1, 2);
    const create = problem.create(pool);
    const options = {
      ...{ pool, optimizer, tasks: 1, steps: 1, lossWeights: [1, 1] },
      metaGradient: pool.tensor('meta-gradient', optimizer.phi.shape),
      createOptimizee: (tensors: Parameters<typeof create>[0]) => {
        const { recordHessianVector: _, ...optimizee } = create(tensors);
        return optimizee;
      },
    };
    expect(() => new Unroll({ ...options, secondDerivatives: true })).toThrow(ConfigError);
    expect(() => new Unroll({ ...options, secondDerivatives: true })).toThrow(
      'the optimizee quadratic, 2 dimensions, uniform has no second derivatives',
    );
    expect(() => new Unroll(options)).not.toThrow();
  });
});
