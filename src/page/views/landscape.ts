import { type ColorName, colorOf, themeOf } from '../chart.ts';
import { h } from '../dom.ts';
import { canvasPng, saveButtons } from '../export.ts';
import type { Landscape } from '../protocol.ts';
import { onSchemeChange, scheme } from '../theme.ts';

export interface Track {
  readonly key: string;
  readonly label: string;
  readonly color: ColorName;
  readonly dash: readonly number[];
  readonly paths: readonly (readonly (readonly [number, number])[])[];
}

const SIZE = 640;
const LEVELS = 18;
/** Of the picture that is saved, in pixels: around it, and a line of its legend. */
const MARGIN = 24;
const ROW = 24;

/** A surface from above, in bands of height, and the ways that optimizers take over it. */
export class LandscapeView {
  readonly element: HTMLElement;
  readonly #canvas = h('canvas', { width: SIZE, height: SIZE, role: 'img' });
  #landscape: Landscape | undefined;
  #tracks: readonly Track[] = [];
  #steps = 0;

  constructor() {
    const caption =
      'Heights as the kernel computes them, in bands on a log scale; the cross is the minimum. Each line begins at a square, one of five starts, and its dot is where the optimizer stands.';
    this.element = h(
      'figure',
      { class: 'landscape' },
      h('h2', {}, 'The landscape'),
      this.#canvas,
      h('figcaption', {}, caption),
      saveButtons('The landscape', 'landscape', { PNG: () => canvasPng(this.#figure()) }),
    );
    onSchemeChange(() => this.#draw());
  }

  set landscape(landscape: Landscape) {
    this.#landscape = landscape;
    this.#draw();
  }

  /** Draws the first `steps` steps of all tracks. */
  show(tracks: readonly Track[], steps: number): void {
    this.#tracks = tracks;
    this.#steps = steps;
    this.#draw();
  }

  /** The landscape on paper of its own, with its legend. */
  #figure(): HTMLCanvasElement {
    const theme = themeOf();
    const rows = this.#tracks.length;
    const canvas = h('canvas', { width: SIZE + 2 * MARGIN, height: SIZE + 2 * MARGIN + ROW * rows });
    const context = canvas.getContext('2d');
    if (!context) return canvas;
    context.fillStyle = theme.paper;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(this.#canvas, MARGIN, MARGIN);
    context.font = `15px ${theme.font}`;
    context.textBaseline = 'middle';
    context.lineWidth = 2.5;
    for (const [index, { label, color, dash }] of this.#tracks.entries()) {
      const y = SIZE + 1.5 * MARGIN + ROW * (index + 0.5);
      context.strokeStyle = colorOf(theme, color);
      context.setLineDash([...dash]);
      context.beginPath();
      context.moveTo(MARGIN, y);
      context.lineTo(MARGIN + 36, y);
      context.stroke();
      context.fillStyle = theme.ink;
      context.fillText(label, MARGIN + 48, y);
    }
    return canvas;
  }

  #draw(): void {
    const landscape = this.#landscape;
    const context = this.#canvas.getContext('2d');
    if (!landscape || !context) return;
    context.clearRect(0, 0, SIZE, SIZE);
    drawHeights(context, landscape);
    const [x0, y0] = landscape.low;
    const [x1, y1] = landscape.high;
    const place = ([x, y]: readonly [number, number]) =>
      [((x - x0) / (x1 - x0)) * SIZE, (1 - (y - y0) / (y1 - y0)) * SIZE] as const;
    const theme = themeOf();
    const [mx, my] = place(landscape.minimum);
    context.strokeStyle = theme.ink;
    context.lineWidth = 2;
    context.beginPath();
    for (const [dx, dy] of [
      [8, 8],
      [8, -8],
    ] as const) {
      context.moveTo(mx - dx, my - dy);
      context.lineTo(mx + dx, my + dy);
    }
    context.stroke();
    for (const { color, dash, paths } of this.#tracks) {
      context.strokeStyle = colorOf(theme, color);
      context.fillStyle = context.strokeStyle;
      context.lineWidth = 2.5;
      context.setLineDash([...dash]);
      for (const path of paths) {
        const points = path
          .slice(0, this.#steps + 1)
          .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
        context.beginPath();
        for (const point of points) context.lineTo(...place(point));
        context.stroke();
        const [start] = points;
        if (start) {
          const [x, y] = place(start);
          context.fillRect(x - 4, y - 4, 8, 8);
        }
        const last = points.at(-1);
        if (!last) continue;
        context.beginPath();
        context.arc(...place(last), 5, 0, 2 * Math.PI);
        context.fill();
      }
      context.setLineDash([]);
    }
    const names = this.#tracks.map(({ label }) => label).join(', ');
    this.#canvas.setAttribute('aria-label', `The landscape with the ways of ${names || 'no optimizer yet'}.`);
  }
}

function drawHeights(context: CanvasRenderingContext2D, { heights }: Landscape): void {
  const size = Math.round(Math.sqrt(heights.length));
  const logs = heights.map((height) => Math.log10(1e-2 + height));
  const [low, high] = logs.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)] as const, [
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ] as readonly [number, number]);
  const image = context.createImageData(size, size);
  const dark = scheme() === 'dark';
  for (const [index, value] of logs.entries()) {
    const band = Math.floor(((value - low) / (high - low || 1)) * LEVELS) / LEVELS;
    const row = size - 1 - Math.floor(index / size);
    const at = 4 * (row * size + (index % size));
    const shade = dark
      ? [20 + 70 * band, 26 + 80 * band, 36 + 96 * band]
      : [254 - 104 * band, 254 - 84 * band, 255 - 58 * band];
    image.data.set([...shade, 255], at);
  }
  const small = new OffscreenCanvas(size, size);
  small.getContext('2d')?.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, 0, 0, SIZE, SIZE);
}
