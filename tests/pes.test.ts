import { describe, expect, it } from 'vitest';
import { parseConfig, trainSchema } from '../src/host/config.ts';
import { perturbation, perturbationKey } from '../src/host/data/perturbation.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../src/host/io/checkpoint.ts';
import { Pes } from '../src/host/meta/pes.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { recordPesGradient, recordPesPerturb } from '../src/host/ops/pes.ts';
import { createLearned } from '../src/host/optimizers/create.ts';
import { at } from '../src/reference/scalar.ts';
import { unrollGradient } from '../src/reference/unroll.ts';
import { relativeError } from './support/cases.ts';
import { cliForThisFile } from './support/cliProcess.ts';
import { expectClose, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { type SmallProblem, smallQuadratic } from './support/smallProblems.ts';
import { rounded, STANDARD_ERRORS, sumOf } from './support/tolerances.ts';
import {
  LabelledPool,
  last,
  recordRun,
  smallConfig,
  smallImages,
  smallMlpConfig,
} from './support/training.ts';

const gpu = gpuForThisFile();
const cli = cliForThisFile();

describe('perturbations', () => {
  it.each([1, 63, 64, 65, 131])(
    'of %i weights are those of the host, bit for bit, and add up',
    async (count) => {
      const [pairs, sigma] = [3, 0.01];
      const kinds = Uint32Array.from({ length: count }, (_, p) => p % 3);
      const phi = randomValues(count, 1);
      const keys = [perturbationKey(7, 0), perturbationKey(7, 1)] as const;
      const data = {
        ...{ kinds, phi, xi: unwritten(pairs * count), members: unwritten(2 * pairs * count) },
        first: Uint32Array.of(...keys[0], 1, 0),
        second: Uint32Array.of(...keys[1], 0, 0),
      };
      const read = await runKernels(gpu(), data, (program, { first, second, ...tensors }) => {
        recordPesPerturb(program, { ...tensors, draw: first }, sigma);
        recordPesPerturb(program, { ...tensors, draw: second }, sigma);
      });
      const members = new Float64Array(2 * pairs * count);
      for (let pair = 0; pair < pairs; pair++) {
        for (let p = 0; p < count; p++) {
          const kind = at(kinds, p);
          const [before, now] = keys.map((key) => perturbation(key, pair, p));
          const e = kind === 1 ? (now ?? Number.NaN) : 0;
          // Weights move in every unroll, theta_0 at the start of the episode alone, padding never.
          expect(at(read.xi, pair * count + p)).toBe(e + (kind === 0 ? 0 : (before ?? Number.NaN)));
          members[2 * pair * count + p] = at(phi, p) + sigma * e;
          members[(2 * pair + 1) * count + p] = at(phi, p) - sigma * e;
        }
      }
      const scale = members.map((x) => Math.abs(x) + 6 * sigma);
      expectClose(read.members, members, { ...rounded(2), scale }, 'members');
    },
  );

  it('have mean 0, variance 1 and the fourth moment of a sum of twelve, pair by pair and step by step', () => {
    const n = 20_000;
    const key = perturbationKey(3, 5);
    const draws = Array.from({ length: n }, (_, i) => perturbation(key, i % 4, Math.floor(i / 4)));
    const mean = (of: (x: number) => number) => draws.reduce((sum, x) => sum + of(x), 0) / n;
    expect(Math.abs(mean((x) => x))).toBeLessThan(STANDARD_ERRORS / Math.sqrt(n));
    expect(Math.abs(mean((x) => x * x) - 1)).toBeLessThan(STANDARD_ERRORS * Math.sqrt(1.9 / n));
    expect(Math.abs(mean((x) => x ** 4) - 2.9)).toBeLessThan(STANDARD_ERRORS * Math.sqrt(90 / n));
    const other = Array.from({ length: n }, (_, i) =>
      perturbation(perturbationKey(3, 6), i % 4, Math.floor(i / 4)),
    );
    const product = draws.reduce((sum, x, i) => sum + x * at(other, i), 0) / n;
    expect(Math.abs(product)).toBeLessThan(STANDARD_ERRORS / Math.sqrt(n));
  });
});

it('the estimate is the mean over pairs of (L+ - L-) / (2 sigma) xi', async () => {
  for (const [pairs, tasks, count] of [
    [1, 1, 64],
    [3, 5, 65],
    [4, 33, 131],
  ] as const) {
    const [rows, sigma] = [4, 0.02];
    const stride = 64 * Math.ceil((rows * tasks) / 64);
    const data = {
      weights: Float32Array.of(1, 0.5, 0, 2),
      losses: randomValues(2 * pairs * stride, 1, 0, 3),
      differences: unwritten(pairs),
      xi: randomValues(pairs * count, 2, -3, 3),
      gradient: unwritten(count),
    };
    const read = await runKernels(gpu(), data, (program, tensors) =>
      recordPesGradient(program, tensors, { tasks, sigma }),
    );
    const sums = (f: (a: number, b: number) => number) =>
      Float64Array.from({ length: pairs }, (_, i) => {
        let sum = 0;
        for (let k = 0; k < rows * tasks; k++) {
          const [plus, minus] = [
            at(data.losses, 2 * i * stride + k),
            at(data.losses, (2 * i + 1) * stride + k),
          ];
          sum += at(data.weights, Math.floor(k / tasks)) * f(plus, minus);
        }
        return sum / (2 * sigma * tasks * pairs);
      });
    const differences = sums((a, b) => a - b);
    const sizes = sums((a, b) => Math.abs(a - b));
    expectClose(read.differences, differences, sumOf(rows * tasks + 6, sizes), 'differences');
    const gradient = (d: Float64Array, f = (x: number) => x) =>
      Float64Array.from({ length: count }, (_, p) =>
        d.reduce((sum, value, i) => sum + value * f(at(data.xi, i * count + p)), 0),
      );
    const scale = gradient(sizes, Math.abs);
    expectClose(read.gradient, gradient(differences), sumOf(rows * tasks + pairs + 8, scale), 'gradient');
  }
});

const OPTIMIZER = {
  kind: 'l2l',
  layers: 1,
  hidden: 3,
  preprocess: { kind: 'none' },
  outputScale: 0.3,
} as const;

/** Estimates on given problems with fixed weights: [episode][unroll], and the weights. */
async function estimates(
  problem: SmallProblem,
  settings: {
    readonly steps: number;
    readonly unrolls: number;
    readonly pairs: number;
    readonly sigma: number;
  },
  episodes: number,
) {
  const { steps, unrolls, pairs, sigma } = settings;
  const pool = new LabelledPool(gpu());
  const optimizer = createLearned(pool, OPTIMIZER);
  const gradient = pool.tensor('estimate', optimizer.phi.shape);
  const lossWeights = new Array<number>(steps + 1).fill(1);
  const pes = new Pes({
    config: { seed: 4, tasks: problem.tasks, unroll: steps, optimizer: OPTIMIZER },
    ...{ pool, pairs, sigma, optimizer, lossWeights, gradient, createOptimizee: problem.create(pool) },
  });
  await pool.allocate();
  try {
    const noise = randomValues(optimizer.phi.length, 51, -0.4, 0.4);
    const phi = optimizer.initialPhi(5).map((value, i) => (value === 0 ? 0 : 0.5 * value + at(noise, i)));
    writeTensor(gpu(), optimizer.phi, phi);
    await pes.prepare();
    const each: { gradient: Float32Array; xi: Float32Array }[][] = [];
    for (let episode = 0; episode < episodes; episode++) {
      const parts: { gradient: Float32Array; xi: Float32Array }[] = [];
      for (let part = 0; part < unrolls; part++) {
        pes.setTasks(episode * unrolls + part, episode, part * steps);
        submit(gpu(), (encoder) => pes.encode(encoder, part === 0 ? 'reset' : 'carry'));
        const [estimate, xi] = await readTensors(gpu(), [gradient, pes.xi]);
        if (!estimate || !xi) throw new Error('nothing was read');
        parts.push({ gradient: estimate, xi });
      }
      each.push(parts);
    }
    return { each, phi, optimizer };
  } finally {
    pool.destroy();
  }
}

/** L(phi) of one unroll from fresh tasks, for weights that the host writes. */
async function lossesAt(
  problem: SmallProblem,
  steps: number,
  phis: readonly Float32Array[],
): Promise<number[]> {
  const pool = new LabelledPool(gpu());
  const optimizer = createLearned(pool, OPTIMIZER);
  const { tasks } = problem;
  const unroll = new Unroll({ pool, tasks, steps, optimizer, createOptimizee: problem.create(pool) });
  await pool.allocate();
  try {
    await unroll.prepare();
    const sums: number[] = [];
    for (const phi of phis) {
      writeTensor(gpu(), optimizer.phi, phi);
      unroll.setTasks(problem.keys, 0);
      submit(gpu(), (encoder) => unroll.encode(encoder, 'reset'));
      const [losses = new Float32Array()] = await readTensors(gpu(), [unroll.losses]);
      sums.push(losses.reduce((sum, loss) => sum + loss / tasks, 0));
    }
    return sums;
  } finally {
    pool.destroy();
  }
}

describe('PES', () => {
  it('with one unroll an episode is antithetic ES', async () => {
    const problem = smallQuadratic(2, 4);
    const settings = { steps: 3, unrolls: 1, pairs: 2, sigma: 0.25 };
    const { each, phi } = await estimates(problem, settings, 3);
    for (const [episode, [estimate]] of each.entries()) {
      if (!estimate) throw new Error('no estimate');
      const key = perturbationKey(4, episode);
      const expected = new Float64Array(phi.length);
      for (let pair = 0; pair < 2; pair++) {
        const e = phi.map((value, p) => (value === 0 ? 0 : perturbation(key, pair, p)));
        const moved = [1, -1].map((sign) => phi.map((value, p) => value + sign * 0.25 * at(e, p)));
        const [plus = Number.NaN, minus = Number.NaN] = await lossesAt(problem, 3, moved);
        for (const [p, value] of e.entries()) {
          expected[p] = at(expected, p) + ((plus - minus) / (2 * 0.25 * 2)) * value;
        }
      }
      expect(relativeError(estimate.gradient, expected)).toBeLessThan(1e-5);
    }
  });

  it('adds up over an episode to the whole gradient of the episode, which truncated backpropagation is not', async () => {
    const problem = smallQuadratic(1, 3);
    const settings = { steps: 2, unrolls: 3, pairs: 16, sigma: 0.01 };
    const { each, phi, optimizer } = await estimates(problem, settings, 100);
    const named = Object.fromEntries([...optimizer.toNamed(phi)].map(([name, { data }]) => [name, data]));
    const shared = {
      phi: named,
      problem: problem.reference,
      theta0: problem.theta0,
      preprocess: { kind: 'identity' },
      outputScale: Math.fround(0.3),
      secondDerivatives: true,
    } as const;
    // The losses on either side of a cut are in both unrolls.
    const exact = unrollGradient({ ...shared, steps: 6, lossWeights: [1, 1, 2, 1, 2, 1, 1] }).gradient;
    const truncated: Record<string, Float64Array> = {};
    let start: Partial<{ theta0: Float64Array; state: ReturnType<typeof unrollGradient>['state'] }> = {};
    for (let part = 0; part < 3; part++) {
      const result = unrollGradient({ ...shared, steps: 2, firstStep: 2 * part, ...start });
      start = { theta0: result.theta, state: result.state };
      for (const [name, values] of Object.entries(result.gradient)) {
        truncated[name] = values.map((value, i) => value + (truncated[name]?.[i] ?? 0));
      }
    }
    // The estimate has one bias a layer, and the reference the same derivative for both of the layer's.
    const names = Object.keys(named);
    const flat = (values: Readonly<Record<string, ArrayLike<number>>>) =>
      names.flatMap((name) => Array.from(values[name] ?? []));
    const draws = each.map((parts) => {
      const sum = parts.reduce(
        (total, { gradient }) => total.map((x, i) => x + at(gradient, i)),
        phi.map(() => 0),
      );
      return flat(
        Object.fromEntries([...optimizer.gradientToNamed(sum)].map(([name, { data }]) => [name, data])),
      );
    });
    const [whole, cut] = [flat(exact), flat(truncated)];
    const size = Math.hypot(...whole);
    const judge = (of: (draw: readonly number[]) => number) => {
      const values = draws.map(of);
      const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
      const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
      return { mean, error: Math.sqrt(variance / values.length) };
    };
    for (const [p, value] of whole.entries()) {
      const { mean, error } = judge((draw) => at(draw, p));
      expect(Math.abs(mean - value), `weight ${p}`).toBeLessThan(STANDARD_ERRORS * error + 1e-3 * size);
    }
    // Along the bias of truncation, in standard errors.
    const bias = whole.map((value, p) => value - at(cut, p));
    const length = Math.hypot(...bias);
    const along = (values: readonly number[]) =>
      values.reduce((sum, x, p) => sum + (x * at(bias, p)) / length, 0);
    const { mean, error } = judge(along);
    expect(Math.abs(mean - along(whole)) / error).toBeLessThan(STANDARD_ERRORS);
    expect(Math.abs(mean - along(cut)) / error).toBeGreaterThan(2 * STANDARD_ERRORS);
    expect(error).toBeLessThan(0.1 * size);
  });
});

describe('a run with PES', () => {
  const pes = { sigma: 0.05, pairs: 3 };

  it('goes on from every checkpoint to the same bits, with every optimizer, in a curriculum, beside imitation', async () => {
    const curriculum = { horizons: [10, 20], patience: 100 };
    const imitation = { teacher: 'adam', ratio: 0.3, learningRate: 0.05 } as const;
    const staged = { curriculum, imitation, horizon: 20, iterations: 20 };
    const groups = { by: 'layers' as const, names: ['dense1', 'dense2'] };
    const configs = [
      smallConfig({ pes, ...staged }),
      smallConfig({ pes, optimizer: { kind: 'meta-lstm', hidden: 3, theta0Parameters: 3 }, iterations: 6 }),
      smallConfig({ pes, optimizer: { kind: 'rnnprop', layers: 1, hidden: 3 }, iterations: 4 }),
      smallMlpConfig({ pes, optimizer: { kind: 'l2l', layers: 1, hidden: 3, groups }, iterations: 4 }),
    ];
    for (const config of configs) {
      const data = config.task.kind === 'images' ? { data: smallImages() } : {};
      const whole = await recordRun(gpu(), config, data);
      expect(whole.steps.every(({ skipped, metaLoss }) => !skipped && metaLoss > 0)).toBe(true);
      expect(whole.steps.every(({ blockNorms }) => blockNorms.every(Number.isFinite))).toBe(true);
      for (const checkpoint of whole.checkpoints) {
        const from = decodeCheckpoint(encodeCheckpoint(checkpoint), 'test', checkpoint.state.phi.length);
        const rest = await recordRun(gpu(), config, { ...data, from });
        expect(rest.steps).toEqual(whole.steps.slice(checkpoint.iteration));
        expect(rest.result).toEqual(whole.result);
      }
      // Padding between the blocks of phi is never moved.
      const { phi } = last(whole.checkpoints).state;
      const { blocks } = createLearned(new LabelledPool(gpu()), config.optimizer);
      const inside = new Set(
        blocks.flatMap(({ offset, length, runs, stride }) =>
          Array.from(
            { length: runs * length },
            (_, i) => offset + Math.floor(i / length) * stride + (i % length),
          ),
        ),
      );
      expect([...phi.keys()].every((p) => inside.has(p) || phi[p] === 0)).toBe(true);
    }
  });

  it('starts a learned theta_0 where backpropagation would, and moves it', async () => {
    const optimizer = { kind: 'meta-lstm', hidden: 3, theta0Parameters: 3 } as const;
    const run = (more: object) => recordRun(gpu(), smallConfig({ optimizer, iterations: 2, ...more }));
    const [ours, theirs] = [await run({ pes }), await run({})];
    expect(ours.validations[0]?.summary).toEqual(theirs.validations[0]?.summary);
    const tail = ({ bests, checkpoints }: typeof ours) =>
      [bests[0]?.phi, last(checkpoints).state.phi].map((phi) => phi?.slice(-64, -61));
    const [before, after] = tail(ours);
    expect(before).toEqual(tail(theirs)[0]);
    expect(after).not.toEqual(before);
  });

  it('learns: the validation loss falls as with backpropagation', async () => {
    const config = smallConfig({
      ...{ pes: { sigma: 0.02, pairs: 8 }, tasks: 8, metaLearningRate: 0.02, iterations: 160 },
      validation: { tasks: 32, every: 160 },
    });
    const { validations, result } = await recordRun(gpu(), config);
    expect(result.best.score).toBeLessThan(0.5 * (validations[0]?.score ?? 0));
  });

  it('is refused with what only a backward pass has, and its flags without it', async () => {
    const parse = (more: object) => () => parseConfig(trainSchema, { ...smallConfig({ pes }), ...more }, '');
    expect(parse({ secondDerivatives: true })).toThrow(/secondDerivatives is true, but evolution strategies/);
    expect(parse({ coordinateSample: 0.5 })).toThrow(/coordinateSample is 0.5, but evolution strategies/);
    const train = (...flags: string[]) => cli.run(['train', 'quadratic', '--iterations', '9', ...flags]);
    const stray = await train('--pes-pairs', '2');
    expect([stray.code, stray.stderr]).toEqual([
      2,
      expect.stringMatching(/--pes-pairs belongs to --gradient/),
    ]);
    const typo = await train('--gradient-estimator', 'pess');
    expect([typo.code, typo.stderr]).toEqual([2, expect.stringMatching(/no gradient estimator "pess"/)]);
  });
});
