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
  tuningBytes,
  writeTensor,
} from '../host/index.ts';
import type { LossCurve } from '../report/data.ts';
import { formatBytes } from '../report/terminal.ts';
import type { Output } from './output.ts';
import { requireMemory } from './session.ts';

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
  const { task, data, seed, horizon, learned } = comparison;
  const keys = taskKeys(seed, 'test', 0, comparison.tasks);
  const tuningKeys = taskKeys(seed, 'validation', 0, comparison.tuningTasks);
  const options = { task, data, list: 'test', tasks: comparison.tasks, horizon } as const;
  const tuningOptions = { task, data, list: 'validation', horizon } as const;
  const createEvaluator = () =>
    new Evaluator(context, options, (pool) => createLearned(pool, learned.config));
  const createBaseline = (name: HandDesignedName) =>
    new Evaluator(context, options, () => createHandDesigned(name));
  // One evaluator exists at a time, so the largest plan is what is needed.
  const bytes = Math.max(
    createEvaluator().bytes,
    ...comparison.baselines.flatMap((name) => [
      createBaseline(name).bytes,
      tuningBytes(context, name, tuningOptions, comparison.tuningTasks),
    ]),
  );
  output.say(`Evaluation: ${comparison.tasks} held-out tasks, up to ${formatBytes(bytes)} on the device`);
  requireMemory(context, bytes, 'the evaluation');
  const parts = 1 + comparison.baselines.length;
  const progress = output.progress('evaluating');
  const at = (part: number, text: string) => (share: number) => progress.update((part + share) / parts, text);
  const entrants: Entrant[] = [];
  const tuning: Record<string, readonly { learningRate: number; finalMean: number }[]> = {};
  let optimizeeDescription: string;
  try {
    const evaluator = createEvaluator();
    optimizeeDescription = evaluator.description;
    try {
      await evaluator.prepare();
      writeTensor(context, evaluator.optimizer.phi, learned.phi);
      const { kind } = learned.config;
      const run = () => evaluator.run(keys, undefined, at(0, kind));
      entrants.push(await timed(kind, 'learned', evaluator.optimizer.description, run));
    } finally {
      evaluator.destroy();
    }

    for (const [index, name] of comparison.baselines.entries()) {
      const tuned = await tuneLearningRate(context, name, tuningOptions, tuningKeys, (share) =>
        at(index + 1, `tuning ${name}`)(0.8 * share),
      );
      tuning[name] = tuned.trials;
      const baseline = createBaseline(name);
      try {
        await baseline.prepare();
        baseline.optimizer.setLearningRates(new Array<number>(baseline.batch).fill(tuned.learningRate));
        const fixed = HAND_DESIGNED_SETTINGS[name];
        const setting = `lr ${Number(tuned.learningRate.toPrecision(3))} (tuned)${fixed ? `, ${fixed}` : ''}`;
        entrants.push(await timed(name, 'baseline', setting, () => baseline.run(keys)));
      } finally {
        baseline.destroy();
      }
    }
  } finally {
    progress.stop();
  }
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

/** Orders losses, the infinite ones last. */
function compareLosses(a: number, b: number): number {
  return a === b ? 0 : a - b;
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
  const [best] = baselines.toSorted((a, b) => compareLosses(a.curve.finalMean, b.curve.finalMean));
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
  const onlyLearnedIsFinite =
    !Number.isFinite(best.curve.finalMean) && Number.isFinite(learned.curve.finalMean);
  const learnedWins = onlyLearnedIsFinite || mean > 2 * error;
  const difference = Number.isFinite(mean)
    ? `paired difference ${mean.toPrecision(2)} ± ${error.toPrecision(1)}`
    : 'not every task stayed finite';
  const facts = `${value(learned)} against ${value(best)} of ${best.curve.label}, the best tuned baseline, at step ${horizon} (${difference})`;
  if (learnedWins) return { verdict: `The learned optimizer wins: ${facts}.`, learnedWins };
  const loses = !Number.isFinite(mean) || mean < -2 * error;
  return {
    verdict: `The learned optimizer ${loses ? 'loses' : 'does not clearly win'}: ${facts}.`,
    learnedWins,
  };
}
