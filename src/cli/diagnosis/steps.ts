import type { DiagnosisPart, Status } from '../../report/diagnosisData.ts';
import { formatCount, formatLoss } from '../../report/format.ts';
import { largest, median, quantile } from './numbers.ts';
import type { StepRecord } from './records.ts';
import { THRESHOLDS } from './thresholds.ts';

const percent = (share: number) => `${formatLoss(100 * share, 2)} %`;

/** The size of the meta-gradient before the clip, and how often the clip bound. */
export function diagnoseNorms(steps: readonly StepRecord[], clip: number | null): DiagnosisPart {
  const norms = steps.map(({ gradientNorm }) => gradientNorm).filter(Number.isFinite);
  const [middle, most] = [median(norms), largest(norms)];
  const clipped = clip === null ? 0 : norms.filter((norm) => norm > clip).length / norms.length;
  const { status, sentence } = judgeNorms(norms, clip, clipped);
  const bound = clip === null ? 'no clip' : percent(clipped);
  return {
    id: 'gradientNorm',
    title: 'Norm of the meta-gradient',
    status,
    sentence,
    table: {
      heads: ['median', 'largest', 'clip bound'],
      rows: [[formatLoss(middle), formatLoss(most), bound]],
    },
    numbers: { median: middle, largest: most, clip, clippedShare: clipped },
  };
}

function judgeNorms(
  norms: readonly number[],
  clip: number | null,
  clipped: number,
): { status: Status; sentence: string } {
  const [middle, most] = [median(norms), largest(norms)];
  if (norms.length === 0) {
    return {
      status: 'wrong',
      sentence: 'No meta-gradient was finite: try a smaller --learning-rate, --output-scale or --unroll.',
    };
  }
  if (middle === 0) {
    return {
      status: 'wrong',
      sentence:
        'The meta-gradient is zero in most meta-steps, so nothing is learned: try a longer --unroll, or --loss-weights sum.',
    };
  }
  if (clip !== null && clipped > THRESHOLDS.clipped) {
    return {
      status: 'look',
      sentence: `The clip at ${formatLoss(clip)} bound ${percent(clipped)} of the meta-steps, so meta-Adam hardly sees sizes: where training is slow, try --clip ${formatLoss(quantile(norms, 0.9), 2)}, which a tenth of them exceed.`,
    };
  }
  if (most > THRESHOLDS.spike * middle && clip === null) {
    return {
      status: 'look',
      sentence: `The largest norm is ${formatLoss(most / middle, 2)} times the median and nothing clips it, so single tasks can throw meta-Adam off: try --clip ${formatLoss(10 * middle, 2)}.`,
    };
  }
  const how =
    clip === null ? 'no clip is set or needed' : `the clip bound ${percent(clipped)} of the meta-steps`;
  return {
    status: 'healthy',
    sentence: `Norms stay in a usable range, from a median of ${formatLoss(middle)} to ${formatLoss(most)}, and ${how}.`,
  };
}

/** How many meta-steps were skipped for not being finite, and where. */
export function diagnoseSkips(steps: readonly StepRecord[]): DiagnosisPart {
  const skipped = steps.filter((step) => step.skipped);
  const share = skipped.length / steps.length;
  const row = longestRow(steps);
  const where = clusterOf(steps);
  const positions = new Set(steps.map(({ stepsBefore }) => stepsBefore));
  const position = [...positions].find(
    (before) =>
      positions.size > 1 &&
      skipped.length >= THRESHOLDS.cluster.least &&
      skipped.filter(({ stepsBefore }) => stepsBefore === before).length >
        THRESHOLDS.cluster.share * skipped.length,
  );
  const { look, wrong } = THRESHOLDS.skipped;
  const status: Status = share > wrong ? 'wrong' : share > look ? 'look' : 'healthy';
  const clustered = [
    where && `${formatCount(where.count)} of them between iterations ${where.from} and ${where.to}`,
    position !== undefined && `most in unrolls that begin at step ${position}`,
    row.length > 1 && `up to ${formatCount(row.length)} in a row`,
  ].filter((part) => typeof part === 'string');
  const facts = `${formatCount(skipped.length)} of ${formatCount(steps.length)} meta-steps (${percent(share)}) were not finite and were skipped${clustered.length > 0 ? `, ${clustered.join(', ')}` : ''}`;
  const remedy =
    status === 'healthy'
      ? 'too few to matter'
      : 'try a smaller --learning-rate, or --clip, or a smaller --output-scale';
  return {
    id: 'skipped',
    title: 'Skipped meta-steps',
    status,
    sentence:
      skipped.length === 0
        ? `None of the ${formatCount(steps.length)} meta-steps was skipped.`
        : `${facts}: ${remedy}.`,
    numbers: {
      steps: steps.length,
      skipped: skipped.length,
      share,
      longestRow: row,
      cluster: where ?? null,
      position: position ?? null,
    },
  };
}

/** The longest row of skipped meta-steps, and its first iteration. */
function longestRow(steps: readonly StepRecord[]): { length: number; from: number | null } {
  let best: { length: number; from: number | null } = { length: 0, from: null };
  let length = 0;
  for (const [index, { skipped }] of steps.entries()) {
    length = skipped ? length + 1 : 0;
    if (length > best.length) best = { length, from: steps[index - length + 1]?.iteration ?? null };
  }
  return best;
}

/** The tenth of the run that holds most of the skipped meta-steps, where one does. */
function clusterOf(steps: readonly StepRecord[]): { from: number; to: number; count: number } | undefined {
  const { share, least } = THRESHOLDS.cluster;
  const total = steps.filter(({ skipped }) => skipped).length;
  if (total < least) return undefined;
  const tenths = Array.from({ length: 10 }, (_, i) => {
    const part = steps.slice(Math.floor((i * steps.length) / 10), Math.floor(((i + 1) * steps.length) / 10));
    const count = part.filter(({ skipped }) => skipped).length;
    return { from: part[0]?.iteration ?? 0, to: part.at(-1)?.iteration ?? 0, count };
  });
  return tenths.find(({ count }) => count > share * total);
}
