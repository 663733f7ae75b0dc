import { describe, expect, it } from 'vitest';
import { parseConfig, trainSchema } from '../src/host/config.ts';
import { STREAMS, taskKeys, threefry } from '../src/host/data/threefry.ts';
import { ConfigError } from '../src/host/errors.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { createGated } from '../src/host/optimizers/gated/gated.ts';
import { gatedSettings } from '../src/host/optimizers/gated/settings.ts';
import { createL2l } from '../src/host/optimizers/l2l/l2l.ts';
import type { LearnedOptimizer } from '../src/host/optimizers/optimizer.ts';
import { createRnnprop } from '../src/host/optimizers/rnnprop/rnnprop.ts';
import { relativeError } from './support/cases.ts';
import { randomValues } from './support/compare.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { type SmallProblem, smallMlp, smallQuadratic } from './support/smallProblems.ts';
import { STANDARD_ERRORS } from './support/tolerances.ts';
import { LabelledPool, recordRun, smallConfig } from './support/training.ts';

const gpu = gpuForThisFile();
const STEPS = 3;
const WEIGHTS = [1, 0.5, 0, 2];
const LOG_SIGN = { kind: 'log-sign', p: 3 } as const;

type Create = (pool: TensorPool) => LearnedOptimizer;
const families: readonly { readonly family: string; readonly create: Create }[] = [
  {
    family: 'l2l',
    create: (pool) => createL2l(pool, { layers: 2, hidden: 3, preprocess: LOG_SIGN, outputScale: 0.5 }),
  },
  {
    family: 'rnnprop',
    create: (pool) =>
      createRnnprop(pool, { layers: 2, hidden: 3, beta1: 0.9, beta2: 0.95, outputScale: 0.3 }),
  },
  {
    family: 'meta-lstm with a controller',
    create: (pool) =>
      createGated(pool, gatedSettings('meta-lstm', { controller: 'lstm', hidden: 3, preprocess: LOG_SIGN })),
  },
  {
    family: 'momentum-lstm, direct',
    create: (pool) =>
      createGated(pool, gatedSettings('momentum-lstm', { controller: 'direct', preprocess: LOG_SIGN })),
  },
];

/** Meta-gradients of the unrolls of an episode, [draw of keys][unroll]. */
async function gradients(
  problem: SmallProblem,
  create: Create,
  coordinateSample: number,
  keys: readonly Uint32Array[],
  unrolls = 1,
): Promise<{ readonly each: Float32Array[][]; readonly bytes: number }> {
  const pool = new LabelledPool(gpu());
  const optimizer = create(pool);
  const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
  const unroll = new Unroll({
    ...{ pool, tasks: problem.tasks, steps: STEPS, optimizer, createOptimizee: problem.create(pool) },
    ...{ lossWeights: WEIGHTS, metaGradient, coordinateSample },
  });
  await pool.allocate();
  try {
    const fresh = optimizer.initialPhi(5);
    const noise = randomValues(fresh.length, 51, -0.4, 0.4);
    writeTensor(
      gpu(),
      optimizer.phi,
      fresh.map((value, i) => (value === 0 ? 0 : 0.5 * value + (noise[i] ?? 0))),
    );
    await unroll.prepare();
    const each: Float32Array[][] = [];
    for (const draw of keys) {
      const parts: Float32Array[] = [];
      for (let part = 0; part < unrolls; part++) {
        unroll.setTasks(draw, part * STEPS);
        submit(gpu(), (encoder) => unroll.encode(encoder, part === 0 ? 'reset' : 'carry'));
        const [gradient = new Float32Array()] = await readTensors(gpu(), [metaGradient]);
        parts.push(gradient);
      }
      each.push(parts);
    }
    return { each, bytes: pool.bytes };
  } finally {
    pool.destroy();
  }
}

describe('a sample of the coordinates', () => {
  const networks = smallMlp({ tasks: 2, hidden: [3], batch: 5, minibatches: 8, activation: 'tanh' });

  it.each(families)('of one from each stratum of one is all of them: $family', async ({ create }) => {
    const [all, sampled] = [
      await gradients(networks, create, 1, [networks.keys], 2),
      // One coordinate less than all would make strata of two: this share rounds up to all.
      await gradients(networks, create, 0.9999, [networks.keys], 2),
    ];
    for (const part of [0, 1]) {
      const [expected = [], ours = []] = [all.each[0]?.[part], sampled.each[0]?.[part]];
      expect(relativeError(ours, expected), `unroll ${part}`).toBeLessThan(1e-6);
      expect(Math.hypot(...expected)).toBeGreaterThan(0);
    }
  });

  it.each(families)('has the meta-gradient as its mean: $family', async ({ create }) => {
    // 7 coordinates in 3 strata, of 3, 2 and 2: a draw's weights differ.
    const problem = smallQuadratic(2, 7);
    const draws = Array.from({ length: 200 }, (_, i) => taskKeys(i, 'train', 0, 2));
    const [expected = new Float32Array()] =
      (await gradients(problem, create, 1, [problem.keys])).each[0] ?? [];
    const { each } = await gradients(problem, create, 0.4, draws);
    const whole = Math.hypot(...expected);
    let spread = 0;
    for (const [i, value] of expected.entries()) {
      const sample = each.map(([gradient]) => gradient?.[i] ?? Number.NaN);
      const mean = sample.reduce((sum, x) => sum + x, 0) / sample.length;
      const variance = sample.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (sample.length - 1);
      const error = Math.sqrt(variance / sample.length);
      expect(Math.abs(mean - value), `weight ${i}`).toBeLessThan(STANDARD_ERRORS * error + 1e-6 * whole);
      spread += variance;
    }
    // Estimates, not the gradient itself.
    expect(Math.sqrt(spread)).toBeGreaterThan(0.05 * whole);
  });

  it('is one coordinate of every stratum, a function of key and clock', async () => {
    const problem = smallQuadratic(2, 7);
    const pool = new LabelledPool(gpu());
    const optimizer = families[0]?.create(pool);
    if (!optimizer) throw new Error('no family');
    const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
    const unroll = new Unroll({
      ...{ pool, tasks: 2, steps: STEPS, optimizer, createOptimizee: problem.create(pool) },
      ...{ lossWeights: WEIGHTS, metaGradient, coordinateSample: 0.4 },
    });
    await pool.allocate();
    await unroll.prepare();
    for (const clock of [0, 3]) {
      unroll.setTasks(problem.keys, clock);
      submit(gpu(), (encoder) => unroll.encode(encoder, clock === 0 ? 'reset' : 'carry'));
      const [sizes] = await readTensors(gpu(), [pool.named('sizes of strata')]);
      expect([...(sizes ?? [])]).toEqual([3, 2, 2, 3, 2, 2]);
      const [words] = await readTensors(gpu(), [pool.named('sampled coordinates')]);
      const indices = new Uint32Array(words?.buffer ?? new ArrayBuffer(0));
      const expected = [0, 1].flatMap((task) =>
        [0, 3, 5].map((start, j) => {
          const key = [problem.keys[2 * task] ?? 0, problem.keys[2 * task + 1] ?? 0] as const;
          const [word] = threefry(key, [j, STREAMS.coordinateSample + clock]);
          return 7 * task + start + (word % (j === 0 ? 3 : 2));
        }),
      );
      expect([...indices]).toEqual(expected);
    }
    pool.destroy();
  });

  it('keeps states for its own coordinates alone', async () => {
    const problem = smallQuadratic(4, 400);
    const create = families[0]?.create;
    if (!create) throw new Error('no family');
    const [all, tenth] = [await gradients(problem, create, 1, []), await gradients(problem, create, 0.1, [])];
    const problems = 4 * 4 * (2 * 400 * 400 + 4 * 400);
    expect(tenth.bytes - problems / 2).toBeLessThan(0.6 * (all.bytes - problems / 2));
  });

  it('is refused where the meta-gradient is no sum over coordinates', () => {
    const refuse = (change: object, message: string) => {
      const pool = new TensorPool(gpu());
      const settings = gatedSettings('meta-lstm', { ...change, preprocess: LOG_SIGN });
      const optimizer = createGated(pool, settings);
      const options = {
        ...{ pool, tasks: 2, steps: 1, optimizer, lossWeights: [1, 1], coordinateSample: 0.5 },
        createOptimizee: smallQuadratic(2, 4).create(pool),
        metaGradient: pool.tensor('meta-gradient', optimizer.phi.shape),
        secondDerivatives: 'secondDerivatives' in change,
      };
      expect(() => new Unroll(options)).toThrow(ConfigError);
      expect(() => new Unroll(options)).toThrow(message);
    };
    refuse({ secondDerivatives: true }, 'second derivatives go through all coordinates');
    refuse({ theta0Parameters: 4 }, 'the gradient of theta_0 has an entry for every coordinate');
    const parse = (change: object) => () =>
      parseConfig(trainSchema, { ...smallConfig(), coordinateSample: 0.1, ...change }, 'test');
    expect(parse({ secondDerivatives: true })).toThrow(
      'coordinateSample is 0.1, but must be 1 with second derivatives',
    );
    expect(parse({ coordinateSample: 0 })).toThrow('coordinateSample');
  });

  it('gives the same bits from the same seed, interrupted or not', async () => {
    const config = smallConfig({ coordinateSample: 0.5, task: { kind: 'quadratic', dimension: 5 } });
    const once = await recordRun(gpu(), config);
    const first = await recordRun(gpu(), config, { stopAfter: 3 });
    const from = first.checkpoints.at(-1);
    if (!from) throw new Error('no checkpoint');
    const second = await recordRun(gpu(), config, { from });
    expect(second.bests.at(-1)?.phi ?? first.bests.at(-1)?.phi).toEqual(once.bests.at(-1)?.phi);
    expect([...first.steps, ...second.steps].map((step) => step.gradientNorm)).toEqual(
      once.steps.map((step) => step.gradientNorm),
    );
    const whole = await recordRun(gpu(), { ...config, coordinateSample: 1 });
    expect(whole.steps[0]?.metaLoss).toBe(once.steps[0]?.metaLoss);
    expect(whole.steps[0]?.gradientNorm).not.toBe(once.steps[0]?.gradientNorm);
  });
});
