import { describe, expect, it } from 'vitest';
import { readTensors, submit } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { createHandDesigned } from '../src/host/optimizers/handDesigned.ts';
import { scheduled } from '../src/host/optimizers/scheduled.ts';
import { sgd } from '../src/reference/handDesigned.ts';
import { numbers } from '../src/reference/scalar.ts';
import { lossGradient } from '../src/reference/unroll.ts';
import { expectClose } from './support/compare.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { smallMlp, smallQuadratic } from './support/smallProblems.ts';
import { afterSteps } from './support/tolerances.ts';

const gpu = gpuForThisFile();
/** Of an unroll; an episode is two. */
const STEPS = 3;
const HORIZON = 2 * STEPS;
const RATE = 0.1;

describe.each([
  smallQuadratic(3, 5),
  smallMlp({ tasks: 3, hidden: [5], batch: 5, minibatches: 7, activation: 'tanh' }),
])('updates along a cosine on $name', (problem) => {
  it('are those of the optimizer times the schedule at their step of the episode', async () => {
    const { tasks, parameters } = problem;
    const pool = new TensorPool(gpu());
    const own = createHandDesigned('sgd');
    const optimizer = scheduled(own, 'cosine', HORIZON);
    const unroll = new Unroll({
      pool,
      tasks,
      steps: STEPS,
      optimizer,
      createOptimizee: problem.create(pool),
    });
    await pool.allocate();
    try {
      await unroll.prepare();
      own.set({ learningRate: RATE });
      const found: Float32Array[] = [];
      for (const start of ['reset', 'carry'] as const) {
        unroll.setTasks(problem.keys, start === 'reset' ? 0 : STEPS);
        submit(gpu(), (encoder) => unroll.encode(encoder, start));
        found.push(...(await readTensors(gpu(), [unroll.theta])));
      }
      for (let task = 0; task < tasks; task++) {
        const part = (of: Float32Array | undefined) =>
          of?.subarray(task * parameters, (task + 1) * parameters) ?? new Float32Array();
        let theta: Float64Array = Float64Array.from(part(problem.theta0));
        for (let step = 0; step < HORIZON; step++) {
          const g = lossGradient(numbers, problem.reference, [...theta], task, step, false);
          theta = sgd(theta, g, (Math.fround(RATE) * (1 + Math.cos((Math.PI * step) / HORIZON))) / 2);
          if ((step + 1) % STEPS !== 0) continue;
          const unrolls = (step + 1) / STEPS;
          expectClose(
            part(found[unrolls - 1]),
            theta,
            afterSteps(step + 1, theta),
            `task ${task}, unroll ${unrolls}`,
          );
        }
      }
    } finally {
      pool.destroy();
    }
  });

  it('cannot be trained through, and a constant schedule is no schedule', () => {
    const own = createHandDesigned('sgd');
    expect(scheduled(own, 'constant', HORIZON)).toBe(own);
    const pool = new TensorPool(gpu());
    const { tasks } = problem;
    const train = () =>
      new Unroll({
        ...{ pool, tasks, steps: STEPS, createOptimizee: problem.create(pool) },
        optimizer: scheduled(own, 'cosine', HORIZON),
        lossWeights: [1, 1, 1, 1],
      });
    expect(train).toThrow('updates along a schedule cannot be trained through');
  });
});
