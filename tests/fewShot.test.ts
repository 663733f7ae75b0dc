import { describe, expect, it } from 'vitest';
import { loadTaskData } from '../src/cli/data.ts';
import { type GlyphsTask, parseConfig, taskSchema, trainSchema } from '../src/host/config.ts';
import { glyphClasses } from '../src/host/data/glyphs.ts';
import { taskKeys } from '../src/host/data/threefry.ts';
import { readTensors, submit } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { Evaluator } from '../src/host/meta/evaluator.ts';
import { nearestNeighbourAccuracy } from '../src/host/meta/nearestNeighbour.ts';
import { pretrainedStart } from '../src/host/meta/pretrain.ts';
import { summarise } from '../src/host/meta/statistics.ts';
import { Trainer } from '../src/host/meta/trainer.ts';
import { createBaseline } from '../src/host/meta/tune.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { denseLayers } from '../src/host/optimizees/layers/settings.ts';
import { gatedSettings } from '../src/host/optimizers/gated/settings.ts';
import { createHandDesigned } from '../src/host/optimizers/handDesigned.ts';
import { gatedUnrollGradient } from '../src/reference/gatedUnroll.ts';
import { mlpLogits } from '../src/reference/mlp.ts';
import { numbers } from '../src/reference/scalar.ts';
import { relativeError } from './support/cases.ts';
import { glyphEpisode, noiseGlyphs, setLoss, smallGlyphs, smallSines } from './support/episodes.ts';
import { formOf, runGated } from './support/gatedUnrolls.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { recordRun } from './support/training.ts';

const gpu = gpuForThisFile();
const STEPS = 3;
const LOG_SIGN = { kind: 'log-sign', p: 3 } as const;

describe('the meta-gradient of the query loss through steps on the support set', () => {
  const settings = gatedSettings('meta-lstm', { controller: 'direct', preprocess: LOG_SIGN });
  const problems = [smallGlyphs(2, STEPS, 'tanh'), smallSines(3, STEPS, 'sigmoid')];
  const orders = [false, true];

  it.each(problems.flatMap((problem) => orders.map((secondDerivatives) => ({ problem, secondDerivatives }))))(
    '$problem.name, second derivatives $secondDerivatives',
    async ({ problem, secondDerivatives }) => {
      const options = { steps: STEPS, lossWeights: [0, 0, 0, 1], secondDerivatives };
      const { phi, outcomes } = await runGated(gpu(), problem, settings, options);
      const expected = gatedUnrollGradient({
        ...{ phi, form: formOf(settings), problem: problem.reference, theta0: problem.theta0 },
        ...options,
      });
      const [ours] = outcomes;
      expect(
        relativeError(
          ours?.losses ?? [],
          expected.losses.flatMap((row) => [...row]),
        ),
      ).toBeLessThan(1e-6);
      expect(relativeError(ours?.startGradient ?? [], expected.theta0Gradient)).toBeLessThan(1e-5);
      const whole = Math.hypot(...Object.values(expected.gradient).map((g) => Math.hypot(...g)));
      for (const [name, values] of Object.entries(expected.gradient)) {
        const block = ours?.gradient[name] ?? new Float32Array();
        const difference = Math.hypot(...Array.from(values, (value, i) => value - (block[i] ?? Number.NaN)));
        expect(difference, name).toBeLessThan(2e-5 * Math.hypot(...values) + 1e-7 * whole);
      }
    },
  );
});

/** Everything one unroll of SGD on episodes measures. */
async function measured(
  problem: ReturnType<typeof smallGlyphs>,
  measureQuery: 'every step' | 'last step' | undefined,
) {
  const pool = new TensorPool(gpu());
  const optimizer = createHandDesigned('sgd');
  const unroll = new Unroll({
    ...{ pool, tasks: problem.tasks, steps: STEPS, optimizer, createOptimizee: problem.create(pool) },
    ...(measureQuery && { measureQuery }),
  });
  await pool.allocate();
  try {
    await unroll.prepare();
    optimizer.set({ learningRate: 0.5 });
    unroll.setTasks(problem.keys, 0);
    submit(gpu(), (encoder) => unroll.encode(encoder, 'reset'));
    const { losses, accuracy } = unroll.query ?? {};
    const read = await readTensors(gpu(), [
      unroll.losses,
      unroll.theta,
      losses ?? unroll.losses,
      accuracy ?? unroll.losses,
    ]);
    const [support = new Float32Array(), theta = new Float32Array(), query, right] = read;
    return { support, theta, query: losses && query, right: accuracy && right };
  } finally {
    pool.destroy();
  }
}

describe('the query set along an episode', () => {
  it('has the loss and the accuracy of the parameters of that step, and changes nothing', async () => {
    const problem = smallGlyphs(4, STEPS, 'relu');
    const { support, theta, query, right } = await measured(problem, 'every step');
    const { tasks, parameters, episodes, shape } = problem;
    for (const [task, { query: examples }] of episodes.entries()) {
      const at = theta.subarray(task * parameters, (task + 1) * parameters);
      const loss = setLoss(numbers, shape, [...at], examples, 'classification');
      expect(query?.[STEPS * tasks + task]).toBeCloseTo(loss, 5);
      const best = examples.map(({ x }) => {
        const logits = mlpLogits(numbers, shape, at, x);
        return logits.indexOf(Math.max(...logits));
      });
      const share = best.filter((way, i) => way === examples[i]?.target).length / examples.length;
      expect(right?.[STEPS * tasks + task]).toBeCloseTo(share, 6);
      const start = problem.theta0.subarray(task * parameters, (task + 1) * parameters);
      const before = setLoss(numbers, shape, [...start], examples, 'classification');
      expect(query?.[task]).toBeCloseTo(before, 5);
    }
    // After step T the loss that is trained on is the one on the query set.
    expect(support.slice(STEPS * tasks)).toEqual(query?.slice(STEPS * tasks));
    expect(support.slice(0, tasks)).not.toEqual(query?.slice(0, tasks));
    const last = await measured(problem, 'last step');
    expect(last.query?.slice(STEPS * tasks)).toEqual(query?.slice(STEPS * tasks));
    expect(last.query?.slice(0, STEPS * tasks)).toEqual(new Float32Array(STEPS * tasks));
    const none = await measured(problem, undefined);
    expect(none.query).toBeUndefined();
    expect(none.support).toEqual(support);
    expect(none.theta).toEqual(theta);
  });

  it('has no accuracy where it is a regression', async () => {
    const { query, right, support } = await measured(smallSines(2, STEPS, 'tanh'), 'every step');
    expect(right).toBeUndefined();
    expect(query?.slice(2 * STEPS)).toEqual(support.slice(2 * STEPS));
  });
});

const glyphs = {
  train: noiseGlyphs(9),
  validation: noiseGlyphs(5, 'validation'),
  test: noiseGlyphs(6, 'test'),
};
const task: GlyphsTask = {
  kind: 'glyphs',
  ...{
    ways: 3,
    shots: 2,
    queries: 4,
    turned: false,
    mirrored: false,
    distortion: 0,
    resolution: 7,
    layers: denseLayers([6], 'relu'),
  },
  initial: { kind: 'pytorch' },
};
/** The noise is 3x3; a resolution is what pictures have, so the table says that it is 7x7 with room around it. */
const padded = (table: ReturnType<typeof noiseGlyphs>) => {
  const count = table.images.length / 9;
  const images = new Uint8Array(count * 49);
  for (let i = 0; i < count * 9; i++) {
    const [image, y, x] = [Math.floor(i / 9), Math.floor((i % 9) / 3), i % 3];
    images[image * 49 + (y + 2) * 7 + x + 2] = table.images[i] ?? 0;
  }
  return { ...table, side: 7, images };
};
const data = {
  train: padded(glyphs.train),
  validation: padded(glyphs.validation),
  test: padded(glyphs.test),
};

describe('training on episodes', () => {
  const input = {
    task,
    optimizer: { kind: 'meta-lstm', controller: 'direct', theta0Parameters: 321 },
    ...{ tasks: 3, unroll: 4, horizon: 4, iterations: 6, lossWeights: 'final', metaLearningRate: 0.01 },
    validation: { tasks: 4, every: 3 },
  };

  it('validates by the query loss, the same as its own last loss there', async () => {
    const config = parseConfig(trainSchema, input, 'test');
    const { validations, steps } = await recordRun(gpu(), config, { data });
    expect(steps).toHaveLength(6);
    const [first] = validations;
    expect(first?.summary.accuracy?.mean).toHaveLength(5);
    expect(first?.score).toBe(first?.summary.finalMean);
  });

  it('can start in a pre-trained network', async () => {
    const config = parseConfig(trainSchema, { ...input, start: 'pre-trained' }, 'test');
    const trainer = new Trainer(gpu(), config, data);
    const heard: number[] = [];
    try {
      await trainer.prepare(undefined, (share) => heard.push(share));
      const { theta0 } = trainer.optimizer;
      const { phi } = await trainer.readState();
      const start = await pretrainedStart(gpu(), task, data.train, config.seed);
      expect(phi.slice(theta0?.offset, (theta0?.offset ?? 0) + 321)).toEqual(start);
    } finally {
      trainer.destroy();
    }
    expect(heard[0]).toBe(0);
    expect(heard).toEqual([...heard].sort((a, b) => a - b));
    const parse = (change: object) => () =>
      parseConfig(trainSchema, { ...input, start: 'pre-trained', ...change }, '');
    expect(parse({ optimizer: { kind: 'meta-lstm' } })).toThrow('start is pre-trained, but only a theta_0');
    expect(parse({ task: { kind: 'sine' } })).toThrow('start is pre-trained, but only a theta_0');
  });

  it('pre-trains on a share of the classes and learns on the others; a theta_0 with rate 0 stays', async () => {
    const pretrained = { ...input, start: 'pre-trained', startClasses: 0.5, theta0LearningRate: 0 } as const;
    const config = parseConfig(trainSchema, pretrained, 'test');
    const trainer = new Trainer(gpu(), config, data);
    // The same, said in another way: the episodes' classes are all that there are, and the start is given.
    const others = { ...data, train: glyphClasses(data.train, 5, 9) };
    const free = parseConfig(trainSchema, input, 'test');
    const plain = new Trainer(gpu(), free, others);
    try {
      await trainer.prepare();
      const before = await trainer.readState();
      const { offset = 0 } = trainer.optimizer.theta0 ?? {};
      const theta0Of = (phi: Float32Array) => phi.slice(offset, offset + 321);
      const seen = glyphClasses(data.train, 0, 5);
      expect(theta0Of(before.phi)).toEqual(await pretrainedStart(gpu(), task, seen, config.seed));
      await plain.prepare({ ...before });
      expect(await trainer.submit(0).read()).toEqual(await plain.submit(0).read());
      const [fixed, moved] = [await trainer.readState(), await plain.readState()];
      expect(theta0Of(fixed.phi)).toEqual(theta0Of(before.phi));
      expect(theta0Of(moved.phi)).not.toEqual(theta0Of(before.phi));
      expect(fixed.phi.slice(0, offset)).toEqual(moved.phi.slice(0, offset));
      expect(fixed.phi.slice(0, offset)).not.toEqual(before.phi.slice(0, offset));
    } finally {
      trainer.destroy();
      plain.destroy();
    }
  });

  it('is refused where an unroll is not the whole episode, or other losses are weighed', () => {
    const parse = (change: object) => () => parseConfig(trainSchema, { ...input, ...change }, 'test');
    expect(parse({ horizon: 8 })).toThrow('unroll is 4, but must be all 8 steps of an episode');
    expect(parse({ lossWeights: 'sum' })).toThrow('lossWeights is "sum", but must be final');
    expect(parse({ task: { ...task, ways: 1 } })).toThrow('ways');
  });

  it('is refused where the split has too few classes or examples', async () => {
    const config = (changes: object) =>
      parseConfig(
        trainSchema,
        { ...input, optimizer: { kind: 'meta-lstm' }, task: { ...task, ...changes } },
        '',
      );
    await expect(recordRun(gpu(), config({ ways: 10 }), { data })).rejects.toThrow(
      'an episode of 10 ways needs as many classes, and the split train has 9',
    );
    await expect(recordRun(gpu(), config({ shots: 3 }), { data })).rejects.toThrow(
      '3 shots and 4 queries need 7 examples of a class, and the smallest class of the split train has 6',
    );
  });
});

describe('baselines of few-shot learning', () => {
  const sizes = { ways: 3, shots: 2, queries: 4 };

  it('the nearest neighbour judges the episodes that the device draws', () => {
    const keys = taskKeys(9, 'test', 0, 5);
    const shares = nearestNeighbourAccuracy(data.test, sizes, keys);
    for (const [index, share] of shares.entries()) {
      const key = [keys[2 * index] ?? 0, keys[2 * index + 1] ?? 0] as const;
      const { support, query } = glyphEpisode(data.test, sizes, key);
      const right = query.filter(({ x, target }) => {
        const far = support.map((other) => Math.hypot(...other.x.map((value, i) => value - (x[i] ?? 0))));
        return support[far.indexOf(Math.min(...far))]?.target === target;
      });
      expect(share).toBeCloseTo(right.length / query.length, 10);
    }
    // One example alone decides: without noise every example is its class's own picture.
    const same = { ...data.test, images: data.test.images.map((_, i) => data.test.images[i % 49] ?? 0) };
    expect(nearestNeighbourAccuracy(same, sizes, keys)).toEqual(new Array(5).fill(1 / 3));
  });

  it('the pre-trained start has its last layer at zero and beats a random one', async () => {
    // Classes that can be told apart: a bright pixel of its own.
    const images = data.train.images.slice();
    for (let entry = 0; entry < data.train.classes; entry++) {
      for (let example = 0; example < (data.train.counts[entry] ?? 0); example++) {
        const image = data.train.examples[entry * data.train.maxExamples + example] ?? 0;
        images.fill(0, image * 49, (image + 1) * 49);
        images[image * 49 + 5 * entry] = 255;
        images[image * 49 + 5 * entry + 1 + (example % 3)] = 90;
      }
    }
    const table = { ...data.train, images };
    const start = await pretrainedStart(gpu(), task, table, 1);
    expect(start).toHaveLength(321);
    expect(start.subarray(300)).toEqual(new Float32Array(21));
    expect(start.subarray(0, 300).every((value) => value !== 0)).toBe(true);
    const options = { task, list: 'train', tasks: 12, horizon: 10 } as const;
    const run = async (from: { start?: Float32Array }) => {
      const evaluator = createBaseline(
        gpu(),
        { name: 'sgd', ...from },
        { ...options, data: { ...data, train: table } },
      );
      try {
        await evaluator.prepare();
        evaluator.optimizer.set({ learningRate: 0.05 });
        return summarise(await evaluator.run(taskKeys(4, 'train', 0, 12)));
      } finally {
        evaluator.destroy();
      }
    };
    const [pretrained, random] = [await run({ start }), await run({})];
    expect(pretrained.mean[0]).toBeCloseTo(Math.log(3), 5);
    expect(pretrained.finalMean).toBeLessThan(random.finalMean);
    expect(pretrained.accuracy?.final).toBeGreaterThan((random.accuracy?.final ?? 1) + 0.1);
  });

  it('of more episodes than a kernel has workgroups for, as many run at once as it has', async () => {
    const relu = { kind: 'activation', function: 'relu' };
    const block = [{ kind: 'conv', channels: 8 }, relu, { kind: 'max-pool' }];
    const small = taskSchema.parse({
      kind: 'glyphs',
      shots: 5,
      resolution: 14,
      layers: [...block, ...block, ...block],
    });
    const own = await loadTaskData(small);
    const options = { task: small, data: own, list: 'test', tasks: 600, horizon: 5 } as const;
    // The first convolution's outputs on the query sets of all that fit by their number of coordinates.
    const workgroups = (tasks: number) => (tasks * 5 * 15 * 8 * 14 * 14) / 4 / 64;
    const { maxComputeWorkgroupsPerDimension: limit } = gpu().device.limits;
    const { batch } = new Evaluator(gpu(), options, () => createHandDesigned('sgd'));
    expect(workgroups(190)).toBeGreaterThan(limit);
    expect(workgroups(batch)).toBeLessThanOrEqual(limit);
    expect(workgroups(batch + 1)).toBeGreaterThan(0.9 * limit);
  });

  it('a start of another architecture is refused', () => {
    const options = { task, data, list: 'test', tasks: 2, horizon: 2 } as const;
    expect(() => createBaseline(gpu(), { name: 'sgd', start: new Float32Array(320) }, options)).toThrow(
      'theta_0 was learned for 320 parameters',
    );
    expect(() => new Evaluator(gpu(), options, () => createHandDesigned('sgd'))).not.toThrow();
  });
});
