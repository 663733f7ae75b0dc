import { renderSvg, textElement } from './chart.ts';
import type { AccuracyRow, ExtraFigure } from './data.ts';
import { type FigureOptions, layout, shorten, wrapping } from './figure.ts';
import { formatCount, formatPercent, singleLine } from './format.ts';
import { linearTicks } from './scale.ts';

/** Height of a row and of what surrounds all rows, in pixels. */
const ROW = 30;
const SURROUNDINGS = 64;

/**
 * What every contender classifies right, the best on top: a dot at the mean and a line over its 95 % confidence
 * interval. Returns one `<svg>` element.
 */
export function accuracySvg(rows: readonly AccuracyRow[], options: FigureOptions = {}): string {
  const ranked = rows.toSorted((a, b) => b.mean - a.mean);
  const at = layout({ ...options, height: ROW * ranked.length + SURROUNDINGS });
  const { theme, size } = at;
  const narrow = at.width < 500;
  const names = ranked.map(({ label }) => shorten(label, narrow ? 18 : 30));
  const left = 12 + Math.max(0, ...names.map((name) => [...name].length)) * size * 0.56;
  const right = at.width - (narrow ? 24 : 110);
  const low = Math.max(0, Math.min(...ranked.map(({ mean, interval }) => mean - interval)) - 0.02);
  const high = Math.min(1, Math.max(...ranked.map(({ mean, interval }) => mean + interval)) + 0.02);
  const x = (share: number) => left + ((right - left) * (share - low)) / (high - low);
  const bottom = 18 + ROW * ranked.length;
  const line = (from: [number, number], to: [number, number], stroke: string, lineWidth: number) => ({
    type: 'line' as const,
    silent: true,
    shape: { x1: from[0], y1: from[1], x2: to[0], y2: to[1] },
    style: { stroke, lineWidth },
  });
  const ticks = linearTicks(100 * low, 100 * high, narrow ? 4 : 8).flatMap((percent) => {
    const place = x(percent / 100);
    return [
      line([place, 8], [place, bottom], theme.grid, 1),
      textElement(
        `${formatCount(percent)} %`,
        { x: place, y: bottom + 14, align: 'center', size },
        theme.muted,
        theme,
      ),
    ];
  });
  const marks = ranked.flatMap((row, index) => {
    const y = 18 + ROW * (index + 0.5);
    const learned = row.kind === 'learned';
    const color = learned ? theme.palette.vermillion : theme.palette.blue;
    const weight = learned ? 650 : 400;
    return [
      textElement(names[index] ?? '', { x: 8, y, size, weight }, theme.ink, theme),
      line([x(row.mean - row.interval), y], [x(row.mean + row.interval), y], color, learned ? 4 : 2.5),
      {
        type: 'circle',
        silent: true,
        shape: { cx: x(row.mean), cy: y, r: learned ? 6 : 4.5 },
        style: { fill: color },
      },
      ...(narrow
        ? []
        : [
            textElement(
              formatPercent(row.mean, row.interval),
              { x: right + 12, y, size, weight },
              theme.ink,
              theme,
            ),
          ]),
    ];
  });
  const graphic = [
    ...ticks,
    ...marks,
    textElement(
      'query set classified right',
      { x: right, y: bottom + 34, align: 'right', size },
      theme.muted,
      theme,
    ),
  ];
  return renderSvg(
    { graphic },
    { ...wrapping(options, at, 'accuracy'), ariaLabel: describeAccuracies(ranked) },
  );
}

/** The figure in words. */
function describeAccuracies(rows: readonly AccuracyRow[]): string {
  const parts = rows.map((row) => `${singleLine(row.label)} ${formatPercent(row.mean, row.interval)}`);
  return `Share of the query set classified right: ${parts.join(', ')}.`;
}

/** The figure as a report takes it in. */
export function accuracyFigure(rows: readonly AccuracyRow[], episodes: number): ExtraFigure {
  const page = { theme: 'page' as const };
  return {
    title: 'Accuracy on test episodes',
    caption: `Share of the query set classified right after the last step, mean over ${formatCount(episodes)} episodes of characters and fonts that training never saw; lines are 95 % confidence intervals.`,
    svg: accuracySvg(rows, { ...page, width: 840, id: 'accuracy-wide' }),
    narrow: accuracySvg(rows, { ...page, width: 380, id: 'accuracy-narrow' }),
  };
}
