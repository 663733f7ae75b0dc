import { type Panel, panelAxes, renderSvg, textElement, xPixel, yPixel } from './chart.ts';
import type { LossCurve } from './data.ts';
import {
  axisName,
  type FigureOptions,
  type Layout,
  layout,
  shorten,
  titleElements,
  wrapping,
} from './figure.ts';
import { formatCount, formatDiverged, formatLoss, singleLine } from './format.ts';
import { bandedCurves, lastStep, rankCurves } from './rank.ts';
import { sampleIndices } from './sample.ts';
import { lossScale, position, type Scale } from './scale.ts';
import { type CurveStyle, curveStyles } from './style.ts';

export interface LossFigureOptions extends FigureOptions {
  /** Steps of a run in meta-training; marked where the curves go beyond it. */
  readonly horizon?: number;
  /** Whether each curve is named at its end (default) or a legend stands elsewhere. */
  readonly labels?: boolean;
}

/** A curve with all that is needed to draw it. */
interface Drawn {
  readonly curve: LossCurve;
  readonly style: CurveStyle;
  readonly name: string;
  /** Said under the name: why the curve ends where it does; mostly empty. */
  readonly note: string;
}

const CURVE_POINTS = 260;
/** Of the figure's width, what the names at the curves' ends may take. */
const LABEL_SHARE = 0.42;
/** Pixels before a name; and the mean width of a bold letter, of the text's size. */
const [LABEL_START, LETTER] = [28, 0.62];

/**
 * Loss against step on a log axis: every curve, the learned ones thick, one standard deviation over tasks as a
 * band for the learned ones and the best baseline. A curve that leaves the axis stops at its edge and its label
 * says why. Returns one `<svg>` element.
 */
export function lossCurvesSvg(curves: readonly LossCurve[], options: LossFigureOptions = {}): string {
  const at = layout(options);
  const { horizon = 0, labels = true } = options;
  const banded = bandedCurves(curves);
  const scale = lossScale(curves, banded, Math.max(4, Math.floor((at.bottom - at.top) / 50)));
  const styles = curveStyles(curves, at.theme);
  const all = curves.flatMap((curve, index): Drawn[] => {
    const style = styles[index];
    return style === undefined
      ? []
      : [{ curve, style, name: shorten(curve.label, longestName(at)), note: endNote(curve, scale) }];
  });
  const last = lastStep(curves);
  const panel: Panel = {
    frame: {
      left: at.left,
      top: at.top,
      width: at.right - at.left - (labels ? labelRoom(all, at) : 0),
      height: at.bottom - at.top,
    },
    first: 0,
    last: Math.max(1, last),
    scale,
    xName: 'step',
  };
  const axes = panelAxes(panel, 0, at.theme, at.size);
  const order = all.toSorted(
    (a, b) => Number(a.curve.kind === 'learned') - Number(b.curve.kind === 'learned'),
  );
  const option = {
    grid: [axes.grid],
    xAxis: [axes.xAxis],
    yAxis: [axes.yAxis],
    series: [
      ...order.filter((drawn) => banded.includes(drawn.curve)).map((drawn) => band(drawn, scale)),
      ...order.map((drawn) => line(drawn, scale)),
    ],
    graphic: [
      axisName('loss', at.left, at.top, at),
      ...titleElements(options.title, at),
      ...(horizon > 0 && horizon < last ? horizonMark(panel, horizon, at) : []),
      ...(labels ? endLabels(all, panel, at) : []),
    ],
  };
  return renderSvg(option, {
    ...wrapping(options, at, 'losses'),
    ariaLabel: describeLosses(curves, options.title),
  });
}

/** One or two sentences that say what the loss figure shows, for those who do not see it. */
export function describeLosses(curves: readonly LossCurve[], title?: string): string {
  const ends = rankCurves(curves).map((curve) => {
    const note = formatDiverged(curve.diverged);
    return `${singleLine(curve.label)} ${formatLoss(curve.finalMean)}${note === '' ? '' : ` (${note})`}`;
  });
  const shown =
    ends.length > 0 ? `At step ${formatCount(lastStep(curves))}: ${ends.join(', ')}.` : 'No curve.';
  return `${title === undefined ? '' : `${singleLine(title)}. `}Loss against step on a log axis. ${shown}`;
}

/** Positions along the axis, with gaps where a loss is not finite and after a curve has left at the top. */
function points(values: readonly number[], scale: Scale): [number, number | null][] {
  const shown = values.map((value) => position(scale, value));
  return sampleIndices(shown, CURVE_POINTS).map((step, index, steps) => {
    const value = values[step] ?? Number.NaN;
    const before = values[steps[index - 1] ?? step] ?? Number.NaN;
    const gone = Number.isNaN(value) || (value > scale.high && !(before <= scale.high));
    return [step, gone ? null : (shown[step] ?? null)];
  });
}

function line({ curve, style }: Drawn, scale: Scale): object {
  return {
    type: 'line',
    silent: true,
    data: points(curve.mean, scale),
    symbol: 'circle',
    symbolSize: 6,
    showSymbol: curve.mean.length === 1,
    itemStyle: { color: style.color },
    lineStyle: {
      color: style.color,
      width: style.width,
      type: style.dash.length > 0 ? [...style.dash] : 'solid',
      cap: style.dash.length > 0 ? 'butt' : 'round',
      join: 'round',
    },
  };
}

function band({ curve, style }: Drawn, scale: Scale): object {
  const whole = curve.mean.findIndex((value) => !(value <= scale.high));
  const length = whole < 0 ? curve.mean.length : whole;
  const steps = sampleIndices(
    curve.mean.slice(0, length).map((value) => position(scale, value)),
    CURVE_POINTS / 2,
  );
  const edge = (values: readonly number[], fallback: number): [number, number][] =>
    steps.map((step) => [step, position(scale, values[step] ?? fallback)]);
  const outline = [...edge(curve.high, scale.high), ...edge(curve.low, scale.low).reverse()];
  return {
    type: 'custom',
    silent: true,
    clip: true,
    data: outline.length > 0 ? [[0, 0]] : [],
    renderItem: (_: unknown, api: { coord: (point: [number, number]) => number[] }) => ({
      type: 'polygon',
      shape: { points: outline.map((point) => api.coord(point)) },
      style: { fill: style.color, opacity: curve.kind === 'learned' ? 0.2 : 0.13 },
    }),
  };
}

function endNote(curve: LossCurve, scale: Scale): string {
  if (curve.diverged > 0) return formatDiverged(curve.diverged);
  const end = curve.mean.at(-1) ?? Number.NaN;
  if (!Number.isFinite(end)) return 'not finite';
  return end > scale.high ? 'off the axis' : '';
}

function labelRoom(all: readonly Drawn[], at: Layout): number {
  const lengths = all.flatMap(({ name, note }) => [[...name].length, 0.9 * [...note].length]);
  return Math.min(at.width * LABEL_SHARE, LABEL_START + Math.max(0, ...lengths) * at.size * LETTER);
}

/** Letters that fit beside the curves. */
function longestName(at: Layout): number {
  return Math.floor((at.width * LABEL_SHARE - LABEL_START) / (at.size * LETTER));
}

/** Names at the ends of the curves, moved apart, each with a piece of its line. */
function endLabels(all: readonly Drawn[], panel: Panel, at: Layout): object[] {
  const edge = panel.frame.left + panel.frame.width;
  const small = at.size - 1.5;
  const wanted = all.map((drawn) => {
    const end = drawn.curve.mean.at(-1) ?? Number.NaN;
    return { ...drawn, y: yPixel(panel, end), room: drawn.note === '' ? at.size + 5 : at.size + small + 8 };
  });
  wanted.sort((a, b) => a.y - b.y);
  const centres = spread(
    wanted.map(({ y, room }) => ({ wanted: y, room })),
    panel.frame.top - 6,
    at.bottom + 6,
  );
  return wanted.flatMap(({ style, name, note, curve, y, room }, index) => {
    const centre = centres[index] ?? y;
    const nameY = note === '' ? centre : centre - room / 2 + at.size / 2 + 2;
    const atEnd = curve.mean.length === panel.last + 1 && Number.isFinite(curve.mean.at(-1));
    const swatch = {
      type: 'polyline' as const,
      silent: true,
      shape: {
        points: atEnd
          ? [
              [edge + 2, y],
              [edge + 9, nameY],
              [edge + 17, nameY],
            ]
          : [
              [edge + 5, nameY],
              [edge + 17, nameY],
            ],
      },
      style: { stroke: style.color, lineWidth: curve.kind === 'learned' ? 2.5 : 1.5, fill: 'none' },
    };
    const weight = curve.kind === 'learned' ? 650 : 400;
    const elements: object[] = [
      swatch,
      textElement(name, { x: edge + 22, y: nameY, size: at.size, weight }, at.theme.ink, at.theme),
    ];
    if (note !== '') {
      const place = { x: edge + 22, y: nameY + at.size + 1, size: small };
      elements.push(textElement(note, place, at.theme.muted, at.theme));
    }
    return elements;
  });
}

/**
 * Centres for labels given from top to bottom, as near to the wanted ones as `room` for each allows: labels that
 * would touch form a stack around the middle of what they want, and stacks stay between `top` and `bottom`.
 */
export function spread(
  items: readonly { readonly wanted: number; readonly room: number }[],
  top: number,
  bottom: number,
): number[] {
  const stacks: { first: number; start: number; size: number; sum: number; count: number }[] = [];
  for (const [index, { wanted, room }] of items.entries()) {
    let stack = { first: index, start: 0, size: room, sum: wanted - room / 2, count: 1 };
    const settle = (): void => {
      stack.start = Math.max(top, Math.min(stack.sum / stack.count, bottom - stack.size));
    };
    settle();
    for (let above = stacks.at(-1); above !== undefined; above = stacks.at(-1)) {
      if (above.start + above.size <= stack.start) break;
      stacks.pop();
      stack = {
        first: above.first,
        start: 0,
        size: above.size + stack.size,
        sum: above.sum + stack.sum - stack.count * above.size,
        count: above.count + stack.count,
      };
      settle();
    }
    stacks.push(stack);
  }
  return stacks.flatMap((stack) => {
    let y = stack.start;
    return items.slice(stack.first, stack.first + stack.count).map(({ room }) => {
      y += room;
      return y - room / 2;
    });
  });
}

function horizonMark(panel: Panel, horizon: number, at: Layout): object[] {
  const x = Math.round(xPixel(panel, horizon)) + 0.5;
  const nearEnd = horizon > panel.last * 0.7;
  return [
    {
      type: 'line',
      silent: true,
      shape: { x1: x, x2: x, y1: at.top, y2: at.bottom },
      style: { stroke: at.theme.muted, lineWidth: 1, lineDash: [2, 3] },
    },
    textElement(
      `trained horizon, step ${formatCount(horizon)}`,
      {
        x: nearEnd ? x - 7 : x + 7,
        y: at.top + 9,
        size: at.size - 1,
        align: nearEnd ? 'right' : 'left',
        halo: true,
      },
      at.theme.muted,
      at.theme,
    ),
  ];
}
