import { describe, expect, it } from 'vitest';
import { spread } from '../src/report/lossFigure.ts';
import { bestBaseline, milestones, rankCurves } from '../src/report/rank.ts';
import { runningMedian, sampleIndices } from '../src/report/sample.ts';
import { logTicks } from '../src/report/scale.ts';
import { formatBytes, formatCount, formatSeconds, lossPlot, lossTable } from '../src/report/terminal.ts';
import { adam, curve, exploding, learned, sgd } from './reportSample.ts';

describe('terminal', () => {
  it('aligns the table, sorts it and stars the learned optimizer', () => {
    const lines = lossTable([sgd, exploding, adam, learned]).split('\n');
    expect(lines.map((line) => line.slice(0, 9).trim())).toEqual([
      'optimizer'.slice(0, 7),
      '★ Learned',
      'Adam',
      'SGD',
      'Hot SGD',
    ]);
    const column = lines[0]?.indexOf('setting') ?? -1;
    expect(lines[1]?.slice(column)).toBe('5,141 weights');
    expect(lines[4]?.slice(column)).toBe('lr 0.0316 (tuned), diverged in 3 tasks');
    expect(lines[3]).toContain('0.2210 ± 0.0044');
  });

  it('lets no label write control sequences', () => {
    const bad = { ...adam, label: 'A\u001b[31m\nB', setting: '\u0007' };
    expect(lossTable([bad])).not.toContain('\u001b');
    expect(lossTable([bad]).split('\n')).toHaveLength(2);
    expect(lossPlot([bad], 80, 10, { color: false })).not.toContain('\u001b');
  });

  it('plots within 80 columns, without escapes when colour is off, the learned one over the others', () => {
    const text = lossPlot([learned, adam, sgd, exploding], 80, 16, { color: false });
    const lines = text.split('\n');
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(80);
    expect(text).not.toContain('\u001b');
    expect(text).toMatch(/\* Learned {3}o Adam {3}\+ SGD {3}x Hot SGD, diverged in 3 tasks/);
    expect(text).toMatch(/0\.1┤/);
    const drawing = lines.filter((line) => line.includes('│') || line.includes('┤')).join('');
    expect(drawing.split('*').length).toBeGreaterThan(60);
    expect(drawing).toContain('+');
    expect(lossPlot([learned], 80, 16)).toContain('\u001b[');
    const same = lossPlot(
      [
        { ...learned, label: 'L' },
        { ...learned, kind: 'baseline', label: 'B' },
      ],
      80,
      16,
    );
    expect(same.split('o')).toHaveLength(2);
  });

  it('falls from the top left to the bottom right when the loss falls', () => {
    const lines = lossPlot([learned], 80, 16, { color: false }).split('\n');
    const marks = lines.flatMap((line) => (/[│┤].*\*/.test(line) ? [line.lastIndexOf('*')] : []));
    expect(marks.length).toBeGreaterThan(12);
    expect(marks).toEqual(marks.toSorted((a, b) => a - b));
    expect(marks.at(-1)).toBeGreaterThan(70);
  });

  it('formats bytes, seconds and counts', () => {
    expect([0, 1023, 1024, 1536, 1048575.9, 5e9].map(formatBytes)).toEqual([
      '0 bytes',
      '1,023 bytes',
      '1.00 KiB',
      '1.50 KiB',
      '1.00 MiB',
      '4.66 GiB',
    ]);
    expect([0, 2e-5, 0.0032, 0.9999, 12.5, 59.97, 200, 3599.6, 7500].map(formatSeconds)).toEqual([
      '0 s',
      '20.0 µs',
      '3.20 ms',
      '1.00 s',
      '12.5 s',
      '1 min 0 s',
      '3 min 20 s',
      '1 h 0 min',
      '2 h 5 min',
    ]);
    expect([0, 999, -1234, 12345678].map(formatCount)).toEqual(['0', '999', '-1,234', '12,345,678']);
  });
});

describe('what the figures are made with', () => {
  it('prefers a baseline that did not diverge', () => {
    const lucky = curve('Lucky', 'baseline', 0.01, { diverged: 2 });
    expect(bestBaseline([learned, lucky, sgd, adam])?.label).toBe('Adam');
    expect(bestBaseline([lucky])?.label).toBe('Lucky');
    expect(bestBaseline([learned])).toBeUndefined();
    expect(rankCurves([exploding, sgd, learned]).map((one) => one.label)).toEqual([
      'Learned',
      'SGD',
      'Hot SGD',
    ]);
  });

  it('samples a line without losing its ends or a lone spike', () => {
    const values = Array.from({ length: 5000 }, (_, i) => (i === 3210 ? 9 : 0));
    const indices = sampleIndices(values, 50);
    expect(indices).toHaveLength(50);
    expect([indices[0], indices.at(-1)]).toEqual([0, 4999]);
    expect(indices).toContain(3210);
    expect(new Set(indices).size).toBe(50);
  });

  it('takes the running median over finite neighbours', () => {
    expect(runningMedian([1, 2, 1e30, 4, Number.NaN], 3, [0, 2, 4])).toEqual([1.5, 4, 4]);
    expect(runningMedian([Number.NaN], 3, [0])).toEqual([Number.NaN]);
  });

  it('chooses round ticks inside the axis, neither too few nor too many', () => {
    expect(logTicks(0.09, 3, 5)).toEqual([0.1, 0.2, 0.5, 1, 2]);
    for (let decades = 0.3; decades < 40; decades *= 1.3) {
      const high = 0.037 * 10 ** decades;
      const ticks = logTicks(0.037, high, 6);
      expect(ticks.length).toBeGreaterThanOrEqual(2);
      expect(ticks.length).toBeLessThanOrEqual(7);
      for (const tick of ticks) expect(tick >= 0.037 && tick <= high).toBe(true);
    }
  });

  it('moves labels apart, no further than needed and never out of the figure', () => {
    const room = 10;
    expect(spread([{ wanted: 50, room }], 0, 100)).toEqual([50]);
    expect(
      spread(
        [50, 50].map((wanted) => ({ wanted, room })),
        0,
        100,
      ),
    ).toEqual([45, 55]);
    expect(
      spread(
        [1, 2, 99].map((wanted) => ({ wanted, room })),
        0,
        100,
      ),
    ).toEqual([5, 15, 95]);
  });

  it('puts the horizon and the last step among the milestones', () => {
    expect(milestones(200, 100)).toEqual([0, 20, 50, 100, 200]);
    expect(milestones(99, 100)).toEqual([0, 10, 20, 50, 99]);
    expect(milestones(0, 10)).toEqual([0]);
  });
});
