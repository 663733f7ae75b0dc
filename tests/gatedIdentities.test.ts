import { describe, expect, it } from 'vitest';
import type { GpuContext } from '../src/host/gpu/context.ts';
import { readTensors, submit } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { createGated } from '../src/host/optimizers/gated/gated.ts';
import { gatedSettings } from '../src/host/optimizers/gated/settings.ts';
import { createHandDesigned } from '../src/host/optimizers/handDesigned.ts';
import type { Optimizer } from '../src/host/optimizers/optimizer.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { type SmallProblem, smallMlp, smallQuadratic } from './support/smallProblems.ts';

const gpu = gpuForThisFile();
const STEPS = 50;
const UNROLLS = 20;

/** Every loss of an episode of 1,000 steps, and the parameters after every 50. */
async function episode(
  context: GpuContext,
  problem: SmallProblem,
  create: (pool: TensorPool) => { optimizer: Optimizer; ready?: () => void },
): Promise<{ losses: number[]; thetas: Float32Array[] }> {
  const pool = new TensorPool(context);
  const { optimizer, ready } = create(pool);
  const { tasks, parameters } = problem;
  const unroll = new Unroll({ pool, tasks, steps: STEPS, optimizer, createOptimizee: problem.create(pool) });
  await pool.allocate();
  ready?.();
  await unroll.prepare();
  const losses: number[] = [];
  const thetas: Float32Array[] = [];
  for (let part = 0; part < UNROLLS; part++) {
    unroll.setTasks(problem.keys, part * STEPS);
    submit(context, (encoder) => unroll.encode(encoder, part === 0 ? 'reset' : 'carry'));
    const [f = new Float32Array(), theta = new Float32Array()] = await readTensors(context, [
      unroll.losses,
      unroll.theta,
    ]);
    losses.push(...f);
    thetas.push(theta.slice(0, tasks * parameters));
  }
  pool.destroy();
  return { losses, thetas };
}

function handDesigned(name: 'sgd' | 'momentum', rate: number) {
  return () => {
    const optimizer = createHandDesigned(name);
    return { optimizer, ready: () => optimizer.set({ learningRate: rate }) };
  };
}

describe.each([
  { problem: smallQuadratic(3, 10), rate: 0.05 },
  { problem: smallMlp({ tasks: 2, hidden: [7], activation: 'tanh', batch: 6, minibatches: 1 }), rate: 0.3 },
])('$problem.name, 1,000 steps, bit for bit', ({ problem, rate }) => {
  const forget = { fixed: 1 } as const;
  const input = { fixed: rate } as const;

  it('gradient-descent-lstm is SGD', async () => {
    const settings = gatedSettings('gradient-descent-lstm', { gates: { forget, input } });
    const lstm = await episode(gpu(), problem, (pool) => ({ optimizer: createGated(pool, settings) }));
    const sgd = await episode(gpu(), problem, handDesigned('sgd', rate));
    expect(lstm).toEqual(sgd);
    const [first = 0] = sgd.losses;
    expect(sgd.losses.every(Number.isFinite)).toBe(true);
    expect(sgd.losses.at(-1)).toBeLessThan(first);
    expect(new Set(sgd.thetas.map((theta) => theta[0])).size).toBeGreaterThan(5);
  });

  it('with one more cell it is heavy-ball momentum', async () => {
    const gates = { forget, input, momentumForget: { fixed: 0.9 }, momentumInput: { fixed: 1 } } as const;
    const settings = gatedSettings('gradient-descent-lstm', { gates });
    const lstm = await episode(gpu(), problem, (pool) => ({ optimizer: createGated(pool, settings) }));
    const momentum = await episode(gpu(), problem, handDesigned('momentum', rate));
    expect(lstm).toEqual(momentum);
    expect(momentum.losses.every(Number.isFinite)).toBe(true);
    const sgd = await episode(gpu(), problem, handDesigned('sgd', rate));
    expect(lstm).not.toEqual(sgd);
  });
});
