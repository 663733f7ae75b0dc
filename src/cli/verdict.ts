import type { AccuracyRow, LossCurve } from '../report/data.ts';
import { formatPercent } from '../report/format.ts';

/** One optimizer in a comparison: its curve, and the final losses task by task. */
export interface Entrant {
  readonly curve: LossCurve;
  readonly finals: readonly number[];
  /** Of few-shot classification: what it classifies right after the last step. */
  readonly accuracy?: AccuracyRow;
}

/** The result in one sentence, and whether it is a win beyond doubt. */
export interface Verdict {
  readonly verdict: string;
  readonly learnedWins: boolean;
}

/** Orders losses, the infinite ones last. */
function compareLosses(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

/** The first entrant against the best baseline: mean paired difference over tasks and its standard error. */
export function judgeLosses(entrants: readonly Entrant[], horizon: number): Verdict {
  const [learned] = entrants;
  const baselines = entrants.filter(({ curve }) => curve.kind === 'baseline');
  if (!learned) throw new RangeError('nothing was compared');
  const value = (entrant: Entrant) => `${entrant.curve.finalMean.toPrecision(3)}`;
  const [best] = baselines.toSorted((a, b) => compareLosses(a.curve.finalMean, b.curve.finalMean));
  if (!best) {
    return {
      verdict: `The learned optimizer reaches ${value(learned)} at step ${horizon}.`,
      learnedWins: false,
    };
  }
  const differences = learned.finals.map((loss, task) => (best.finals[task] ?? Number.NaN) - loss);
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
  const theirSteps = best.curve.mean.length - 1;
  const when = theirSteps === horizon ? `at step ${horizon}` : `at step ${horizon} and ${theirSteps}`;
  const facts = `${value(learned)} against ${value(best)} of ${best.curve.label}, the best tuned baseline, ${when} (${difference})`;
  if (learnedWins) return { verdict: `The learned optimizer wins: ${facts}.`, learnedWins };
  const loses = !Number.isFinite(mean) || mean < -2 * error;
  return {
    verdict: `The learned optimizer ${loses ? 'loses' : 'does not clearly win'}: ${facts}.`,
    learnedWins,
  };
}

/** The first learned row against the best baseline: a win where their 95 % confidence intervals do not overlap. */
export function judgeAccuracies(rows: readonly AccuracyRow[]): Verdict {
  const learned = rows.find(({ kind }) => kind === 'learned');
  if (!learned) throw new RangeError('nothing was compared');
  const value = ({ mean, interval }: AccuracyRow) => formatPercent(mean, interval);
  const [best] = rows.filter(({ kind }) => kind === 'baseline').toSorted((a, b) => b.mean - a.mean);
  if (!best) {
    return { verdict: `The learned optimizer classifies ${value(learned)} right.`, learnedWins: false };
  }
  const gap = Math.abs(learned.mean - best.mean) - learned.interval - best.interval;
  const apart = gap > 0;
  const learnedWins = apart && learned.mean > best.mean;
  const word = learnedWins ? 'wins' : apart ? 'loses' : 'does not clearly win';
  const intervals = apart ? 'the 95 % intervals do not overlap' : 'the 95 % intervals overlap';
  return {
    verdict: `The learned optimizer ${word}: ${value(learned)} right against ${value(best)} of ${best.label}, the best baseline (${intervals}).`,
    learnedWins,
  };
}
