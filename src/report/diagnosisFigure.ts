import { type Panel, panelAxes, renderSvg, textElement } from './chart.ts';
import type { ExtraFigure, TrainingPoint, ValidationPoint } from './data.ts';
import type { NamedLine } from './diagnosisData.ts';
import { axisName, type FigureOptions, type Layout, layout, titleElements, wrapping } from './figure.ts';
import { formatLoss, singleLine } from './format.ts';
import { sampleIndices } from './sample.ts';
import { linearTicks, position, type Scale, seriesScale } from './scale.ts';
import { trainingSvg } from './trainingFigure.ts';

/** Points of a line at the most. */
const POINTS = 300;
const COLORS = ['blue', 'vermillion', 'green', 'purple', 'orange', 'sky'] as const;
/** One for every round through the colours. */
const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 2.5]];
/** Length of a line's piece in the legend, with the space around it, in pixels. */
const SWATCH = 28;

/** What a figure of lines shows: names of its axes, and the scale of the vertical one where it is not to be logarithmic. */
export interface LineAxes {
  readonly xName: string;
  readonly yName: string;
  readonly scale?: Scale;
}

/** The axis of a cosine, -1 to 1. */
export const COSINE_SCALE: Scale = { log: false, low: -1, high: 1, ticks: linearTicks(-1, 1, 4) };

/** Lines in one panel, named in a legend above it. Returns one `<svg>` element. */
export function linesSvg(lines: readonly NamedLine[], axes: LineAxes, options: FigureOptions = {}): string {
  const at = layout(options);
  const places = legendPlaces(lines, at);
  const rowHeight = at.size + 8;
  const rows = Math.max(0, ...places.map(({ row }) => row)) + 1;
  const top = at.top + rows * rowHeight;
  const xs = lines.flatMap(({ x }) => x).filter(Number.isFinite);
  const first = xs.reduce((least, x) => Math.min(least, x), xs[0] ?? 0);
  const last = xs.reduce((most, x) => Math.max(most, x), first + 1);
  const scale = axes.scale ?? seriesScale(lines.flatMap(({ y }) => y.filter((value) => value > 0)));
  const frame = { left: at.left, top, width: at.right - at.left, height: at.bottom - top };
  const panel: Panel = { frame, first, last, scale, xName: axes.xName };
  const styles = lines.map((_, index) => ({
    color: at.theme.palette[COLORS[index % COLORS.length] ?? 'blue'],
    type: [...(DASHES[Math.floor(index / COLORS.length) % DASHES.length] ?? [])],
    width: 1.75,
  }));
  const graphic: object[] = [
    ...titleElements(options.title, at),
    ...places.flatMap(({ name, x, row }, index) => {
      const y = at.top - at.size - 1 + row * rowHeight;
      const { color = '', type = [] } = styles[index] ?? {};
      return [
        {
          type: 'line',
          silent: true,
          shape: { x1: x, x2: x + SWATCH - 8, y1: y, y2: y },
          style: { stroke: color, lineWidth: 2.25, lineDash: type },
        },
        textElement(name, { x: x + SWATCH, y, size: at.size }, at.theme.ink, at.theme),
      ];
    }),
    axisName(axes.yName, at.left, top, at),
  ];
  const { grid, xAxis, yAxis } = panelAxes(panel, 0, at.theme, at.size);
  const series = lines.map(({ x, y }, index) => {
    const shown = y.map((value) => position(scale, value));
    return {
      type: 'line',
      silent: true,
      data: sampleIndices(shown, POINTS).map((i) => [x[i] ?? null, Number.isFinite(y[i]) ? shown[i] : null]),
      symbol: 'circle',
      symbolSize: 4,
      showSymbol: y.length < 3,
      itemStyle: { color: styles[index]?.color },
      lineStyle: { ...styles[index], join: 'round' },
    };
  });
  return renderSvg(
    { grid: [grid], xAxis: [xAxis], yAxis: [yAxis], series, graphic },
    { ...wrapping(options, at, 'lines'), ariaLabel: describeLines(lines, axes) },
  );
}

function legendPlaces(
  lines: readonly NamedLine[],
  at: Layout,
): { readonly name: string; readonly x: number; readonly row: number }[] {
  let x = at.left;
  let row = 0;
  return lines.map((line) => {
    const name = singleLine(line.name);
    const width = SWATCH + name.length * at.size * 0.56 + 16;
    if (x > at.left && x + width > at.right) {
      x = at.left;
      row++;
    }
    const place = { name, x, row };
    x += width;
    return place;
  });
}

/** The first and the last value of every line, for those who do not see the figure. */
function describeLines(lines: readonly NamedLine[], { xName, yName }: LineAxes): string {
  const ends = lines.map(({ name, y }) => {
    const finite = y.filter(Number.isFinite);
    return `${singleLine(name)} ${formatLoss(finite.at(0) ?? Number.NaN)} to ${formatLoss(finite.at(-1) ?? Number.NaN)}`;
  });
  return `${yName} against ${xName}: ${ends.join(', ')}.`;
}

/** Lines as a report takes them in, for wide and for narrow pages; `id` tells figures of one page apart. */
export function linesFigure(
  lines: readonly NamedLine[],
  axes: LineAxes,
  about: { readonly id: string; readonly title: string; readonly caption: string },
): ExtraFigure {
  const { id, title, caption } = about;
  const size = { theme: 'page' as const, height: 320 };
  return {
    title,
    caption,
    svg: linesSvg(lines, axes, { ...size, width: 840, id: `${id}-wide` }),
    narrow: linesSvg(lines, axes, { ...size, width: 380, id: `${id}-narrow` }),
  };
}

/** Meta-loss and validation as a report takes them in. */
export function lossesFigure(
  training: readonly TrainingPoint[],
  validation: readonly ValidationPoint[],
): ExtraFigure {
  const size = { theme: 'page' as const, height: 400 };
  return {
    title: 'Meta-loss and validation',
    caption:
      'Meta-loss of every unroll (faint) and its running median; below, the loss on the validation tasks.',
    svg: trainingSvg(training, validation, { ...size, width: 840, id: 'training-wide' }),
    narrow: trainingSvg(training, validation, { ...size, width: 380, id: 'training-narrow' }),
  };
}
