import { describe, expect, it } from 'vitest';
import type { GateRecording } from '../src/host/meta/gateRecording.ts';
import { QUANTILE_LEVELS, type RecordedSummary } from '../src/host/meta/gateTables.ts';
import { SUMMARY_AXES } from '../src/host/ops/summary.ts';
import { describeGates, gatesCaption, gatesFigure, gatesSvg } from '../src/report/gateFigure.ts';
import { gateAxis } from '../src/report/gateScale.ts';
import { renderReport } from '../src/report/html.ts';
import { report } from './reportSample.ts';

const STEPS = 12;

/** A gate of every group, on a straight line from `first` to `last`, each episode a thousandth above the one before. */
function gate(
  name: string,
  [first, last]: readonly [number, number],
  { groups = 2, episodes = 3, change = {} as Partial<RecordedSummary> } = {},
): RecordedSummary {
  const line = (factor: number) =>
    Array.from({ length: STEPS }, (_, t) => factor * (first + ((last - first) * t) / (STEPS - 1)));
  const mean = Array.from({ length: episodes }, (_, episode) => line(1 + episode / 1000));
  const summary = { mean, min: mean, max: mean, histogram: [] };
  const quantiles = QUANTILE_LEVELS.map((level) => line(0.99 + level / 50));
  return {
    name,
    kind: 'gate',
    rows: 1,
    axis: SUMMARY_AXES.gate,
    groups: Array.from({ length: groups }, (_, i) => ({ ...summary, quantiles, group: `layer ${i + 1}` })),
    ...change,
  };
}

const size = (range: readonly [number, number], groups = 2) =>
  gate('update size', range, { groups, change: { kind: 'size', axis: SUMMARY_AXES.size } });

function recording(recorded: readonly RecordedSummary[]): GateRecording {
  const [first] = recorded;
  return {
    format: 'coordwise-gates-1',
    optimizer: 'meta-lstm',
    task: 'MLP',
    episodes: first?.groups[0]?.mean.length ?? 0,
    steps: STEPS,
    groups: (first?.groups ?? []).map(({ group }, i) => ({
      name: group,
      kind: 'dense',
      offset: 10 * i,
      count: 10,
    })),
    quantileLevels: QUANTILE_LEVELS,
    recorded,
  };
}

/** Lines drawn in a colour: paths that are not filled. */
function lines(svg: string, color: string): number {
  return [...svg.matchAll(/<path [^>]*>/g)].filter(
    ([path]) => path.includes(`stroke="${color}"`) && path.includes('fill="none"'),
  ).length;
}

const bands = (svg: string) => [...svg.matchAll(/fill-opacity="0.16"/g)].length;

const BLUE = '#0072B2';
const VERMILLION = '#D55E00';
const PURPLE = '#CC79A7';

describe('gatesSvg', () => {
  it('draws a line an episode and a band in a panel a gate and layer', () => {
    const three = [gate('forget gate', [0.97, 0.99]), gate('input gate', [0.2, 0.01]), size([1e-2, 1e-5])];
    const svg = gatesSvg(recording(three), { width: 840 });
    expect([BLUE, VERMILLION, PURPLE].map((color) => lines(svg, color))).toEqual([6, 6, 6]);
    expect(bands(svg)).toBe(6);
    for (const text of [
      'forget gate',
      'input gate',
      'update size',
      'layer 1',
      'layer 2',
      'log axis',
      'step',
    ]) {
      expect(svg).toContain(`>${text}</text>`);
    }
    expect(svg).toMatch(/>axis from 0\.9\d+ to 1<\/text>/);
  });

  it('draws a gate that is a constant as one line, and says its value', () => {
    const fixed = gate('input gate', [0.01, 0.01], { change: { fixed: 0.01 } });
    const svg = gatesSvg(recording([fixed, size([1e-2, 1e-5])]), { width: 840 });
    expect(svg).toContain('>fixed at 0.01</text>');
    expect(lines(svg, VERMILLION)).toBe(2);
  });

  it('breaks lines where a value is not finite', () => {
    const whole = gate('forget gate', [0.9, 0.95], { groups: 1, episodes: 1 });
    const [group] = whole.groups;
    if (!group) throw new Error('no group');
    const mean = [group.mean[0]?.map((value, t) => (t === 5 ? Number.NaN : value)) ?? []];
    const svg = gatesSvg(recording([{ ...whole, groups: [{ ...group, mean }] }]));
    const path = [...svg.matchAll(/<path d="([^"]*)"[^>]*stroke="#0072B2"/g)].map(([, d = '']) => d);
    expect(path.join('').match(/M/g)).toHaveLength(2);
    expect(svg).not.toContain('NaN');
  });

  it('puts more layers than fit a line under each other, and grows', () => {
    const height = (groups: number, width: number) => {
      const many = recording([gate('forget gate', [0.5, 0.9], { groups }), size([1e-2, 1e-5], groups)]);
      return Number(/viewBox="0 0 \d+ (\d+)"/.exec(gatesSvg(many, { width }))?.[1]);
    };
    expect(height(5, 840)).toBe(height(2, 840));
    expect(height(12, 840)).toBeGreaterThan(height(5, 840));
    expect(height(5, 380)).toBeGreaterThan(height(5, 840));
  });
});

describe('gateAxis', () => {
  const scaleOf = (range: readonly [number, number]) => gateAxis(gate('gate', range)).scale;

  it('is 0 to 1, or a part of it where gates stay close, or a log axis where they are small', () => {
    expect(scaleOf([0.1, 0.9])).toMatchObject({ log: false, low: 0, high: 1 });
    const narrow = scaleOf([0.97, 0.98]);
    expect(narrow.log).toBe(false);
    expect(narrow.low).toBeGreaterThan(0.9);
    expect(narrow.high).toBeLessThanOrEqual(1);
    expect(scaleOf([0.03, 0.04]).log).toBe(true);
    expect(scaleOf([0.0005, 0.2]).log).toBe(false);
    expect(scaleOf([0.0005, 0.15]).log).toBe(true);
  });

  it('of a gate that does not move still has a width, and does not reach beyond 0 and 1', () => {
    const { low, high, ticks } = scaleOf([0.9995, 0.9995]);
    expect(high - low).toBeGreaterThan(5e-4);
    expect(high).toBe(1);
    expect(ticks.length).toBeGreaterThan(1);
  });

  it('of sizes is not stretched by updates of zero', () => {
    const sizes = size([1e-3, 1e-5]);
    const [group] = sizes.groups;
    if (!group) throw new Error('no group');
    const quantiles = group.quantiles.map((line, i) => (i === 0 ? line.map(() => 1e-12) : line));
    const { scale } = gateAxis({ ...sizes, groups: [{ ...group, quantiles }] });
    expect(scale.log).toBe(true);
    expect(scale.low).toBeGreaterThan(1e-7);
  });
});

describe('in a report', () => {
  const figure = gatesFigure(recording([gate('forget gate', [0.97, 0.99]), size([1e-2, 1e-5])]));

  it('stands as a figure for wide and for narrow pages, with distinct ids and its caption', () => {
    const html = renderReport(report({ extraFigures: [figure] }));
    const section = html.slice(html.indexOf('id="further"'));
    expect(section).toMatch(/<svg class="wide"[\s\S]*<svg class="narrow"/);
    expect(section).toContain(`<b>Figure 3.</b> ${figure.caption}`);
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(section).toContain('Gates against the step. Means over 3 episodes, from step 0 to step 11');
  });

  it('without a narrow figure stands as one', () => {
    const { narrow: _, ...wide } = figure;
    expect(renderReport(report({ extraFigures: [wide] }))).not.toMatch(/further[\s\S]*class="narrow"/);
  });

  it('says what is there: layers, tasks and units only where there are several', () => {
    const one = gate('forget gate', [0.5, 0.9], { groups: 1, episodes: 1 });
    expect(gatesCaption(recording([one]))).not.toMatch(/layers;|lines part|units|each of/);
    const units = gate('LSTM layer 1, input gate', [0.5, 0.9], { change: { rows: 20 } });
    expect(gatesCaption(recording([units]))).toMatch(/units of an LSTM layer.*each of 3 held-out episodes/);
    const fixed = gate('input gate', [0.01, 0.01], { change: { fixed: 0.01 } });
    expect(describeGates(recording([one, fixed]))).toContain(
      'forget gate 0.500 to 0.900, input gate fixed at 0.01.',
    );
  });
});
