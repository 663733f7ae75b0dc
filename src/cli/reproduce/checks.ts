import type { GateRecording } from '../../host/index.ts';
import { formatLoss, formatPercent } from '../../report/format.ts';
import type { CheckResult } from '../../report/results.ts';
import type { Check, RecipeTest } from './recipe.ts';
import { type Contestant, lossAt, meanOf } from './rows.ts';

/** What checks are made on. */
export interface Measured {
  readonly test: RecipeTest;
  readonly contestants: readonly Contestant[];
  readonly gates: GateRecording | undefined;
}

type Judged = Omit<CheckResult, 'of'>;

/** Every check of a test, judged. */
export function judgeChecks(measured: Measured): CheckResult[] {
  return measured.test.checks.map((check) => {
    const name = check.of ?? measured.test.learned[0];
    const own = measured.contestants.find((one) => one.kind === 'learned' && one.name === name);
    if (!own) throw new RangeError(`${name} was not compared`);
    return { of: own.name, ...judge(check, own, measured) };
  });
}

function judge(check: Check, own: Contestant, measured: Measured): Judged {
  switch (check.kind) {
    case 'loss':
      return judgeLoss(check, own);
    case 'below':
      return judgeBelow(check, own, measured);
    case 'stable':
      return judgeStable(own, measured.test);
    case 'accuracy':
      return judgeAccuracy(check, own, measured);
    case 'gate-level':
    case 'gate-spread':
      return judgeGate(check, own, measured.gates);
  }
}

type Of<Kind extends Check['kind']> = Extract<Check, { readonly kind: Kind }>;

/** `value` at most (or at least) `bound`, and by how much not. */
function banded(
  value: number,
  bound: number,
  side: 'most' | 'least',
  format: (value: number) => string,
): Pick<CheckResult, 'reached' | 'missedBy'> {
  const reached = side === 'most' ? value <= bound : value >= bound;
  if (reached) return { reached };
  if (!Number.isFinite(value)) return { reached, missedBy: 'not finite' };
  const gap = Math.abs(value - bound);
  const percent = (100 * gap) / Math.abs(bound);
  const share = bound === 0 ? '' : ` (${percent < 1 ? percent.toPrecision(1) : Math.round(percent)} %)`;
  return { reached, missedBy: `${format(gap)}${share} ${side === 'most' ? 'above' : 'below'}` };
}

function judgeLoss(check: Of<'loss'>, own: Contestant): Judged {
  const { step, atMost, published } = check;
  const value = lossAt(own, step);
  return {
    what: `${own.label} at step ${step}`,
    band: atMost === undefined ? 'reported' : `at most ${formatLoss(atMost)}`,
    value: formatLoss(value),
    ...(published !== undefined && { published: formatLoss(published) }),
    ...(atMost !== undefined && banded(value, atMost, 'most', formatLoss)),
  };
}

/** The lowest of some baselines at a step. */
function lowest(baselines: readonly Contestant[], step: number): { loss: number; name: string } {
  return baselines
    .map((baseline) => ({ loss: lossAt(baseline, step), name: baseline.label }))
    .reduce((a, b) => (b.loss < a.loss || !Number.isFinite(a.loss) ? b : a));
}

function judgeBelow(check: Of<'below'>, own: Contestant, { contestants, test }: Measured): Judged {
  const baselines = contestants.filter(
    ({ kind, name, curves }) =>
      kind === 'baseline' && curves.length > 0 && (check.baselines?.includes(name) ?? true),
  );
  const whom = check.baselines ? `tuned ${check.baselines.join(', ')}` : 'every tuned baseline';
  if (baselines.length === 0) throw new RangeError(`${whom} was not compared`);
  const first = check.step ?? check.from ?? 0;
  const last = check.step ?? test.horizon;
  let worst = { step: first, ratio: -1, loss: Number.NaN, rival: lowest(baselines, first) };
  for (let step = first; step <= last; step++) {
    const loss = lossAt(own, step);
    const rival = lowest(baselines, step);
    const ratio = Number.isFinite(loss) ? loss / rival.loss : Number.POSITIVE_INFINITY;
    if (!(ratio <= worst.ratio)) worst = { step, ratio, loss, rival };
  }
  const { step, loss, rival } = worst;
  const when = check.step === undefined ? `from step ${first} on, worst at ${step}` : `at step ${step}`;
  return {
    what: `${own.label} ${when}`,
    band: `below ${whom}: ${formatLoss(rival.loss)} of ${rival.name}`,
    value: formatLoss(loss),
    ...banded(loss, rival.loss, 'most', formatLoss),
  };
}

function judgeStable({ label, curves }: Contestant, { tasks }: RecipeTest): Judged {
  const risen = curves.reduce((sum, curve) => sum + (curve.risen ?? 0), 0);
  const runs = tasks * curves.length;
  return {
    what: `${label}: runs that end above where they began, or not finite`,
    band: 'none',
    value: `${risen} of ${runs}`,
    reached: risen === 0,
    ...(risen > 0 && { missedBy: `${risen} runs` }),
  };
}

function judgeAccuracy(check: Of<'accuracy'>, own: Contestant, { contestants }: Measured): Judged {
  const accuracyOf = ({ accuracies }: Contestant) => ({
    mean: meanOf(accuracies.map(({ mean }) => mean)),
    interval: meanOf(accuracies.map(({ interval }) => interval)),
  });
  const value = accuracyOf(own);
  const points = (share: number) => `${(100 * share).toFixed(1)} points`;
  const judged: Judged = {
    what: `${own.label}: query set classified right`,
    band: 'reported',
    value: formatPercent(value.mean, value.interval),
    ...(check.published !== undefined && { published: `${(100 * check.published).toFixed(2)} %` }),
  };
  if (check.above !== undefined) {
    const found = contestants.find(({ kind, name }) => kind === 'baseline' && name === check.above);
    if (!found) throw new RangeError(`${check.above} was not compared`);
    // Above is where the 95 % intervals do not overlap.
    const rival = accuracyOf(found);
    const distance = value.mean - value.interval - (rival.mean + rival.interval);
    const missedBy = `${points(-distance)} for the intervals not to overlap`;
    return {
      ...judged,
      band: `above ${formatPercent(rival.mean, rival.interval)} of ${found.label}, intervals apart`,
      reached: distance > 0,
      ...(!(distance > 0) && { missedBy }),
    };
  }
  if (check.atLeast === undefined) return judged;
  const band = `at least ${(100 * check.atLeast).toFixed(1)} %`;
  return { ...judged, band, ...banded(value.mean, check.atLeast, 'least', points) };
}

/** A gate's means as [layers][episodes][steps]. */
function gateMeans(gates: GateRecording | undefined, gate: string): (readonly (readonly number[])[])[] {
  const recorded = gates?.recorded.find(({ name }) => name === gate);
  if (!recorded) throw new RangeError(`no ${gate} was recorded`);
  return recorded.groups.map(({ mean }) => mean);
}

function judgeGate(
  check: Of<'gate-level'> | Of<'gate-spread'>,
  own: Contestant,
  gates: GateRecording | undefined,
): Judged {
  const means = gateMeans(gates, check.gate);
  const overEpisodes = means.map((layer) =>
    (layer[0] ?? []).map((_, t) => meanOf(layer.map((one) => one[t] ?? 0))),
  );
  if (check.kind === 'gate-level') {
    const value = Math.min(...overEpisodes.flat());
    return {
      what: `${own.label}: ${check.gate}, lowest mean of a layer and step`,
      band: `at least ${check.atLeast}`,
      value: formatLoss(value),
      ...banded(value, check.atLeast, 'least', formatLoss),
    };
  }
  const along = {
    steps: () => overEpisodes,
    layers: () => [overEpisodes.map(meanOf)],
    episodes: () => means.map((layer) => layer.map(meanOf)),
  }[check.over]();
  const value = Math.max(
    ...along.map((values) => (Math.max(...values) - Math.min(...values)) / meanOf(values)),
  );
  const { atLeast, atMost } = check;
  const band = [
    atLeast === undefined ? '' : `at least ${atLeast}`,
    atMost === undefined ? '' : `at most ${atMost}`,
  ];
  return {
    what: `${own.label}: ${check.gate}, relative spread of its means over ${check.over}`,
    band: band.filter((part) => part !== '').join(' and ') || 'reported',
    value: formatLoss(value),
    ...(atLeast !== undefined && banded(value, atLeast, 'least', formatLoss)),
    ...(atMost !== undefined && !(atLeast !== undefined && value < atLeast)
      ? banded(value, atMost, 'most', formatLoss)
      : {}),
  };
}
