import {
  createHandDesigned,
  createLearned,
  Evaluator,
  type GpuContext,
  HAND_DESIGNED_SETTINGS,
  type HandDesignedName,
  type LossMatrix,
  type OptimizerConfig,
  summarise,
  type TaskConfig,
  type TaskData,
  taskKeys,
  tuneLearningRate,
  writeTensor,
} from '../host/index.ts';
import type { LossCurve } from '../report/data.ts';
import type { Output } from './output.ts';

export interface Comparison {
  readonly task: TaskConfig;
  readonly data: TaskData | undefined;
  readonly seed: number;
  /** Held-out tasks that are reported. */
  readonly tasks: number;
  /** Tasks that learning rates are tuned on: another list than the reported one. */
  readonly tuningTasks: number;
  readonly horizon: number;
  readonly learned: { readonly config: OptimizerConfig; readonly phi: Float32Array };
  readonly baselines: readonly HandDesignedName[];
}

export interface ComparisonResult {
  readonly curves: readonly LossCurve[];
  /** The result in one sentence, from paired differences on the same tasks. */
  readonly verdict: string;
  readonly learnedWins: boolean;
  readonly optimizeeDescription: string;
  readonly bytes: number;
  /** Every learning rate that was tried, by optimizer. */
  readonly tuning: Readonly<Record<string, readonly { learningRate: number; finalMean: number }[]>>;
}

interface Entrant {
  readonly curve: LossCurve;
  readonly losses: LossMatrix;
}

/** Runs the learned optimizer and every baseline, each at its tuned learning rate, on the same held-out tasks. */
export async function compare(
  context: GpuContext,
  comparison: Comparison,
  output: Output,
): Promise<ComparisonResult> {
  const { task, data, seed, horizon } = comparison;
  const keys = taskKeys(seed, 'test', 0, comparison.tasks);
  const options = { task, data, list: 'test', tasks: comparison.tasks, horizon } as const;
  const parts = 1 + comparison.baselines.length;
  const progress = output.progress('evaluating');
  const at = (part: number, text: string) => (share: number) => progress.update((part + share) / parts, text);
  const entrants: Entrant[] = [];
  const tuning: Record<string, readonly { learningRate: number; finalMean: number }[]> = {};
  let bytes = 0;

  const learned = new Evaluator(context, options, (pool) => createLearned(pool, comparison.learned.config));
  const optimizeeDescription = learned.description;
  try {
    bytes = learned.bytes;
    await learned.prepare();
    writeTensor(context, learned.optimizer.phi, comparison.learned.phi);
    const { description } = learned.optimizer;
    const run = () => learned.run(keys, undefined, at(0, comparison.learned.config.kind));
    entrants.push(await timed(comparison.learned.config.kind, 'learned', description, run));
  } finally {
    learned.destroy();
  }

  for (const [index, name] of comparison.baselines.entries()) {
    const tuningKeys = taskKeys(seed, 'validation', 0, comparison.tuningTasks);
    const tuningOptions = { task, data, list: 'validation', horizon } as const;
    const tuned = await tuneLearningRate(context, name, tuningOptions, tuningKeys, (share) =>
      at(index + 1, `tuning ${name}`)(0.8 * share),
    );
    tuning[name] = tuned.trials;
    const evaluator = new Evaluator(context, options, () => createHandDesigned(name));
    try {
      await evaluator.prepare();
      evaluator.optimizer.setLearningRates(new Array<number>(evaluator.batch).fill(tuned.learningRate));
      const fixed = HAND_DESIGNED_SETTINGS[name];
      const setting = `lr ${Number(tuned.learningRate.toPrecision(3))} (tuned)${fixed ? `, ${fixed}` : ''}`;
      entrants.push(await timed(name, 'baseline', setting, () => evaluator.run(keys)));
    } finally {
      evaluator.destroy();
    }
  }
  progress.stop();
  const { verdict, learnedWins } = judge(entrants, horizon);
  return {
    curves: entrants.map(({ curve }) => curve),
    verdict,
    learnedWins,
    optimizeeDescription,
    bytes,
    tuning,
  };
}

async function timed(
  label: string,
  kind: LossCurve['kind'],
  setting: string,
  run: () => Promise<LossMatrix>,
): Promise<Entrant> {
  const start = performance.now();
  const losses = await run();
  const seconds = (performance.now() - start) / 1000;
  const summary = summarise(losses);
  const band = (sign: number) =>
    summary.mean.map((mean, step) => Math.max(0, mean + sign * (summary.deviation[step] ?? 0)));
  const curve: LossCurve = {
    label,
    kind,
    mean: summary.mean,
    low: band(-1),
    high: band(1),
    finalMean: summary.finalMean,
    finalSpread: summary.finalDeviation,
    finalError: summary.finalError,
    sumMean: summary.sumMean,
    setting,
    diverged: summary.diverged,
    stepsPerSecond: (losses.tasks * losses.horizon) / seconds,
  };
  return { curve, losses };
}

/** Final losses, task by task. */
function finals({ tasks, horizon, values }: LossMatrix): number[] {
  return Array.from({ length: tasks }, (_, task) => values[(task + 1) * (horizon + 1) - 1] ?? Number.NaN);
}

/** The learned optimizer against the best baseline: mean paired difference over tasks and its standard error. */
function judge(entrants: readonly Entrant[], horizon: number): { verdict: string; learnedWins: boolean } {
  const [learned, ...baselines] = entrants;
  if (!learned) throw new RangeError('nothing was compared');
  const value = (entrant: Entrant) => `${entrant.curve.finalMean.toPrecision(3)}`;
  const [best] = baselines.toSorted((a, b) => a.curve.finalMean - b.curve.finalMean);
  if (!best) {
    return {
      verdict: `The learned optimizer reaches ${value(learned)} at step ${horizon}.`,
      learnedWins: false,
    };
  }
  const theirs = finals(best.losses);
  const differences = finals(learned.losses).map((loss, task) => (theirs[task] ?? Number.NaN) - loss);
  const mean = differences.reduce((sum, d) => sum + d, 0) / differences.length;
  const variance =
    differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / Math.max(1, differences.length - 1);
  const error = Math.sqrt(variance / differences.length);
  const learnedWins = mean > 2 * error;
  const facts =
    `${value(learned)} against ${value(best)} of ${best.curve.label}, the best tuned baseline, at step ${horizon} ` +
    `(paired difference ${mean.toPrecision(2)} ± ${error.toPrecision(1)})`;
  if (learnedWins) return { verdict: `The learned optimizer wins: ${facts}.`, learnedWins };
  const loses = !Number.isFinite(mean) || mean < -2 * error;
  return {
    verdict: `The learned optimizer ${loses ? 'loses' : 'does not clearly win'}: ${facts}.`,
    learnedWins,
  };
}
