import { describe, expect, it } from 'vitest';
import { layersSchema, parseConfig } from '../src/host/config.ts';
import type { GpuContext } from '../src/host/gpu/context.ts';
import { Program } from '../src/host/gpu/program.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { coordinatesOf, coordinateTensor } from '../src/host/ops/coordinates.ts';
import { createL2l } from '../src/host/optimizers/l2l/l2l.ts';
import { gradient, hessianVector } from '../src/reference/derivatives.ts';
import { unrollGradient } from '../src/reference/unroll.ts';
import { relativeError } from './support/cases.ts';
import { inner, randomValues } from './support/compare.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { smallNetwork } from './support/networks.ts';
import type { SmallProblem } from './support/smallProblems.ts';

const gpu = gpuForThisFile();
const layersOf = (value: object[]) => parseConfig(layersSchema, value, 'test');
const act = (name: string) => ({ kind: 'activation', function: name });
const conv = (channels: number, more: object = {}) => ({ kind: 'conv', channels, ...more });
const NORM = { kind: 'batch-norm' };
const MAX = { kind: 'max-pool' };

/** Batches that fill their rows and that do not; parameters counted by hand. */
const problems: readonly SmallProblem[] = [
  smallNetwork('conv, batch-norm, relu, max-pool', {
    layers: layersOf([conv(3), NORM, act('relu'), MAX]),
    // 9 * 3 + 3, 2 * 3, 3 * 2 * 2 * 3 + 3
    parameters: 30 + 6 + 39,
    ...{ tasks: 2, side: 5, batch: 6, minibatches: 1 },
  }),
  smallNetwork('conv of stride 2 without padding, average-pool', {
    layers: layersOf([
      conv(2, { stride: 2, padding: 'valid' }),
      act('tanh'),
      { kind: 'average-pool', size: 2, stride: 1 },
    ]),
    // 7x7 -> 3x3 -> 2x2
    parameters: 20 + 2 * 4 * 3 + 3,
    ...{ tasks: 2, side: 7, batch: 5, minibatches: 1 },
  }),
  smallNetwork('dense, batch-norm, tanh, dense', {
    layers: layersOf([{ kind: 'dense', units: 5 }, NORM, act('tanh'), { kind: 'dense', units: 4 }]),
    parameters: 50 + 10 + 24 + 15,
    ...{ tasks: 3, side: 3, batch: 7, minibatches: 1 },
  }),
  smallNetwork('an activation and a pool before any parameters', {
    layers: layersOf([act('softplus'), { kind: 'average-pool', size: 2, stride: 1 }, conv(2), act('elu')]),
    // 4x4 -> 3x3
    parameters: 20 + 2 * 9 * 3 + 3,
    ...{ tasks: 2, side: 4, batch: 4, minibatches: 1 },
  }),
  smallNetwork('two blocks, a 5x5 kernel, pools that leave lines out', {
    layers: layersOf([
      ...[conv(2, { kernel: 5 }), NORM, act('leakyRelu'), MAX],
      ...[conv(3), NORM, act('sigmoid'), { kind: 'max-pool', size: 3, stride: 1 }],
    ]),
    // 7x7 -> 3x3 -> 1x1
    parameters: 52 + 4 + 57 + 6 + 12,
    ...{ tasks: 2, side: 7, batch: 3, minibatches: 1 },
  }),
];

/** Loss, gradient and H v of every task at theta_0 on the minibatch of step 0. */
async function onDevice(context: GpuContext, problem: SmallProblem, directions: readonly Float32Array[]) {
  const { tasks, parameters } = problem;
  const pool = new TensorPool(context);
  const keys = pool.tensor('keys', [tasks, 2], 'u32');
  const clock = pool.tensor('clock', [4], 'u32');
  const optimizee = problem.create(pool)({ keys, clock, steps: 1, secondDerivatives: true });
  const row = (name: string) => coordinateTensor(pool, name, coordinatesOf(tasks, parameters));
  const [theta, g, losses] = [row('theta'), row('gradient'), pool.tensor('losses', [1, tasks])];
  const pairs = directions.map((values) => ({ values, v: row('v'), product: row('product') }));
  await pool.allocate();
  try {
    writeTensor(context, keys, problem.keys);
    const program = new Program(context, 'derivatives of a network');
    optimizee.upload();
    optimizee.recordReset(program, theta);
    optimizee.recordSample(program, 0);
    optimizee.recordLoss(program, theta, losses, 0);
    optimizee.recordGradient(program, theta, g);
    for (const { values, v, product } of pairs) {
      const padded = new Float32Array(v.length);
      padded.set(values);
      writeTensor(context, v, padded);
      optimizee.recordHessianVector?.(program, theta, v, product);
    }
    await program.prepare();
    submit(context, (encoder) => program.encode(encoder));
    const read = await readTensors(context, [losses, g, ...pairs.map(({ product }) => product)]);
    const [loss = new Float32Array(), ...rows] = read;
    const all = rows.map((values) => values.subarray(0, tasks * parameters));
    const [ofLoss = new Float32Array(), ...products] = all;
    return { optimizee, loss, gradient: ofLoss, products };
  } finally {
    pool.destroy();
  }
}

describe('whole networks against float64', () => {
  it.each(problems)('$name: loss, gradient and Hessian-vector product', async (problem) => {
    const { tasks, parameters, reference, theta0 } = problem;
    const [u, v] = [randomValues(tasks * parameters, 91), randomValues(tasks * parameters, 92)];
    const ours = await onDevice(gpu(), problem, [u, v]);
    expect(ours.optimizee.parameters).toBe(parameters);
    const { groups } = ours.optimizee;
    expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(parameters);
    const [Hu = new Float32Array(), Hv = new Float32Array()] = ours.products;
    for (let task = 0; task < tasks; task++) {
      const part = (values: Float32Array) => values.subarray(task * parameters, (task + 1) * parameters);
      const at = part(theta0);
      const expected = gradient((A, x) => reference.loss(A, x, task, 0), at);
      expect(relativeError([ours.loss[task] ?? Number.NaN], [expected.value])).toBeLessThan(1e-6);
      expect(relativeError(part(ours.gradient), expected.gradient), `task ${task}`).toBeLessThan(2e-6);
      const product = hessianVector((A, x) => reference.loss(A, x, task, 0), at, part(v));
      expect(relativeError(part(Hv), product), `task ${task}, H v`).toBeLessThan(2e-6);
      const size = Math.hypot(...part(u)) * Math.hypot(...part(Hv));
      expect(Math.abs(inner(part(u), part(Hv)) - inner(part(v), part(Hu)))).toBeLessThan(1e-6 * size);
    }
  });
});

describe('meta-gradients of l2l through a convolutional network', () => {
  const STEPS = 2;
  const problem = smallNetwork('conv, batch-norm, tanh, max-pool', {
    layers: layersOf([conv(2), NORM, act('tanh'), MAX]),
    parameters: 20 + 4 + 2 * 4 * 3 + 3,
    ...{ tasks: 2, side: 4, batch: 3, minibatches: STEPS + 1 },
  });
  const settings = { layers: 1, hidden: 3, outputScale: 1, preprocess: { kind: 'none' } } as const;
  const lossWeights = [1, 0.5, 2];

  it.each([false, true])('second derivatives %s', async (secondDerivatives) => {
    const context = gpu();
    const pool = new TensorPool(context);
    const optimizer = createL2l(pool, settings);
    const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
    const unroll = new Unroll({
      ...{ pool, tasks: problem.tasks, steps: STEPS, optimizer, lossWeights, metaGradient },
      ...{ createOptimizee: problem.create(pool), secondDerivatives },
    });
    await pool.allocate();
    try {
      const noise = randomValues(optimizer.phi.length, 93, -0.5, 0.5);
      const phi = optimizer.initialPhi(7).map((value, i) => (value === 0 ? 0 : value + (noise[i] ?? 0)));
      writeTensor(context, optimizer.phi, phi);
      await unroll.prepare();
      unroll.setTasks(problem.keys, 0);
      submit(context, (encoder) => unroll.encode(encoder, 'reset'));
      const [values = new Float32Array()] = await readTensors(context, [metaGradient]);
      const ours = optimizer.gradientToNamed(values);
      const named = Object.fromEntries([...optimizer.toNamed(phi)].map(([name, { data }]) => [name, data]));
      const reference = (second: boolean) =>
        unrollGradient({
          ...{ phi: named, problem: problem.reference, theta0: problem.theta0, steps: STEPS, lossWeights },
          ...{ preprocess: { kind: 'identity' }, outputScale: 1, secondDerivatives: second },
        }).gradient;
      const expected = reference(secondDerivatives);
      const whole = Math.hypot(...Object.values(expected).map((block) => Math.hypot(...block)));
      for (const [name, block] of Object.entries(expected)) {
        const data = ours.get(name)?.data ?? new Float32Array();
        const difference = Math.hypot(...Array.from(block, (value, i) => value - (data[i] ?? Number.NaN)));
        expect(difference, name).toBeLessThan(2e-5 * Math.hypot(...block) + 1e-5 * whole);
      }
      if (!secondDerivatives) return;
      const first = reference(false);
      const differs = Object.entries(expected).some(
        ([name, g]) => relativeError(first[name] ?? [], g) > 1e-3,
      );
      expect(differs, 'second order differs from first here').toBe(true);
    } finally {
      pool.destroy();
    }
  });
});
