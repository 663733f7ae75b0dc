import { describe, expect, it } from 'vitest';
import {
  type OptimizerConfig,
  optimizerSchema,
  parseConfig,
  type TaskConfig,
  trainSchema,
} from '../src/host/config.ts';
import { taskKeys } from '../src/host/data/threefry.ts';
import { ConfigError, FileFormatError } from '../src/host/errors.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { decodeWeights, encodeWeights } from '../src/host/io/weights.ts';
import { Evaluator } from '../src/host/meta/evaluator.ts';
import { recordGates } from '../src/host/meta/gateRecording.ts';
import { summarise } from '../src/host/meta/statistics.ts';
import { taskGroups } from '../src/host/meta/tasks.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { recordSampleGather, recordSampleScatter } from '../src/host/ops/coordinateSample.ts';
import { coordinatesOf, type ParameterGroup } from '../src/host/ops/coordinates.ts';
import { denseLayers, networkLayers } from '../src/host/optimizees/layers/settings.ts';
import { createLearned, weightBlocksOf } from '../src/host/optimizers/create.ts';
import { groupNames, requireGroups } from '../src/host/optimizers/grouped/groups.ts';
import { groupSizes } from '../src/host/optimizers/grouped/weights.ts';
import { groupedUnrollGradient } from '../src/reference/groupedUnroll.ts';
import { relativeError } from './support/cases.ts';
import { randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { type SmallProblem, smallMlp } from './support/smallProblems.ts';
import { last, recordRun, smallConfig, smallImages, smallMlpConfig } from './support/training.ts';

const gpu = gpuForThisFile();
const STEPS = 3;
const WEIGHTS = [1, 0.5, 0, 2];

/** 42 parameters in three groups by kind, one of them in two pieces; no count is a multiple of 4. */
const PIECES: readonly ParameterGroup[] = [
  { name: 'first', kind: 'a', offset: 0, count: 5 },
  { name: 'second', kind: 'b', offset: 5, count: 19 },
  { name: 'third', kind: 'a', offset: 24, count: 17 },
  { name: 'fourth', kind: 'c', offset: 41, count: 1 },
];
const BY_KINDS = { by: 'kinds', names: ['b', 'a', 'c'] } as const;
const networks: SmallProblem = smallMlp({
  ...{ tasks: 3, hidden: [3], batch: 5, minibatches: 8, activation: 'tanh' },
});

const LOG_SIGN = { kind: 'log-sign', p: 3 } as const;
const l2l = { kind: 'l2l', layers: 2, hidden: 3, preprocess: LOG_SIGN, outputScale: 0.5 } as const;
const config = (input: object): OptimizerConfig => parseConfig(optimizerSchema, input, 'test');

/** The networks' parameters told apart as PIECES says. */
function pieced(problem: SmallProblem): SmallProblem['create'] {
  return (pool) => {
    const create = problem.create(pool);
    return (tensors) => ({ ...create(tensors), groups: PIECES });
  };
}

/** Weights far enough from zero that every path matters. */
function varied(fresh: Float32Array, seed: number): Float32Array {
  const noise = randomValues(fresh.length, seed, -0.4, 0.4);
  return fresh.map((value, i) => (value === 0 ? 0 : 0.5 * value + (noise[i] ?? 0)));
}

interface Outcome {
  readonly losses: Float32Array;
  readonly theta: Float32Array;
  readonly gradient: ReadonlyMap<string, { readonly data: Float32Array }>;
}

/** Two unrolls of an episode with the named weights that `phiOf` gives; what each left. */
async function run(
  optimizerConfig: OptimizerConfig,
  phiOf: (optimizer: ReturnType<typeof createLearned>) => Float32Array,
  secondDerivatives = false,
): Promise<Outcome[]> {
  const pool = new TensorPool(gpu());
  const optimizer = createLearned(pool, optimizerConfig);
  const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
  const unroll = new Unroll({
    ...{ pool, tasks: networks.tasks, steps: STEPS, optimizer, createOptimizee: pieced(networks)(pool) },
    ...{ lossWeights: WEIGHTS, metaGradient, secondDerivatives },
  });
  await pool.allocate();
  try {
    writeTensor(gpu(), optimizer.phi, phiOf(optimizer));
    await unroll.prepare();
    const outcomes: Outcome[] = [];
    for (const part of [0, 1]) {
      unroll.setTasks(networks.keys, part * STEPS);
      submit(gpu(), (encoder) => unroll.encode(encoder, part === 0 ? 'reset' : 'carry'));
      const read = await readTensors(gpu(), [unroll.losses, unroll.theta, metaGradient]);
      const [losses = new Float32Array(), theta = new Float32Array(), gradient = new Float32Array()] = read;
      outcomes.push({
        losses,
        theta: theta.subarray(0, networks.tasks * networks.parameters),
        gradient: optimizer.gradientToNamed(gradient),
      });
    }
    return outcomes;
  } finally {
    pool.destroy();
  }
}

const THETA0 = networks.theta0.subarray(0, networks.parameters);
const families = [
  { family: 'l2l', settings: l2l },
  { family: 'l2l without layers', settings: { ...l2l, layers: 0 } },
  { family: 'rnnprop', settings: { kind: 'rnnprop', hidden: 3, outputScale: 0.3 } },
  { family: 'meta-lstm', settings: { kind: 'meta-lstm', hidden: 3, preprocess: LOG_SIGN } },
  {
    family: 'momentum-lstm, direct, theta_0 learned',
    settings: {
      ...{ kind: 'momentum-lstm', controller: 'direct', preprocess: LOG_SIGN },
      theta0Parameters: networks.parameters,
    },
  },
] as const;

describe('groups with the same weights', () => {
  it.each(
    families.flatMap((one) => [
      { ...one, order: 'first' },
      { ...one, order: 'second' },
    ]),
  )('are one optimizer: $family, $order order', async ({ settings, order }) => {
    const isSecond = order === 'second';
    const whole = await run(
      config(settings),
      (optimizer) => {
        const phi = varied(optimizer.initialPhi(5), 51);
        if (optimizer.theta0) phi.set(THETA0, optimizer.theta0.offset);
        return phi;
      },
      isSecond,
    );
    const grouped = await run(
      config({ ...settings, groups: BY_KINDS }),
      (optimizer) => {
        const offset = optimizer.theta0?.offset ?? optimizer.phi.length;
        const one = varied(optimizer.initialPhi(5).subarray(0, offset / 3), 51);
        const phi = new Float32Array(optimizer.phi.length);
        for (const group of [0, 1, 2]) phi.set(one, group * one.length);
        if (optimizer.theta0) phi.set(THETA0, offset);
        return phi;
      },
      isSecond,
    );
    for (const part of [0, 1]) {
      const [ours, expected] = [grouped[part], whole[part]];
      if (!ours || !expected) throw new Error('nothing was run');
      expect(ours.losses, `losses of unroll ${part}`).toEqual(expected.losses);
      expect(ours.theta, `theta after unroll ${part}`).toEqual(expected.theta);
      const all = Math.hypot(...[...expected.gradient.values()].flatMap(({ data }) => [...data]));
      expect(all).toBeGreaterThan(0);
      for (const [name, { data }] of expected.gradient) {
        const parts = [...ours.gradient].filter(([key]) => key === name || key.endsWith(`.${name}`));
        expect(parts.length, name).toBe(name === 'theta0' ? 1 : 3);
        const sum = Float64Array.from(data, (_, i) =>
          parts.reduce((total, [, tensor]) => total + (tensor.data[i] ?? Number.NaN), 0),
        );
        const difference = Math.hypot(...sum.map((value, i) => value - (data[i] ?? Number.NaN)));
        expect(difference / all, `${name} of unroll ${part}`).toBeLessThan(1e-5);
      }
    }
  });

  it('have its gates in a recording', async () => {
    const data = smallImages();
    const { task } = smallMlpConfig();
    const keys = taskKeys(1, 'test', 0, 2);
    const names = groupNames('layers', taskGroups(task) ?? []);
    const recordings = await Promise.all(
      [undefined, { by: 'layers', names }].map(async (groups) => {
        const optimizer = config({ kind: 'l2l', layers: 2, hidden: 3, ...(groups && { groups }) });
        // Fresh weights of a seed: every group has those of the one there is without groups.
        const phi = createLearned(new TensorPool(gpu()), optimizer).initialPhi(4);
        return recordGates(gpu(), { task, data, list: 'test', keys, horizon: 4, optimizer, phi });
      }),
    );
    const [one, grouped] = recordings;
    expect(grouped?.recorded).toEqual(one?.recorded);
    expect(one?.recorded[0]?.groups.map(({ mean }) => mean.flat().length)).toEqual([8, 8]);
    expect(grouped?.optimizer).toMatch(/, by layers \(dense1, dense2\)$/);
  });
});

describe('groups with weights of their own', () => {
  it.each([false, true])('against float64, second derivatives %s', async (secondDerivatives) => {
    const settings = config({ ...l2l, outputScale: 2, groups: BY_KINDS });
    let named: ReadonlyMap<string, { readonly data: Float32Array }> = new Map();
    const [ours] = await run(
      settings,
      (optimizer) => {
        const phi = varied(optimizer.initialPhi(5), 52);
        named = optimizer.toNamed(phi);
        return phi;
      },
      secondDerivatives,
    );
    const groups = BY_KINDS.names.map((group) =>
      Object.fromEntries(
        [...named].flatMap(([name, { data }]) =>
          name.startsWith(`${group}.`) ? [[name.slice(group.length + 1), data] as const] : [],
        ),
      ),
    );
    const kinds = PIECES.flatMap(({ kind, count }) => Array.from({ length: count }, () => kind));
    const names: readonly string[] = BY_KINDS.names;
    const expected = groupedUnrollGradient({
      groups,
      groupOf: kinds.map((kind) => names.indexOf(kind)),
      problem: networks.reference,
      theta0: networks.theta0,
      steps: STEPS,
      preprocess: LOG_SIGN,
      outputScale: 2,
      lossWeights: WEIGHTS,
      secondDerivatives,
    });
    expect(relativeError(ours?.theta ?? [], expected.theta)).toBeLessThan(1e-5);
    const flat = (values: Iterable<Float32Array | Float64Array>) => [...values].flatMap((part) => [...part]);
    const whole = Math.hypot(...flat(expected.gradients.flatMap((group) => Object.values(group))));
    for (const [index, group] of BY_KINDS.names.entries()) {
      for (const [name, reference] of Object.entries(expected.gradients[index] ?? {})) {
        const { data = new Float32Array() } = ours?.gradient.get(`${group}.${name}`) ?? {};
        expect(data.length).toBe(reference.length);
        const difference = Math.hypot(...reference.map((value, i) => value - (data[i] ?? Number.NaN)));
        const size = Math.max(Math.hypot(...reference), 1e-3 * whole);
        expect(difference / size, `${group}.${name}`).toBeLessThan(1e-3);
      }
    }
  });
});

describe('weights by group', () => {
  const { task } = smallMlpConfig();
  const groups = { by: 'layers', names: ['dense1', 'dense2'] } as const;
  const grouped = config({ kind: 'l2l', layers: 2, hidden: 5, groups });

  it('are named by it, and each has the blocks of one optimizer', () => {
    const pool = new TensorPool(gpu());
    const optimizer = createLearned(pool, grouped);
    const one = createLearned(pool, config({ kind: 'l2l', layers: 2, hidden: 5 }));
    expect(optimizer.blocks).toEqual(weightBlocksOf(grouped));
    expect(optimizer.weightCount).toBe(2 * one.weightCount);
    const marked = Float32Array.from({ length: optimizer.phi.length }, (_, i) => i);
    const [first, second] = [marked.subarray(0, one.phi.length), marked.subarray(one.phi.length)];
    const expected = [first, second].flatMap((phi, index) =>
      [...one.toNamed(phi)].map(([name, tensor]) => [`dense${index + 1}.${name}`, tensor]),
    );
    expect([...optimizer.toNamed(marked)]).toEqual(expected);
    expect([...optimizer.toNamed(marked).keys()].slice(0, 2)).toEqual([
      'dense1.lstm.0.weight_ih',
      'dense1.lstm.0.weight_hh',
    ]);
    for (const { name, offset, length, runs, stride } of optimizer.blocks) {
      const [group = '', ...rest] = name.split('.');
      const own = one.blocks.find((block) => block.name === rest.join('.'));
      expect(own).toMatchObject({ length, runs, stride });
      expect(offset - (own?.offset ?? 0)).toBe(group === 'dense1' ? 0 : one.phi.length);
    }
    const phi = optimizer.initialPhi(3);
    expect(optimizer.fromNamed(optimizer.toNamed(phi), 'test')).toEqual(phi);
    expect(phi.subarray(0, one.phi.length)).toEqual(one.initialPhi(3));
    expect(phi.subarray(one.phi.length)).toEqual(one.initialPhi(3));
    expect(groupSizes(groups, taskGroups(task) ?? [], optimizer.blocks)).toEqual([
      { name: 'dense1', parameters: 250, weights: one.weightCount },
      { name: 'dense2', parameters: 60, weights: one.weightCount },
    ]);
  });

  it('train apart, and saved and loaded give the bits of the validation in training', async () => {
    const data = smallImages();
    const training = smallMlpConfig({ iterations: 4, optimizer: grouped });
    const { bests, validations, steps } = await recordRun(gpu(), training, { data });
    expect(last(steps).blockNorms).toHaveLength(weightBlocksOf(grouped).length);
    expect(last(steps).blockNorms.every((norm) => norm > 0)).toBe(true);
    const { phi, iteration } = last(bests);
    expect(iteration).toBeGreaterThan(0);
    const half = phi.length / 2;
    expect(phi.subarray(0, half)).not.toEqual(phi.subarray(half));
    const options = { task, data, list: 'validation', tasks: 3, horizon: training.horizon } as const;
    const how = { seed: training.seed, iteration, horizon: training.horizon, unroll: training.unroll };
    const named = createLearned(new TensorPool(gpu()), grouped).toNamed(phi);
    const bytes = encodeWeights({
      ...{ optimizer: grouped, task, weights: named },
      training: { ...how, secondDerivatives: false },
    });
    const file = decodeWeights(bytes, 'test');
    expect(file.optimizer).toEqual(grouped);
    const evaluator = new Evaluator(gpu(), options, (pool) => createLearned(pool, file.optimizer));
    try {
      await evaluator.prepare();
      writeTensor(gpu(), evaluator.optimizer.phi, evaluator.optimizer.fromNamed(file.weights, 'test'));
      const summary = summarise(await evaluator.run(taskKeys(training.seed, 'validation', 0, 3)));
      expect(summary).toEqual(validations.find((one) => one.iteration === iteration)?.summary);
    } finally {
      evaluator.destroy();
    }
  });

  it('fit other sizes of the same layers', () => {
    const wider: TaskConfig = { ...task, layers: denseLayers([7], 'relu') } as TaskConfig;
    expect(requireGroups(groups, taskGroups(wider) ?? []).map(({ count }) => count)).toEqual([350, 80]);
  });
});

describe('names of groups', () => {
  const network = (layers: readonly object[]) => {
    const input = { task: { kind: 'images', layers }, optimizer: { kind: 'l2l' }, iterations: 1 };
    return taskGroups(parseConfig(trainSchema, input, 'test').task) ?? [];
  };

  it('are the kinds of layers with parameters, or the layers with their places', () => {
    const conv = network(networkLayers('convnet', 28));
    expect(groupNames('kinds', conv)).toEqual(['conv', 'dense']);
    expect(groupNames('layers', conv)).toEqual(['conv1', 'conv2', 'dense3']);
    const conv4 = network(networkLayers('conv4', 28));
    expect(groupNames('kinds', conv4)).toEqual(['conv', 'batch-norm', 'dense']);
    const all = requireGroups({ by: 'kinds', names: ['dense', 'conv', 'batch-norm'] }, conv4);
    expect(all.map(({ ranges }) => ranges.length)).toEqual([1, 4, 4]);
    expect(groupNames('kinds', taskGroups({ ...smallConfig().task }) ?? [])).toEqual(['theta']);
  });

  it('that differ from the trained ones are refused with both lists', () => {
    const mlp = network(denseLayers([5], 'relu'));
    const refused = () => requireGroups({ by: 'kinds', names: ['conv', 'dense'] }, mlp);
    expect(refused).toThrow(ConfigError);
    expect(refused).toThrow(
      /^the optimizer has weights for the groups conv, dense, and this task's parameters are dense$/,
    );
    const conv = network(networkLayers('convnet', 28));
    expect(() => requireGroups({ by: 'kinds', names: ['dense'] }, conv)).toThrow(/are conv, dense$/);
    expect(() => requireGroups({ by: 'layers', names: ['dense1'] }, mlp)).toThrow(/dense1, dense2$/);
  });
});

describe('what is refused', () => {
  const groups = { by: 'layers', names: ['dense1', 'dense2'] };

  it('a network that was not trained for, when the optimizer meets it', async () => {
    const other = config({ ...l2l, groups: { by: 'kinds', names: ['conv', 'dense'] } });
    await expect(run(other, (optimizer) => optimizer.initialPhi(1))).rejects.toThrow(
      /for the groups conv, dense, and this task's parameters are a, b, c/,
    );
  });

  it('a sample of the coordinates', () => {
    const settings = { iterations: 1, task: { kind: 'images' }, coordinateSample: 0.1 };
    expect(() =>
      parseConfig(trainSchema, { ...settings, optimizer: { kind: 'l2l', groups } }, 'test'),
    ).toThrow(/coordinateSample is 0.1, but must be 1 with groups of parameters/);
    const pool = new TensorPool(gpu());
    const optimizer = createLearned(pool, config({ ...l2l, groups: BY_KINDS }));
    const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
    expect(
      () =>
        new Unroll({
          ...{ pool, tasks: 3, steps: STEPS, optimizer, createOptimizee: pieced(networks)(pool) },
          ...{ lossWeights: WEIGHTS, metaGradient, coordinateSample: 0.5 },
        }),
    ).toThrow(/does not keep to the groups/);
  });

  it('settings that make no sense', () => {
    const twice = { by: 'layers', names: ['dense1', 'dense1'] };
    expect(() => config({ kind: 'l2l', groups: twice })).toThrow(/groups.names holds dense1 twice/);
    expect(() => config({ kind: 'l2l', groups: { by: 'kinds', names: ['a.b'] } })).toThrow(/groups.names/);
    expect(() => config({ kind: 'l2l', groups: { by: 'sizes', names: ['a'] } })).toThrow(/groups.by/);
    expect(() => config({ kind: 'gradient-descent-lstm', groups })).toThrow(/no gate is learned/);
  });

  it('weights of other groups, or without', () => {
    const pool = new TensorPool(gpu());
    const one = createLearned(pool, config(l2l));
    const grouped = createLearned(pool, config({ ...l2l, groups }));
    const named = grouped.toNamed(grouped.initialPhi(1));
    const refused = (optimizer: typeof one, weights: typeof named) => () => optimizer.fromNamed(weights, 'w');
    expect(refused(grouped, one.toNamed(one.initialPhi(1)))).toThrow(FileFormatError);
    expect(refused(grouped, one.toNamed(one.initialPhi(1)))).toThrow(
      /w holds a tensor lstm.0.weight_ih that is of none of the groups dense1, dense2/,
    );
    expect(refused(one, named)).toThrow(/dense1.lstm.0.weight_ih/);
    const without = new Map([...named].filter(([name]) => name !== 'dense2.output.bias'));
    expect(refused(grouped, without)).toThrow(/w: group dense2: tensor output.bias is missing/);
  });

  it('groups of an optimizee that leave parameters out', () => {
    const pool = new TensorPool(gpu());
    const optimizer = createLearned(pool, config({ ...l2l, groups: BY_KINDS }));
    const bind = (parts: readonly ParameterGroup[]) => () =>
      optimizer.bind({
        ...{ pool, coordinates: coordinatesOf(3, 42), groups: parts, steps: 2, training: false },
        clock: pool.tensor('clock', [4], 'u32'),
      });
    expect(bind(PIECES)).not.toThrow();
    const short = PIECES.map((group) => (group.kind === 'b' ? { ...group, count: 18 } : group));
    expect(bind(short)).toThrow(/parameter 23 is in no group or in two/);
    expect(bind(PIECES.map((group) => (group.kind === 'c' ? { ...group, count: 2 } : group)))).toThrow(
      /43 of 42/,
    );
  });
});

describe('coordinateSample/scatter', () => {
  it.each([1, 63, 65, 97])(
    'puts %i coordinates back where gather took them, and nothing else',
    async (count) => {
      const [all, sampled] = [coordinatesOf(1, 2 * count + 1), coordinatesOf(1, count)];
      const [M, m] = [all.mp4 * 4, sampled.mp4 * 4];
      const source = randomValues(3 * M, 71);
      const data = {
        indices: Uint32Array.from({ length: count }, (_, i) => 2 * (count - 1 - i) + 1),
        source,
        sample: unwritten(3 * m),
        target: unwritten(2 * M),
      };
      const { sample, target } = await runKernels(gpu(), data, (program, tensors) => {
        const { indices } = tensors;
        recordSampleGather(
          program,
          { indices, source: tensors.source, target: tensors.sample },
          all,
          sampled,
        );
        const back = { indices, source: tensors.sample, target: tensors.target };
        recordSampleScatter(program, back, all, sampled, 1);
      });
      expect(sample[0]).toBe(source[2 * count - 1]);
      const expected = unwritten(2 * M);
      for (const row of [0, 1]) {
        for (const i of data.indices) expected[row * M + i] = source[(row + 1) * M + i] ?? Number.NaN;
      }
      expect(target).toEqual(expected);
    },
  );
});
