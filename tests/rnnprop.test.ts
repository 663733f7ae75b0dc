import { describe, expect, it } from 'vitest';
import { optimizerSchema, parseConfig } from '../src/host/config.ts';
import { taskKeys } from '../src/host/data/threefry.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { decodeWeights, encodeWeights } from '../src/host/io/weights.ts';
import { Evaluator } from '../src/host/meta/evaluator.ts';
import { summarise } from '../src/host/meta/statistics.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { createLearned } from '../src/host/optimizers/create.ts';
import { createRnnprop } from '../src/host/optimizers/rnnprop/rnnprop.ts';
import { l2lWeights, lstmCell } from '../src/reference/lstm.ts';
import { movingFeatures, rnnpropUnrolls } from '../src/reference/rnnprop.ts';
import { numbers } from '../src/reference/scalar.ts';
import { lossGradient } from '../src/reference/unroll.ts';
import { relativeError } from './support/cases.ts';
import { expectClose, randomValues } from './support/compare.ts';
import { runGatesOf } from './support/gateRuns.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { type SmallProblem, smallMlp, smallQuadratic } from './support/smallProblems.ts';
import { lstmAllowed } from './support/tolerances.ts';
import { last, recordRun, smallConfig } from './support/training.ts';

const gpu = gpuForThisFile();
const STEPS = 3;
const UNROLLS = 2;
const WEIGHTS = [1, 0.5, 0, 2];
const settings = { layers: 2, hidden: 3, beta1: 0.9, beta2: 0.95, outputScale: 1 } as const;

/** Two unrolls of an episode on the device and in float64, with weights far enough from zero that every path matters. */
async function bothUnrolls(problem: SmallProblem, secondDerivatives: boolean, layers: number) {
  const pool = new TensorPool(gpu());
  const optimizer = createRnnprop(pool, { ...settings, layers });
  const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
  const unroll = new Unroll({
    ...{ pool, tasks: problem.tasks, steps: STEPS, optimizer, createOptimizee: problem.create(pool) },
    ...{ lossWeights: WEIGHTS, metaGradient, secondDerivatives },
  });
  await pool.allocate();
  try {
    const fresh = optimizer.initialPhi(7);
    const noise = randomValues(fresh.length, 41, -0.6, 0.6);
    const phi = fresh.map((value, i) => (value === 0 ? 0 : value + (noise[i] ?? 0)));
    writeTensor(gpu(), optimizer.phi, phi);
    await unroll.prepare();
    const ours = [];
    for (let part = 0; part < UNROLLS; part++) {
      unroll.setTasks(problem.keys, part * STEPS);
      submit(gpu(), (encoder) => unroll.encode(encoder, part === 0 ? 'reset' : 'carry'));
      const read = await readTensors(gpu(), [unroll.theta, metaGradient]);
      const [theta = new Float32Array(), gradient = new Float32Array()] = read;
      ours.push({
        theta: theta.subarray(0, problem.tasks * problem.parameters),
        gradient: optimizer.gradientToNamed(gradient),
      });
    }
    const named = [...optimizer.toNamed(phi)].map(([name, { data }]) => [name, data] as const);
    const reference = (second: boolean) =>
      rnnpropUnrolls({
        ...{ phi: Object.fromEntries(named), problem: problem.reference, theta0: problem.theta0 },
        ...{ steps: STEPS, unrolls: UNROLLS, lossWeights: WEIGHTS, secondDerivatives: second },
        ...{ outputScale: settings.outputScale, beta1: settings.beta1, beta2: settings.beta2 },
      });
    return { ours, reference };
  } finally {
    pool.destroy();
  }
}

describe('rnnprop against float64', () => {
  const mlp = { tasks: 2, hidden: [3], batch: 5, minibatches: STEPS * UNROLLS + 1 } as const;
  const cases = [
    { problem: smallQuadratic(2, 6), layers: 2 },
    { problem: smallMlp({ ...mlp, activation: 'tanh' }), layers: 1 },
    // Units that are off give gradients that are 0 from the first step on.
    { problem: smallMlp({ ...mlp, activation: 'relu' }), layers: 2 },
  ].flatMap((one) => [false, true].map((second) => ({ ...one, second, order: second ? 'second' : 'first' })));

  it.each(cases)(
    '$problem.name, $layers layers, $order order: states and count of steps are carried',
    async ({ problem, layers, second }) => {
      const { ours, reference } = await bothUnrolls(problem, second, layers);
      const expected = reference(second);
      for (const [part, { theta, gradient }] of ours.entries()) {
        const right = expected[part];
        expect(relativeError(theta, right?.theta ?? []), `unroll ${part}: theta`).toBeLessThan(1e-6);
        const size = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));
        const whole = Math.hypot(...Object.values(right?.gradient ?? {}).map(size));
        expect([...gradient.keys()].sort()).toEqual(Object.keys(right?.gradient ?? {}).sort());
        for (const [name, { data }] of gradient) {
          const values = right?.gradient[name] ?? new Float64Array();
          expect(size(values), `unroll ${part}: ${name} has a gradient`).toBeGreaterThan(0);
          const difference = size(values.map((value, i) => value - (data[i] ?? Number.NaN)));
          expect(difference, `unroll ${part}: ${name}`).toBeLessThan(1e-5 * size(values) + 3e-6 * whole);
        }
      }
      if (!second) return;
      const first = reference(false);
      const differs = expected.some(({ gradient }, part) =>
        Object.entries(gradient).some(
          ([name, g]) => relativeError(first[part]?.gradient[name] ?? [], g) > 1e-4,
        ),
      );
      expect(differs, 'second order differs from first here').toBe(true);
    },
  );
});

describe('rnnprop', () => {
  const parse = (input: object) => parseConfig(optimizerSchema, { kind: 'rnnprop', ...input }, 'test');

  it("has the paper's weights: 20 units on two features, two LSTM layers of 20, one output", () => {
    const { weightCount, description } = createRnnprop(new TensorPool(gpu()), {
      ...{ layers: 2, hidden: 20, beta1: 0.95, beta2: 0.95, outputScale: 0.1 },
    });
    expect(weightCount).toBe(20 * 3 + 2 * 4 * 20 * 41 + 21);
    expect(description).toBe('rnnprop 2x20, scale 0.1');
    expect(parse({})).toEqual({
      ...{ kind: 'rnnprop', layers: 2, hidden: 20, beta1: 0.95, beta2: 0.95, outputScale: 0.1 },
    });
    expect(() => parse({ layers: 0 })).toThrow(/layers/);
    expect(() => parse({ beta2: 1 })).toThrow(/beta2/);
    expect(() => parse({ preprocess: { kind: 'none' } })).toThrow(/preprocess/);
  });

  it('moves no parameter further than its scale, whatever the gradient', async () => {
    const pool = new TensorPool(gpu());
    const optimizer = createRnnprop(pool, { ...settings, outputScale: 0.01 });
    const problem = smallQuadratic(2, 5);
    const unroll = new Unroll({
      ...{ pool, tasks: 2, steps: 1, optimizer, createOptimizee: problem.create(pool) },
    });
    await pool.allocate();
    writeTensor(
      gpu(),
      optimizer.phi,
      optimizer.initialPhi(1).map((value) => 1000 * value),
    );
    await unroll.prepare();
    unroll.setTasks(problem.keys, 0);
    submit(gpu(), (encoder) => unroll.encode(encoder, 'reset'));
    const [theta = new Float32Array()] = await readTensors(gpu(), [unroll.theta]);
    pool.destroy();
    const moves = Array.from(problem.theta0, (start, i) => Math.abs((theta[i] ?? Number.NaN) - start));
    for (const move of moves) expect(move).toBeLessThanOrEqual(0.01 + 1e-7);
    expect(Math.max(...moves)).toBeGreaterThan(0.005);
  });

  it('trains, goes on from a checkpoint to the same bits, and evaluates saved weights to the same bits', async () => {
    const config = smallConfig({ optimizer: { kind: 'rnnprop', layers: 1, hidden: 4 }, iterations: 40 });
    const once = await recordRun(gpu(), config);
    const norms = once.steps.map(({ gradientNorm }) => gradientNorm);
    expect(norms.every((norm) => norm > 0)).toBe(true);
    const first = await recordRun(gpu(), config, { stopAfter: 9 });
    const second = await recordRun(gpu(), config, { from: last(first.checkpoints) });
    expect([...first.steps, ...second.steps].map(({ gradientNorm }) => gradientNorm)).toEqual(norms);
    expect(last(second.checkpoints).state.phi).toEqual(last(once.checkpoints).state.phi);

    const best = last(once.bests);
    expect(best.score).toBeLessThan(once.validations[0]?.score ?? 0);
    const named = createLearned(new TensorPool(gpu()), config.optimizer).toNamed(best.phi);
    const training = { seed: 1, iteration: best.iteration, horizon: 10, unroll: 5, secondDerivatives: false };
    const file = { optimizer: config.optimizer, weights: named, task: config.task, training };
    const read = decodeWeights(encodeWeights(file), 'best.safetensors');
    const options = {
      task: config.task,
      data: undefined,
      list: 'validation',
      tasks: 3,
      horizon: 10,
    } as const;
    const evaluator = new Evaluator(gpu(), options, (pool) => createLearned(pool, read.optimizer));
    await evaluator.prepare();
    writeTensor(gpu(), evaluator.optimizer.phi, evaluator.optimizer.fromNamed(read.weights, 'file'));
    const losses = await evaluator.run(taskKeys(1, 'validation', 0, 3));
    evaluator.destroy();
    expect(summarise(losses).finalMean).toBe(best.score);
  });
});

describe("rnnprop's gates", () => {
  it('are recorded as those of the float64 cells on its ELU layer', async () => {
    const problem = smallQuadratic(2, 5);
    const given = { kind: 'rnnprop', settings: { ...settings, outputScale: 0.1 } } as const;
    const run = await runGatesOf(gpu(), problem, given, { steps: 1, unrolls: 1 });
    const { 'input.weight': _weight, 'input.bias': _bias, ...rest } = run.phi;
    const [layer] = l2lWeights<number>(rest).layers;
    if (!layer) throw new Error('no layer');
    const zeros = new Float64Array(settings.hidden);
    const values: number[] = [];
    for (let task = 0; task < 2; task++) {
      const theta = [...problem.theta0.subarray(5 * task, 5 * task + 5)];
      for (const g of lossGradient(numbers, problem.reference, theta, task, 0, false)) {
        const { u } = movingFeatures(numbers, g, { m: 0, v: 0 }, settings, 1);
        const weight = run.phi['input.weight'] ?? zeros;
        const bias = run.phi['input.bias'] ?? zeros;
        const x = Array.from(bias, (b, unit) => numbers.elu(numbers.affine(b, weight, 2 * unit, 1, u)));
        // With a candidate of 1 and no state before, the cell is its input gate.
        const biasIh = Array.from(layer.biasIh, (b, row) =>
          Math.floor(row / settings.hidden) === 2 ? 100 : b,
        );
        values.push(...Array.from(lstmCell(numbers, { ...layer, biasIh }, x, { h: zeros, c: zeros }).c));
      }
    }
    const recorded = run.summaries.find(({ name }) => name === 'LSTM layer 1, input gate')?.groups[0];
    const perTask = values.length / 2;
    for (const task of [0, 1]) {
      const own = values.slice(task * perTask, (task + 1) * perTask);
      const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
      const expected = [mean, Math.min(...own), Math.max(...own)];
      const ours = [recorded?.mean, recorded?.min, recorded?.max].map(
        (rows) => rows?.[task]?.[0] ?? Number.NaN,
      );
      expectClose(ours, expected, lstmAllowed(8), `task ${task}`);
    }
    expect(run.summaries.filter(({ name }) => name.startsWith('LSTM layer'))).toHaveLength(6);
  });
});
