import type { LossCurve } from './data.ts';

/**
 * Okabe and Ito's palette, told apart under every common form of colour blindness.
 * Source: Okabe & Ito 2008, "Color Universal Design".
 */
export const PALETTE = {
  vermillion: '#D55E00',
  blue: '#0072B2',
  green: '#009E73',
  purple: '#CC79A7',
  orange: '#E69F00',
  sky: '#56B4E9',
} as const;

const LEARNED = ['vermillion', 'purple'] as const;
const BASELINES = ['blue', 'green', 'orange', 'sky', 'purple', 'ink'] as const;
const LEARNED_DASHES: readonly (readonly number[])[] = [[], [10, 3], [10, 3, 2, 3]];
/** Seven dashes against six colours: no pair comes twice among 42 baselines. */
const BASELINE_DASHES: readonly (readonly number[])[] = [
  [7, 3],
  [2, 2.5],
  [9, 3, 2, 3],
  [4, 2],
  [12, 3, 2, 3, 2, 3],
  [1.5, 4],
  [14, 4],
];

/** How one curve is drawn, in every figure and legend alike. */
export interface CurveStyle {
  readonly color: string;
  /** Lengths of dashes and gaps in pixels; empty for a solid line. */
  readonly dash: readonly number[];
  readonly width: number;
}

/** The colours of a figure. */
export interface Theme {
  readonly ink: string;
  readonly muted: string;
  readonly grid: string;
  readonly axis: string;
  readonly paper: string;
  readonly font: string;
  readonly palette: Readonly<Record<keyof typeof PALETTE, string>>;
}

export type ThemeName = 'page' | 'light' | 'dark';

const FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/**
 * `light` and `dark` hold colours; `page` holds references to the report's CSS variables, so that a figure inside
 * the page follows the reader's preference. On dark paper the blue is lightened, or it would drown.
 */
export const THEMES: Readonly<Record<ThemeName, Theme>> = {
  light: {
    ink: '#1b1f24',
    muted: '#5c6570',
    grid: '#e9ebee',
    axis: '#aeb5bd',
    paper: '#ffffff',
    font: FONT,
    palette: PALETTE,
  },
  dark: {
    ink: '#e8eaed',
    muted: '#9aa4b0',
    grid: '#272d35',
    axis: '#56606c',
    paper: '#12161b',
    font: FONT,
    palette: { ...PALETTE, blue: '#3394D6' },
  },
  page: {
    ink: 'var(--ink)',
    muted: 'var(--muted)',
    grid: 'var(--grid)',
    axis: 'var(--axis)',
    paper: 'var(--paper)',
    font: 'inherit',
    palette: { ...PALETTE, blue: 'var(--blue)' },
  },
};

/** One style per curve, in the order of the curves: the learned ones thick, the baselines thin and dashed. */
export function curveStyles(curves: readonly LossCurve[], theme: Theme): CurveStyle[] {
  let learned = 0;
  let baseline = 0;
  return curves.map((curve) => {
    if (curve.kind === 'learned') {
      const index = learned++;
      return {
        color: theme.palette[LEARNED[index % LEARNED.length] ?? 'vermillion'],
        dash: LEARNED_DASHES[index % LEARNED_DASHES.length] ?? [],
        width: 3.25,
      };
    }
    const index = baseline++;
    const name = BASELINES[index % BASELINES.length] ?? 'ink';
    return {
      color: name === 'ink' ? theme.ink : theme.palette[name],
      dash: BASELINE_DASHES[index % BASELINE_DASHES.length] ?? [],
      width: 1.75,
    };
  });
}
