import { describe, expect, it } from 'vitest';
import { blockLines, blockNumbers, diagnoseBlocks } from '../src/cli/diagnosis/blockNorms.ts';
import { diagnoseGates, gateNumbers } from '../src/cli/diagnosis/gates.ts';
import { diagnoseBest, diagnoseTrend, episodeLosses, trendNumbers } from '../src/cli/diagnosis/losses.ts';
import { listed, median, quantile, trend } from '../src/cli/diagnosis/numbers.ts';
import { readRecords, type StepRecord, type ValidationRecord } from '../src/cli/diagnosis/records.ts';
import { diagnoseNorms, diagnoseSkips } from '../src/cli/diagnosis/steps.ts';
import { diagnoseUpdates, updateNumbers } from '../src/cli/diagnosis/updates.ts';
import { verdictOf } from '../src/cli/diagnosis/verdict.ts';
import type { GateRecording } from '../src/host/meta/gateRecording.ts';
import type { StepComparison } from '../src/host/meta/stepComparison.ts';
import { SUMMARY_AXES } from '../src/host/ops/summary.ts';
import { linesSvg } from '../src/report/diagnosisFigure.ts';
import { renderDiagnosis } from '../src/report/diagnosisPage.ts';
import { linesPlot, partText } from '../src/report/diagnosisTerminal.ts';
import { randomValues } from './support/compare.ts';
import { thrownBy } from './support/diskTests.ts';

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

/** A run of `count` meta-steps, `perEpisode` unrolls of 5 steps an episode, changed step by step. */
function run(
  count: number,
  change: (i: number) => Partial<StepRecord> = () => ({}),
  perEpisode = 1,
): StepRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    iteration: i,
    metaLoss: 1,
    gradientNorm: 1,
    skipped: false,
    stepsBefore: 5 * (i % perEpisode),
    ...change(i),
  }));
}

const noise = randomValues(3000, 7);
const noiseAt = (i: number) => noise[i] ?? nan;

describe('numbers', () => {
  it('quantiles are of the finite values, in between where they fall between two', () => {
    expect(quantile([4, nan, 1, 3, infinity, 2], 0.5)).toBe(2.5);
    expect(median([7])).toBe(7);
    expect(median([nan])).toBeNaN();
  });

  it('a trend is the change along a line, its error that of the noise around it', () => {
    expect(trend([1, 3, 5, 7, 9])).toEqual({ change: 8, error: 0 });
    // Residuals 1, -2, 1 around a slope of 0 over three points: s^2 = 6, sum of squares 2.
    expect(trend([1, -2, 1])).toEqual({ change: 0, error: 2 * Math.sqrt(6 / 1 / 2) });
  });

  it('lists say how many they leave out', () => {
    expect(listed(['a'])).toBe('a');
    expect(listed(['a', 'b', 'c'])).toBe('a, b and c');
    expect(listed(['a', 'b', 'c', 'd'])).toBe('a, b and 2 more');
  });
});

describe('records', () => {
  const step = { type: 'step', iteration: 3, metaLoss: 1, gradientNorm: 2, skipped: false, stepsBefore: 0 };
  const validation = {
    type: 'validation',
    iteration: 3,
    done: 4,
    score: 1,
    isBest: true,
    finalMean: 1,
    sumMean: 2,
  };

  it('are taken with null for what was not finite, and without norms by block from older versions', () => {
    const { steps, validations } = readRecords(
      [
        { ...step, metaLoss: null, blockNorms: [1, null] },
        { ...validation, score: null },
        step,
        { type: 'remark', iteration: 5 },
      ],
      2,
      'log',
    );
    expect(steps.map(({ metaLoss, blockNorms }) => [metaLoss, blockNorms])).toEqual([
      [nan, [1, nan]],
      [1, undefined],
    ]);
    expect(validations.map(({ done, score }) => [done, score])).toEqual([[4, infinity]]);
  });

  it.each([
    [{ ...step, gradientNorm: 'large' }, 'the step record of iteration 3 has an unusable gradientNorm'],
    [{ ...step, skipped: undefined }, 'the step record of iteration 3 has an unusable skipped'],
    [{ type: 'step', iteration: 9 }, 'the step record of iteration 9 has no metaLoss'],
    [{ ...step, blockNorms: [1] }, 'the step record of iteration 3 has an unusable blockNorms'],
    [{ ...step, blockNorms: [1, 'x'] }, 'the step record of iteration 3 has an unusable blockNorms'],
    [{ ...validation, isBest: 1 }, 'the validation record of iteration 3 has an unusable isBest'],
  ])('that are damaged are refused by name: %j', (record, message) => {
    const error = thrownBy(() => readRecords([step, record], 2, 'runs/a/log.jsonl'));
    expect(error.message).toBe(`runs/a/log.jsonl: ${message}`);
  });
});

describe('the norm of the meta-gradient', () => {
  it('is healthy in a usable range', () => {
    const part = diagnoseNorms(
      run(9, (i) => ({ gradientNorm: 1 + i })),
      null,
    );
    expect(part.status).toBe('healthy');
    expect(part.numbers).toEqual({ median: 5, largest: 9, clip: null, clippedShare: 0 });
  });

  it('spikes are worth a look where nothing clips them, and not where something does', () => {
    const steps = run(30, (i) => ({ gradientNorm: i === 7 ? 500 : 2 }));
    const free = diagnoseNorms(steps, null);
    expect(free).toMatchObject({ status: 'look' });
    expect(free.sentence).toMatch(/^The largest norm is 250 times the median .* try --clip 20\.$/);
    expect(diagnoseNorms(steps, 10)).toMatchObject({ status: 'healthy' });
  });

  it('a clip that binds in more than half of the steps is worth a look', () => {
    const steps = run(10, (i) => ({ gradientNorm: i < 6 ? 3 : 1 }));
    expect(diagnoseNorms(steps, 2)).toMatchObject({ status: 'look', numbers: { clippedShare: 0.6 } });
    expect(diagnoseNorms(steps.slice(2), 2)).toMatchObject({
      status: 'healthy',
      numbers: { clippedShare: 0.5 },
    });
  });

  it('that is zero, or never finite, is wrong', () => {
    expect(
      diagnoseNorms(
        run(5, () => ({ gradientNorm: 0 })),
        null,
      ).status,
    ).toBe('wrong');
    expect(
      diagnoseNorms(
        run(5, () => ({ gradientNorm: nan })),
        1,
      ).sentence,
    ).toMatch(/^No meta-gradient was finite/);
  });
});

describe('skipped meta-steps', () => {
  it('none is healthy, up to a hundredth too, up to a fifth is worth a look, more is wrong', () => {
    const skipping = (skipped: number) =>
      diagnoseSkips(run(200, (i) => ({ skipped: i % 5 === 1 && i < 5 * skipped })));
    expect(skipping(0).sentence).toBe('None of the 200 meta-steps was skipped.');
    expect([skipping(0), skipping(2), skipping(3), skipping(40)].map(({ status }) => status)).toEqual([
      'healthy',
      'healthy',
      'look',
      'look',
    ]);
    expect(diagnoseSkips(run(10, (i) => ({ skipped: i < 3 }))).status).toBe('wrong');
  });

  it('cluster in a tenth of the run, in a row, and at a place of the episode', () => {
    const late = run(100, (i) => ({ skipped: i === 3 || (i > 81 && i < 86) }));
    const part = diagnoseSkips(late);
    expect(part.sentence).toBe(
      '5 of 100 meta-steps (5.0 %) were not finite and were skipped, 4 of them between iterations 80 and 89, up to 4 in a row: try a smaller --learning-rate, or --clip, or a smaller --output-scale.',
    );
    expect(part.numbers).toMatchObject({ longestRow: { length: 4, from: 82 }, position: null });
    const placed = diagnoseSkips(run(100, (i) => ({ skipped: i % 20 === 3 }), 4));
    expect(placed.numbers).toMatchObject({ cluster: null, position: 15, longestRow: { length: 1, from: 3 } });
    expect(placed.sentence).toContain('most in unrolls that begin at step 15');
  });
});

describe('the trend of the meta-loss', () => {
  it('takes episodes as one value each, and their places in an episode apart', () => {
    // Two unrolls an episode, ten times apart; every episode falls by a factor e.
    const steps = run(12, (i) => ({ metaLoss: (i % 2 === 0 ? 10 : 1) * Math.exp(-Math.floor(i / 2)) }), 2);
    const { logs } = episodeLosses(steps);
    for (const [episode, log] of logs.entries()) expect(log).toBeCloseTo(2.5 - episode, 12);
    expect(logs).toHaveLength(6);
    const gap = steps.map((step, i) => (i === 4 ? { ...step, skipped: true, metaLoss: nan } : step));
    expect(episodeLosses(gap).logs).toHaveLength(6);
  });

  const along = (loss: (i: number) => number, count = 300) => run(count, (i) => ({ metaLoss: loss(i) }));
  const noisy = (size: number, slope: number) =>
    along((i) => Math.exp(size * noiseAt(i) + slope * (i / 300) + (i < 30 ? 1 : 0)));

  it('is falling, rising or flat by its standard error', () => {
    const falling = diagnoseTrend(noisy(0.1, -1));
    expect(falling.status).toBe('healthy');
    expect(falling.sentence).toMatch(
      /^The meta-loss is still falling, by \d+ % \(\S+ standard errors\).*more --iterations/,
    );
    const rising = diagnoseTrend(noisy(0.1, 1));
    expect(rising.status).toBe('wrong');
    expect(rising.sentence).toMatch(/is rising.*unstable; try a smaller --learning-rate or --clip/);
    const flat = diagnoseTrend(noisy(0.1, 0));
    expect(flat.status).toBe('healthy');
    expect(flat.sentence).toMatch(/flat along the last third.*it has converged/);
    expect(trendNumbers(noisy(0.1, -1)).change).toBeCloseTo(Math.expm1(-99 / 300), 1);
  });

  it('that never moved is worth a look; noise that hides much, or too few episodes, leave it open', () => {
    expect(diagnoseTrend(along((i) => 1 + 0.01 * noiseAt(i)))).toMatchObject({ status: 'look' });
    expect(diagnoseTrend(along((i) => Math.exp(3 * noiseAt(i)), 60))).toMatchObject({
      status: 'unknown',
      numbers: { heading: 'unclear' },
    });
    expect(diagnoseTrend(along(() => 1, 12)).sentence).toMatch(
      /has 4 finite episodes, too few for a slope: it needs 5/,
    );
    expect(diagnoseTrend(along(() => nan))).toMatchObject({ status: 'unknown', numbers: { episodes: 0 } });
  });
});

describe('the best weights against the last', () => {
  const scores = (...list: number[]): ValidationRecord[] => {
    let best = infinity;
    return list.map((score, index) => {
      const isBest = index === 0 || score < best;
      if (isBest) best = score;
      return { done: 10 * index, score, isBest, finalMean: score, sumMean: score };
    });
  };

  it.each([
    [
      [2, 1],
      'flat',
      'healthy',
      /^The last weights are the best, 50 % below the fresh ones: more --iterations may/,
    ],
    [
      [2, 1, 1.05],
      'flat',
      'healthy',
      /lies 5\.0 % above the best weights, after 10 meta-iterations,.*stable/,
    ],
    [[2, 1, 1.2], 'flat', 'look', /lies 20 % above.*overfitting or noise: try more --tasks/],
    [[2, 1, 1.7], 'rising', 'wrong', /lies 70 % above.*instability: try a smaller --learning-rate/],
    [[2, 1, infinity], 'flat', 'wrong', /^The last weights diverge on validation tasks where the best/],
    [[2, 1.99, 2.2], 'flat', 'wrong', /^No validation is better than the fresh weights by 2\.0 %/],
    [[infinity, infinity], 'flat', 'wrong', /^Every validation diverged/],
    [[infinity, 1], 'flat', 'healthy', /^The last weights are the best/],
    [[2], 'unknown', 'unknown', /has not been validated since it began/],
    [[], 'unknown', 'unknown', /has not been validated/],
  ] as const)('of scores %j while the meta-loss is %s: %s', (list, heading, status, sentence) => {
    const part = diagnoseBest(scores(...list), heading);
    expect(part.status).toBe(status);
    expect(part.sentence).toMatch(sentence);
  });

  it('of a curriculum are those of its last stage, which begins with the best before it', () => {
    const of = (number: number) => (record: ReturnType<typeof scores>[number]) => {
      return { ...record, stage: { number, horizon: 100 * number } };
    };
    const part = diagnoseBest([...scores(9, 0.1).map(of(1)), ...scores(2, 1.99).map(of(2))], 'flat');
    expect(part).toMatchObject({
      status: 'healthy',
      numbers: { first: { score: 2 }, best: { score: 1.99 } },
    });
    expect(part.sentence).toMatch(/^The last weights are the best, 0\.50 % below those the stage began with/);
  });
});

describe('the blocks of the meta-gradient', () => {
  const blocks = [
    { name: 'lstm.0.weight_ih', offset: 0, length: 4, runs: 4, stride: 8 },
    { name: 'theta0', offset: 64, length: 1, runs: 1, stride: 1 },
  ];
  type Case = readonly [string, (i: number) => [number, number], string, RegExp];
  const norms = (of: (i: number) => [number, number]) => run(30, (i) => ({ blockNorms: of(i) }));

  it('medians are over thirds, and a theta_0 counts where it has a gradient', () => {
    const steps = norms((i) => [i < 10 ? 2 : 4, i % 2 === 0 ? 0 : 3]);
    expect(blockNumbers(steps, blocks)).toEqual([
      { name: 'lstm.0.weight_ih', size: 16, first: 2, last: 4, largest: 4, rms: 1 },
      { name: 'theta0', size: 1, first: 3, last: 3, largest: 3, rms: 3 },
    ]);
    expect(diagnoseBlocks(steps, blocks).sentence).toBe(
      'Every block receives a meta-gradient of steady size: medians over the last third from 3.00 (theta0) to 4.00 (lstm.0.weight_ih).',
    );
  });

  it.each([
    ['dead', () => [1, 0], 'wrong', /^theta0 never received a finite meta-gradient above zero/],
    ['faint', (i) => [i < 10 ? 1e-7 : 3e-8, 1], 'wrong', /of lstm\.0\.weight_ih has vanished/],
    ['grown', (i) => [1, i < 10 ? 1 : 101], 'wrong', /of theta0 grew up to 101 times.*try --clip/],
    ['shrunk', (i) => [i < 15 ? 1 : 1 / 200, 1], 'look', /of lstm\.0\.weight_ih shrank up to 200 times/],
    ['at the threshold', (i) => [1, i < 10 ? 1 : 100], 'healthy', /^Every block/],
  ] as const satisfies readonly Case[])('%s', (_, of, status, sentence) => {
    const part = diagnoseBlocks(norms(of), blocks);
    expect(part.status).toBe(status);
    expect(part.sentence).toMatch(sentence);
  });

  it('of an older log are not judged; of a run resumed by this version those that there are', () => {
    expect(diagnoseBlocks(run(5), blocks)).toMatchObject({ status: 'unknown', numbers: { blocks: [] } });
    expect(diagnoseBlocks(run(5), blocks).sentence).toMatch(
      /an older version wrote it, so this part is left out/,
    );
    const mixed = [...run(10), ...norms(() => [1, 2])];
    expect(diagnoseBlocks(mixed, blocks).sentence).toMatch(/\(30 of the meta-steps have norms by block\)\.$/);
  });

  it('are drawn as medians, and by layer where they are many', () => {
    const [line] = blockLines(
      norms((i) => [i, 1]),
      blocks,
      3,
    );
    expect(line).toEqual({ name: 'lstm.0.weight_ih', x: [5, 15, 25], y: [5, 14.5, 24.5] });
    const many = Array.from({ length: 9 }, (_, i) => ({
      ...{ offset: 0, length: 1, runs: 1, stride: 1 },
      name: `lstm.${Math.floor(i / 3)}.part${i % 3}`,
    }));
    const steps = run(4, () => ({ blockNorms: [3, 4, 0, 1, 1, 1, 2, 0, 0] }));
    expect(blockLines(steps, many, 1).map(({ name, y }) => [name, ...y])).toEqual([
      ['lstm.0', 5],
      ['lstm.1', Math.sqrt(3)],
      ['lstm.2', 2],
    ]);
    expect(blockLines(run(4), blocks, 3).every(({ x, y }) => x.length + y.length === 0)).toBe(true);
  });
});

describe('the gates', () => {
  const { gate: axis } = SUMMARY_AXES;
  /** A recording of ten values, two groups of one parameter over five steps, of gates with these values. */
  function recording(gates: Readonly<Record<string, readonly number[] | { fixed: number }>>): GateRecording {
    const histogram = (values: readonly number[]) =>
      values.map((value) => {
        const first = Math.floor((Math.log(value / (1 - value)) - axis.low) / axis.width);
        return Number.isNaN(value) ? { first: 0, counts: [] } : { first, counts: [1] };
      });
    const empty = { mean: [], min: [], max: [], quantiles: [] };
    return {
      ...{
        format: 'coordwise-gates-1',
        optimizer: 'o',
        task: 't',
        episodes: 1,
        steps: 5,
        quantileLevels: [],
      },
      groups: [
        { kind: 'dense', name: 'a', offset: 0, count: 1 },
        { kind: 'dense', name: 'b', offset: 1, count: 1 },
      ],
      recorded: Object.entries(gates).map(([name, values]) => ({
        ...{ name, kind: 'gate', rows: 1, axis },
        ...('fixed' in values && { fixed: values.fixed }),
        groups: ['a', 'b'].map((group, i) => {
          const own = 'fixed' in values ? [] : values.slice(5 * i, 5 * i + 5);
          return { group, ...empty, histogram: histogram(own) };
        }),
      })),
    };
  }
  const mixed = (low: number, high: number) =>
    Array.from({ length: 10 }, (_, i) => (i < low ? 0.001 : i < low + high ? 0.999 : 0.5));

  it('shares are those of the values, over groups and steps; the bin that holds 0.05 is split', () => {
    const [gate, fixed] = gateNumbers(recording({ g: mixed(3, 2), constant: { fixed: 0.01 } }));
    expect(gate).toEqual({ name: 'g', below: 0.3, above: 0.2, lost: 0 });
    expect(fixed).toEqual({ name: 'constant', fixed: 0.01, below: 1, above: 0, lost: 0 });
    const edge = Math.log(0.05 / 0.95);
    const inside = (edge - axis.low) / axis.width - Math.floor((edge - axis.low) / axis.width);
    const [split] = gateNumbers(recording({ g: new Array<number>(10).fill(0.05) }));
    expect(split?.below).toBeCloseTo(inside, 9);
    const [lost] = gateNumbers(recording({ g: [...new Array<number>(9).fill(0.5), nan] }));
    expect(lost?.lost).toBeCloseTo(0.1, 12);
  });

  it.each([
    ['l2l', { 'LSTM layer 1, input gate': mixed(2, 3) }, 'healthy', /^No gate is stuck: at most 50 %/],
    [
      'l2l',
      { 'LSTM layer 1, input gate': mixed(3, 3) },
      'look',
      /^The LSTM layer 1, input gate is saturated for up to 60 %/,
    ],
    [
      'l2l',
      { a: mixed(10, 0), b: mixed(0, 10), c: mixed(0, 0) },
      'wrong',
      /^The a and b are saturated for up to 100 %/,
    ],
    [
      'meta-lstm',
      { 'forget gate': mixed(0, 10), 'input gate': mixed(10, 0) },
      'healthy',
      /^The gates stand where gradient descent has them/,
    ],
    [
      'meta-lstm',
      { 'forget gate': mixed(10, 0), 'input gate': mixed(10, 0) },
      'wrong',
      /^The forget gate is saturated/,
    ],
    [
      'meta-lstm',
      { 'forget gate': mixed(0, 10), 'input gate': mixed(0, 6) },
      'look',
      /^The input gate is saturated/,
    ],
    [
      'momentum-lstm',
      { 'momentum forget gate': mixed(0, 10) },
      'wrong',
      /^The momentum forget gate is saturated/,
    ],
    ['meta-lstm', { 'forget gate': { fixed: 1 } }, 'unknown', /^This optimizer has no learned gates/],
    ['l2l', { g: [...mixed(0, 0).slice(1), nan] }, 'wrong', /^Values of the g were not finite/],
  ] as const)('of %s with %j: %s', (kind, gates, status, sentence) => {
    const part = diagnoseGates(recording(gates), kind);
    expect(part.status).toBe(status);
    expect(part.sentence).toMatch(sentence);
  });
});

describe('updates', () => {
  const comparison = (of: Partial<StepComparison>): StepComparison => ({
    ...{ reference: 'adam', episodes: 2, steps: 3 },
    updateNorm: [
      [0.1, 0.1, 0.1],
      [0.3, 0.3, 0.3],
    ],
    gradientNorm: [
      [1, 2, 4],
      [1, 2, 0],
    ],
    referenceNorm: [
      [10, 10, 10],
      [10, 10, 10],
    ],
    cosine: [
      [1, 0.8, 0.6],
      [0.6, 0.4, nan],
    ],
    ...of,
  });
  const rows = (value: number) => [new Array<number>(3).fill(value), new Array<number>(3).fill(value)];

  it('are means over tasks, without those that have no gradient', () => {
    const { ratio, rate, cosine, diverged } = updateNumbers(comparison({}));
    for (const [i, value] of [0.2, 0.1, 0.025].entries()) expect(ratio[i]).toBeCloseTo(value, 12);
    for (const value of rate) expect(value).toBeCloseTo(0.02, 12);
    for (const [i, value] of [0.8, 0.6, 0.6].entries()) expect(cosine[i]).toBeCloseTo(value, 12);
    expect(diverged).toBe(0);
  });

  it.each([
    [{}, 'healthy', /^Updates go along Adam's steps with a mean cosine of 0\.67 .*learning rate 0\.020/],
    [{ cosine: rows(-0.01) }, 'wrong', /point away from Adam's steps.*uphill/],
    [{ cosine: rows(0.05) }, 'look', /hardly to do with Adam's steps, with a mean cosine of 0\.050:/],
    [{ cosine: rows(nan), updateNorm: rows(0) }, 'wrong', /^The optimizer hardly moves/],
    [{ updateNorm: rows(1e-6) }, 'wrong', /^The optimizer hardly moves/],
    [{ updateNorm: rows(11) }, 'look', /as long as Adam's at learning rate 1\.1 .*--output-scale/],
    [
      {
        updateNorm: [
          [1, 2, 3],
          [1, infinity, nan],
        ],
      },
      'wrong',
      /^Updates were not finite in 1 of 2 held-out/,
    ],
  ] as const)('of %j: %s', (of, status, sentence) => {
    const part = diagnoseUpdates(comparison(of), 'l2l');
    expect(part.status).toBe(status);
    expect(part.sentence).toMatch(sentence);
  });

  it('of the gated family say that the forget gate counts', () => {
    expect(diagnoseUpdates(comparison({ cosine: rows(0.05) }), 'meta-lstm').sentence).toMatch(
      /what the forget gate takes/,
    );
  });
});

describe('what is said', () => {
  const healthy = diagnoseSkips(run(30));
  const wrong = diagnoseSkips(run(10, () => ({ skipped: true })));
  const unknown = diagnoseBlocks(run(5), []);

  it('the verdict counts what was judged', () => {
    expect(verdictOf([healthy, healthy])).toBe('All 2 parts that were judged are healthy.');
    expect(verdictOf([healthy, wrong, unknown])).toBe(
      '1 of 2 parts is wrong: "Skipped meta-steps"; not judged: "Meta-gradient by block of weights".',
    );
    expect(verdictOf([{ ...healthy, status: 'look' }])).toBe(
      'Nothing is wrong; worth a look: "Skipped meta-steps".',
    );
  });

  it('in the terminal: title, sentence, table; lines on a log axis with their names', () => {
    const part = diagnoseNorms(run(9), 2);
    expect(partText(part)).toBe(
      'Norm of the meta-gradient: healthy\nNorms stay in a usable range, from a median of 1.00 to 1.00, and the clip bound 0 % of the meta-steps.\n  median  largest  clip bound\n  1.00       1.00         0 %',
    );
    const lines = [
      { name: 'small', x: [0, 50, 99], y: [1e-4, 1e-4, 1e-4] },
      { name: 'large', x: [0, 50, 99], y: [1, nan, 1] },
    ];
    const text = linesPlot(lines, 60, false);
    expect(text).toMatch(/o small {3}\+ large$/);
    const rows = text.split('\n').map((line) => /[│┤](.*)/.exec(line)?.[1] ?? '');
    expect(rows.findIndex((row) => row.includes('o'))).toBeGreaterThan(
      rows.findIndex((row) => row.includes('+')),
    );
    expect(rows.findIndex((row) => row.includes('+'))).toBeGreaterThanOrEqual(0);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
  });

  it('on a page: every part, escaped, with its figures, and nothing that acts or fetches', () => {
    const svg = linesSvg(
      [{ name: '<b>', x: [0, 1, 2], y: [1, nan, 3] }],
      { xName: 'step', yName: 'norm' },
      { theme: 'page' },
    );
    const html = renderDiagnosis({
      ...{ title: 'Diagnosis of <run>', version: '1', verdict: 'v', facts: [['Seed', '1']] },
      parts: [healthy, { ...wrong, id: 'other', sentence: 'a & b.' }],
      figures: { other: [{ title: 'T', caption: 'C', svg }] },
    });
    expect(html).toContain('Diagnosis of &lt;run&gt;');
    expect(html).toContain('<b>Wrong.</b> a &amp; b.');
    expect(html).toContain('<b>Figure 1.</b> C');
    expect(html.match(/<svg/g)).toHaveLength(1);
    expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)|src=/);
  });
});
