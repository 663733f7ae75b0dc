import { CustomChart, LineChart } from 'echarts/charts';
import { GraphicComponent, GridComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { escapeMarkup, formatCount, formatTicks } from './format.ts';
import { fraction, linearTicks, position, type Scale } from './scale.ts';
import type { Theme } from './style.ts';

echarts.use([CustomChart, GraphicComponent, GridComponent, LineChart, SVGRenderer]);

/** A rectangle in pixels of the figure. */
export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A frame with its two axes: steps or iterations from `first` to `last`, losses along `scale`. */
export interface Panel {
  readonly frame: Frame;
  readonly first: number;
  readonly last: number;
  readonly scale: Scale;
  /** Written under the horizontal axis; without it the axis has no labels either. */
  readonly xName?: string;
}

/** What surrounds the drawing in the file. */
export interface Wrapping {
  readonly width: number;
  readonly height: number;
  readonly ariaLabel: string;
  /** Prefix of the ids in the file; two figures in one page need two. */
  readonly id: string;
  /** Whether the file stands alone (namespace, size, fonts of its own) or lies inside an HTML page. */
  readonly standalone: boolean;
  /** A colour behind everything, or undefined for none. */
  readonly background: string | undefined;
}

/** A horizontal position in pixels. */
export function xPixel(panel: Panel, x: number): number {
  return panel.frame.left + (panel.frame.width * (x - panel.first)) / (panel.last - panel.first);
}

/** A vertical position in pixels; losses off the axis lie on its edge. */
export function yPixel(panel: Panel, loss: number): number {
  return panel.frame.top + panel.frame.height * (1 - fraction(panel.scale, loss));
}

/** The grid and axes of panel number `index`, as parts of an ECharts option. */
export function panelAxes(panel: Panel, index: number, theme: Theme, fontSize: number) {
  const { scale, frame } = panel;
  const labels = formatTicks(scale.ticks);
  const ticks = scale.ticks.map((tick) => position(scale, tick));
  const rounds = linearTicks(panel.first, panel.last, Math.max(3, Math.min(8, frame.width / 70)));
  const steps = rounds.filter(Number.isInteger);
  const text = { color: theme.muted, fontFamily: theme.font, fontSize };
  const shared = { type: 'value' as const, gridIndex: index, splitNumber: 5, nameTextStyle: text };
  return {
    grid: { ...frame, outerBoundsMode: 'none' as const },
    xAxis: {
      ...shared,
      min: panel.first,
      max: panel.last,
      name: panel.xName ?? '',
      nameLocation: 'middle' as const,
      nameGap: fontSize + 17,
      axisLine: { onZero: false, lineStyle: { color: theme.axis, width: 1 } },
      axisTick: { show: true, length: 4, customValues: steps, lineStyle: { color: theme.axis } },
      axisLabel: {
        ...text,
        show: panel.xName !== undefined,
        customValues: steps,
        margin: 9,
        formatter: formatCount,
      },
      splitLine: { show: false },
    },
    yAxis: {
      ...shared,
      min: position(scale, scale.low),
      max: position(scale, scale.high),
      axisLine: { show: false },
      axisTick: { show: false, customValues: ticks },
      axisLabel: {
        ...text,
        customValues: ticks,
        margin: 8,
        formatter: (value: number) => labels[nearest(ticks, value)] ?? '',
      },
      splitLine: { show: true, lineStyle: { color: theme.grid, width: 1 } },
    },
  };
}

/** A line of text at a fixed place; `y` is its vertical middle, `halo` keeps it legible over lines. */
export function textElement(
  text: string,
  place: {
    x: number;
    y: number;
    align?: 'left' | 'center' | 'right';
    size: number;
    weight?: number;
    halo?: boolean;
  },
  color: string,
  theme: Theme,
) {
  return {
    type: 'text' as const,
    silent: true,
    x: place.x,
    y: place.y,
    style: {
      text,
      fill: color,
      fontFamily: theme.font,
      fontSize: place.size,
      fontWeight: place.weight ?? 400,
      align: place.align ?? ('left' as const),
      verticalAlign: 'middle' as const,
      ...(place.halo === true ? { stroke: theme.paper, lineWidth: 4 } : {}),
    },
  };
}

/**
 * Renders an ECharts option as one `<svg>` element with `role="img"`. What ECharts adds for hovering is taken
 * out and its running ids are replaced, so that equal input gives equal text and nothing needs a script.
 */
export function renderSvg(option: echarts.EChartsCoreOption, wrapping: Wrapping): string {
  const { width, height, id } = wrapping;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  let drawn: string;
  try {
    chart.setOption({ animation: false, ...option });
    drawn = chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
  const inside = drawn
    .slice(drawn.indexOf('>') + 1, drawn.lastIndexOf('</svg>'))
    .replace(/<style\b[\s\S]*?<\/style>/g, '')
    .replace(/<rect [^>]*fill="none"[^>]*><\/rect>/, '')
    .replace(/ (?:class|pointer-events|ecmeta_\w+)="[^"]*"/g, '')
    .replace(/(id="|url\(#)zr\d+-/g, `$1${id}-`)
    .replace(/><\/path>/g, '/>')
    .replace(/font-family:inherit;/g, '')
    .replace(/\n+/g, '\n')
    .trim();
  const label = escapeMarkup(wrapping.ariaLabel);
  const own = wrapping.standalone
    ? ` xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"`
    : '';
  const behind =
    wrapping.background === undefined
      ? ''
      : `<rect width="${width}" height="${height}" fill="${escapeMarkup(wrapping.background)}"/>\n`;
  return `<svg${own} viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">\n${behind}${inside}\n</svg>`;
}

function nearest(values: readonly number[], wanted: number): number {
  let best = 0;
  for (const [index, value] of values.entries()) {
    if (Math.abs(value - wanted) < Math.abs((values[best] ?? value) - wanted)) best = index;
  }
  return best;
}
