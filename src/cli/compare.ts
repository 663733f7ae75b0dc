import {
  createBaseline,
  createLearned,
  describeTuned,
  Evaluator,
  type GpuContext,
  type LossMatrix,
  scheduled,
  summarise,
  type Tuned,
  taskKeys,
  tuneBaseline,
  tuningBytes,
  writeTensor,
} from '../host/index.ts';
import type { AccuracyRow, LossCurve } from '../report/data.ts';
import { formatBytes } from '../report/terminal.ts';
import { type ContenderOptions, contendersOf, type Learned, neighbourRows } from './contenders.ts';
import type { Output } from './output.ts';
import { requireMemory } from './session.ts';
import { type Entrant, judgeAccuracies, judgeLosses, type Verdict } from './verdict.ts';

export interface Comparison extends ContenderOptions {
  /** Other learned optimizers, compared with as they are. */
  readonly others: readonly Learned[];
  /** Held-out tasks that are reported. */
  readonly tasks: number;
  /** Tasks that learning rates are tuned on: another list than the reported one. */
  readonly tuningTasks: number;
  /** R: all optimizers see parameters scaled by exp(U(-R, R)) over its mean; 0 unless told. */
  readonly randomScaling?: number;
  /** The first layer that is scaled so; 1 unless told. */
  readonly scaledFrom?: number;
  /** Where what was measured is kept, so that an interrupted comparison goes on; absent where it is not. */
  readonly kept?: EntrantStore;
}

/** What was measured of one optimizer; `tuned` of a baseline. */
export interface KeptEntrant {
  readonly entrant: Entrant;
  readonly tuned?: Tuned;
}

/** Entrants of one comparison by their labels. */
export interface EntrantStore {
  read(label: string): KeptEntrant | undefined;
  write(label: string, kept: KeptEntrant): void;
}

export interface ComparisonResult extends Verdict {
  readonly curves: readonly LossCurve[];
  /** Of few-shot classification: the share of the query set that is classified right after the last step. */
  readonly accuracies: readonly AccuracyRow[];
  readonly optimizeeDescription: string;
  readonly bytes: number;
  /** The setting that every contender runs with, and all that were tried. */
  readonly tuning: Readonly<Record<string, Tuned>>;
}

/** Runs the learned optimizers and every baseline, each at its tuned learning rate, on the same held-out tasks. */
export async function compare(
  context: GpuContext,
  comparison: Comparison,
  output: Output,
): Promise<ComparisonResult> {
  const { task, data, seed, horizon, learned, list = 'test' } = comparison;
  const { randomScaling = 0, scaledFrom = 1 } = comparison;
  const keys = taskKeys(seed, list, 0, comparison.tasks);
  const tuningKeys = taskKeys(seed, 'validation', 0, comparison.tuningTasks);
  const testOptions = { task, data, list, tasks: comparison.tasks, randomScaling, scaledFrom } as const;
  const tuningOptions = { task, data, list: 'validation', randomScaling, scaledFrom } as const;
  const all = [learned, ...comparison.others];
  const createEvaluator = ({ config, schedule = 'constant', ...one }: Learned) => {
    const scaling = {
      randomScaling: one.randomScaling ?? randomScaling,
      scaledFrom: one.scaledFrom ?? scaledFrom,
    };
    const options = { ...testOptions, horizon, ...scaling };
    return new Evaluator(context, options, (pool) =>
      scheduled(createLearned(pool, config), schedule, horizon),
    );
  };
  const progress = output.progress('evaluating');
  const entrants: Entrant[] = [];
  const curves: LossCurve[] = [];
  const tuning: Record<string, Tuned> = {};
  let optimizeeDescription: string;
  let bytes: number;
  try {
    const contenders = await contendersOf(context, comparison, (share) =>
      progress.update(0, `pre-training ${Math.round(100 * share)} %`),
    );
    const parts = all.length + contenders.length;
    const at = (part: number, text: string) => (share: number) =>
      progress.update((part + share) / parts, text);
    // One evaluator exists at a time, so the largest plan is what is needed.
    bytes = Math.max(
      ...all.map((one) => createEvaluator(one).bytes),
      ...contenders.flatMap((contender) => [
        createBaseline(context, contender, { ...testOptions, horizon: contender.horizon }).bytes,
        tuningBytes(
          context,
          contender,
          { ...tuningOptions, horizon: contender.horizon },
          comparison.tuningTasks,
        ),
      ]),
    );
    output.say(
      `Evaluation: ${comparison.tasks} ${list === 'test' ? 'held-out' : list} tasks, up to ${formatBytes(bytes)} on the device`,
    );
    requireMemory(context, bytes, 'the evaluation');
    optimizeeDescription = createEvaluator(learned).description;
    /** What is kept, or what `measure` finds, which is kept then. */
    const measured = async (label: string, measure: () => Promise<KeptEntrant>) => {
      let found = comparison.kept?.read(label);
      if (!found) {
        found = await measure();
        comparison.kept?.write(label, found);
      }
      entrants.push(found.entrant);
      return found;
    };
    for (const [index, one] of all.entries()) {
      const { entrant } = await measured(one.label, async () => {
        const evaluator = createEvaluator(one);
        try {
          await evaluator.prepare();
          writeTensor(context, evaluator.optimizer.phi, one.phi);
          const scaling = one.randomScaling
            ? `parameters ${(one.scaledFrom ?? 1) > 1 ? `from layer ${one.scaledFrom} on ` : ''}scaled by exp U(-${one.randomScaling}, ${one.randomScaling}) over its mean`
            : '';
          const setting = [evaluator.optimizer.description, scaling, one.note]
            .filter((part) => part !== '')
            .join(', ');
          const run = () => evaluator.run(keys, undefined, at(index, one.label));
          return { entrant: await timed(one.label, 'learned', setting, run) };
        } finally {
          evaluator.destroy();
        }
      });
      curves.push(entrant.curve);
    }

    for (const [index, contender] of contenders.entries()) {
      const { label, name, onlyFinal = false } = contender;
      const { entrant, tuned } = await measured(label, async () => {
        const options = { ...tuningOptions, horizon: contender.horizon };
        const tuned = await tuneBaseline(context, contender, options, tuningKeys, (share) =>
          at(all.length + index, `tuning ${label}`)(0.8 * share),
        );
        const test = { ...testOptions, horizon: contender.horizon, onlyFinal };
        const baseline = createBaseline(context, contender, test);
        try {
          await baseline.prepare();
          baseline.optimizer.set(tuned);
          const steps = contender.horizon === horizon ? '' : `, ${contender.horizon} steps`;
          const run = () =>
            baseline.run(keys, undefined, (share) => at(all.length + index, label)(0.8 + 0.2 * share));
          const setting = `${describeTuned(name, tuned)}${steps}`;
          return { entrant: await timed(label, 'baseline', setting, run), tuned };
        } finally {
          baseline.destroy();
        }
      });
      if (tuned) tuning[label] = tuned;
      if (!onlyFinal) curves.push(entrant.curve);
    }
  } finally {
    progress.stop();
  }
  const rows = entrants.flatMap(({ accuracy }) => accuracy ?? []);
  const accuracies = rows.length > 0 ? [...rows, ...neighbourRows(comparison, comparison.tasks)] : [];
  return {
    curves,
    accuracies,
    ...(accuracies.length > 0 ? judgeAccuracies(accuracies) : judgeLosses(entrants, horizon)),
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
  const finals = Array.from(
    { length: losses.tasks },
    (_, task) => losses.values[(task + 1) * (losses.horizon + 1) - 1] ?? Number.NaN,
  );
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
    risen: finals.filter((loss, task) => !(loss <= (losses.values[task * (losses.horizon + 1)] ?? 0))).length,
    stepsPerSecond: (losses.tasks * losses.horizon) / seconds,
  };
  const { accuracy } = summary;
  return {
    curve,
    finals,
    ...(accuracy && {
      accuracy: { label, kind, setting, mean: accuracy.final, interval: accuracy.interval },
    }),
  };
}
