import { lossAtStep } from '../../host/index.ts';
import type { AccuracyRow, LossCurve } from '../../report/data.ts';
import type { ResultRow } from '../../report/results.ts';
import type { RecipeTest } from './recipe.ts';
import type { TrainedSeed } from './training.ts';

/** One optimizer of a test: of a learned one the curves of its meta-seeds, of a baseline one curve. */
export interface Contestant {
  /** The training's name, or the baseline's. */
  readonly name: string;
  readonly label: string;
  readonly kind: LossCurve['kind'];
  /** None of a contender that was measured after its last step alone. */
  readonly curves: readonly LossCurve[];
  readonly accuracies: readonly AccuracyRow[];
}

/** What was compared, with the meta-seeds of one training together. */
export function contestantsOf(
  seeds: readonly TrainedSeed[],
  {
    curves,
    accuracies,
  }: { readonly curves: readonly LossCurve[]; readonly accuracies: readonly AccuracyRow[] },
): Contestant[] {
  const names = [...new Set(seeds.map(({ training }) => training.name))];
  const learned = names.map((name): Contestant => {
    const own = seeds.filter(({ training }) => training.name === name);
    const labels = own.map((seed) => seed.learned.label);
    const label = own[0]?.training.label ?? name;
    return {
      name,
      label,
      kind: 'learned',
      curves: curves.filter((curve) => labels.includes(curve.label)),
      accuracies: accuracies.filter((row) => labels.includes(row.label)),
    };
  });
  const baselines = [...curves, ...accuracies].filter(({ kind }) => kind === 'baseline');
  const others = [...new Set(baselines.map(({ label }) => label))].map(
    (label): Contestant => ({
      name: label,
      label,
      kind: 'baseline',
      curves: curves.filter((curve) => curve.label === label && curve.kind === 'baseline'),
      accuracies: accuracies.filter((row) => row.label === label && row.kind === 'baseline'),
    }),
  );
  return [...learned, ...others];
}

/** A contestant's loss at a step: the mean over meta-seeds of the means over tasks. */
export function lossAt({ curves }: Contestant, step: number): number {
  return meanOf(curves.map(({ mean }) => lossAtStep(mean, step)));
}

/** One curve a contestant, as figures draw it: the mean over meta-seeds, and as a band from the best to the worst of them. */
export function figureCurve({ label, kind, curves }: Contestant): LossCurve[] {
  const [first] = curves;
  if (!first) return [];
  if (curves.length === 1) return [{ ...first, label }];
  const over = (pick: (values: number[]) => number, part: 'mean' = 'mean') =>
    first.mean.map((_, step) => pick(curves.map((curve) => curve[part][step] ?? Number.NaN)));
  const mean = over(meanOf);
  const of = (pick: (curve: LossCurve) => number) => curves.map(pick);
  return [
    {
      label: `${label}, ${curves.length} meta-seeds`,
      kind,
      mean,
      low: over((values) => Math.min(...values)),
      high: over((values) => Math.max(...values)),
      finalMean: mean.at(-1) ?? Number.NaN,
      finalSpread: meanOf(of(({ finalSpread }) => finalSpread)),
      finalError: meanOf(of(({ finalError }) => finalError)),
      sumMean: meanOf(of(({ sumMean }) => sumMean)),
      setting: first.setting,
      diverged: sumOf(of(({ diverged }) => diverged)),
      risen: sumOf(of(({ risen = 0 }) => risen)),
    },
  ];
}

/** A contestant as a line of a table. */
export function resultRow(contestant: Contestant, test: RecipeTest, steps: readonly number[]): ResultRow {
  const { name, label, kind, curves, accuracies } = contestant;
  const [curve] = figureCurve(contestant);
  const [first] = accuracies;
  const published = test.published?.losses[name];
  return {
    label,
    kind,
    name,
    setting: (curves[0] ?? first)?.setting ?? '',
    losses: curve ? steps.map((step) => finite(lossAt(contestant, step))) : [],
    ...(kind === 'learned' && {
      seeds: curves.map(({ mean }) => steps.map((step) => finite(lossAtStep(mean, step)))),
    }),
    spread: finite(curve?.finalSpread ?? Number.NaN),
    error: finite(curve?.finalError ?? Number.NaN),
    sum: finite(curve?.sumMean ?? Number.NaN),
    diverged: curve?.diverged ?? 0,
    risen: curve?.risen ?? 0,
    ...(first && {
      accuracy: {
        mean: digits(meanOf(accuracies.map(({ mean }) => mean))),
        interval: digits(meanOf(accuracies.map(({ interval }) => interval))),
      },
    }),
    ...(published !== undefined && { published }),
  };
}

/** The steps of a test's table: those it asks for, those of its checks and published values, and the last. */
export function tableSteps({ steps, checks, published, horizon }: RecipeTest): number[] {
  const all = checks.flatMap((check) =>
    check.kind === 'loss' || check.kind === 'below' ? (check.step ?? []) : [],
  );
  return [...new Set([...steps, ...all, ...(published ? [published.step] : []), horizon])].sort(
    (a, b) => a - b,
  );
}

export function meanOf(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : sumOf(values) / values.length;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** To six digits, all that means over tasks are good for; null where it is not finite. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? digits(value) : null;
}

function digits(value: number): number {
  return Number(value.toPrecision(6));
}
