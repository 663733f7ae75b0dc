import { isEpisode } from '../config.ts';
import type { GpuContext } from '../gpu/context.ts';
import {
  betaOf,
  createHandDesigned,
  type HandDesigned,
  type HandDesignedName,
  type HandDesignedSetting,
} from '../optimizers/handDesigned.ts';
import { Evaluator, type EvaluatorOptions } from './evaluator.ts';
import { type LossMatrix, type LossSummary, lossAtStep, summarise } from './statistics.ts';

/** One setting that was tried. */
export interface Trial extends HandDesignedSetting {
  /**
   * Mean over tasks of the loss at the horizon (of long runs over the last hundredth of the steps), or of the share of the query set that is classified wrong, where
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

/** Runs a baseline on held-out tasks; its settings are still to be given. */
export function createBaseline(
  context: GpuContext,
  { name, start }: Baseline,
  options: EvaluatorOptions,
): Evaluator<HandDesigned> {
  const { horizon } = options;
  return new Evaluator(context, options, (pool) =>
    createHandDesigned(name, { horizon, start: start && { pool, values: start } }),
  );
}

/** The best setting, and how it was found. */
export interface Tuned extends HandDesignedSetting {
  /** All that was tried, by rising beta and learning rate. */
  readonly trials: readonly Trial[];
}

const STEP = Math.sqrt(10);
/** First grid, with the usual beta: powers of sqrt(10) from 1e-4 to 10. */
const COARSE = Array.from({ length: 11 }, (_, i) => 10 ** (-4 + i / 2));
/** Learning rates tried with every other beta, around where the best would be by the first grid. */
const AROUND = [1 / STEP, 1, STEP];
/** Last grid, around the best: factors of sqrt(2), without the best's own value. */
const FINE = [-3, -2, -1, 1, 2, 3].map((i) => 2 ** (i / 2));
/** Settings that run at once: the last grid in one batch, the others in two, with hardly a place left empty. */
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
 * The learning rate, and beta where there is one, with the best score on the tasks with these keys. First the learning rate
 * alone, by factors of sqrt(10) until the best has worse ones on both sides; then every other beta with three of them, and
 * the same again; then factors of sqrt(2) around the best. A grid runs as one batch: every setting on every task.
 */
export async function tuneBaseline(
  context: GpuContext,
  baseline: Baseline,
  options: TuningOptions,
  keys: Uint32Array,
  onProgress?: (share: number) => void,
): Promise<Tuned> {
  const tasks = keys.length / 2;
  const beta = betaOf(baseline.name);
  const others = beta ? beta.grid.filter((other) => other !== beta.usual) : [];
  const planned = COARSE.length + others.length * AROUND.length + FINE.length;
  const evaluator = tuningEvaluator(context, baseline, options, tasks);
  const trials: Trial[] = [];
  // Episodes are measured after their last step alone.
  const lossOf = ({ mean, finalMean }: LossSummary) =>
    isEpisode(options.task) ? finalMean : lossAtStep(mean, options.horizon);
  const tryAll = async (settings: readonly HandDesignedSetting[]) => {
    const allKeys = Uint32Array.from(settings.flatMap(() => [...keys]));
    const settingOf = (task: number) => settings[Math.floor(task / tasks)] ?? { learningRate: 0 };
    const losses = await evaluator.run(
      allKeys,
      (members) => evaluator.optimizer.set(members.map(settingOf)),
      (share) => onProgress?.(Math.min(1, (trials.length + share * settings.length) / planned)),
    );
    trials.push(
      ...settings.map((setting, i) => ({ ...setting, score: scoreOf(losses, i * tasks, tasks, lossOf) })),
    );
  };
  const best = () => trials.reduce((a, b) => (b.score < a.score ? b : a));
  /** Further learning rates with the best's beta, until the best lies between worse ones. */
  const enclose = async () => {
    for (let extension = 0; extension < EXTENSIONS; extension++) {
      const setting = settingIn(best());
      const { learningRate: edge, beta: own } = setting;
      const rates = trials.filter((trial) => trial.beta === own).map((trial) => trial.learningRate);
      const factor = edge === Math.max(...rates) ? STEP : edge === Math.min(...rates) ? 1 / STEP : undefined;
      if (factor === undefined) return;
      await tryAll([{ ...setting, learningRate: edge * factor }]);
    }
  };
  try {
    await evaluator.prepare();
    await tryAll(
      COARSE.map((learningRate) => (beta ? { learningRate, beta: beta.usual } : { learningRate })),
    );
    await enclose();
    if (beta) {
      const { learningRate } = best();
      const scale = (other: number) => (beta.sums ? (1 - other) / (1 - beta.usual) : 1);
      await tryAll(
        others.flatMap((other) =>
          AROUND.map((factor) => ({ learningRate: learningRate * scale(other) * factor, beta: other })),
        ),
      );
      await enclose();
    }
    const around = settingIn(best());
    await tryAll(FINE.map((factor) => ({ ...around, learningRate: around.learningRate * factor })));
  } finally {
    evaluator.destroy();
  }
  return {
    ...settingIn(best()),
    trials: trials.toSorted((a, b) => (a.beta ?? 0) - (b.beta ?? 0) || a.learningRate - b.learningRate),
  };
}

function settingIn({ learningRate, beta }: HandDesignedSetting): HandDesignedSetting {
  return beta === undefined ? { learningRate } : { learningRate, beta };
}

function scoreOf(
  { horizon, values, accuracy }: LossMatrix,
  first: number,
  tasks: number,
  loss: (summary: LossSummary) => number,
): number {
  const size = horizon + 1;
  const part = (all: Float64Array) => all.subarray(first * size, (first + tasks) * size);
  const summary = summarise({
    tasks,
    horizon,
    values: part(values),
    ...(accuracy && { accuracy: part(accuracy) }),
  });
  if (summary.diverged > 0) return Number.POSITIVE_INFINITY;
  return summary.accuracy ? 1 - summary.accuracy.final : loss(summary);
}
