import { textElement, type Wrapping } from './chart.ts';
import { singleLine } from './format.ts';
import { THEMES, type Theme, type ThemeName } from './style.ts';

/** What every figure takes. */
export interface FigureOptions {
  /** Pixels; 820 x 440 unless told. */
  readonly width?: number;
  readonly height?: number;
  /** 'page' for a figure inside the report, 'light' or 'dark' for a file of its own. Default 'light'. */
  readonly theme?: ThemeName;
  /** True for the theme's own background, or any CSS colour; without it the figure is transparent. */
  readonly background?: boolean | string;
  readonly title?: string;
  /** Prefix of the ids inside, distinct for two figures of one page. */
  readonly id?: string;
}

/** The measures that follow from a figure's size. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly theme: Theme;
  /** Of text, in pixels. */
  readonly size: number;
  /** Edges of the drawing area, in pixels; the right one before room for labels is taken off. */
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The layout of a figure: room for the title if there is one, the axis names and the tick labels. */
export function layout(options: FigureOptions): Layout {
  const { width = 820, height = 440 } = options;
  const size = width < 500 ? 12 : 13;
  const top = (options.title === undefined ? 6 : 54) + size + 12;
  const theme = THEMES[options.theme ?? 'light'];
  return { width, height, theme, size, left: 52, right: width - 16, top, bottom: height - 48 };
}

/** How the drawing is wrapped into a file, but for the sentence that describes it. */
export function wrapping(options: FigureOptions, at: Layout, name: string): Omit<Wrapping, 'ariaLabel'> {
  const { background } = options;
  return {
    width: at.width,
    height: at.height,
    id: (options.id ?? name).replace(/[^\w-]/g, ''),
    standalone: options.theme !== 'page',
    background: background === true ? at.theme.paper : background === false ? undefined : background,
  };
}

/** The title above a figure, where it has one. */
export function titleElements(title: string | undefined, at: Layout): object[] {
  if (title === undefined) return [];
  const place = { x: 20, y: 32, size: 18, weight: 600 };
  return [textElement(singleLine(title), place, at.theme.ink, at.theme)];
}

/** The name of a vertical axis, on top of it. */
export function axisName(name: string, left: number, top: number, at: Layout): object {
  return textElement(name, { x: left, y: top - at.size - 1, size: at.size }, at.theme.muted, at.theme);
}

/** The first `length` characters of a string on one line, with an ellipsis where it is longer. */
export function shorten(text: string, length: number): string {
  const characters = [...singleLine(text)];
  return characters.length <= length ? characters.join('') : `${characters.slice(0, length - 1).join('')}…`;
}
