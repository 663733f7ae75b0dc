import { describe, expect, it } from 'vitest';
import { optimizerSchema, parseConfig } from '../src/host/config.ts';
import { taskKeys } from '../src/host/data/threefry.ts';
import { Tensor } from '../src/host/gpu/tensor.ts';
import type { Recorded } from '../src/host/meta/gateRecorder.ts';
import { recordGates } from '../src/host/meta/gateRecording.ts';
import { GateTables, QUANTILE_LEVELS, quantile } from '../src/host/meta/gateTables.ts';
import { LSTM_GATES, lstmWindow, recordLstmGates } from '../src/host/ops/lstm.ts';
import { recordSummary, SUMMARY_AXES, SUMMARY_CHUNKS, type SummaryKind } from '../src/host/ops/summary.ts';
import { gatedSettings } from '../src/host/optimizers/gated/settings.ts';
import { gatedUnroll } from '../src/reference/gatedUnroll.ts';
import { l2lWeights, lstmCell } from '../src/reference/lstm.ts';
import { preprocess } from '../src/reference/preprocess.ts';
import { at, numbers } from '../src/reference/scalar.ts';
import { lossGradient, unroll } from '../src/reference/unroll.ts';
import { expectClose, randomValues } from './support/compare.ts';
import { formOf } from './support/gatedUnrolls.ts';
import { runGatesOf } from './support/gateRuns.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { smallMlp, smallQuadratic } from './support/smallProblems.ts';
import { EPSILON, lstmAllowed, SIGMOID, sumOf } from './support/tolerances.ts';

const gpu = gpuForThisFile();

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));
const networks = smallMlp({ tasks: 3, hidden: [5], batch: 5, minibatches: 5, activation: 'tanh' });
const LOG_SIGN = { kind: 'log-sign', p: 3 } as const;

describe('summary', () => {
  // Spans of one coordinate, of more than there are chunks, and a short last one; rows are padded.
  const [tasks, parameters, stride, rows] = [3, 301, 904, 2];
  const spans = [
    [0, 1],
    [1, 297],
    [298, 3],
  ] as const;
  const sizes = { tasks, parameters, spans: spans.length };
  const cells = tasks * spans.length;

  async function summarise(values: Float32Array, kind: SummaryKind) {
    const { bins } = SUMMARY_AXES[kind];
    const data = {
      spans: Uint32Array.from(spans.flat()),
      values,
      counts: new Uint32Array(2 * cells * bins),
      partials: unwritten(4 * cells * SUMMARY_CHUNKS),
      moments: unwritten(2 * 4 * cells),
    };
    const what = { kind, slot: 1, stride, firstRow: 1, rows };
    const read = await runKernels(gpu(), data, (program, tensors) =>
      recordSummary(program, tensors, sizes, what),
    );
    expect(read.counts.subarray(0, cells * bins).every((count) => count === 0)).toBe(true);
    expect(read.moments.subarray(0, 4 * cells).every(Number.isNaN)).toBe(true);
    return {
      counts: read.counts.subarray(cells * bins),
      moments: read.moments.subarray(4 * cells),
    };
  }

  /** The values of a cell: a span of a task, over the rows after the first. */
  function valuesOf(values: Float32Array, cell: number): number[] {
    const [offset, count] = at(spans, cell % spans.length);
    const first = Math.floor(cell / spans.length) * parameters + offset;
    return [1, 2].flatMap((row) => [...values.subarray(row * stride + first, row * stride + first + count)]);
  }

  it('of gates: counts are a host histogram, sums and extremes those of the sigmoid', async () => {
    const values = randomValues(3 * stride, 3, -20, 20);
    const { counts, moments } = await summarise(values, 'gate');
    const { low, width, bins } = SUMMARY_AXES.gate;
    for (let cell = 0; cell < cells; cell++) {
      const own = valuesOf(values, cell);
      const expected = new Uint32Array(bins);
      for (const z of own) {
        const bin = Math.min(bins - 1, Math.max(0, Math.floor(Math.fround(Math.fround(z - low) / width))));
        expected[bin] = at(expected, bin) + 1;
      }
      expect(counts.subarray(cell * bins, (cell + 1) * bins)).toEqual(expected);
      const gates = own.map(sigmoid);
      const sum = gates.reduce((total, gate) => total + gate, 0);
      const allowed = { relative: sumOf(own.length, []).relative + (SIGMOID.relative ?? 0) };
      expectClose([at(moments, 4 * cell)], [sum], allowed, `sum of cell ${cell}`);
      const extremes = [Math.min(...gates), Math.max(...gates)];
      // exp may be off by 3 + 2 |z| ULP, and z reaches 20 here.
      const wide = { relative: 48 * EPSILON };
      expectClose(moments.subarray(4 * cell + 1, 4 * cell + 3), extremes, wide, `extremes of cell ${cell}`);
    }
  });

  it('of sizes: bins by log10 of the magnitude; zero, tiny and huge ones at the edges', async () => {
    const { low, width, bins } = SUMMARY_AXES.size;
    const chosen = Uint32Array.from(randomValues(3 * stride, 4, 1, bins - 1.001));
    const values = Float32Array.from(
      chosen,
      (bin, i) => (i % 2 === 0 ? 1 : -1) * 10 ** (low + (bin + 0.5) * width),
    );
    const [first] = valuesOf(values, 0);
    expect(first).toBe(values[stride]);
    values[stride] = 0;
    values[stride + parameters] = -1e-30;
    values[stride + 2 * parameters] = 1e30;
    chosen[stride] = 0;
    chosen[stride + parameters] = 0;
    chosen[stride + 2 * parameters] = bins - 1;
    const { counts, moments } = await summarise(values, 'size');
    const bin = Float32Array.from(chosen);
    for (let cell = 0; cell < cells; cell++) {
      const expected = new Uint32Array(bins);
      for (const index of valuesOf(bin, cell)) expected[index] = at(expected, index) + 1;
      expect(counts.subarray(cell * bins, (cell + 1) * bins)).toEqual(expected);
      const magnitudes = valuesOf(values, cell).map(Math.abs);
      const extremes = [...moments.subarray(4 * cell + 1, 4 * cell + 3)];
      expect(extremes).toEqual([Math.min(...magnitudes), Math.max(...magnitudes)]);
    }
  });

  it('leaves out what is not finite', async () => {
    const values = randomValues(3 * stride, 5);
    const spoilt = stride + 1;
    values.set([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], spoilt);
    const { counts, moments } = await summarise(values, 'gate');
    const { bins } = SUMMARY_AXES.gate;
    const total = (cell: number) =>
      counts.subarray(cell * bins, (cell + 1) * bins).reduce((sum, count) => sum + count, 0);
    expect([0, 1, 2, 3].map(total)).toEqual([2, 2 * 297 - 3, 6, 2]);
    const finite = valuesOf(values, 1).filter(Number.isFinite).map(sigmoid);
    expect(moments[6]).toBeLessThan(1);
    expectClose([at(moments, 5)], [Math.min(...finite)], SIGMOID, 'least');
  });
});

describe('quantile', () => {
  it.each(['gate', 'size'] as const)('of a %s is that of the sorted values, to a bin', (kind) => {
    const { low, width, bins } = SUMMARY_AXES[kind];
    const places = randomValues(1001, 6, -3, 1).sort();
    const counts = new Uint32Array(bins);
    for (const place of places) {
      const bin = Math.floor((place - low) / width);
      counts[bin] = at(counts, bin) + 1;
    }
    for (const level of QUANTILE_LEVELS) {
      const value = quantile(counts, level, kind);
      const place = kind === 'gate' ? Math.log(value / (1 - value)) : Math.log10(value);
      expect(Math.abs(place - at(places, Math.round(level * 1000)))).toBeLessThan(width);
    }
    expect(quantile(new Uint32Array(bins), 0.5, kind)).toBeNaN();
  });
});

describe('tables', () => {
  const groups = [
    { name: 'a', kind: 'dense', offset: 0, count: 2 },
    { name: 'b', kind: 'dense', offset: 2, count: 1 },
  ];
  const gate: Recorded = { name: 'gate', kind: 'gate', rows: 1 };
  const { bins } = SUMMARY_AXES.gate;

  it('pool episodes over batches, pass over what fills the last one, and show what is not finite', () => {
    const counts = new Tensor('counts', [1, 4, bins], 'u32');
    const tables = new GateTables({ recorded: [gate], seen: [gate], groups, counts }, 3, 1);
    // Batches of two tasks: each task's value sits in the bin of its number; task 2 has one value that is not finite.
    const batch = (tasks: readonly number[]) => {
      const own = new Uint32Array(4 * bins);
      const moments = new Float32Array(16);
      for (const [b, task] of tasks.entries()) {
        own[2 * b * bins + 100 + task] = task === 2 ? 1 : 2;
        own[(2 * b + 1) * bins + 200 + task] = 1;
        moments.set([task, task / 2, task / 2, 0, task, task, task, 0], 8 * b);
      }
      return { counts: own, moments };
    };
    tables.add(batch([0, 1]), { firstStep: 0, firstEpisode: 0, episodes: 2 });
    tables.add(batch([2, 0]), { firstStep: 0, firstEpisode: 2, episodes: 1 });
    const [a, b] = tables.summaries()[0]?.groups ?? [];
    expect(a?.mean).toEqual([[0], [0.5], [Number.NaN]]);
    expect(b?.mean).toEqual([[0], [1], [2]]);
    expect(b?.max).toEqual([[0], [1], [2]]);
    expect(a?.histogram).toEqual([{ first: 100, counts: [2, 2, 1] }]);
    expect(b?.histogram).toEqual([{ first: 200, counts: [1, 1, 1] }]);
  });
});

/** Mean, least and largest of every group, of values [B, N] or, with `rows`, [rows, B, N]. */
function summaryOf(values: readonly number[], task: number, rows = 1): number[] {
  const { parameters, tasks } = networks;
  const dense = [0, 50, 68];
  return [0, 1].flatMap((group) => {
    const own: number[] = [];
    for (let row = 0; row < rows; row++) {
      const first = (row * tasks + task) * parameters;
      own.push(...values.slice(first + at(dense, group), first + at(dense, group + 1)));
    }
    return [own.reduce((sum, value) => sum + value, 0) / own.length, Math.min(...own), Math.max(...own)];
  });
}

describe('gates of an LSTM layer', () => {
  it('of one too large for a binding: input, forget and output gate of every unit', async () => {
    const [inputs, hidden, mp4] = [50, 70, 6];
    const row = inputs + hidden + 1;
    const window = lstmWindow({ inputs, hidden });
    expect(window).toBeLessThan(hidden * row);
    // The last dispatch's window ends behind the last unit.
    const weights = randomValues((hidden * row + window) * 4, 7, -0.3, 0.3);
    const x = randomValues(inputs * mp4 * 4, 8);
    const hPrev = randomValues(hidden * mp4 * 4, 9);
    const data = { weights, x, hPrev, z: unwritten(LSTM_GATES.length * hidden * mp4 * 4) };
    const { z } = await runKernels(gpu(), data, (program, tensors) =>
      recordLstmGates(program, tensors, { inputs, hidden, mp4, window }),
    );
    const expected = new Float64Array(z.length);
    const sizes = new Float64Array(z.length);
    // Components of a weight are the gates i, f, g, o.
    for (const [block, component] of [0, 1, 3].entries()) {
      for (let unit = 0; unit < hidden; unit++) {
        for (let n = 0; n < mp4 * 4; n++) {
          const place = (block * hidden + unit) * mp4 * 4 + n;
          for (let k = 0; k < row; k++) {
            const from =
              k < inputs ? at(x, k * mp4 * 4 + n) : k < row - 1 ? at(hPrev, (k - inputs) * mp4 * 4 + n) : 1;
            const term = at(weights, (unit * row + k) * 4 + component) * from;
            expected[place] = at(expected, place) + term;
            sizes[place] = at(sizes, place) + Math.abs(term);
          }
        }
      }
    }
    expectClose(z, expected, sumOf(row, sizes), 'z');
  });
});

describe('gates of whole unrolls', () => {
  const STEPS = 3;

  it.each([
    ['meta-lstm', 'pre-sigmoid', {}],
    ['momentum-lstm', 'sigmoid', { input: { fixed: 0.7 } }],
  ] as const)('%s, %s fed back: those of the float64 reference', async (kind, gateFeedback, gates) => {
    const choices = { controller: 'lstm', hidden: 3, preprocess: LOG_SIGN, gateFeedback, gates } as const;
    const settings = gatedSettings(kind, choices);
    const run = await runGatesOf(gpu(), networks, { kind: 'gated', settings }, { steps: STEPS, unrolls: 1 });
    const names = {
      forget: 'forget gate',
      input: 'input gate',
      momentumForget: 'momentum forget gate',
      momentumInput: 'momentum input gate',
    } as const;
    let before: ArrayLike<number> = networks.theta0;
    let seen = 0;
    for (let t = 0; t < STEPS; t++) {
      const steps = t + 1;
      const lossWeights = new Array<number>(steps + 1).fill(0);
      const shared = { phi: run.phi, form: formOf(settings), problem: networks.reference };
      const after = gatedUnroll({ ...shared, theta0: networks.theta0, steps, lossWeights });
      const check = (name: string, values: readonly number[]) => {
        const recorded = run.summaries.find((summary) => summary.name === name);
        expect(recorded?.groups).toHaveLength(2);
        for (let task = 0; task < networks.tasks; task++) {
          const ours = (recorded?.groups ?? []).flatMap(({ mean, min, max }) =>
            [mean, min, max].map((rows) => rows[task]?.[t] ?? Number.NaN),
          );
          expectClose(ours, summaryOf(values, task), lstmAllowed(8), `${name}, step ${t}, task ${task}`);
        }
        seen++;
      };
      for (const [gate, name] of Object.entries(names)) {
        const fed = after.state.map((state) => state.fed.get(gate as keyof typeof names));
        if (fed.some((value) => value === undefined)) continue;
        const value = (z: number | undefined = Number.NaN) => (gateFeedback === 'sigmoid' ? z : sigmoid(z));
        check(name, fed.map(value));
      }
      const moved = Array.from(after.theta, (value, i) => Math.abs(value - at(before, i)));
      check('update size', moved);
      before = after.theta;
    }
    expect(seen).toBe(STEPS * (kind === 'meta-lstm' ? 3 : 4));
  });

  it('l2l: input, forget and output gates of both layers are those of the float64 cells', async () => {
    const hidden = 3;
    const settings = { layers: 2, hidden, preprocess: LOG_SIGN, outputScale: 0.1 } as const;
    const run = await runGatesOf(gpu(), networks, { kind: 'l2l', settings }, { steps: STEPS, unrolls: 1 });
    const { layers } = l2lWeights(run.phi);
    const { tasks, parameters, reference: problem, theta0 } = networks;
    for (let t = 0; t < STEPS; t++) {
      const shared = { phi: run.phi, problem, theta0, preprocess: LOG_SIGN, outputScale: 0.1 };
      const before = t === 0 ? undefined : unroll({ ...shared, steps: t });
      const after = unroll({ ...shared, steps: t + 1 });
      const theta = before?.theta ?? theta0;
      const gates: Record<string, number[]> = {};
      for (let task = 0; task < tasks; task++) {
        const own = [...theta.slice(task * parameters, (task + 1) * parameters)];
        const g = lossGradient(numbers, problem, own, task, t, false);
        for (let n = 0; n < parameters; n++) {
          const m = task * parameters + n;
          for (const [k, layer] of layers.entries()) {
            const x = k === 0 ? preprocess(numbers, LOG_SIGN, at(g, n)) : at(at(after.state, m), k - 1).h;
            const h = before ? at(at(before.state, m), k).h : new Float64Array(hidden);
            const cell = (c: number, changed = layer) =>
              lstmCell(numbers, changed, x, { h, c: new Float64Array(hidden).fill(c) });
            // What a gate does to the cell: f is the slope of c' in c, i is c' where the candidate is 1, o is h' / tanh c'.
            const biasIh = Array.from(layer.biasIh, (b, row) => (Math.floor(row / hidden) === 2 ? 100 : b));
            const [zero, one] = [cell(0), cell(1)];
            const certain = cell(0, { ...layer, biasIh });
            for (let unit = 0; unit < hidden; unit++) {
              const place = (unit * tasks + task) * parameters + n;
              const put = (gate: string, value: number) => {
                const name = `LSTM layer ${k + 1}, ${gate} gate`;
                gates[name] ??= new Array<number>(hidden * tasks * parameters).fill(Number.NaN);
                gates[name][place] = value;
              };
              put('forget', at(one.c, unit) - at(zero.c, unit));
              put('input', at(certain.c, unit));
              put('output', at(one.h, unit) / Math.tanh(at(one.c, unit)));
            }
          }
        }
      }
      expect(Object.keys(gates)).toHaveLength(6);
      for (const [name, values] of Object.entries(gates)) {
        const recorded = run.summaries.find((summary) => summary.name === name);
        for (let task = 0; task < tasks; task++) {
          const ours = (recorded?.groups ?? []).flatMap(({ mean, min, max }) =>
            [mean, min, max].map((rows) => rows[task]?.[t] ?? Number.NaN),
          );
          const expected = summaryOf(values, task, hidden);
          expectClose(ours, expected, lstmAllowed(hidden * 2), `${name}, step ${t}, task ${task}`);
        }
        const counted = recorded?.groups.map(({ histogram }) =>
          (histogram[t]?.counts ?? []).reduce((sum, count) => sum + count, 0),
        );
        expect(counted).toEqual([hidden * tasks * 50, hidden * tasks * 18]);
      }
    }
  });

  const kinds = [
    { kind: 'gated', settings: gatedSettings('meta-lstm', { hidden: 3, preprocess: LOG_SIGN }) },
    { kind: 'l2l', settings: { layers: 1, hidden: 3, preprocess: LOG_SIGN, outputScale: 0.1 } },
    {
      kind: 'rnnprop',
      settings: { layers: 2, hidden: 3, beta1: 0.9, beta2: 0.9, outputScale: 0.1 },
    },
  ] as const;
  it.each(kinds)(
    '$kind: recording does not change a bit of losses, theta or meta-gradient',
    async (given) => {
      const problem = smallQuadratic(3, 5);
      for (const lossWeights of [undefined, [1, 1, 1, 1]]) {
        const options = { steps: STEPS, unrolls: 2, ...(lossWeights && { lossWeights }) };
        const [plain, recorded] = [
          await runGatesOf(gpu(), problem, given, { ...options, recordGates: false }),
          await runGatesOf(gpu(), problem, given, options),
        ];
        expect(recorded.left).toEqual(plain.left);
        expect(plain.summaries).toEqual([]);
        expect(recorded.summaries.length).toBeGreaterThan(2);
      }
    },
  );
});

describe('recordGates', () => {
  const task = { kind: 'quadratic', dimension: 5, distribution: 'uniform', initialScale: 1 } as const;
  const kind = 'gradient-descent-lstm';
  const choose = (input: 'learned' | { fixed: number }) =>
    parseConfig(optimizerSchema, { kind, controller: 'direct', gates: { input } }, 'test');
  const shared = { task, data: undefined, list: 'test', phi: new Float32Array(64) } as const;

  it('records fixed gates as the constants they are, beside what the updates do', async () => {
    const optimizer = choose({ fixed: 0.125 });
    const options = { ...shared, optimizer, keys: taskKeys(1, 'test', 0, 4), horizon: 6 };
    let planned = 0;
    const shares: number[] = [];
    const recording = await recordGates(gpu(), options, {
      onPlan(bytes) {
        planned = bytes;
      },
      onProgress: (share) => shares.push(share),
    });
    expect(shares).toEqual([1]);
    expect(planned).toBeGreaterThan(6 * 4 * 512 * 4);
    expect(recording).toMatchObject({ episodes: 4, steps: 6, groups: [{ name: 'theta', count: 5 }] });
    expect(recording.recorded.map(({ name }) => name)).toEqual(['forget gate', 'input gate', 'update size']);
    const [forget, input, size] = recording.recorded.map(({ groups }) => groups[0]);
    expect(forget?.mean).toEqual(new Array(4).fill(new Array(6).fill(1)));
    expect(input?.mean).toEqual(new Array(4).fill(new Array(6).fill(0.125)));
    expect(input?.quantiles).toEqual(new Array(5).fill(new Array(6).fill(0.125)));
    expect(size?.mean.flat().every((value) => value > 0)).toBe(true);
    const totals = size?.histogram.map(({ counts }) => counts.reduce((sum, count) => sum + count, 0));
    expect(totals).toEqual(new Array(6).fill(4 * 5));
  });

  it('goes on from unroll to unroll, and an episode does not depend on the others', async () => {
    const keys = taskKeys(1, 'test', 0, 3);
    const options = {
      ...shared,
      optimizer: choose('learned'),
      phi: randomValues(64, 8, -0.5, 0.5),
      keys,
      horizon: 40,
    };
    const whole = await recordGates(gpu(), options);
    const last = await recordGates(gpu(), { ...options, keys: keys.subarray(4), horizon: 20 });
    const meansOf = (recording: typeof whole, episode: number) =>
      recording.recorded.map(({ groups }) => groups[0]?.mean[episode]?.slice(0, 20));
    expect(meansOf(last, 0)).toEqual(meansOf(whole, 2));
    expect(meansOf(last, 0)).not.toEqual(meansOf(whole, 0));
    const ends = whole.recorded[1]?.groups[0]?.mean.map((steps) => [steps.length, new Set(steps).size]);
    expect(ends?.every(([length, different = 0]) => length === 40 && different > 30)).toBe(true);
  });
});
