import { describe, expect, it } from 'vitest';
import { blockLines, blockNumbers, diagnoseBlocks } from '../src/cli/diagnosis/blockNorms.ts';
import { diagnoseBest, diagnoseTrend, episodeLosses, trendNumbers } from '../src/cli/diagnosis/losses.ts';
import { listed, median, quantile, trend } from '../src/cli/diagnosis/numbers.ts';
import { readRecords, type ValidationRecord } from '../src/cli/diagnosis/records.ts';
import { diagnoseNorms, diagnoseSkips } from '../src/cli/diagnosis/steps.ts';
import { randomValues } from './support/compare.ts';
import { thrownBy } from './support/diskTests.ts';
import { run } from './support/stepRecords.ts';

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

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
