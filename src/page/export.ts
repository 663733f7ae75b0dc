import { escapeMarkup, formatCount, formatLoss, formatTicks } from '../report/format.ts';
import { fraction, linearTicks } from '../report/scale.ts';
import { type Chart, colorOf, scaleOf, themeOf } from './chart.ts';
import { h } from './dom.ts';
import type { Engine } from './engine.ts';

const WIDTH = 900;
const HEIGHT = 480;
const FRAME = { left: 64, right: 24, top: 64, bottom: 56 };

/** The chart as an SVG file of its own, with its legend. */
export function chartSvg({ drawing, labels }: Chart): string {
  const theme = themeOf();
  const scale = scaleOf(drawing, labels.axis);
  const [first = 0] = drawing.x;
  const last = Math.max(first + 1, drawing.last ?? drawing.x.at(-1) ?? 1);
  const width = WIDTH - FRAME.left - FRAME.right;
  const height = HEIGHT - FRAME.top - FRAME.bottom;
  const px = (x: number) => (FRAME.left + (width * (x - first)) / (last - first)).toFixed(1);
  const py = (value: number) => (FRAME.top + height * (1 - fraction(scale, value))).toFixed(1);
  const points = (values: readonly number[]) =>
    values.flatMap((value, i) => {
      const x = drawing.x[i];
      return x === undefined || !Number.isFinite(value) ? [] : [`${px(x)},${py(value)}`];
    });
  const text = (x: number | string, y: number | string, content: string, anchor: string, size = 13) =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${size}" fill="${theme.muted}">${escapeMarkup(content)}</text>`;
  const tickTexts = formatTicks(scale.ticks);
  const grid = scale.ticks.map(
    (tick, i) =>
      `<line x1="${FRAME.left}" x2="${WIDTH - FRAME.right}" y1="${py(tick)}" y2="${py(tick)}" stroke="${theme.grid}"/>` +
      text(FRAME.left - 10, Number(py(tick)) + 4, tickTexts[i] ?? '', 'end'),
  );
  const steps = linearTicks(first, last, 8)
    .filter(Number.isInteger)
    .map((step) => text(px(step), HEIGHT - FRAME.bottom + 22, formatCount(step), 'middle'));
  const bands = drawing.curves.flatMap(({ low, high, color }) => {
    if (!low || !high) return [];
    const outline = [...points(high), ...points(low).reverse()].join(' ');
    return [`<polygon points="${outline}" fill="${colorOf(theme, color)}" fill-opacity="0.13"/>`];
  });
  const lines = drawing.curves.map(
    ({ mean, color, dash, width: stroke }) =>
      `<polyline points="${points(mean).join(' ')}" fill="none" stroke="${colorOf(theme, color)}" stroke-width="${stroke}" stroke-dasharray="${dash.join(' ')}" stroke-linejoin="round"/>`,
  );
  let at = FRAME.left;
  const legend = drawing.curves
    .filter(({ quiet }) => !quiet)
    .map(({ label, color, dash, width: stroke, mean }) => {
      const words = `${label} ${formatLoss(mean.at(-1) ?? Number.NaN)}`;
      const entry =
        `<line x1="${at}" x2="${at + 30}" y1="46" y2="46" stroke="${colorOf(theme, color)}" stroke-width="${stroke}" stroke-dasharray="${dash.join(' ')}"/>` +
        text(at + 38, 50, words, 'start');
      at += 62 + 7.2 * words.length;
      return entry;
    });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="${escapeMarkup(theme.font)}">`,
    `<title>${escapeMarkup(labels.title)}</title>`,
    `<rect width="100%" height="100%" fill="${theme.paper}"/>`,
    `<text x="${FRAME.left}" y="24" font-size="16" font-weight="600" fill="${theme.ink}">${escapeMarkup(labels.title)}</text>`,
    ...grid,
    ...steps,
    text(FRAME.left + width / 2, HEIGHT - 12, labels.x, 'middle'),
    ...bands,
    ...lines,
    ...legend,
    '</svg>',
  ].join('\n');
}

/** The chart's numbers: a row a step, a column a curve, and two more where it has a spread. */
export function chartCsv({ drawing, labels }: Chart): string {
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const shown = drawing.curves.filter(({ label }) => label !== '');
  const columns = shown.flatMap(({ label, mean, low, high }) => [
    { name: label, values: mean },
    ...(low && high
      ? [
          { name: `${label}, low`, values: low },
          { name: `${label}, high`, values: high },
        ]
      : []),
  ]);
  const head = [labels.x, ...columns.map(({ name }) => quoted(name))].join(',');
  const rows = drawing.x.map((x, i) => [x, ...columns.map(({ values }) => values[i] ?? '')].join(','));
  return `${[head, ...rows].join('\n')}\n`;
}

function save(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  h('a', { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}

/** The weights as the file that `coordwise` reads and writes. */
export async function saveWeights(engine: Engine, id: string, name: string): Promise<void> {
  const bytes = await engine.call('export', { id }).result;
  save(`${name.replace(/\W+/g, '-')}.safetensors`, new Blob([new Uint8Array(bytes)]));
}

export function canvasPng(canvas: HTMLCanvasElement): Promise<Blob | undefined> {
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? undefined), 'image/png'));
}

/** The SVG, painted at twice its size. */
async function chartPng(chart: Chart): Promise<Blob | undefined> {
  const address = URL.createObjectURL(new Blob([chartSvg(chart)], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = h('canvas', { width: 2 * WIDTH, height: 2 * HEIGHT });
    canvas.getContext('2d')?.drawImage(image, 0, 0, 2 * WIDTH, 2 * HEIGHT);
    return await canvasPng(canvas);
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** A button a format, each of which saves a file. */
export function saveButtons(
  title: string,
  name: string,
  formats: Readonly<Record<string, () => Blob | Promise<Blob | undefined>>>,
): HTMLElement {
  const buttons = Object.entries(formats).map(([format, make]) => {
    const onclick = async () => {
      const blob = await make();
      if (blob) save(`${name}.${format.toLowerCase()}`, blob);
    };
    const label = `Save the chart “${title}” as ${format}`;
    return h('button', { class: 'link', 'aria-label': label, onclick: () => void onclick() }, format);
  });
  return h('p', { class: 'exports' }, 'Save as ', ...buttons);
}

/** Buttons that save what a chart shows. */
export function exportButtons(chart: Chart, name: string): HTMLElement {
  return saveButtons(chart.labels.title, name, {
    SVG: () => new Blob([chartSvg(chart)], { type: 'image/svg+xml' }),
    PNG: () => chartPng(chart),
    CSV: () => new Blob([chartCsv(chart)], { type: 'text/csv' }),
  });
}
