import { type Panel, panelAxes, renderSvg, textElement, xPixel, yPixel } from './chart.ts';
import type { TrainingPoint, ValidationPoint } from './data.ts';
import { axisName, type FigureOptions, type Layout, layout, titleElements, wrapping } from './figure.ts';
import { formatCount, formatLoss, singleLine } from './format.ts';
import { runningMedian, sampleIndices, thin } from './sample.ts';
import { position, seriesScale } from './scale.ts';

const RAW_POINTS = 500;
const SMOOTH_POINTS = 160;
const SKIPPED_SHOWN = 150;
/** Pixels between the two panels. */
const GAP = 52;

/** Meta-iterations under the running median that the training figure draws, an odd number. */
export function smoothingWindow(iterations: number): number {
  return 2 * Math.floor(Math.max(2, iterations / 50)) + 1;
}

/**
 * Meta-training: the meta-loss of every iteration (faint) with its running median, skipped steps as ticks along
 * the bottom; under it the loss at the last step on the validation tasks, the best one marked. Either list may be
 * empty. Returns one `<svg>` element.
 */
export function trainingSvg(
  training: readonly TrainingPoint[],
  validation: readonly ValidationPoint[],
  options: FigureOptions = {},
): string {
  const at = layout(options);
  const iterations = [...training, ...validation].map((point) => point.iteration);
  const first = iterations.reduce((least, value) => Math.min(least, value), iterations[0] ?? 0);
  const last = iterations.reduce((most, value) => Math.max(most, value), first + 1);
  const room = at.bottom - at.top;
  const split = training.length > 0 && validation.length > 0 ? Math.round((room - GAP) * 0.58) : room;
  const frame = { left: at.left, width: at.right - at.left };
  const panels: Panel[] = [];
  const series: object[] = [];
  const graphic: object[] = titleElements(options.title, at);
  if (training.length > 0) {
    const scale = seriesScale(training.map((point) => point.metaLoss));
    const panel = { frame: { ...frame, top: at.top, height: split }, first, last, scale };
    panels.push(split === room ? { ...panel, xName: 'meta-iteration' } : panel);
    series.push(...metaLossLines(training, panel, at));
    graphic.push(axisName('meta-loss', at.left, at.top, at), ...skippedTicks(training, panel, at));
  }
  if (validation.length > 0) {
    const top = at.top + (split === room ? 0 : split + GAP);
    const scale = seriesScale(
      validation.map((point) => point.finalLoss),
      4,
    );
    const panel = {
      frame: { ...frame, top, height: at.bottom - top },
      first,
      last,
      scale,
      xName: 'meta-iteration',
    };
    series.push(validationLine(validation, panel, panels.length, at));
    const name = at.width < 500 ? 'validation loss' : 'validation loss at the last step';
    graphic.push(axisName(name, at.left, top, at));
    graphic.push(...bestMark(validation, panel, at), ...stageMarks(validation, panel, at));
    panels.push(panel);
  }
  if (panels.length === 0) {
    const middle = { x: at.width / 2, y: at.height / 2, size: at.size, align: 'center' as const };
    graphic.push(textElement('no meta-training was recorded', middle, at.theme.muted, at.theme));
  }
  const axes = panels.map((panel, index) => panelAxes(panel, index, at.theme, at.size));
  const option = {
    grid: axes.map((part) => part.grid),
    xAxis: axes.map((part) => part.xAxis),
    yAxis: axes.map((part) => part.yAxis),
    series,
    graphic,
  };
  return renderSvg(option, {
    ...wrapping(options, at, 'training'),
    ariaLabel: describeTraining(training, validation, options.title),
  });
}

/** What the training figure shows in a sentence or two, for those who do not see it. */
export function describeTraining(
  training: readonly TrainingPoint[],
  validation: readonly ValidationPoint[],
  title?: string,
): string {
  const skipped = training.filter((point) => point.skipped).length;
  const best = validation.findLast((point) => point.best);
  const stages = validation.flatMap(({ stage, iteration }, index) =>
    stage && beginsStage(validation, index)
      ? [`${formatCount(stage.horizon)} steps from meta-iteration ${formatCount(iteration)}`]
      : [],
  );
  return [
    title === undefined ? '' : `${singleLine(title)}.`,
    `Meta-loss over ${formatCount(training.length)} meta-iterations, ${formatCount(skipped)} of them skipped.`,
    best === undefined
      ? ''
      : `Best validation loss ${formatLoss(best.finalLoss)} at meta-iteration ${formatCount(best.iteration)}.`,
    stages.length === 0 ? '' : `Stages of the curriculum: ${stages.join(', ')}.`,
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}

function metaLossLines(training: readonly TrainingPoint[], panel: Panel, at: Layout): object[] {
  const losses = training.map((point) => point.metaLoss);
  const step = (index: number): number => training[index]?.iteration ?? 0;
  const shown = losses.map((loss) => position(panel.scale, loss));
  const raw = sampleIndices(shown, RAW_POINTS).map((index) => [
    step(index),
    Number.isFinite(losses[index]) ? shown[index] : null,
  ]);
  const places = thin(
    losses.map((_, index) => index),
    SMOOTH_POINTS,
  );
  const medians = runningMedian(losses, smoothingWindow(losses.length), places);
  const smooth = places.map((index, i) => {
    const median = medians[i] ?? Number.NaN;
    return [step(index), Number.isNaN(median) ? null : position(panel.scale, median)];
  });
  const color = at.theme.palette.blue;
  const shared = { type: 'line', silent: true, symbol: 'circle', symbolSize: 5, itemStyle: { color } };
  return [
    {
      ...shared,
      data: raw,
      showSymbol: training.length < 3,
      lineStyle: { color, width: 1, opacity: 0.32, join: 'round' },
    },
    {
      ...shared,
      data: smooth,
      showSymbol: false,
      lineStyle: { color, width: 2.5, cap: 'round', join: 'round' },
    },
  ];
}

function skippedTicks(training: readonly TrainingPoint[], panel: Panel, at: Layout): object[] {
  const skipped = training.filter((point) => point.skipped);
  if (skipped.length === 0) return [];
  const bottom = panel.frame.top + panel.frame.height;
  const color = at.theme.palette.vermillion;
  const ticks = thin(skipped, SKIPPED_SHOWN).map((point) => {
    const x = Math.round(xPixel(panel, point.iteration) * 10) / 10;
    return {
      type: 'line',
      silent: true,
      shape: { x1: x, x2: x, y1: bottom - 10, y2: bottom - 1 },
      style: { stroke: color, lineWidth: 1.5 },
    };
  });
  return [...ticks, ...key(`${formatCount(skipped.length)} skipped`, 'tick', panel, at)];
}

/** What a mark means, above the right end of a panel. */
function key(text: string, mark: 'tick' | 'ring', panel: Panel, at: Layout): object[] {
  const y = panel.frame.top - at.size - 1;
  const x = at.right - text.length * at.size * 0.55 - 12;
  const place = { x: at.right, y, size: at.size, align: 'right' as const };
  const stroke = at.theme.palette.vermillion;
  return [
    mark === 'tick'
      ? {
          type: 'line',
          silent: true,
          shape: { x1: x, x2: x, y1: y - 5, y2: y + 4 },
          style: { stroke, lineWidth: 1.5 },
        }
      : {
          type: 'circle',
          silent: true,
          shape: { cx: x, cy: y, r: 5 },
          style: { fill: 'none', stroke, lineWidth: 2.25 },
        },
    textElement(text, place, at.theme.muted, at.theme),
  ];
}

function validationLine(
  validation: readonly ValidationPoint[],
  panel: Panel,
  index: number,
  at: Layout,
): object {
  const shown = validation.map((point) => position(panel.scale, point.finalLoss));
  const color = at.theme.palette.green;
  return {
    type: 'line',
    silent: true,
    xAxisIndex: index,
    yAxisIndex: index,
    data: sampleIndices(shown, RAW_POINTS / 2).flatMap((i) => {
      const point = [
        validation[i]?.iteration ?? 0,
        Number.isFinite(validation[i]?.finalLoss) ? shown[i] : null,
      ];
      return beginsStage(validation, i) ? [[point[0], null], point] : [point];
    }),
    symbol: 'circle',
    symbolSize: 4.5,
    showSymbol: validation.length <= 80,
    itemStyle: { color },
    lineStyle: { color, width: 1.75, join: 'round' },
  };
}

/** Whether a validation is the first of a stage after the first one: its loss is at another step than the one before. */
function beginsStage(validation: readonly ValidationPoint[], index: number): boolean {
  return index > 0 && validation[index]?.stage?.number !== validation[index - 1]?.stage?.number;
}

/** A dashed line where each stage of a curriculum begins, with the steps of its episodes. */
function stageMarks(validation: readonly ValidationPoint[], panel: Panel, at: Layout): object[] {
  const { top, height } = panel.frame;
  const starts = validation.filter((_, index) => beginsStage(validation, index));
  return starts.flatMap(({ iteration, stage }) => {
    const x = Math.round(xPixel(panel, iteration) * 10) / 10;
    const style = { stroke: at.theme.muted, lineWidth: 1, lineDash: [4, 3] };
    const place = { x: x + 4, y: top + at.size * 0.7, size: at.size, align: 'left' as const };
    return [
      { type: 'line', silent: true, shape: { x1: x, x2: x, y1: top, y2: top + height }, style },
      textElement(`${formatCount(stage?.horizon ?? 0)} steps`, place, at.theme.muted, at.theme),
    ];
  });
}

function bestMark(validation: readonly ValidationPoint[], panel: Panel, at: Layout): object[] {
  const best = validation.findLast((point) => point.best);
  if (best === undefined) return [];
  const x = xPixel(panel, best.iteration);
  const y = yPixel(panel, best.finalLoss);
  return [
    {
      type: 'circle',
      silent: true,
      shape: { cx: x, cy: y, r: 6 },
      style: { fill: 'none', stroke: at.theme.palette.vermillion, lineWidth: 2.5 },
    },
    ...key(`best ${formatLoss(best.finalLoss)} at ${formatCount(best.iteration)}`, 'ring', panel, at),
  ];
}
