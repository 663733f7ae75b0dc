import type { LossCurve } from './data.ts';

/** The visible part of a loss axis; `log` says whether positions on it are log10 of the loss. */
export interface Scale {
  readonly log: boolean;
  /** Smallest and largest loss shown. */
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** What an axis needs to know of a curve. */
type LossLine = Pick<LossCurve, 'mean' | 'low' | 'high'>;

/** The axis follows a curve that comes down again up to this many times the starting loss. */
const RISE_SHOWN = 30;
/** And one that does not come down up to this many times the starting loss. */
const LOST_SHOWN = 3;
/** The axis never spans more than this ratio. */
const WIDEST = 1e15;

/**
 * A log axis for loss curves. It follows the means (and `bands`, a little below the means) but neither a curve
 * that has diverged nor a loss that is zero or not finite: those are drawn at the edge by `position`.
 */
export function lossScale(curves: readonly LossLine[], bands: readonly LossLine[], ticks = 7): Scale {
  const finite = curves.map((curve) => curve.mean.filter(usable)).filter((values) => values.length > 0);
  if (finite.length === 0) return logScale(0.1, 1, ticks);
  const starts = finite.map((values) => values[0] ?? 1).sort((a, b) => a - b);
  const start = starts[Math.floor((starts.length - 1) / 2)] ?? 1;
  const returning = curves
    .filter(
      (curve) => usable(curve.mean.at(-1) ?? Number.NaN) && (curve.mean.at(-1) ?? 0) <= LOST_SHOWN * start,
    )
    .map((curve) => Math.min(largest(curve.mean.filter(usable)), RISE_SHOWN * start));
  const ceiling = Math.max(LOST_SHOWN * start, 1.5 * smallest(finite.map(largest)), ...returning);
  const shown = finite.flat().filter((value) => value <= ceiling);
  const bottom = smallest(shown);
  const lows = bands.flatMap((curve) => curve.low.filter((value) => usable(value) && value <= ceiling));
  const highs = bands.flatMap((curve) => curve.high.filter((value) => usable(value) && value <= ceiling));
  return logScale(
    Math.max(smallest([bottom, ...lows]), bottom / 3),
    Math.min(largest([largest(shown), ...highs]), 3 * largest(shown)),
    ticks,
  );
}

/**
 * An axis for a noisy series: logarithmic where all finite values are positive, else linear; values far outside
 * the bulk (30 times the 95th percentile) do not stretch it.
 */
export function seriesScale(values: readonly number[], ticks = 5): Scale {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return logScale(0.1, 1, ticks);
  const quantile = (q: number): number => sorted[Math.round(q * (sorted.length - 1))] ?? 1;
  if (quantile(0) > 0) {
    const low = Math.max(quantile(0), quantile(0.05) / RISE_SHOWN);
    return logScale(low, Math.min(quantile(1), quantile(0.95) * RISE_SHOWN), ticks);
  }
  const reach = RISE_SHOWN * Math.max(Math.abs(quantile(0.05)), Math.abs(quantile(0.95)));
  const low = Math.max(quantile(0), -reach);
  const high = Math.max(Math.min(quantile(1), reach), low);
  const pad = high > low ? 0.06 * (high - low) : Math.max(1, Math.abs(low)) * 0.5;
  return {
    log: false,
    low: low - pad,
    high: high + pad,
    ticks: linearTicks(low - pad, high + pad, ticks),
  };
}

/** Where a loss stands on the axis: log10 of it, or itself; what is off the axis is set at its edge. */
export function position(scale: Scale, value: number): number {
  const inside = Number.isNaN(value) ? scale.high : Math.min(Math.max(value, scale.low), scale.high);
  return scale.log ? Math.log10(inside) : inside;
}

/** As `position`, from 0 at the bottom of the axis to 1 at its top. */
export function fraction(scale: Scale, value: number): number {
  const bottom = position(scale, scale.low);
  return (position(scale, value) - bottom) / (position(scale, scale.high) - bottom);
}

/** At most `count` round numbers between low and high (both positive), evenly spread over a log axis. */
export function logTicks(low: number, high: number, count: number): number[] {
  const rounds: readonly (readonly number[])[] = [
    [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9],
    [1, 1.5, 2, 3, 4, 5, 6, 8],
    [1, 2, 3, 5],
    [1, 2, 5],
    [1, 3],
  ];
  const first = Math.floor(Math.log10(low));
  const last = Math.floor(Math.log10(high));
  for (const mantissas of rounds) {
    const ticks: number[] = [];
    for (let decade = first; decade <= last; decade++) {
      for (const mantissa of mantissas) ticks.push(Number(`${mantissa}e${decade}`));
    }
    const inside = ticks.filter((tick) => tick >= low && tick <= high);
    if (inside.length <= count) return inside;
  }
  let stride = 1;
  while ((last - first) / stride > count) stride += 1;
  const decades: number[] = [];
  for (let decade = Math.ceil(Math.log10(low)); decade <= last; decade++) {
    if (decade % stride === 0) decades.push(Number(`1e${decade}`));
  }
  return decades;
}

/** At most `count` + 1 multiples of 1, 2 or 5 times a power of ten between low and high. */
export function linearTicks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((round) => round * decade).find((round) => round >= rough * 0.999) ?? rough;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    ticks.push(Number((i * step).toPrecision(10)));
  }
  return ticks;
}

function logScale(low: number, high: number, ticks: number): Scale {
  const middle = Math.sqrt(low) * Math.sqrt(high);
  const widen = high / low < 2 ? Math.SQRT2 : 1;
  const bottom = Math.max(widen > 1 ? middle / widen : low, high / WIDEST) / 1.12;
  const top = (widen > 1 ? middle * widen : high) * 1.12;
  return { log: true, low: bottom, high: top, ticks: logTicks(bottom, top, ticks) };
}

function usable(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}

function smallest(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
}
