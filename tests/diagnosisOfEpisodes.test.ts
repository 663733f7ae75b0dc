import { describe, expect, it } from 'vitest';
import { diagnoseBlocks } from '../src/cli/diagnosis/blockNorms.ts';
import { diagnoseGates, gateNumbers } from '../src/cli/diagnosis/gates.ts';
import { diagnoseNorms, diagnoseSkips } from '../src/cli/diagnosis/steps.ts';
import { diagnoseUpdates, updateNumbers } from '../src/cli/diagnosis/updates.ts';
import { verdictOf } from '../src/cli/diagnosis/verdict.ts';
import type { GateRecording } from '../src/host/meta/gateRecording.ts';
import type { StepComparison } from '../src/host/meta/stepComparison.ts';
import { SUMMARY_AXES } from '../src/host/ops/summary.ts';
import { linesSvg } from '../src/report/diagnosisFigure.ts';
import { renderDiagnosis } from '../src/report/diagnosisPage.ts';
import { linesPlot, partText } from '../src/report/diagnosisTerminal.ts';
import { run } from './support/stepRecords.ts';

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

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
