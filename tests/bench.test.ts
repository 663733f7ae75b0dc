import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Benches, runBench } from '../bench/bench.ts';
import { type Check, holds, relativeError } from '../bench/check.ts';
import { l2lFlop, mlpFlop, quadraticFlop } from '../bench/counts.ts';
import { adapterSlug } from '../bench/environment.ts';
import { createLayerRates } from '../bench/layerRates.ts';
import { table } from '../bench/lines.ts';
import { countCalls, firstRun } from '../bench/measure.ts';
import { checkMlpLosses, checkQuadratics, type UnrolledQuadratics } from '../bench/metaChecks.ts';
import { createMetaIteration } from '../bench/metaIteration.ts';
import { growsAsItMay, report } from '../bench/print.ts';
import { createCopyRate, createFmaRate } from '../bench/rates.ts';
import { namedTensors } from '../bench/reference.ts';
import { type BenchResult, benchResultSchema } from '../bench/result.ts';
import { makeFolder, saveResult } from '../bench/save.ts';
import { median } from '../bench/statistics.ts';
import { checkUpdates, createUpdate } from '../bench/update.ts';
import { createW1, createW2, createW3, parseWorkloads } from '../bench/workloads.ts';
import {
  createLearned,
  type GpuContext,
  type ImageSet,
  type ImageSplits,
  l2lOptimizer,
  minibatchIndices,
  parseConfig,
  TensorPool,
  trainSchema,
} from '../src/host/index.ts';
import { denseLayers } from '../src/host/optimizees/layers/settings.ts';
import { mlpLoss } from '../src/reference/mlp.ts';
import { quadraticProblem } from '../src/reference/problems.ts';
import { numbers } from '../src/reference/scalar.ts';
import { unrollGradient } from '../src/reference/unroll.ts';
import { randomValues } from './support/compare.ts';
import { gpuForThisFile } from './support/gpu.ts';

const gpu = gpuForThisFile();

const L2L = { kind: 'l2l', hidden: 6 } as const;
const meta = (task: object, tasks: number) =>
  parseConfig(
    trainSchema,
    { task, optimizer: L2L, tasks, unroll: 3, horizon: 3, iterations: 1, validation: { every: 1 } },
    'test',
  );

/** Six images a class of noise; the three lists are the same. */
function images(): ImageSplits {
  const count = 60;
  const set: ImageSet = {
    name: 'noise',
    count,
    height: 7,
    width: 7,
    classes: 10,
    pixels: Uint8Array.from(randomValues(49 * count, 1, 0, 256)),
    labels: Uint8Array.from({ length: count }, (_, i) => i % 10),
  };
  return { train: set, validation: set, test: set };
}

/** Batch 6 is not a multiple of 4, and neither 2 * 260 nor 3 * 5 coordinates fill the last vec4f. */
const smallMlp = (context: GpuContext) =>
  createMetaIteration(
    context,
    'W1',
    meta({ kind: 'images', resolution: 7, layers: denseLayers([4], 'sigmoid'), batch: 6 }, 2),
    images(),
  );
const smallQuadratics = (context: GpuContext) =>
  createMetaIteration(context, 'W2', meta({ kind: 'quadratic', dimension: 5 }, 3));
const smallUpdate = (context: GpuContext) =>
  createUpdate(context, 'W3', 333, parseConfig(l2lOptimizer, L2L, 'test'));
const smallQuarter = (context: GpuContext) =>
  createUpdate(context, 'W3-QUARTER', 83, parseConfig(l2lOptimizer, L2L, 'test'));
const smallRates = (context: GpuContext) => [
  createFmaRate(context, { threads: 130, length: 128 }),
  createCopyRate(context, { bytes: 2 ** 14 }),
  ...createLayerRates(context, { inChannels: 3, outChannels: 5, side: 6, rows: 8 }),
];
const failures = (checks: readonly Check[]) => checks.filter((check) => !holds(check));

describe('work', () => {
  it('is counted as for every implementation', () => {
    const { forward, backward } = l2lFlop({ inputs: 2, hidden: 20, layers: 2 });
    expect([forward, backward]).toEqual([9960, 19600]);
    expect(mlpFlop([784, 20, 10], 128)).toBe(2 * 128 * (2 * 15_680 + 3 * 200));
    expect(quadraticFlop(10)).toBe(400);
  });

  it('of the three workloads is what their definitions say', async () => {
    const w1 = await createW1(gpu());
    const [w2, w3] = [createW2(gpu()), createW3(gpu())];
    expect([w1, w2, w3].map(({ coordinateSteps }) => coordinateSteps)).toEqual([318_200, 25_600, 1_000_000]);
    const gflop = [w1, w2, w3].map(({ flop }) => (flop / 1e9).toFixed(2));
    expect(gflop).toEqual(['9.58', '0.76', '9.96']);
  });
});

describe('checks of the numbers', () => {
  it.each([
    ['an MLP', smallMlp, 2],
    ['quadratics', smallQuadratics, 3],
    ['an update', smallUpdate, 1],
  ] as const)('%s: the first run agrees with the float64 reference', async (_name, create, count) => {
    const bench = create(gpu());
    try {
      const { dispatches, submits, bytesTaken } = await firstRun(bench);
      expect(submits).toBe(1);
      expect(bytesTaken).toBe(bench.bytes);
      expect(dispatches).toBeGreaterThanOrEqual(4);
      const checks = await bench.check();
      expect(checks.length).toBe(count);
      expect(failures(checks)).toEqual([]);
      // Nothing agrees to the last bit with float64: an error of 0 would mean that nothing was compared.
      for (const { error } of checks) expect(error).toBeGreaterThan(0);
    } finally {
      bench.destroy();
    }
  });

  it('rates: the kernels compute what they are timed for', async () => {
    for (const rate of smallRates(gpu())) {
      await firstRun(rate);
      expect(failures(await rate.check())).toEqual([]);
      const { amount } = rate;
      const once = await countCalls(() => rate.run());
      await rate.calibrate(2);
      expect(rate.amount % amount).toBe(0);
      const { dispatches, submits } = await countCalls(() => rate.run());
      expect([(dispatches / once.dispatches) * amount, submits]).toEqual([rate.amount, 1]);
      rate.destroy();
    }
  });

  it('a convolution and its matrix multiply are the same arithmetic, counted by hand', () => {
    const rates = createLayerRates(gpu());
    // 2 FLOP, 32 rows, 14x14 positions, 16 * 9 inputs, 32 outputs; backward to inputs and to weights.
    const flop = 2 * 32 * 196 * 144 * 32;
    expect(rates.map(({ name, amount, comparedWith }) => [name, amount, comparedWith])).toEqual([
      ['matmul forward', flop, undefined],
      ['conv forward', flop, 'matmul forward'],
      ['matmul backward', 2 * flop, undefined],
      ['conv backward', 2 * flop, 'matmul backward'],
    ]);
    for (const rate of rates) rate.destroy();
  });

  it('a relative error is NaN, which fails, where a value is or a length differs', () => {
    expect(relativeError([3, 4], [3, 4])).toBe(0);
    expect(relativeError([3, 4.5], [3, 4])).toBeCloseTo(0.1);
    for (const wrong of [[3, Number.NaN], [3], []]) expect(relativeError(wrong, [3, 4])).toBeNaN();
    const check = { name: '', against: '', error: Number.NaN, tolerance: 1 };
    expect(holds(check)).toBe(false);
  });

  it('the losses of an MLP: another theta or another minibatch fails', () => {
    const { train } = images();
    const shape = { sizes: [49, 4, 10], activation: 'sigmoid' } as const;
    const theta = randomValues(250, 3);
    const loss = (step: number) => {
      const drawn = [...minibatchIndices([7, 8], step, 8, train.count)].slice(0, 6);
      const x = drawn.flatMap((image) => [...train.pixels.slice(49 * image, 49 * image + 49)]);
      const labels = drawn.map((image) => image % 10);
      return mlpLoss(
        numbers,
        shape,
        theta,
        x.map((byte) => byte / 255),
        labels,
      );
    };
    const right = {
      name: 'x',
      tasks: 1,
      steps: 1,
      keys: Uint32Array.of(7, 8),
      images: train,
      batch: 6,
      shape,
      theta0: theta,
      thetaT: theta,
      losses: Float32Array.of(loss(0), loss(1)),
    };
    expect(failures(checkMlpLosses(right))).toEqual([]);
    expect(failures(checkMlpLosses({ ...right, thetaT: theta.map((x) => 1.01 * x) })).length).toBe(1);
    expect(failures(checkMlpLosses({ ...right, keys: Uint32Array.of(7, 9) })).length).toBe(2);
  });

  it('the quadratics: a part of the losses, of theta or of one block of the meta-gradient fails', () => {
    const phi = smallPhi();
    const [tasks, dimension, steps] = [2, 3, 2];
    const W = randomValues(tasks * 9, 4);
    const y = randomValues(tasks * 3, 5);
    const theta0 = randomValues(tasks * 3, 6);
    const form = { preprocess: { kind: 'log-sign', p: 10 }, outputScale: 0.1 } as const;
    const problem = quadraticProblem(tasks, dimension, W, y);
    const { losses, theta, gradient } = unrollGradient({ phi, problem, theta0, steps, ...form });
    const right: UnrolledQuadratics = {
      name: 'x',
      tasks,
      steps,
      losses: Float32Array.from([...losses].flatMap((loss) => [loss + 0.5, loss - 0.5])),
      thetaT: Float32Array.from(theta),
      dimension,
      W,
      y,
      theta0,
      phi,
      gradient,
      ...form,
    };
    expect(failures(checkQuadratics(right))).toEqual([]);
    const block = gradient['lstm.1.weight_hh'] ?? new Float64Array();
    const wrong: Partial<UnrolledQuadratics>[] = [
      { losses: right.losses.map((loss, i) => (i === 0 ? loss + 0.1 : loss)) },
      { thetaT: right.thetaT.map((x, i) => (i === 2 ? 1.01 * x : x)) },
      { gradient: { ...gradient, 'lstm.1.weight_hh': new Float64Array(block.length) } },
    ];
    for (const part of wrong) expect(failures(checkQuadratics({ ...right, ...part })).length).toBe(1);
  });

  it('an update: theta that did not move fails', async () => {
    const phi = smallPhi();
    const gradients = [randomValues(50, 7), randomValues(50, 8)];
    const how = { preprocess: { kind: 'log-sign', p: 10 }, scale: 0.1 } as const;
    const zero = new Float32Array(50);
    expect(failures(checkUpdates('x', zero, gradients, phi, how)).length).toBe(1);
  });
});

function smallPhi() {
  const optimizer = createLearned(new TensorPool(gpu()), parseConfig(l2lOptimizer, L2L, 'test'));
  return namedTensors(optimizer.toNamed(optimizer.initialPhi(1)));
}

describe('a whole bench at reduced size', () => {
  const options = { runs: 2, rateMs: 1, say: () => {} };

  it('gives a document of the stated shape, a file and a report', async () => {
    const mlp = smallMlp(gpu());
    const benches: Benches = {
      workloads: [mlp, smallQuadratics(gpu()), smallUpdate(gpu()), smallQuarter(gpu())],
      rates: smallRates(gpu()),
      profiled: mlp,
    };
    const lines: string[] = [];
    const result = await runBench(gpu(), benches, { ...options, say: (line) => lines.push(line) });
    expect(benchResultSchema.parse(JSON.parse(JSON.stringify(result)))).toEqual(withoutUndefined(result));
    expect(lines.filter((line) => line.includes('PyTorch autograd')).length).toBeGreaterThanOrEqual(2);
    expect(result.workloads.map(({ samplesMs }) => samplesMs.length)).toEqual([2, 2, 2, 2]);
    expect(result.growth?.ratio).toBeGreaterThan(0);
    expect(growsAsItMay({ ...result, growth: { ratio: 4.3, most: 4.2 } })).toBe(false);
    expect(growsAsItMay({ ...result, growth: { ratio: 4.2, most: 4.2 } })).toBe(true);
    const median = (name: string) => result.rates.find((rate) => rate.name === name)?.median ?? Number.NaN;
    expect(result.rates.flatMap(({ ratio }) => (ratio ? [ratio] : []))).toEqual([
      { of: 'matmul forward', value: median('conv forward') / median('matmul forward') },
      { of: 'matmul backward', value: median('conv backward') / median('matmul backward') },
    ]);
    if (gpu().device.features.has('timestamp-query')) {
      const { kernels } = result.profile ?? { kernels: [] };
      const calls = kernels.reduce((sum, kernel) => sum + kernel.calls, 0);
      expect(calls).toBe(mlp.trainer.unroll.dispatches);
      expect(kernels.some(({ kernel }) => kernel.startsWith('lstm/forward'))).toBe(true);
    } else {
      expect(result.noProfile).toContain('timestamp-query');
    }
    expectReport(result);
    const folder = mkdtempSync(join(tmpdir(), 'coordwise-bench-'));
    try {
      makeFolder(join(folder, 'results'));
      const path = saveResult(result, join(folder, 'results'));
      expect(() => makeFolder(join(path, 'below'))).toThrow(/cannot be made/);
      expect(path).toContain(adapterSlug(gpu().adapter.description));
      expect(benchResultSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).date).toBe(result.date);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('times nothing when a check fails, and says which', async () => {
    const rate = createCopyRate(gpu(), { bytes: 2 ** 12 });
    let runs = 0;
    const wrong = {
      ...smallUpdate(gpu()),
      name: 'wrong',
      bytes: 0,
      prepare: async () => {},
      run: async () => void runs++,
      check: async () => [{ name: 'the wrong one', against: 'the truth', error: 0.5, tolerance: 1e-5 }],
      destroy() {},
    };
    const benches = { workloads: [wrong], rates: [rate], profiled: undefined };
    await expect(runBench(gpu(), benches, options)).rejects.toThrow(
      /1 of \d+ checks failed \(the wrong one\)/,
    );
    expect(runs).toBe(1);
  });
});

function expectReport(result: BenchResult): void {
  const text = report(result).join('\n');
  expect(text).toContain('recomputed gates are not counted as useful work');
  expect(text).toContain('recorded elsewhere, not in this run');
  expect(text).toMatch(/Other processes took \d+\.\d % of the machine/);
  expect(text).toContain('14812');
  expect(text).toContain('indicative');
  expect(text).toMatch(/^conv 3-5, 3x3 on 6x6, 8 rows, forward .* GFLOP\/s +\d+\.\d\d of matmul forward$/m);
  for (const { name } of result.workloads) expect(text).toMatch(new RegExp(`^${name} `, 'm'));
}

/** As JSON has it: properties that are undefined are not there. */
function withoutUndefined(result: BenchResult): unknown {
  return JSON.parse(JSON.stringify(result)) as unknown;
}

describe('small parts', () => {
  it('workloads by name', () => {
    expect(parseWorkloads('w3,W1')).toEqual(['W1', 'W3']);
    expect(() => parseWorkloads('w1,w4')).toThrow(/no workload "w4"/);
    expect(() => parseWorkloads('')).toThrow(/no workload/);
  });

  it('median, table and file name', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
    expect(() => median([])).toThrow(RangeError);
    expect(
      table([
        ['a', 'bb'],
        ['ccc', 'd'],
      ]),
    ).toEqual(['a    bb', 'ccc   d']);
    expect(adapterSlug('llvmpipe: Mesa 25.0.7 (LLVM 15)')).toBe('lavapipe');
    expect(adapterSlug('SwiftShader driver-5.0.0')).toBe('swiftshader');
    expect(adapterSlug('NVIDIA GeForce RTX 4090 (Vulkan)')).toBe('nvidia-geforce-rtx-4090-vulkan');
  });
});
