import { plot } from 'simple-ascii-chart';
import type { AccuracyRow, LossCurve } from './data.ts';
import {
  formatCount,
  formatDiverged,
  formatLoss,
  formatPercent,
  formatPlusMinus,
  formatTicks,
  singleLine,
} from './format.ts';
import { finalHead, lastStep, rankCurves } from './rank.ts';
import { linearTicks, lossScale, position, type Scale } from './scale.ts';

export { formatBytes, formatCount, formatSeconds } from './format.ts';

export interface LossPlotOptions {
  /** ANSI colours besides the symbols; default true. */
  readonly color?: boolean;
  /** The vertical axis, where it is not to follow the rules for losses. */
  readonly scale?: Scale;
}

interface Series {
  readonly label: string;
  readonly symbol: string;
  readonly color: string;
  readonly points: [number, number][];
}

const BASELINE_SYMBOLS = ['o', '+', 'x', '#', '%', '@', '=', '~'] as const;
const LEARNED_SYMBOL = '*';
/** ANSI foregrounds nearest to the palette of the figures; none for a seventh baseline and on. */
const BASELINE_COLORS = ['34', '32', '33', '36', '35', '37'] as const;
const LEARNED_COLOR = '1;31';
const RESET = '\u001b[0m';

/**
 * The result as an aligned table, one row for each curve from the smallest final loss to the largest, the learned
 * ones marked with a star. No line ends in a newline.
 */
export function lossTable(curves: readonly LossCurve[]): string {
  const timed = curves.some((curve) => curve.stepsPerSecond !== undefined);
  const heads = ['  optimizer', finalHead(curves), 'spread', 'sum'];
  const rows = rankCurves(curves).map((curve) => [
    `${curve.kind === 'learned' ? '★' : ' '} ${singleLine(curve.label)}`,
    formatPlusMinus(curve.finalMean, curve.finalError),
    formatLoss(curve.finalSpread),
    formatLoss(curve.sumMean),
    ...(timed ? [curve.stepsPerSecond === undefined ? '' : formatLoss(curve.stepsPerSecond)] : []),
    [singleLine(curve.setting), formatDiverged(curve.diverged)].filter((part) => part !== '').join(', '),
  ]);
  return textTable([[...heads, ...(timed ? ['steps/s'] : []), 'setting'], ...rows]);
}

/** What few-shot contenders classify right, with the 95 % confidence interval, the best first. */
export function accuracyTable(rows: readonly AccuracyRow[]): string {
  const ranked = rows.toSorted((a, b) => b.mean - a.mean);
  return textTable([
    ['  optimizer', 'accuracy', 'setting'],
    ...ranked.map((row) => [
      `${row.kind === 'learned' ? '★' : ' '} ${singleLine(row.label)}`,
      formatPercent(row.mean, row.interval),
      singleLine(row.setting),
    ]),
  ]);
}

/** Rows in columns: the first and the last flush left, those between flush right. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const last = (rows[0]?.length ?? 1) - 1;
  const widths = Array.from({ length: last }, (_, column) => widest(rows.map((row) => row[column] ?? '')));
  return rows
    .map((row) =>
      row
        .map((text, column) => {
          const width = widths[column];
          if (width === undefined) return text;
          return column === 0 ? text + blank(width - length(text)) : blank(width - length(text)) + text;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/**
 * Loss against step as text, on a log axis whose ticks are losses, with a legend by symbol below: `*` for a
 * learned optimizer, drawn over the others. Losses off the axis are left out.
 * @param width columns of the whole picture, at least 40
 * @param height rows of the drawing area, at least 6; axis, labels and legend come on top
 */
export function lossPlot(
  curves: readonly LossCurve[],
  width = 80,
  height = 16,
  options: LossPlotOptions = {},
): string {
  const rows = Math.max(6, Math.floor(height));
  const scale = options.scale ?? lossScale(curves, [], Math.max(3, Math.floor(rows / 2.5)));
  const labels = formatTicks(scale.ticks);
  const margin = widest(labels) + 3;
  const columns = Math.max(40, Math.floor(width)) - margin;
  const last = Math.max(1, lastStep(curves));
  const series = seriesOf(curves, scale, columns, last);
  if (series.every((one) => one.points.length === 0)) return 'No finite loss to plot.';
  const drawn = drawSeries(series, scale, { columns, rows, last, labels }, options.color ?? true);
  return `${drawn}\n${legend(series, Math.max(40, Math.floor(width)), options.color ?? true)}`;
}

/** The curves, one point per column, with gaps where they are off the axis; the learned ones first. */
function seriesOf(curves: readonly LossCurve[], scale: Scale, columns: number, last: number): Series[] {
  let baseline = 0;
  const series = curves.map((curve): Series => {
    const points: [number, number][] = [];
    for (let column = 0; column < columns; column++) {
      const step = (column * last) / (columns - 1);
      const loss = between(curve.mean, step);
      if (loss <= scale.high) points.push([step, position(scale, loss)]);
    }
    const learned = curve.kind === 'learned';
    const index = learned ? 0 : baseline++;
    return {
      label: [singleLine(curve.label), formatDiverged(curve.diverged)]
        .filter((part) => part !== '')
        .join(', '),
      symbol: learned ? LEARNED_SYMBOL : (BASELINE_SYMBOLS[index % BASELINE_SYMBOLS.length] ?? 'o'),
      color: learned ? LEARNED_COLOR : (BASELINE_COLORS[index] ?? ''),
      points,
    };
  });
  return series.sort((a, b) => Number(b.symbol === LEARNED_SYMBOL) - Number(a.symbol === LEARNED_SYMBOL));
}

/** The loss at a step between two recorded ones, on the straight line between their logarithms. */
function between(losses: readonly number[], step: number): number {
  const before = losses[Math.floor(step)] ?? Number.NaN;
  const after = losses[Math.ceil(step)] ?? Number.NaN;
  const share = step - Math.floor(step);
  if (!Number.isFinite(before) || !Number.isFinite(after)) return Number.NaN;
  return before > 0 && after > 0 ? before ** (1 - share) * after ** share : before;
}

/**
 * Draws the baselines, then the learned optimizers over them; baselines that share cells alternate along them.
 * The plot library takes its axes from the points it is given, so an invisible series comes first that holds
 * every tick and the last step.
 */
function drawSeries(
  series: readonly Series[],
  scale: Scale,
  size: { columns: number; rows: number; last: number; labels: readonly string[] },
  color: boolean,
): string {
  const ticks = scale.ticks.map((tick) => position(scale, tick));
  const frame: [number, number][] = [
    ...ticks.map((tick): [number, number] => [0, tick]),
    [size.last, ticks[0] ?? 0],
  ];
  const hidden: Series = { label: '', symbol: ' ', color: '', points: frame };
  const drawn = [hidden, ...series.toReversed()].filter((one) => one.points.length > 0);
  const steps = linearTicks(0, size.last, Math.max(2, Math.floor(size.columns / 14)));
  const taken = new Map<string, number>();
  let current = -1;
  let row = 0;
  const text = plot(
    drawn.map((one) => one.points),
    {
      width: size.columns,
      height: size.rows,
      yRange: [position(scale, scale.low), position(scale, scale.high)],
      customYAxisTicks: ticks,
      customXAxisTicks: steps.filter(Number.isInteger),
      formatter: (value, { axis }) =>
        axis === 'x' ? formatCount(value) : (size.labels[ticks.indexOf(value)] ?? ''),
      lineFormatter: ({ index, plotX, plotY }) => {
        if (index === 0) current += 1;
        const one = drawn[current] ?? hidden;
        const from = index === 0 || one === hidden || Math.abs(row - plotY) < 2 ? plotY : row;
        row = plotY;
        const symbol = paint(one.symbol, one.color, color);
        return cellsBetween(from, plotY).flatMap((y) => {
          const cell = `${plotX} ${y}`;
          const others = taken.get(cell) ?? 0;
          if (one !== hidden) taken.set(cell, others + 1);
          const shown = one.symbol === LEARNED_SYMBOL || plotX % (others + 1) === 0;
          return shown ? [{ x: plotX, y, symbol }] : [];
        });
      },
      symbols: { axis: { n: '│', e: '─' } },
    },
  );
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** The rows after `from` up to and with `to`; `to` alone where they are equal. */
function cellsBetween(from: number, to: number): number[] {
  const count = Math.max(1, Math.abs(to - from));
  return Array.from({ length: count }, (_, i) => (to > from ? to - i : to + i));
}

/** Symbols and names in as many rows of `width` columns as they need. */
function legend(series: readonly Series[], width: number, color: boolean): string {
  const rows: string[] = [];
  let row = '';
  let used = 0;
  for (const { label, symbol, color: code } of series) {
    const needed = length(label) + 2;
    if (used > 0 && used + 3 + needed > width) {
      rows.push(row);
      row = '';
      used = 0;
    }
    row += `${used > 0 ? '   ' : ''}${paint(symbol, code, color)} ${label}`;
    used += (used > 0 ? 3 : 0) + needed;
  }
  return [...rows, row].join('\n');
}

function paint(text: string, code: string, color: boolean): string {
  return color && code !== '' ? `\u001b[${code}m${text}${RESET}` : text;
}

function length(text: string): number {
  return [...text].length;
}

function widest(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, length(text)), 0);
}

function blank(count: number): string {
  return ' '.repeat(Math.max(0, count));
}
