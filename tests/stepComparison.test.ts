import { describe, expect, it } from 'vitest';
import { taskKeys } from '../src/host/data/threefry.ts';
import type { GpuContext } from '../src/host/gpu/context.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { MOST_COORDINATES } from '../src/host/meta/evaluator.ts';
import { compareSteps } from '../src/host/meta/stepComparison.ts';
import { taskParameters } from '../src/host/meta/tasks.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { recordUpdateProducts, UPDATE_CHUNKS } from '../src/host/ops/updates.ts';
import { denseLayers } from '../src/host/optimizees/layers/settings.ts';
import { createCompared } from '../src/host/optimizers/compared.ts';
import { createLearned } from '../src/host/optimizers/create.ts';
import { createHandDesigned, type HandDesignedName } from '../src/host/optimizers/handDesigned.ts';
import { adam, sgd } from '../src/reference/handDesigned.ts';
import { numbers } from '../src/reference/scalar.ts';
import { lossGradient } from '../src/reference/unroll.ts';
import { expectClose, inner, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { type SmallProblem, smallMlp, smallQuadratic } from './support/smallProblems.ts';
import { rounded, sumOf } from './support/tolerances.ts';
import { smallConfig } from './support/training.ts';

const gpu = gpuForThisFile();

const quadratics = smallQuadratic(3, 5);
/** More parameters than chunks. */
const networks = smallMlp({ tasks: 3, hidden: [5], batch: 5, minibatches: 7, activation: 'tanh' });
/** Of an unroll; an episode is two. */
const STEPS = 3;

describe('updates/products', () => {
  it.each([1, 63, 64, 65, 131])('are the dot products of %i parameters a task', async (parameters) => {
    const tasks = 3;
    const values = (seed: number) => randomValues(tasks * parameters + 3, seed);
    const data = {
      ...{ theta: values(1), next: values(2), g: values(3), r: values(4) },
      partials: unwritten(4 * tasks * UPDATE_CHUNKS),
      products: unwritten(4 * tasks),
    };
    const { products } = await runKernels(gpu(), data, (program, tensors) =>
      recordUpdateProducts(program, tensors, { tasks, parameters }),
    );
    for (let task = 0; task < tasks; task++) {
      const part = (of: Float32Array) => of.subarray(task * parameters, (task + 1) * parameters);
      const u = part(data.next).map((value, i) => value - (part(data.theta)[i] ?? Number.NaN));
      const [g, r] = [part(data.g), part(data.r)];
      const expected = [inner(u, u), inner(g, g), inner(r, r), inner(u, r)];
      const sizes = [inner(u, u), inner(g, g), inner(r, r), inner(u.map(Math.abs), r.map(Math.abs))];
      const { relative } = sumOf(parameters, []);
      const allowed = { relative: relative + rounded(1).relative, scale: sizes };
      expectClose(products.subarray(4 * task, 4 * task + 4), expected, allowed, `task ${task}`);
    }
  });
});

/** |u|, |g|, |r| and the cosine of u and r of every step, [step][task]. */
type Rows = number[][][];

/** Runs a hand-designed optimizer beside Adam for two unrolls of an episode, after another run of the same episode. */
async function beside(
  context: GpuContext,
  problem: SmallProblem,
  name: HandDesignedName,
  rate: number,
): Promise<Rows> {
  const { tasks } = problem;
  const pool = new TensorPool(context);
  const own = createHandDesigned(name);
  const optimizer = createCompared(own, createHandDesigned('adam'));
  const createOptimizee = problem.create(pool);
  const unroll = new Unroll({ pool, tasks, steps: STEPS, optimizer, createOptimizee });
  const { tensor, stride } = optimizer.products;
  await pool.allocate();
  try {
    await unroll.prepare();
    own.set({ learningRate: rate });
    const rows: Rows = [];
    for (const part of [0, 1, 0, 1]) {
      if (part === 0) rows.length = 0;
      unroll.setTasks(problem.keys, part * STEPS);
      submit(context, (encoder) => unroll.encode(encoder, part === 0 ? 'reset' : 'carry'));
      const [read = new Float32Array()] = await readTensors(context, [tensor]);
      for (let step = 0; step < STEPS; step++) {
        rows.push(
          Array.from({ length: tasks }, (_, task) => {
            const [uu = 0, gg = 0, rr = 0, ur = 0] = read.subarray(step * stride + 4 * task);
            return [Math.sqrt(uu), Math.sqrt(gg), Math.sqrt(rr), ur / Math.sqrt(uu * rr)];
          }),
        );
      }
    }
    return rows;
  } finally {
    pool.destroy();
  }
}

describe.each([quadratics, networks])('updates on $name', (problem) => {
  it("of Adam beside Adam have its direction, and its learning rate times its steps' size", async () => {
    const rate = 0.01;
    for (const [step, tasks] of (await beside(gpu(), problem, 'adam', rate)).entries()) {
      for (const [u = 0, g = 0, r = 0, cosine = 0] of tasks) {
        expect(g).toBeGreaterThan(0);
        expectClose([cosine], [1], rounded(16), `cosine of step ${step}`);
        expectClose([u], [rate * r], { relative: 2e-5 }, `update of step ${step}`);
      }
    }
  });

  it('of SGD beside Adam are what the host computes in float64', async () => {
    const [rate, lr, eps] = [0.1, 1, Math.fround(1e-8)];
    const [beta1, beta2] = [Math.fround(0.9), Math.fround(0.999)];
    const rows = await beside(gpu(), problem, 'sgd', rate);
    const cosines: number[] = [];
    for (let task = 0; task < problem.tasks; task++) {
      const { parameters } = problem;
      let theta: Float64Array = Float64Array.from(
        problem.theta0.subarray(task * parameters, (task + 1) * parameters),
      );
      let state: Parameters<typeof adam>[3];
      for (let step = 0; step < 2 * STEPS; step++) {
        const g = lossGradient(numbers, problem.reference, [...theta], task, step, false);
        const next = sgd(theta, g, Math.fround(rate));
        const u = next.map((value, i) => value - (theta[i] ?? Number.NaN));
        const origin = new Float64Array(parameters);
        const adams = adam(origin, g, { lr, beta1, beta2, eps }, state);
        const norm = (x: ArrayLike<number>) => Math.sqrt(inner(x, x));
        const cosine = inner(u, adams.theta) / (norm(u) * norm(adams.theta));
        const expected = [norm(u), norm(g), norm(adams.theta), cosine];
        expectClose(rows[step]?.[task] ?? [], expected, { relative: 2e-5 }, `step ${step} of task ${task}`);
        cosines.push(cosine);
        [theta, state] = [next, adams.state];
      }
    }
    expect(Math.max(...cosines)).toBeLessThan(0.99);
  });

  it('are compared without changing a bit of what the optimizer does', async () => {
    const { tasks } = problem;
    const thetas: Float32Array[] = [];
    for (const isCompared of [false, true]) {
      const pool = new TensorPool(gpu());
      const learned = createLearned(pool, smallConfig().optimizer);
      const optimizer = isCompared ? createCompared(learned, createHandDesigned('adam')) : learned;
      const createOptimizee = problem.create(pool);
      const unroll = new Unroll({ pool, tasks, steps: STEPS, optimizer, createOptimizee });
      await pool.allocate();
      writeTensor(gpu(), learned.phi, learned.initialPhi(3));
      await unroll.prepare();
      for (const start of ['reset', 'carry'] as const) {
        unroll.setTasks(problem.keys, start === 'reset' ? 0 : STEPS);
        submit(gpu(), (encoder) => unroll.encode(encoder, start));
      }
      thetas.push(...(await readTensors(gpu(), [unroll.theta])));
      pool.destroy();
    }
    expect(thetas[1]).toEqual(thetas[0]);
  });
});

describe('compareSteps', () => {
  const keys = taskKeys(1, 'test', 0, 5);
  const shared = { data: undefined, list: 'test', reference: 'adam' } as const;

  it('gives every episode its own rows, whatever runs beside it, over several unrolls', async () => {
    const { task, optimizer } = smallConfig();
    const pool = new TensorPool(gpu());
    const phi = createLearned(pool, optimizer).initialPhi(2);
    const options = { ...shared, task, optimizer, phi, horizon: 40 };
    let planned = 0;
    const all = await compareSteps(gpu(), { ...options, keys }, (bytes) => {
      planned = bytes;
    });
    expect(planned).toBeGreaterThan(0);
    const two = await compareSteps(gpu(), { ...options, keys: keys.slice(4, 8) });
    expect([all.episodes, all.steps]).toEqual([5, 40]);
    for (const name of ['updateNorm', 'gradientNorm', 'referenceNorm', 'cosine'] as const) {
      expect(all[name]).toHaveLength(5);
      expect(all[name].every((row) => row.length === 40 && row.every(Number.isFinite))).toBe(true);
      expect(two[name]).toEqual(all[name].slice(2, 4));
    }
    expect(all.cosine.flat().every((cosine) => Math.abs(cosine) <= 1 + rounded(16).relative)).toBe(true);
  });

  it('runs more tasks than are run at once in batches, each from its own start', async () => {
    const config = smallConfig({
      task: { kind: 'sine', layers: denseLayers([300, 300], 'relu'), shots: 3, queries: 5 },
      optimizer: { kind: 'meta-lstm', controller: 'direct' },
      ...{ unroll: 2, horizon: 2, lossWeights: 'final', validation: { tasks: 2 } },
    });
    const { task, optimizer, horizon } = config;
    expect(Math.floor(MOST_COORDINATES / taskParameters(task))).toBe(2);
    const phi = createLearned(new TensorPool(gpu()), optimizer).initialPhi(2);
    const options = { ...shared, task, optimizer, phi, horizon };
    const all = await compareSteps(gpu(), { ...options, keys });
    for (const task of [0, 3, 4]) {
      const alone = await compareSteps(gpu(), { ...options, keys: keys.slice(2 * task, 2 * task + 2) });
      expect([alone.updateNorm[0], alone.cosine[0]]).toEqual([all.updateNorm[task], all.cosine[task]]);
    }
  });

  it('runs few-shot episodes from a learned theta_0 in one unroll', async () => {
    const config = smallConfig({
      task: { kind: 'sine', layers: denseLayers([4], 'relu'), shots: 3, queries: 5 },
      optimizer: { kind: 'meta-lstm', hidden: 3, theta0Parameters: 13 },
      ...{ unroll: 7, horizon: 7, lossWeights: 'final', validation: { tasks: 2 } },
    });
    const { task, optimizer, horizon } = config;
    const phi = createLearned(new TensorPool(gpu()), optimizer).initialPhi(2);
    phi.set(randomValues(13, 4), createLearned(new TensorPool(gpu()), optimizer).theta0?.offset);
    const steps = await compareSteps(gpu(), { ...shared, keys, task, optimizer, phi, horizon });
    expect(steps.updateNorm.map((row) => row.length)).toEqual([7, 7, 7, 7, 7]);
    expect(steps.updateNorm.flat().every((norm) => norm > 0)).toBe(true);
    expect(new Set(steps.gradientNorm.map(([first]) => first)).size).toBe(5);
  });
});
