import type { GateRecording } from '../host/meta/gateRecording.ts';
import type { GroupSummary, RecordedSummary } from '../host/meta/gateTables.ts';
import { type Panel, panelAxes, renderSvg, textElement } from './chart.ts';
import type { ExtraFigure } from './data.ts';
import { type FigureOptions, type Layout, layout, shorten, titleElements, wrapping } from './figure.ts';
import { formatCount, formatLoss, formatTicks, singleLine } from './format.ts';
import { type GateAxis, gateAxis } from './gateScale.ts';
import { sampleIndices, thin } from './sample.ts';
import { position } from './scale.ts';

/** Pixels of the least wide panel, between two panels, of a panel's height, and from one row to the next. */
const LEAST_WIDTH = 125;
const GAP = 14;
const PANEL_HEIGHT = 96;
const ROW_GAP = 18;
/** Pixels under the last row, for its axis. */
const FOOT = 50;
/** Episodes drawn at the most, and points a line: one in three pixels, within these bounds. */
const MOST_LINES = 30;
const [LEAST_POINTS, MOST_POINTS] = [40, 100];

/** One gate of one group of parameters, and where it is drawn. */
interface Drawn {
  readonly panel: Panel;
  readonly recorded: RecordedSummary;
  readonly group: GroupSummary;
  readonly isFirst: boolean;
}

/**
 * Gates against the step, as Ravi & Larochelle 2017 draw them: a row of panels a gate and one for the sizes of the
 * updates, a panel a layer of the optimizee, a thin line an episode and a band from the 5 % to the 95 % quantile. Its
 * height follows from what is recorded. Returns one `<svg>` element.
 */
export function gatesSvg(recording: GateRecording, options: Omit<FigureOptions, 'height'> = {}): string {
  const wide = layout(options);
  const room = wide.right - wide.left;
  const columns = Math.max(
    1,
    Math.min(recording.groups.length, Math.floor((room + GAP) / (LEAST_WIDTH + GAP))),
  );
  const lines = Math.ceil(recording.groups.length / columns);
  const named = recording.groups.length > 1 ? wide.size + 6 : 0;
  const head = wide.size + 10;
  const line = named + PANEL_HEIGHT + ROW_GAP;
  const start = options.title === undefined ? 4 : 54;
  const height = start + recording.recorded.length * (head + lines * line) - ROW_GAP + FOOT;
  const at = layout({ ...options, height });
  const width = (room - (columns - 1) * GAP) / columns;
  const drawn: Drawn[] = [];
  const graphic: object[] = titleElements(options.title, at);
  for (const [row, recorded] of recording.recorded.entries()) {
    const top = start + row * (head + lines * line);
    const axis = gateAxis(recorded);
    graphic.push(...rowTitle(recorded, axis, top + at.size / 2 + 2, at));
    for (const [index, group] of recorded.groups.entries()) {
      const left = at.left + (index % columns) * (width + GAP);
      const panelTop = top + head + Math.floor(index / columns) * line + named;
      const isLowest = row === recording.recorded.length - 1 && index + columns >= recorded.groups.length;
      const frame = { left, top: panelTop, width, height: PANEL_HEIGHT };
      const range = { first: 0, last: Math.max(1, recording.steps - 1), scale: axis.scale };
      const panel: Panel = { frame, ...range, ...(isLowest && { xName: 'step' }) };
      drawn.push({ panel, recorded, group, isFirst: index % columns === 0 });
      if (named === 0) continue;
      const name = shorten(group.group, Math.floor(width / (0.55 * at.size)));
      graphic.push(
        textElement(
          name,
          { x: left, y: panelTop - at.size / 2 - 3, size: at.size - 1 },
          at.theme.muted,
          at.theme,
        ),
      );
    }
  }
  const axes = drawn.map(({ panel, isFirst }, index) => {
    const { grid, xAxis, yAxis } = panelAxes(panel, index, at.theme, at.size - 1);
    const axisLabel = { ...yAxis.axisLabel, show: isFirst };
    return { grid, xAxis, yAxis: { ...yAxis, axisLabel } };
  });
  const option = {
    grid: axes.map(({ grid }) => grid),
    xAxis: axes.map(({ xAxis }) => xAxis),
    yAxis: axes.map(({ yAxis }) => yAxis),
    series: drawn.flatMap((panel, index) => panelSeries(panel, index, at)),
    graphic,
  };
  return renderSvg(option, {
    ...wrapping({ ...options, height }, at, 'gates'),
    ariaLabel: describeGates(recording, options.title),
  });
}

/** The figure with its caption as a report takes it in, for wide and for narrow pages. */
export function gatesFigure(recording: GateRecording): ExtraFigure {
  return {
    title: 'Gates and updates, step by step',
    caption: gatesCaption(recording),
    svg: gatesSvg(recording, { width: 840, theme: 'page', id: 'gates-wide' }),
    narrow: gatesSvg(recording, { width: 380, theme: 'page', id: 'gates-narrow' }),
  };
}

/** What is drawn and what it tells. */
export function gatesCaption({ episodes, groups, recorded }: GateRecording): string {
  const among = episodes > MOST_LINES ? `${MOST_LINES} of ${formatCount(episodes)}` : formatCount(episodes);
  const ofUnits = recorded.some(({ rows }) => rows > 1) ? ' and the units of an LSTM layer' : '';
  const tells = [
    'where the lines move the optimizer treats steps differently',
    groups.length > 1 ? 'where the panels of a row differ, layers' : '',
    episodes > 1 ? 'where the lines part, tasks' : '',
  ];
  const lines =
    episodes > 1 ? `a thin line for each of ${among} held-out episodes` : 'of one held-out episode';
  return (
    `Mean over the parameters of a layer${ofUnits} at every step, ${lines}, and a band from the 5 % to the 95 % quantile ` +
    `of all values: ${tells.filter((part) => part !== '').join('; ')}.`
  );
}

/** The means at the first and the last step, for those who do not see the figure. */
export function describeGates({ recorded, steps, episodes }: GateRecording, title?: string): string {
  const rows = recorded.map(({ name, fixed, groups }) => {
    if (fixed !== undefined) return `${name} fixed at ${formatTicks([fixed])[0]}`;
    const at = (step: number) => {
      const values = groups.flatMap(({ mean }) => mean.map((line) => line[step] ?? Number.NaN));
      return formatLoss(values.reduce((sum, value) => sum + value, 0) / values.length);
    };
    return `${name} ${at(0)} to ${at(steps - 1)}`;
  });
  const over = `Means over ${formatCount(episodes)} episodes, from step 0 to step ${formatCount(steps - 1)}`;
  return `${title === undefined ? '' : `${singleLine(title)}. `}Gates against the step. ${over}: ${rows.join(', ')}.`;
}

function rowTitle({ name, fixed }: RecordedSummary, { note }: GateAxis, y: number, at: Layout): object[] {
  const said = fixed === undefined ? note : `fixed at ${formatTicks([fixed])[0]}`;
  const text = singleLine(name);
  const title = textElement(text, { x: at.left, y, size: at.size, weight: 600 }, at.theme.ink, at.theme);
  if (said === '') return [title];
  const x = at.left + text.length * at.size * 0.56 + 8;
  return [title, textElement(said, { x, y, size: at.size - 1 }, at.theme.muted, at.theme)];
}

/** One colour a kind of gate: rows need none to be told apart, but readers find a gate again. */
function colorOf({ name, kind }: RecordedSummary, at: Layout): string {
  const { blue, vermillion, green, purple } = at.theme.palette;
  if (kind === 'size') return purple;
  return name.includes('forget') ? blue : name.includes('output') ? green : vermillion;
}

function panelSeries({ panel, recorded, group }: Drawn, index: number, at: Layout): object[] {
  const { scale } = panel;
  const points = pointsOf(panel);
  const color = colorOf(recorded, at);
  const axes = { xAxisIndex: index, yAxisIndex: index };
  const drawnLine = (values: readonly number[]): object => {
    const shown = values.map((value) => position(scale, value));
    return {
      ...axes,
      type: 'line',
      silent: true,
      data: sampleIndices(shown, points).map((step) => [
        step,
        Number.isFinite(values[step]) ? (shown[step] ?? null) : null,
      ]),
      symbol: 'circle',
      symbolSize: 4,
      showSymbol: values.length === 1,
      itemStyle: { color },
      lineStyle: { color, width: 1.1, opacity: 0.75, join: 'round' },
    };
  };
  const lines = recorded.fixed === undefined ? thin(group.mean, MOST_LINES) : group.mean.slice(0, 1);
  return [...band(panel, group, color, axes), ...lines.map(drawnLine)];
}

function pointsOf({ frame }: Panel): number {
  return Math.round(Math.min(MOST_POINTS, Math.max(LEAST_POINTS, frame.width / 3)));
}

function band(panel: Panel, { quantiles }: GroupSummary, color: string, axes: object): object[] {
  const [low = [], high = []] = [quantiles.at(0), quantiles.at(-1)];
  const { scale } = panel;
  const shown = high.map((value) => position(scale, value));
  const steps = sampleIndices(shown, pointsOf(panel)).filter(
    (step) => Number.isFinite(low[step]) && Number.isFinite(high[step]),
  );
  const edge = (values: readonly number[]) =>
    steps.map((step): [number, number] => [step, position(scale, values[step] ?? Number.NaN)]);
  const outline = [...edge(high), ...edge(low).reverse()];
  if (outline.length < 3) return [];
  return [
    {
      ...axes,
      type: 'custom',
      silent: true,
      clip: true,
      data: [[0, 0]],
      renderItem: (_: unknown, api: { coord: (point: [number, number]) => number[] }) => ({
        type: 'polygon',
        shape: { points: outline.map((point) => api.coord(point)) },
        style: { fill: color, opacity: 0.16 },
      }),
    },
  ];
}
