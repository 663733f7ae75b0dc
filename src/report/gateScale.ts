import type { RecordedSummary } from '../host/meta/gateTables.ts';
import { linearTicks, type Scale, seriesScale } from './scale.ts';

/** Gates that stay below this are drawn on a log axis. */
const SMALL = 0.05;
/** Gates that stay within this are drawn on an axis of their own instead of 0 to 1; it never shows less than LEAST. */
const NARROW = 0.25;
const LEAST = 1e-3;
const LOG_TICKS = 4;
const LINEAR_TICKS = 5;

/** The axis that all panels of one gate, or of the update size, share, and what to say of it. */
export interface GateAxis {
  readonly scale: Scale;
  /** 'axis from 0.93 to 1', 'log axis', or nothing where the axis is all of 0 to 1. */
  readonly note: string;
}

/**
 * From the means of all episodes and the outer quantiles. Sizes, and gates that span decades below 0.1 or stay below 0.05,
 * get a log axis; gates that stay within a quarter of the unit get one that shows just that.
 */
export function gateAxis(recorded: RecordedSummary): GateAxis {
  const { kind, fixed, axis, groups } = recorded;
  const values = groups
    .flatMap(({ mean, quantiles }) => [
      ...mean.flat(),
      ...(quantiles.at(0) ?? []),
      ...(quantiles.at(-1) ?? []),
    ])
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const [low = 0, high = 1] = [values.at(0), values.at(-1)];
  const middle = values[Math.floor(values.length / 2)] ?? 1;
  if (kind === 'size') {
    // Sizes in the first bin are zero, or as good as that.
    const least = 10 ** (axis.low + axis.width);
    return logAxis(values.filter((value) => value > least));
  }
  const spansDecades = low > 0 && high >= 10 * low && middle < 0.1;
  if (low > 0 && (high < SMALL || spansDecades)) return logAxis(values);
  if (fixed !== undefined || high - low >= NARROW)
    return linearAxis(Math.min(0, low), Math.max(1, high), false);
  const pad = Math.max(0.08 * (high - low), (LEAST - (high - low)) / 2);
  return linearAxis(Math.max(0, low - pad), Math.min(1, high + pad), true);
}

function logAxis(values: readonly number[]): GateAxis {
  return { scale: seriesScale(values, LOG_TICKS), note: 'log axis' };
}

function linearAxis(low: number, high: number, isPart: boolean): GateAxis {
  const scale = { log: false, low, high, ticks: linearTicks(low, high, LINEAR_TICKS) };
  const short = (value: number) => String(Number(value.toPrecision(3)));
  return { scale, note: isPart ? `axis from ${short(low)} to ${short(high)}` : '' };
}
