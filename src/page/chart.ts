import uPlot from 'uplot';
import { formatCount, formatLoss, formatTicks } from '../report/format.ts';
import { lossScale, type Scale, seriesScale } from '../report/scale.ts';
import { THEMES, type Theme } from '../report/style.ts';
import { fill, h } from './dom.ts';
import { onSchemeChange, scheme } from './theme.ts';

/** A colour by its name in the palette, or the ink of the text. */
export type ColorName = keyof Theme['palette'] | 'ink' | 'muted' | 'axis';

/** One line of a chart, with its spread where it has one; NaN where there is nothing to draw. */
export interface Curve {
  readonly key: string;
  readonly label: string;
  readonly color: ColorName;
  /** Lengths of dashes and gaps in pixels; empty for a solid line. */
  readonly dash: readonly number[];
  readonly width: number;
  readonly mean: readonly number[];
  readonly low?: readonly number[];
  readonly high?: readonly number[];
  /** Drawn, but not in the legend. */
  readonly quiet?: boolean;
}

/** Everything that a chart shows; all curves lie over the same `x`. */
export interface Drawing {
  readonly x: readonly number[];
  /** Where the horizontal axis ends, where it is not the last of `x`. */
  readonly last?: number;
  readonly curves: readonly Curve[];
}

export interface ChartLabels {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Loss curves share an axis that passes over those that diverge; a series has one for its bulk; gates go from 0 to 1. */
  readonly axis: 'losses' | 'series' | 'unit';
}

export function themeOf(): Theme {
  return THEMES[scheme()];
}

export function colorOf(theme: Theme, name: ColorName): string {
  return name === 'ink' || name === 'muted' || name === 'axis' ? theme[name] : theme.palette[name];
}

/** The vertical axis of a drawing. */
export function scaleOf({ curves }: Drawing, axis: ChartLabels['axis'], ticks = 6): Scale {
  if (axis === 'unit') return { log: false, low: -0.02, high: 1.02, ticks: [0, 0.25, 0.5, 0.75, 1] };
  if (axis === 'series')
    return seriesScale(
      curves.flatMap(({ mean }) => mean),
      ticks,
    );
  const lines = curves.map(({ mean, low = mean, high = mean }) => ({ mean, low, high }));
  return lossScale(lines, lines, ticks);
}

/** A line sample for legends, dashes and all. */
export function swatch({ color, dash, width }: Pick<Curve, 'color' | 'dash' | 'width'>): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 30 10');
  svg.setAttribute('class', 'swatch');
  svg.setAttribute('aria-hidden', 'true');
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'line');
  const stroke = `color-${color}`;
  for (const [name, value] of Object.entries({ x1: 0, x2: 30, y1: 5, y2: 5, class: stroke })) {
    line.setAttribute(name, String(value));
  }
  line.setAttribute('stroke-width', String(width));
  line.setAttribute('stroke-dasharray', dash.join(' '));
  svg.append(line);
  return svg;
}

const FONT = '12px system-ui, sans-serif';

/** A chart that is drawn again whenever it is shown something new, changes its size or its colours. */
export class Chart {
  readonly element: HTMLElement;
  readonly labels: ChartLabels;
  readonly #plotHost: HTMLElement;
  readonly #legend: HTMLUListElement;
  readonly #text: HTMLElement;
  #drawing: Drawing = { x: [], curves: [] };
  #plot: uPlot | undefined;
  #shape = '';
  #scale: Scale;
  #frame = 0;

  constructor(labels: ChartLabels, caption?: Node | string) {
    this.labels = labels;
    this.#plotHost = h('div', { class: 'plot', role: 'img' });
    this.#legend = h('ul', { class: 'legend' });
    this.#text = h('figcaption', {}, caption);
    this.element = h(
      'figure',
      { class: 'chart' },
      h('h2', {}, labels.title),
      this.#legend,
      this.#plotHost,
      this.#text,
    );
    this.#scale = scaleOf(this.#drawing, labels.axis);
    this.#describe();
    new ResizeObserver(() => this.#resize()).observe(this.#plotHost);
    onSchemeChange(() => {
      this.#shape = '';
      this.#later();
    });
  }

  get drawing(): Drawing {
    return this.#drawing;
  }

  /** Draws at the next frame; of several drawings within one the last is seen. */
  show(drawing: Drawing): void {
    this.#drawing = drawing;
    this.#later();
  }

  #later(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw(): void {
    const { curves, x, last } = this.#drawing;
    const end = last ?? x.at(-1) ?? 1;
    this.#scale = scaleOf(this.#drawing, this.labels.axis);
    const shape = JSON.stringify([
      end,
      ...curves.map(({ key, color, dash, low }) => [key, color, dash, !!low]),
    ]);
    if (shape !== this.#shape || !this.#plot) {
      this.#plot?.destroy();
      this.#plot = new uPlot(this.#options(end), this.#data(), this.#plotHost);
      this.#shape = shape;
    } else this.#plot.setData(this.#data());
    this.#describe();
  }

  /** For every curve its mean, and where it has a spread both of its edges. */
  #data(): uPlot.AlignedData {
    const visible = (value: number | undefined) => {
      if (value === undefined || !Number.isFinite(value)) return null;
      return this.#scale.log ? Math.max(value, this.#scale.low / 10) : value;
    };
    const column = (values: readonly number[]) => this.#drawing.x.map((_, index) => visible(values[index]));
    const columns = this.#drawing.curves.flatMap(({ mean, low, high }) =>
      low && high ? [column(mean), column(high), column(low)] : [column(mean)],
    );
    return [[...this.#drawing.x], ...columns];
  }

  #options(end: number): uPlot.Options {
    const theme = themeOf();
    const series: uPlot.Series[] = [{}];
    const bands: uPlot.Band[] = [];
    for (const { color, dash, width, low, label } of this.#drawing.curves) {
      const stroke = colorOf(theme, color);
      series.push({ label, stroke, width, dash: [...dash], points: { show: false } });
      if (!low) continue;
      const edge = { stroke: 'transparent', width: 0, points: { show: false } };
      series.push(edge, edge);
      bands.push({
        series: [series.length - 2, series.length - 1],
        fill: `${stroke}${dash.length > 0 ? '12' : '26'}`,
      });
    }
    const axis = { stroke: theme.muted, font: FONT, grid: { stroke: theme.grid, width: 1 } };
    const [first = 0] = this.#drawing.x;
    return {
      width: Math.max(200, this.#plotHost.clientWidth),
      height: Math.max(120, this.#plotHost.clientHeight),
      series,
      bands,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 6 } },
      scales: {
        x: { time: false, range: () => [first, Math.max(end, first + 1)] },
        y: {
          distr: this.#scale.log ? 3 : 1,
          range: () => [this.#scale.low, this.#scale.high],
        },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          ticks: { stroke: theme.axis, width: 1, size: 4 },
          values: (_, splits) => splits.map((value) => (Number.isInteger(value) ? formatCount(value) : '')),
          size: 34,
        },
        {
          ...axis,
          ticks: { show: false },
          splits: () => [...this.#scale.ticks],
          filter: (_, splits) => splits,
          values: (_, splits) => formatTicks(splits),
          size: 56,
        },
      ],
      hooks: { setCursor: [(plot) => this.#legendAt(plot.cursor.idx ?? undefined)] },
    };
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#plotHost;
    if (this.#plot && width > 0 && height > 0) this.#plot.setSize({ width, height });
  }

  /** The legend with the values at an index of x, or the last ones. */
  #legendAt(index: number | undefined): void {
    const shown = this.#drawing.curves.filter(({ quiet }) => !quiet);
    const at = (values: readonly number[]) => values[index ?? values.length - 1];
    fill(
      this.#legend,
      ...shown.map((curve) => {
        const value = at(curve.mean);
        const text = value === undefined || Number.isNaN(value) ? '' : formatLoss(value);
        return h('li', {}, swatch(curve), curve.label, h('span', { class: 'value' }, text));
      }),
    );
  }

  #describe(): void {
    this.#legendAt(undefined);
    const { curves } = this.#drawing;
    const ends = curves
      .filter(({ quiet, mean }) => !quiet && mean.length > 0)
      .map(
        ({ label, mean }) =>
          `${label}: from ${formatLoss(mean[0] ?? Number.NaN)} to ${formatLoss(mean.at(-1) ?? Number.NaN)}`,
      );
    const { title, x, y } = this.labels;
    const text = ends.length > 0 ? `${y} by ${x}. ${ends.join('; ')}.` : 'Nothing to show yet.';
    this.#plotHost.setAttribute('aria-label', `${title}. ${text}`);
  }
}
