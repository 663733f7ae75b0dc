import { describe, expect, it } from 'vitest';
import { type OptimizerConfig, optimizerSchema, parseConfig, trainSchema } from '../src/host/config.ts';
import { threefry, toUnit } from '../src/host/data/threefry.ts';
import { Program } from '../src/host/gpu/program.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { createTasks } from '../src/host/meta/tasks.ts';
import { Trainer } from '../src/host/meta/trainer.ts';
import { trainingTasks } from '../src/host/meta/trainingTasks.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { type RandomScaling, scaleRandomly } from '../src/host/optimizees/randomScaling.ts';
import { createLearned } from '../src/host/optimizers/create.ts';
import { clippedSquaresProblem, scaledProblem, sumProblem } from '../src/reference/problems.ts';
import { rnnpropUnrolls } from '../src/reference/rnnprop.ts';
import { at } from '../src/reference/scalar.ts';
import { type UnrollState, unrollGradient } from '../src/reference/unroll.ts';
import { relativeError } from './support/cases.ts';
import { expectClose, randomValues } from './support/compare.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { type SmallProblem, smallMlp, smallQuadratic } from './support/smallProblems.ts';
import { rounded } from './support/tolerances.ts';
import {
  LabelledPool,
  last,
  recordRun,
  smallConfig,
  smallImages,
  smallMlpConfig,
} from './support/training.ts';

const gpu = gpuForThisFile();
const STEPS = 3;
const WEIGHTS = [1, 0.5, 0, 2];
const HELPER = 4;

interface Part {
  readonly theta: ArrayLike<number>;
  readonly gradient: Readonly<Record<string, ArrayLike<number>>>;
}

/** The scales, the helper's a and the starting point that the device drew, and two unrolls of an episode. */
async function onDevice(
  problem: SmallProblem,
  config: OptimizerConfig,
  options: { helper: boolean; secondDerivatives: boolean },
) {
  const pool = new LabelledPool(gpu());
  const optimizer = createLearned(pool, config);
  const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
  const settings = { randomScaling: 1.5, helperTask: options.helper ? HELPER : undefined };
  const { secondDerivatives } = options;
  const unroll = new Unroll({
    ...{ pool, tasks: problem.tasks, steps: STEPS, optimizer, lossWeights: WEIGHTS, metaGradient },
    createOptimizee: trainingTasks(pool, settings, problem.create(pool)),
    secondDerivatives,
  });
  await pool.allocate();
  try {
    const fresh = optimizer.initialPhi(7);
    const noise = randomValues(fresh.length, 41, -0.5, 0.5);
    const phi = fresh.map((value, i) => (value === 0 ? 0 : value + (noise[i] ?? 0)));
    writeTensor(gpu(), optimizer.phi, phi);
    await unroll.prepare();
    const count = problem.tasks * (problem.parameters + (options.helper ? HELPER : 0));
    const unrolls: Part[] = [];
    for (const part of [0, 1]) {
      unroll.setTasks(problem.keys, part * STEPS);
      submit(gpu(), (encoder) => unroll.encode(encoder, part === 0 ? 'reset' : 'carry'));
      const read = await readTensors(gpu(), [unroll.theta, metaGradient]);
      const [theta = new Float32Array(), gradient = new Float32Array()] = read;
      const named = [...optimizer.gradientToNamed(gradient)].map(([name, { data }]) => [name, data] as const);
      unrolls.push({ theta: theta.subarray(0, count), gradient: Object.fromEntries(named) });
    }
    const labels = [...pool.byLabel.keys()].filter(
      (label) => label.startsWith('random scales of') || label === 'helper a',
    );
    const drawn = await readTensors(
      gpu(),
      labels.map((label) => pool.named(label)),
    );
    const of = (start: string) => drawn[labels.findIndex((label) => label.startsWith(start))];
    const named = [...optimizer.toNamed(phi)].map(([name, { data }]) => [name, data] as const);
    return {
      unrolls,
      phi: Object.fromEntries(named),
      helperScales: of('random scales of helper'),
      scales: drawn[labels.findIndex((label) => /^random scales of (?!helper)/.test(label))],
      a: of('helper a'),
    };
  } finally {
    pool.destroy();
  }
}

/** The same in float64, from the numbers that were drawn. */
function inReference(
  problem: SmallProblem,
  config: OptimizerConfig,
  drawn: Awaited<ReturnType<typeof onDevice>>,
  secondDerivatives: boolean,
): Part[] {
  const { tasks, parameters } = problem;
  const { phi, scales, helperScales, a } = drawn;
  if (!scales) throw new Error('no scales were drawn');
  const start = Array.from(problem.theta0, (x, i) => x / at(scales, i));
  const scaled = scaledProblem(problem.reference, scales);
  const whole =
    helperScales && a
      ? sumProblem(scaled, scaledProblem(clippedSquaresProblem(tasks, HELPER, a), helperScales))
      : scaled;
  const theta0 = Array.from({ length: tasks }, (_, task) => [
    ...start.slice(task * parameters, (task + 1) * parameters),
    ...new Array<number>(whole.coordinates - parameters).fill(0),
  ]).flat();
  const shared = { phi, problem: whole, steps: STEPS, lossWeights: WEIGHTS, secondDerivatives };
  if (config.kind === 'rnnprop') {
    const { outputScale, beta1, beta2 } = config;
    return rnnpropUnrolls({ ...shared, theta0, unrolls: 2, outputScale, beta1, beta2 });
  }
  if (config.kind !== 'l2l' || config.preprocess.kind !== 'log-sign') throw new Error('no reference');
  const { outputScale, preprocess } = config;
  const parts: Part[] = [];
  let theta: ArrayLike<number> = theta0;
  let state: UnrollState | undefined;
  for (const firstStep of [0, STEPS]) {
    const run = unrollGradient({
      ...shared,
      theta0: theta,
      firstStep,
      outputScale,
      preprocess,
      ...(state && { state }),
    });
    parts.push(run);
    ({ theta, state } = run);
  }
  return parts;
}

describe('randomly scaled tasks, and a convex helper beside them, against float64', () => {
  const config = (input: object) => parseConfig(optimizerSchema, input, 'test');
  const l2l = config({
    kind: 'l2l',
    layers: 1,
    hidden: 3,
    preprocess: { kind: 'log-sign', p: 3 },
    outputScale: 0.5,
  });
  const rnnprop = config({ kind: 'rnnprop', layers: 1, hidden: 3, outputScale: 0.5 });
  const network = smallMlp({
    tasks: 2,
    hidden: [3],
    batch: 5,
    minibatches: 2 * STEPS + 1,
    activation: 'tanh',
  });
  const quadratics = smallQuadratic(3, 5);
  const cases = [
    { problem: quadratics, optimizer: l2l, helper: false },
    { problem: quadratics, optimizer: rnnprop, helper: true },
    { problem: network, optimizer: rnnprop, helper: false },
    { problem: network, optimizer: l2l, helper: true },
  ].flatMap((one) => [false, true].map((second) => ({ ...one, second, order: second ? 'second' : 'first' })));

  it.each(cases)(
    '$problem.name, $optimizer.kind, helper $helper, $order order: two unrolls',
    async ({ problem, optimizer, helper, second }) => {
      const ours = await onDevice(problem, optimizer, { helper, secondDerivatives: second });
      const expected = inReference(problem, optimizer, ours, second);
      const size = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));
      for (const [part, { theta, gradient }] of expected.entries()) {
        const right = at(ours.unrolls, part);
        expect(relativeError(right.theta, theta), `unroll ${part}: theta`).toBeLessThan(1e-5);
        const whole = Math.hypot(...Object.values(gradient).map(size));
        for (const [name, values] of Object.entries(gradient)) {
          expect(size(values), name).toBeGreaterThan(0);
          const data = right.gradient[name] ?? [];
          const difference = size(Array.from(values, (value, i) => value - (data[i] ?? Number.NaN)));
          expect(difference, `unroll ${part}: ${name}`).toBeLessThan(2e-5 * size(values) + 1e-5 * whole);
        }
      }
    },
  );
});

describe('random scaling', () => {
  it('draws other scales for each task and for the helper, and the same from the same key', async () => {
    const optimizer = parseConfig(optimizerSchema, { kind: 'rnnprop', layers: 1, hidden: 3 }, 'test');
    const problem = smallQuadratic(2, HELPER);
    const options = { helper: true, secondDerivatives: false };
    const [once, again] = [
      await onDevice(problem, optimizer, options),
      await onDevice(problem, optimizer, options),
    ];
    expect(again.scales).toEqual(once.scales);
    const all = [...(once.scales ?? []), ...(once.helperScales ?? [])];
    expect(new Set(all).size).toBe(4 * HELPER);
    const logs = (values: Float32Array | undefined) => Array.from(values ?? [], (c) => Math.abs(Math.log(c)));
    expect(Math.max(...logs(once.scales))).toBeLessThanOrEqual(1.5);
    expect(Math.max(...logs(once.helperScales))).toBeLessThanOrEqual(1);
  });

  describe('of a few-shot episode', () => {
    /** theta, losses, gradients and query losses at the start of two episodes. */
    async function atStart(layers: object[], scaling?: Omit<RandomScaling, 'stream'>) {
      const { task } = parseConfig(
        trainSchema,
        {
          task: { kind: 'sine', layers, shots: 3, queries: 5 },
          optimizer: { kind: 'l2l' },
          iterations: 1,
          unroll: 1,
          horizon: 1,
          lossWeights: 'final',
        },
        'test',
      );
      const pool = new LabelledPool(gpu());
      const create = createTasks(pool, task, undefined, 'train', 2);
      const keys = pool.tensor('keys', [2, 2], 'u32');
      const clock = pool.tensor('clock', [4], 'u32');
      const tensors = { keys, clock, steps: 1 };
      const inner = create(tensors);
      const optimizee = scaling ? scaleRandomly(pool, inner, tensors, { ...scaling, stream: 1 }) : inner;
      const row = (label: string) => pool.tensor(label, [Math.ceil((2 * inner.parameters) / 4) * 4]);
      const [theta, gradient] = [row('theta'), row('gradient')];
      const [losses, query] = [pool.tensor('losses', [1, 2]), pool.tensor('query', [1, 2])];
      await pool.allocate();
      writeTensor(gpu(), keys, Uint32Array.of(1, 2, 3, 4));
      const program = new Program(gpu(), 'test');
      optimizee.upload();
      optimizee.recordReset(program, theta);
      optimizee.recordSample(program, 0);
      optimizee.recordLoss(program, theta, losses, 0);
      optimizee.query?.record(program, theta, { losses: query }, 0);
      optimizee.recordGradient(program, theta, gradient);
      await program.prepare();
      submit(gpu(), (encoder) => program.encode(encoder));
      const read = await readTensors(gpu(), [theta, losses, gradient, query]);
      pool.destroy();
      return read;
    }

    it('by a range of 0 changes no bit', async () => {
      const [plain, wrapped] = [await atStart([]), await atStart([], { range: 0, factor: 1, from: 1 })];
      expect(wrapped).toEqual(plain);
      expect(Math.hypot(...(plain[3] ?? []))).toBeGreaterThan(0);
    });

    it('from layer 2 on leaves the first as it is', async () => {
      const layers = [
        { kind: 'dense', units: 2 },
        { kind: 'activation', function: 'tanh' },
      ];
      const [theta = [], , gradient = []] = await atStart(layers);
      const [scaled = [], , scaledGradient = []] = await atStart(layers, {
        range: 1.5,
        factor: 0.5,
        from: 2,
      });
      const keys = [
        [1, 2],
        [3, 4],
      ] as const;
      // 1-2-1: the first layer has four parameters of seven.
      const c = Array.from({ length: 14 }, (_, i) =>
        i % 7 < 4
          ? 1
          : 0.5 * Math.exp(1.5 * (2 * toUnit(threefry(at(keys, Math.floor(i / 7)), [i % 7, 1])[0]) - 1)),
      );
      expect(c.filter((scale) => Math.abs(Math.log(scale)) > 0.1).length).toBeGreaterThan(3);
      const isFirst = (_: unknown, i: number) => i % 7 < 4;
      expect([...scaled].filter(isFirst)).toEqual([...theta].filter(isFirst));
      // The scales are off by up to 12 roundings (tests/kernels.trainingTasks.test.ts), their quotients by a few more.
      expectClose(
        scaled.slice(0, 14),
        c.map((scale, i) => at(theta, i) / scale),
        rounded(16),
        'theta',
      );
      // theta comes back from its quotients with a rounding more, which the gradient carries through two layers.
      expectClose(
        scaledGradient.slice(0, 14),
        c.map((scale, i) => scale * at(gradient, i)),
        rounded(32),
        'gradient',
      );
    });

    it('is refused from a layer that there is not', async () => {
      await expect(atStart([], { range: 1, factor: 1, from: 2 })).rejects.toThrow(
        /random scaling is to begin with layer 2, but .* has 1 with parameters/,
      );
    });
  });
});

describe('meta-training with both', () => {
  const both = { randomScaling: 2, helperTask: 3 };

  it.each([
    { what: 'quadratics', config: smallConfig(both), data: undefined },
    {
      what: 'images, sampled coordinates',
      config: smallMlpConfig({ ...both, coordinateSample: 0.3 }),
      data: smallImages(),
    },
    {
      what: 'rnnprop, a share of episodes imitates',
      config: smallConfig({
        ...both,
        ...{
          optimizer: { kind: 'rnnprop', layers: 1, hidden: 4 },
          imitation: { teacher: 'adam', ratio: 0.5 },
        },
      }),
      data: undefined,
    },
    { what: 'second order', config: smallConfig({ ...both, secondDerivatives: true }), data: undefined },
  ])(
    '$what: validation is on tasks as they are, and a resumed run has the same bits',
    async ({ config, data }) => {
      const given = data && { data };
      const once = await recordRun(gpu(), config, { ...given });
      const { randomScaling: _, helperTask: __, ...rest } = config;
      const plain = await recordRun(gpu(), { ...rest, randomScaling: 0, iterations: 2 }, { ...given });
      expect(once.validations[0]?.score).toBe(plain.validations[0]?.score);
      expect(once.steps[0]?.metaLoss).not.toBe(plain.steps[0]?.metaLoss);
      expect(once.bytes).toBeGreaterThan(plain.bytes);
      const first = await recordRun(gpu(), config, { ...given, stopAfter: 3 });
      const second = await recordRun(gpu(), config, { ...given, from: last(first.checkpoints) });
      expect([...first.steps, ...second.steps].map(({ gradientNorm }) => gradientNorm)).toEqual(
        once.steps.map(({ gradientNorm }) => gradientNorm),
      );
      expect(last(second.checkpoints).state.phi).toEqual(last(once.checkpoints).state.phi);
    },
  );

  it('names what it trains on, and refuses what it cannot combine with', () => {
    const config = smallConfig(both);
    const trainer = new Trainer(gpu(), config, undefined);
    expect(trainer.unroll.optimizee.description).toBe(
      'quadratic, 3 dimensions, uniform, scaled by exp U(-2, 2); helper of 3 dimensions, scaled by exp U(-1, 1)',
    );
    expect(trainer.unroll.optimizee.parameters).toBe(6);
    const parse = (change: object) => () => parseConfig(trainSchema, { ...smallConfig(), ...change }, 'test');
    const learned = { kind: 'meta-lstm', theta0Parameters: 3 };
    expect(parse({ randomScaling: 3, optimizer: learned })).toThrow(
      'randomScaling is 3, but must be 0 with a learned theta_0',
    );
    expect(parse({ helperTask: 20, optimizer: learned })).toThrow(
      'helperTask is 20, but there must be none with a learned theta_0',
    );
    const groups = { by: 'kinds', names: ['theta'] };
    expect(parse({ helperTask: 20, optimizer: { kind: 'l2l', groups } })).toThrow(
      'with groups of parameters',
    );
    expect(parse({ randomScaling: 3, optimizer: { kind: 'l2l', groups } })).not.toThrow();
    expect(parse({ randomScaling: -1 })).toThrow('randomScaling');
    expect(parse({ helperTask: 0 })).toThrow('helperTask');
  });
});
