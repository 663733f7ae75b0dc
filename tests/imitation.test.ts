import { describe, expect, it } from 'vitest';
import { parseConfig, trainSchema } from '../src/host/config.ts';
import { taskKeys } from '../src/host/data/threefry.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import type { TensorPool } from '../src/host/gpu/tensor.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../src/host/io/checkpoint.ts';
import { imitates } from '../src/host/meta/kinds.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { coordinatesOf } from '../src/host/ops/coordinates.ts';
import { recordImitationDifference } from '../src/host/ops/imitation.ts';
import { createGated } from '../src/host/optimizers/gated/gated.ts';
import { gatedSettings } from '../src/host/optimizers/gated/settings.ts';
import { createL2l } from '../src/host/optimizers/l2l/l2l.ts';
import type { LearnedOptimizer, NamedWeights } from '../src/host/optimizers/optimizer.ts';
import { createRnnprop } from '../src/host/optimizers/rnnprop/rnnprop.ts';
import { TEACHERS } from '../src/host/optimizers/teachers.ts';
import {
  gatedStudent,
  type ImitationOptions,
  type ImitationResult,
  imitationGradient,
  l2lStudent,
  rnnpropStudent,
} from '../src/reference/imitation.ts';
import { at } from '../src/reference/scalar.ts';
import { relativeError } from './support/cases.ts';
import { expectClose, randomValues } from './support/compare.ts';
import { formOf } from './support/gatedUnrolls.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { type SmallProblem, smallMlp, smallQuadratic } from './support/smallProblems.ts';
import { rounded, STANDARD_ERRORS, sumOf } from './support/tolerances.ts';
import { LabelledPool, last, recordRun, smallConfig } from './support/training.ts';

const gpu = gpuForThisFile();
const LOG_SIGN = { kind: 'log-sign', p: 3 } as const;
const quadratics = smallQuadratic(3, 5);
const networks = smallMlp({ tasks: 2, hidden: [3], batch: 5, minibatches: 4, activation: 'tanh' });

describe('imitation/difference', () => {
  it.each([1, 63, 64, 65, 131])(
    'is the difference, and half its mean square, of %i parameters',
    async (n) => {
      const coordinates = coordinatesOf(3, n);
      const length = 4 * coordinates.mp4;
      const data = {
        target: randomValues(length, 1),
        next: randomValues(length, 2),
        losses: unwritten(2 * 3),
      };
      const read = await runKernels(gpu(), data, (program, tensors) =>
        recordImitationDifference(program, tensors, coordinates, 1),
      );
      const d = Float64Array.from(data.next, (value, i) => (i < 3 * n ? value - at(data.target, i) : 0));
      expectClose(read.next, d, rounded(1), 'difference');
      const losses = Float64Array.from({ length: 3 }, (_, b) =>
        d.subarray(b * n, (b + 1) * n).reduce((sum, x) => sum + (x * x) / (2 * n), 0),
      );
      expectClose(read.losses.subarray(3), losses, sumOf(n + 6, losses), 'losses');
      expect(read.losses.subarray(0, 3).every(Number.isNaN)).toBe(true);
    },
  );
});

interface Student {
  readonly name: string;
  readonly create: (pool: TensorPool) => LearnedOptimizer;
  readonly reference: ImitationOptions['createStudent'];
}
const gated = (name: string, settings: ReturnType<typeof gatedSettings>): Student => {
  return { name, create: (pool) => createGated(pool, settings), reference: gatedStudent(formOf(settings)) };
};
const students: readonly Student[] = [
  {
    name: 'l2l',
    create: (pool) => createL2l(pool, { layers: 2, hidden: 3, preprocess: LOG_SIGN, outputScale: 0.5 }),
    reference: l2lStudent(LOG_SIGN, 0.5),
  },
  {
    name: 'rnnprop',
    create: (pool) => createRnnprop(pool, { layers: 1, hidden: 3, beta1: 0.9, beta2: 0.8, outputScale: 0.1 }),
    reference: rnnpropStudent({ beta1: Math.fround(0.9), beta2: Math.fround(0.8) }, Math.fround(0.1)),
  },
  gated(
    'meta-lstm with a controller',
    gatedSettings('meta-lstm', { controller: 'lstm', hidden: 3, preprocess: LOG_SIGN }),
  ),
  gated(
    'momentum-lstm, direct',
    gatedSettings('momentum-lstm', { controller: 'direct', preprocess: LOG_SIGN }),
  ),
];

/** An episode of imitation on the device: what every unroll left. */
async function imitate(
  problem: SmallProblem,
  student: Student,
  teacher: ImitationOptions['teacher'],
  options: {
    readonly steps: number;
    readonly unrolls?: number;
    readonly coordinateSample?: number;
    /** Keys of the tasks, an episode each. */
    readonly draws?: readonly Uint32Array[];
  },
) {
  const { steps, unrolls = 1, coordinateSample = 1, draws = [problem.keys] } = options;
  const pool = new LabelledPool(gpu());
  const optimizer = student.create(pool);
  const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
  const unroll = new Unroll({
    ...{ pool, tasks: problem.tasks, steps, optimizer, createOptimizee: problem.create(pool) },
    ...{ lossWeights: new Array<number>(steps + 1).fill(1), metaGradient, teacher, coordinateSample },
  });
  await pool.allocate();
  try {
    const fresh = optimizer.initialPhi(5);
    const noise = randomValues(fresh.length, 51, -0.4, 0.4);
    const phi = fresh.map((value, i) => (value === 0 ? 0 : 0.5 * value + at(noise, i)));
    writeTensor(gpu(), optimizer.phi, phi);
    await unroll.prepare();
    const each: { losses: Float32Array; theta: Float32Array; gradient: Record<string, Float32Array> }[] = [];
    for (let index = 0; index < unrolls * draws.length; index++) {
      const part = index % unrolls;
      unroll.setTasks(at(draws, Math.floor(index / unrolls)), part * steps);
      submit(gpu(), (encoder) => unroll.encodeImitation(encoder, part === 0 ? 'reset' : 'carry'));
      const tensors = [unroll.imitation?.losses ?? metaGradient, unroll.theta, metaGradient];
      const [losses, theta, gradient] = await readTensors(gpu(), tensors);
      if (!losses || !theta || !gradient) throw new Error('nothing was read');
      const size = problem.tasks * problem.parameters;
      each.push({
        losses,
        theta: theta.subarray(0, size),
        gradient: dataOf(optimizer.gradientToNamed(gradient)),
      });
    }
    return { each, phi: dataOf(optimizer.toNamed(phi)) };
  } finally {
    pool.destroy();
  }
}

function dataOf(named: ReadonlyMap<string, NamedWeights>): Record<string, Float32Array> {
  return Object.fromEntries([...named].map(([name, { data }]) => [name, data]));
}

/** Blocks of a meta-gradient against the reference's, the nearly cancelled ones by the size of the whole. */
function expectGradient(ours: Readonly<Record<string, Float32Array>>, expected: ImitationResult['gradient']) {
  const whole = Math.hypot(...Object.values(expected).map((g) => Math.hypot(...g)));
  expect(Object.keys(ours).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, values] of Object.entries(expected)) {
    const block = ours[name] ?? new Float32Array();
    const difference = Math.hypot(...Array.from(values, (value, i) => value - (block[i] ?? Number.NaN)));
    expect(difference, name).toBeLessThan(2e-5 * Math.hypot(...values) + 1e-6 * whole);
    expect(Math.hypot(...block), `${name} receives a gradient`).toBeGreaterThan(0);
  }
}

describe('imitation', () => {
  const rates = { sgd: 0.3, momentum: 0.1, nesterov: 0.1, rmsprop: 0.05, adam: 0.05 } as const;

  it.each(TEACHERS.flatMap((name) => students.map((student) => ({ name, student, who: student.name }))))(
    '$who imitates $name: losses, trajectory and every block of the meta-gradient are those of float64',
    async ({ name, student }) => {
      for (const problem of [quadratics, networks]) {
        const teacher = { name, learningRate: Math.fround(rates[name]) };
        const { each, phi } = await imitate(problem, student, teacher, { steps: 3 });
        const { reference, theta0 } = problem;
        const expected = imitationGradient({
          ...{ phi, problem: reference, theta0, steps: 3, teacher },
          createStudent: student.reference,
        });
        const [ours] = each;
        if (!ours) throw new Error('no unroll was run');
        expect(
          relativeError(
            ours.losses,
            expected.losses.flatMap((row) => [...row]),
          ),
        ).toBeLessThan(1e-5);
        expect(relativeError(ours.theta, expected.theta)).toBeLessThan(2e-6);
        expectGradient(ours.gradient, expected.gradient);
      }
    },
  );

  it('carries the teacher, theta and the states: two unrolls are one of twice the length', async () => {
    for (const student of students) {
      const teacher = { name: 'adam', learningRate: 0.05 } as const;
      const [once] = (await imitate(networks, student, teacher, { steps: 4 })).each;
      const { each } = await imitate(networks, student, teacher, { steps: 2, unrolls: 2 });
      expect(each.flatMap(({ losses }) => [...losses])).toEqual([...(once?.losses ?? [])]);
      expect(last(each).theta).toEqual(once?.theta);
    }
  });

  it.each(students)('of a sample of the coordinates: that of all, on average: $name', async (student) => {
    const teacher = { name: 'adam', learningRate: 0.05 } as const;
    const flat = ({ gradient }: { gradient: Record<string, Float32Array> } = { gradient: {} }) =>
      Object.values(gradient).flatMap((block) => [...block]);
    // A share that rounds up to all: one coordinate from each stratum of one.
    const twice = { steps: 2, unrolls: 2 };
    const all = await imitate(networks, student, teacher, twice);
    const whole = await imitate(networks, student, teacher, { ...twice, coordinateSample: 0.9999 });
    for (const part of [0, 1]) {
      expect(whole.each[part]?.losses).toEqual(all.each[part]?.losses);
      expect(relativeError(flat(whole.each[part]), flat(all.each[part]))).toBeLessThan(1e-6);
    }
    // 7 coordinates in strata of 3, 2 and 2.
    const problem = smallQuadratic(2, 7);
    const exact = flat((await imitate(problem, student, teacher, { steps: 3 })).each[0]);
    const draws = Array.from({ length: 200 }, (_, i) => taskKeys(i, 'train', 0, 2));
    const share = { steps: 3, coordinateSample: 0.4, draws };
    const sampled = (await imitate(problem, student, teacher, share)).each.map(flat);
    const size = Math.hypot(...exact);
    let spread = 0;
    for (const [i, value] of exact.entries()) {
      const values = sampled.map((draw) => at(draw, i));
      const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
      const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
      const error = Math.sqrt(variance / values.length);
      expect(Math.abs(mean - value), `weight ${i}`).toBeLessThan(STANDARD_ERRORS * error + 1e-6 * size);
      spread += variance;
    }
    expect(Math.sqrt(spread)).toBeGreaterThan(1e-3 * size);
  });
});

describe('a run that imitates', () => {
  const imitation = { teacher: 'adam', ratio: 0.5, learningRate: 0.05 } as const;

  it('does so in an evenly spread share of the episodes, with averages of its own', async () => {
    const of = (ratio: number, episodes: number) =>
      Array.from({ length: episodes }, (_, episode) => episode).filter((episode) => imitates(ratio, episode));
    expect(of(0.2, 16)).toEqual([4, 9, 14]);
    expect(of(0.3, 10)).toHaveLength(3);
    expect(of(1, 3)).toEqual([0, 1, 2]);
    const { steps, checkpoints } = await recordRun(gpu(), smallConfig({ imitation, iterations: 12 }));
    expect(steps.map((step) => step.imitates === true)).toEqual(
      Array.from({ length: 12 }, (_, i) => Math.floor(i / 2) % 2 === 1),
    );
    const first = checkpoints.find(({ iteration }) => iteration === 2)?.state;
    expect([first?.status[2], first?.imitation?.status[2]]).toEqual([2, 0]);
    const end = last(checkpoints).state;
    expect([end.status[2], end.imitation?.status[2]]).toEqual([6, 6]);
    expect(Math.hypot(...end.v)).toBeGreaterThan(100 * Math.hypot(...(end.imitation?.v ?? [])));
    expect(
      steps.every(({ skipped, metaLoss, gradientNorm }) => !skipped && metaLoss > 0 && gradientNorm > 0),
    ).toBe(true);
  });

  it('comes nearer to its teacher, on quadratics and for the gated family', async () => {
    for (const optimizer of [
      { kind: 'l2l', layers: 1, hidden: 4 },
      { kind: 'momentum-lstm', hidden: 4 },
    ] as const) {
      const config = { optimizer, imitation: { ...imitation, ratio: 1 }, metaLearningRate: 0.02 };
      const options = { iterations: 120, validation: { tasks: 1, every: 120 } };
      const { steps } = await recordRun(gpu(), smallConfig({ ...config, ...options, tasks: 8 }));
      const mean = (part: typeof steps) =>
        part.reduce((sum, { metaLoss }) => sum + metaLoss, 0) / part.length;
      expect(mean(steps.slice(-20))).toBeLessThan(0.3 * mean(steps.slice(0, 20)));
    }
  });

  it('goes on from every checkpoint to the same bits, also in a curriculum and with a learned theta_0', async () => {
    const curriculum = { horizons: [10, 20], patience: 100 };
    const optimizer = { kind: 'meta-lstm', hidden: 3, theta0Parameters: 3 } as const;
    const config = smallConfig({ imitation, curriculum, optimizer, horizon: 20, iterations: 24 });
    const whole = await recordRun(gpu(), config);
    expect(whole.steps.filter((step) => step.imitates).length).toBeGreaterThan(4);
    for (const checkpoint of whole.checkpoints) {
      const from = decodeCheckpoint(encodeCheckpoint(checkpoint), 'test', checkpoint.state.phi.length);
      expect(from).toEqual(checkpoint);
      const rest = await recordRun(gpu(), config, { from });
      expect(rest.steps).toEqual(whole.steps.slice(checkpoint.iteration));
      expect(rest.result).toEqual(whole.result);
    }
  });

  it('takes a moderate learning rate of the teacher where none is given, and refuses what is no teacher', () => {
    const parse = (given: object) => parseConfig(trainSchema, { ...smallConfig(), imitation: given }, '');
    expect(parse({ teacher: 'sgd' }).imitation).toEqual({ teacher: 'sgd', ratio: 0.2, learningRate: 0.1 });
    expect(() => parse({ teacher: 'adamw' })).toThrow(/imitation.teacher/);
    expect(() => parse({ teacher: 'adam', ratio: 0 })).toThrow(/imitation.ratio/);
  });
});
