import { isGated, type OptimizerConfig, type StepComparison } from '../../host/index.ts';
import type { DiagnosisPart, NamedLine, Status } from '../../report/diagnosisData.ts';
import { formatCount, formatLoss } from '../../report/format.ts';
import { mean, median } from './numbers.ts';
import { THRESHOLDS } from './thresholds.ts';

/** Rows of the table. */
const ROWS = 6;

/** An optimizer's updates u, gradients g and the reference's steps r, by step of an episode: means over tasks. */
export interface UpdateNumbers {
  /** |u| / |g| */
  readonly ratio: readonly number[];
  /** |u| / |r|: the learning rate at which the reference's step is as long. */
  readonly rate: readonly number[];
  /** Of u and r. */
  readonly cosine: readonly number[];
  /** Episodes in which an update was not finite. */
  readonly diverged: number;
}

/** Tasks where a quotient is not finite (a gradient of zero) are left out of its mean. */
export function updateNumbers(comparison: StepComparison): UpdateNumbers {
  const { steps, updateNorm, gradientNorm, referenceNorm, cosine } = comparison;
  const overTasks = (value: (episode: number, step: number) => number) =>
    Array.from({ length: steps }, (_, step) => mean(updateNorm.map((_, episode) => value(episode, step))));
  const quotient = (below: StepComparison['updateNorm']) =>
    overTasks((e, t) => (updateNorm[e]?.[t] ?? Number.NaN) / (below[e]?.[t] ?? Number.NaN));
  return {
    ratio: quotient(gradientNorm),
    rate: quotient(referenceNorm),
    cosine: overTasks((e, t) => cosine[e]?.[t] ?? Number.NaN),
    diverged: updateNorm.filter((row) => !row.every(Number.isFinite)).length,
  };
}

/** Updates against gradients and against the steps of Adam on the same gradients. */
export function diagnoseUpdates(comparison: StepComparison, kind: OptimizerConfig['kind']): DiagnosisPart {
  const numbers = updateNumbers(comparison);
  const { ratio, rate, cosine } = numbers;
  const { steps, episodes } = comparison;
  const shown = [
    ...new Set(Array.from({ length: ROWS }, (_, i) => Math.round((i * (steps - 1)) / (ROWS - 1)))),
  ];
  const cell = (value: number | undefined = Number.NaN) => (Number.isNaN(value) ? 'none' : formatLoss(value));
  return {
    id: 'updates',
    title: 'Updates against gradients and Adam',
    ...judge(numbers, episodes, kind),
    table: {
      heads: ['step', 'update / gradient', "update / Adam's at rate 1", 'cosine to Adam'],
      rows: shown.map((step) => [formatCount(step), cell(ratio[step]), cell(rate[step]), cell(cosine[step])]),
    },
    numbers: { episodes, meanCosine: mean(cosine), ...numbers },
  };
}

function judge(
  { rate, cosine, diverged }: UpdateNumbers,
  episodes: number,
  kind: OptimizerConfig['kind'],
): { status: Status; sentence: string } {
  const { low, high } = THRESHOLDS.rate;
  const [along, size] = [mean(cosine), median(rate)];
  if (diverged > 0) {
    return {
      status: 'wrong',
      sentence: `Updates were not finite in ${formatCount(diverged)} of ${formatCount(episodes)} held-out episodes: try a smaller --output-scale, --learning-rate or a longer --horizon in training.`,
    };
  }
  if (!(size >= low)) {
    return {
      status: 'wrong',
      sentence: `The optimizer hardly moves: at most steps its updates are below those of Adam at learning rate ${low}; try a larger --output-scale or --learning-rate.`,
    };
  }
  const sized = `${formatLoss(size, 2)} (median over steps)`;
  if (along < THRESHOLDS.cosine.wrong) {
    return {
      status: 'wrong',
      sentence: `Updates point away from Adam's steps, with a mean cosine of ${formatLoss(along, 2)}: the optimizer goes uphill; train longer, or try a smaller --learning-rate.`,
    };
  }
  if (!(along >= THRESHOLDS.cosine.look)) {
    const decay = isGated(kind) ? ' (what the forget gate takes from theta counts as update)' : '';
    return {
      status: 'look',
      sentence: `Updates have hardly to do with Adam's steps, with a mean cosine of ${formatLoss(along, 2)}${decay}: healthy only where the losses fall all the same; else train longer or try another --learning-rate.`,
    };
  }
  if (size > high) {
    return {
      status: 'look',
      sentence: `Updates are as long as Adam's at learning rate ${sized}, far more than it is ever run at: try a smaller --output-scale.`,
    };
  }
  return {
    status: 'healthy',
    sentence: `Updates go along Adam's steps with a mean cosine of ${formatLoss(along, 2)} and are as long as Adam's at learning rate ${sized}.`,
  };
}

/** The means as lines over steps, for figures: sizes share one axis, cosines another. */
export function updateLines({ ratio, rate, cosine }: UpdateNumbers): {
  readonly sizes: NamedLine[];
  readonly cosine: NamedLine[];
} {
  const line = (name: string, y: readonly number[]): NamedLine => ({ name, x: y.map((_, step) => step), y });
  return {
    sizes: [line('update / gradient', ratio), line("update / Adam's step at rate 1", rate)],
    cosine: [line('cosine to Adam', cosine)],
  };
}
