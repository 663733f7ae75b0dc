import { describe, expect, it } from 'vitest';
import { judgeAccuracies, judgeLosses } from '../src/cli/verdict.ts';
import { accuracySvg } from '../src/report/accuracyFigure.ts';
import type { AccuracyRow } from '../src/report/data.ts';
import { accuracyTable } from '../src/report/terminal.ts';
import { curve } from './reportSample.ts';

function row(label: string, kind: AccuracyRow['kind'], mean: number, interval: number): AccuracyRow {
  return { label, kind, mean, interval, setting: 'as it is' };
}

const learned = row('meta-lstm', 'learned', 0.97, 0.004);
const rows = [
  row('pixels', 'baseline', 0.9, 0.005),
  learned,
  row('theta_0 + sgd', 'baseline', 0.955, 0.005),
  row('another', 'learned', 0.99, 0.001),
];

describe('the verdict on accuracies', () => {
  it('is a win where the intervals lie apart, against the best baseline', () => {
    const { verdict, learnedWins } = judgeAccuracies(rows);
    expect(learnedWins).toBe(true);
    expect(verdict).toBe(
      'The learned optimizer wins: 97.0 ± 0.4 % right against 95.5 ± 0.5 % of theta_0 + sgd, the best baseline (the 95 % intervals do not overlap).',
    );
  });

  it('is none where they overlap, and a loss below', () => {
    const close = rows.map((one) => (one.label === 'theta_0 + sgd' ? { ...one, mean: 0.962 } : one));
    expect(judgeAccuracies(close)).toMatchObject({ learnedWins: false });
    expect(judgeAccuracies(close).verdict).toContain('does not clearly win');
    const better = rows.map((one) => (one.label === 'pixels' ? { ...one, mean: 0.985 } : one));
    expect(judgeAccuracies(better).learnedWins).toBe(false);
    expect(judgeAccuracies(better).verdict).toContain('loses: 97.0 ± 0.4 % right against 98.5 ± 0.5 %');
    expect(judgeAccuracies([learned])).toMatchObject({ learnedWins: false });
  });
});

describe('the verdict on losses', () => {
  const entrant = (label: string, kind: 'learned' | 'baseline', finals: number[], steps = 1) => ({
    curve: curve(label, kind, finals.reduce((sum, x) => sum + x, 0) / finals.length, {
      mean: new Array<number>(steps + 1).fill(1),
    }),
    finals,
  });

  it('pairs tasks, at each one’s own last step, and leaves other learned optimizers out', () => {
    const one = entrant('meta-lstm', 'learned', [0.1, 0.5, 0.9]);
    const other = entrant('l2l', 'learned', [0, 0, 0]);
    const slow = entrant('sgd', 'baseline', [0.2, 0.61, 1], 4);
    const { verdict, learnedWins } = judgeLosses([one, other, slow], 1);
    expect(learnedWins).toBe(true);
    expect(verdict).toContain('of sgd, the best tuned baseline, at step 1 and 4');
    expect(judgeLosses([one, entrant('sgd', 'baseline', [0.9, 0.1, 0.5])], 1).learnedWins).toBe(false);
    expect(judgeLosses([one, entrant('sgd', 'baseline', [0, 0.4, 0.8])], 1).verdict).toContain('loses');
  });
});

describe('accuracies for people', () => {
  it('are a table with the best first', () => {
    const lines = accuracyTable(rows).split('\n');
    expect(lines[0]).toMatch(/^ {2}optimizer +accuracy {2}setting$/);
    expect(lines.slice(1).map((line) => line.trim().split(/ {2,}/)[0])).toEqual([
      '★ another',
      '★ meta-lstm',
      'theta_0 + sgd',
      'pixels',
    ]);
    expect(lines[2]).toContain('97.0 ± 0.4 %');
  });

  it('are a figure: a dot a row, further right for more', () => {
    const svg = accuracySvg(rows, { id: 'a' });
    expect(svg).toMatch(/^<svg[\s\S]*<\/svg>$/);
    for (const { label } of rows) expect(svg).toContain(label);
    expect(svg).toContain('aria-label="Share of the query set classified right: another 99.0 ± 0.1 %');
    expect(accuracySvg(rows, { id: 'a' })).toBe(svg);
    expect(accuracySvg([learned], { width: 380 })).toContain('meta-lstm');
  });
});
