import type { LossCurve } from './data.ts';
import { formatCount } from './format.ts';

/** The curves from the smallest final loss to the largest, those that are not finite last; order kept on ties. */
export function rankCurves(curves: readonly LossCurve[]): LossCurve[] {
  return [...curves].sort((a, b) => {
    const left = orLast(a.finalMean);
    const right = orLast(b.finalMean);
    return left === right ? 0 : left - right;
  });
}

/** The baseline of smallest finite final loss, one that diverged in no task if there is any. */
export function bestBaseline(curves: readonly LossCurve[]): LossCurve | undefined {
  const ranked = rankCurves(curves).filter(
    (curve) => curve.kind === 'baseline' && Number.isFinite(curve.finalMean),
  );
  return ranked.find((curve) => curve.diverged === 0) ?? ranked[0];
}

/** The curves drawn with a band: the learned ones and the best baseline. */
export function bandedCurves(curves: readonly LossCurve[]): LossCurve[] {
  const best = bestBaseline(curves);
  return curves.filter((curve) => curve.kind === 'learned' || curve === best);
}

/** The last step of the longest curve, 0 where there is none. */
export function lastStep(curves: readonly LossCurve[]): number {
  return curves.reduce((most, curve) => Math.max(most, curve.mean.length - 1), 0);
}

/** The head of a column of final losses: "loss at step 100", where all curves end there. */
export function finalHead(curves: readonly LossCurve[]): string {
  const last = lastStep(curves);
  const together = curves.every((curve) => curve.mean.length === last + 1);
  return together ? `loss at step ${formatCount(last)}` : 'loss at its last step';
}

/** Steps worth a column in a table: 0, one to three round ones, the trained horizon and the last. */
export function milestones(last: number, horizon: number): number[] {
  const steps = new Set([0, last]);
  for (let decade = 1; decade <= last; decade *= 10) {
    for (const round of [decade, 2 * decade, 5 * decade]) {
      if (round >= last / 12 && round <= last * 0.6) steps.add(round);
    }
  }
  if (horizon > 0 && horizon < last) steps.add(horizon);
  return [...steps].sort((a, b) => a - b);
}

function orLast(value: number): number {
  return Number.isFinite(value) ? value : Number.POSITIVE_INFINITY;
}
