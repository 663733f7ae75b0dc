import type { DiagnosisPart, Status } from '../../report/diagnosisData.ts';
import { formatCount, formatLoss } from '../../report/format.ts';
import { mean, third, trend } from './numbers.ts';
import type { StepRecord, ValidationRecord } from './records.ts';
import { THRESHOLDS } from './thresholds.ts';

const percent = (share: number) => `${formatLoss(100 * share, 2)} %`;

/** The logarithm of the meta-loss, episode by episode. */
export interface EpisodeLosses {
  /** Mean over the unrolls of an episode of ln(meta-loss), each less the run's mean at that place in an episode. */
  readonly logs: readonly number[];
}

/**
 * Meta-losses that can be compared: unrolls late in an episode have smaller losses than its first, and those of one
 * episode share its tasks, so an episode is one value.
 */
export function episodeLosses(steps: readonly StepRecord[]): EpisodeLosses {
  const usable = steps.filter(
    ({ metaLoss, skipped }) => !skipped && metaLoss > 0 && Number.isFinite(metaLoss),
  );
  const places = new Map<number, number[]>();
  for (const { metaLoss, stepsBefore } of usable) {
    const own = places.get(stepsBefore) ?? [];
    own.push(Math.log(metaLoss));
    places.set(stepsBefore, own);
  }
  const level = new Map([...places].map(([place, own]) => [place, mean(own)]));
  const episodes: number[][] = [];
  let previous = Number.POSITIVE_INFINITY;
  for (const { metaLoss, stepsBefore } of usable) {
    if (stepsBefore <= previous) episodes.push([]);
    episodes.at(-1)?.push(Math.log(metaLoss) - (level.get(stepsBefore) ?? Number.NaN));
    previous = stepsBefore;
  }
  return { logs: episodes.map(mean) };
}

/** Where the meta-loss is heading over the last third of the run, against its noise; 'unclear' where noise hides too much. */
export type Heading = 'falling' | 'rising' | 'flat' | 'unclear' | 'unknown';

export interface TrendNumbers {
  readonly heading: Heading;
  /** Episodes in the last third. */
  readonly episodes: number;
  /** Relative change of the meta-loss along the last third. */
  readonly change: number;
  /** That change, as a logarithm, over its standard error. */
  readonly errors: number;
  /** The smallest relative rise that would stand out of the noise. */
  readonly hidden: number;
  /** Relative change from the mean of the first tenth to that of the last third. */
  readonly progress: number;
}

export function trendNumbers(steps: readonly StepRecord[]): TrendNumbers {
  const { logs } = episodeLosses(steps);
  const end = third(logs, 'last');
  const progress = Math.expm1(mean(end) - mean(logs.slice(0, Math.ceil(logs.length / 10))));
  const episodes = end.length;
  if (episodes < THRESHOLDS.episodes) {
    return {
      heading: 'unknown',
      episodes,
      change: Number.NaN,
      errors: Number.NaN,
      hidden: Number.NaN,
      progress,
    };
  }
  const { change, error } = trend(end);
  const errors = error > 0 ? change / error : 0;
  const hidden = Math.expm1(THRESHOLDS.slope * error);
  const numbers = { episodes, change: Math.expm1(change), errors, hidden, progress };
  if (Math.abs(errors) > THRESHOLDS.slope) {
    return { heading: change < 0 ? 'falling' : 'rising', ...numbers };
  }
  return { heading: hidden > THRESHOLDS.resolution ? 'unclear' : 'flat', ...numbers };
}

export function diagnoseTrend(steps: readonly StepRecord[]): DiagnosisPart {
  const numbers = trendNumbers(steps);
  const { heading, change, errors, hidden, progress, episodes } = numbers;
  return {
    id: 'trend',
    title: 'Trend of the meta-loss',
    ...judgeTrend(numbers),
    ...(heading !== 'unknown' && {
      table: {
        heads: [
          'along the last third',
          'standard errors',
          'noise hides up to',
          'since the first tenth',
          'episodes',
        ],
        rows: [
          [signed(change), formatLoss(errors, 2), percent(hidden), signed(progress), formatCount(episodes)],
        ],
      },
    }),
    numbers,
  };
}

function judgeTrend(numbers: TrendNumbers): { status: Status; sentence: string } {
  const { heading, change, errors, hidden, progress, episodes } = numbers;
  const sized = `${percent(Math.abs(change))} (${formatLoss(Math.abs(errors), 2)} standard errors)`;
  switch (heading) {
    case 'unknown':
      return {
        status: 'unknown',
        sentence: `The last third of the run has ${formatCount(episodes)} finite episodes, too few for a slope: it needs ${THRESHOLDS.episodes}.`,
      };
    case 'unclear':
      return {
        status: 'unknown',
        sentence: `The meta-loss has no clear trend along the last third, where noise would hide a change of up to ${percent(hidden)}: more --iterations or --tasks would tell.`,
      };
    case 'falling':
      return {
        status: 'healthy',
        sentence: `The meta-loss is still falling, by ${sized} along the last third: more --iterations should go lower.`,
      };
    case 'rising':
      return {
        status: 'wrong',
        sentence: `The meta-loss is rising, by ${sized} along the last third: the training has become unstable; try a smaller --learning-rate or --clip.`,
      };
    case 'flat':
      return progress > -THRESHOLDS.progress
        ? {
            status: 'look',
            sentence: `The meta-loss is flat along the last third and ${percent(Math.abs(progress))} ${progress < 0 ? 'below' : 'above'} the first tenth: it has hardly moved; try another --learning-rate, more --tasks, or --preprocess log-sign.`,
          }
        : {
            status: 'healthy',
            sentence: `The meta-loss is flat along the last third, where a change of ${percent(hidden)} would show, and ${percent(-progress)} below the first tenth: it has converged at this --learning-rate.`,
          };
  }
}

function signed(share: number): string {
  return `${share > 0 ? '+' : ''}${percent(share)}`;
}

/**
 * The best validation against the first and the last one; `heading` tells overfitting from instability. Of a curriculum
 * the last stage alone: the others were validated at other steps, and the last begins with their best weights.
 */
export function diagnoseBest(all: readonly ValidationRecord[], heading: Heading): DiagnosisPart {
  const validations = all.filter(({ stage }) => stage?.number === all.at(-1)?.stage?.number);
  const [first, last] = [validations.at(0), validations.at(-1)];
  const best = validations.findLast(({ isBest }) => isBest);
  const about = { id: 'best', title: 'Best weights against the last' };
  if (!first || !last || !best || validations.length < 2) {
    const sentence = 'The run has not been validated since it began: let it get further.';
    return { ...about, status: 'unknown', sentence, numbers: { best: best ?? null, last: last ?? null } };
  }
  const relapse = last.score / best.score - 1;
  const gain = 1 - best.score / first.score;
  return {
    ...about,
    ...judgeBest({ best, last, relapse, gain }, heading),
    table: {
      heads: ['', 'after meta-iterations', 'validation loss'],
      rows: [
        ['first', formatCount(first.done), formatLoss(first.score)],
        ['best', formatCount(best.done), formatLoss(best.score)],
        ['last', formatCount(last.done), formatLoss(last.score)],
      ],
    },
    numbers: { first, best, last, relapse, gain },
  };
}

function judgeBest(
  of: { best: ValidationRecord; last: ValidationRecord; relapse: number; gain: number },
  heading: Heading,
): { status: Status; sentence: string } {
  const { best, last, relapse, gain } = of;
  const { look, wrong } = THRESHOLDS.relapse;
  const at = `the best weights, after ${formatCount(best.done)} meta-iterations`;
  const isLater = (last.stage?.number ?? 1) > 1;
  const start = isLater ? 'those the stage began with' : 'the fresh ones';
  if (!Number.isFinite(best.score)) {
    return {
      status: 'wrong',
      sentence: 'Every validation diverged: try a smaller --output-scale or --learning-rate.',
    };
  }
  if (!isLater && !(gain >= THRESHOLDS.progress)) {
    return {
      status: 'wrong',
      sentence: `No validation is better than the fresh weights by ${percent(THRESHOLDS.progress)}: nothing useful was learned; try another --learning-rate, more --iterations or more --tasks.`,
    };
  }
  if (!Number.isFinite(last.score)) {
    return {
      status: 'wrong',
      sentence: `The last weights diverge on validation tasks where ${at}, do not: use those, and try a smaller --learning-rate or --clip.`,
    };
  }
  if (relapse > look) {
    const cause =
      heading === 'rising'
        ? 'the meta-loss rises too, which is instability: try a smaller --learning-rate or --clip'
        : 'the meta-loss does not rise with it, which is overfitting or noise: try more --tasks or --validation-tasks, or stop earlier';
    return {
      status: relapse > wrong ? 'wrong' : 'look',
      sentence: `The last validation lies ${percent(relapse)} above ${at}, and ${cause}.`,
    };
  }
  if (best.done === last.done) {
    return {
      status: 'healthy',
      sentence: `The last weights are the best, ${percent(gain)} below ${start}: more --iterations may go lower.`,
    };
  }
  return {
    status: 'healthy',
    sentence: `The last validation lies ${percent(relapse)} above ${at}, which are ${percent(gain)} below ${start}: stable.`,
  };
}
