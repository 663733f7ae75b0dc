import type { GpuContext } from '../gpu/context.ts';
import { createHandDesigned, type HandDesigned, type HandDesignedName } from '../optimizers/handDesigned.ts';
import { Evaluator, type EvaluatorOptions } from './evaluator.ts';
import { type LossMatrix, summarise } from './statistics.ts';

/** One learning rate that was tried. */
export interface Trial {
  readonly learningRate: number;
  /**
   * Mean over tasks of the loss at the horizon, or of the share of the query set that is classified wrong, where
   * tasks have one; infinite when a task diverged.
   */
  readonly score: number;
}

/** A hand-designed optimizer to compare with. */
export interface Baseline {
  readonly name: HandDesignedName;
  /** theta_0 [N] of every task; absent where tasks start as they are drawn. */
  readonly start?: Float32Array;
}

/** Runs a baseline on held-out tasks; its learning rates are still to be set. */
export function createBaseline(
  context: GpuContext,
  { name, start }: Baseline,
  options: EvaluatorOptions,
): Evaluator<HandDesigned> {
  return new Evaluator(context, options, (pool) =>
    createHandDesigned(name, start && { pool, values: start }),
  );
}

export interface Tuned {
  readonly learningRate: number;
  /** All that was tried, by rising learning rate. */
  readonly trials: readonly Trial[];
}

/** First grid: powers of sqrt(10) from 1e-4 to 10. */
const COARSE = Array.from({ length: 11 }, (_, i) => 10 ** (-4 + i / 2));
/** Second grid, around the best of the first: factors of sqrt(2), without the first grid's own value. */
const FINE = [-3, -2, -1, 1, 2, 3].map((i) => 2 ** (i / 2));
/** Rates that run at once: the second grid in one batch, the first in two, with hardly a place left empty. */
const BATCH = FINE.length;
/** When the best is the largest or smallest rate tried, the grid is extended this many times at most. */
const EXTENSIONS = 6;

type TuningOptions = Omit<EvaluatorOptions, 'tasks'>;

function tuningEvaluator(
  context: GpuContext,
  baseline: Baseline,
  options: TuningOptions,
  tasks: number,
): Evaluator<HandDesigned> {
  return createBaseline(context, baseline, { ...options, tasks: tasks * BATCH, onlyFinal: true });
}

/** Bytes of device memory that tuning on this many tasks takes. */
export function tuningBytes(
  context: GpuContext,
  baseline: Baseline,
  options: TuningOptions,
  tasks: number,
): number {
  return tuningEvaluator(context, baseline, options, tasks).bytes;
}

/**
 * The learning rate with the best score on the tasks with these keys. A grid runs as one batch: every rate on every
 * task.
 */
export async function tuneLearningRate(
  context: GpuContext,
  baseline: Baseline,
  options: TuningOptions,
  keys: Uint32Array,
  onProgress?: (share: number) => void,
): Promise<Tuned> {
  const tasks = keys.length / 2;
  const evaluator = tuningEvaluator(context, baseline, options, tasks);
  const trials = new Map<number, number>();
  const tryRates = async (rates: readonly number[], from: number, to: number) => {
    const grid = rates.map((rate) => ({ rate, keys }));
    const allKeys = Uint32Array.from(grid.flatMap((entry) => [...entry.keys]));
    const rateOf = (task: number) => rates[Math.floor(task / tasks)] ?? 0;
    const losses = await evaluator.run(
      allKeys,
      (members) => evaluator.optimizer.setLearningRates(members.map(rateOf)),
      (share) => onProgress?.(from + (to - from) * share),
    );
    for (const [index, rate] of rates.entries()) trials.set(rate, scoreOf(losses, index * tasks, tasks));
  };
  const best = () => [...trials].reduce((a, b) => (b[1] < a[1] ? b : a))[0];
  try {
    await evaluator.prepare();
    await tryRates(COARSE, 0, 0.6);
    for (let extension = 0; extension < EXTENSIONS; extension++) {
      const rates = [...trials.keys()];
      const edge = best();
      if (edge === Math.max(...rates)) await tryRates([edge * Math.sqrt(10)], 0.6, 0.6);
      else if (edge === Math.min(...rates)) await tryRates([edge / Math.sqrt(10)], 0.6, 0.6);
      else break;
    }
    const around = best();
    await tryRates(
      FINE.map((factor) => around * factor),
      0.6,
      1,
    );
  } finally {
    evaluator.destroy();
  }
  const sorted = [...trials].sort((a, b) => a[0] - b[0]);
  return {
    learningRate: best(),
    trials: sorted.map(([learningRate, score]) => ({ learningRate, score })),
  };
}

function scoreOf({ horizon, values, accuracy }: LossMatrix, first: number, tasks: number): number {
  const size = horizon + 1;
  const part = (all: Float64Array) => all.subarray(first * size, (first + tasks) * size);
  const summary = summarise({
    tasks,
    horizon,
    values: part(values),
    ...(accuracy && { accuracy: part(accuracy) }),
  });
  if (summary.diverged > 0) return Number.POSITIVE_INFINITY;
  return summary.accuracy ? 1 - summary.accuracy.final : summary.finalMean;
}
