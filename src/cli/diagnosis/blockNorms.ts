import type { WeightBlock } from '../../host/index.ts';
import type { DiagnosisPart, NamedLine, Status } from '../../report/diagnosisData.ts';
import { formatCount, formatLoss } from '../../report/format.ts';
import { largest, listed, median, third } from './numbers.ts';
import type { StepRecord } from './records.ts';
import { THRESHOLDS } from './thresholds.ts';

/** Lines that a plot of blocks can keep apart. */
const MOST_LINES = 8;

/** One block over a run; medians are over the meta-steps in which it had a meta-gradient, NaN where it never had. */
export interface BlockNumbers {
  readonly name: string;
  /** Weights. */
  readonly size: number;
  readonly first: number;
  readonly last: number;
  readonly largest: number;
  /** `last` a weight: root mean square. */
  readonly rms: number;
}

type Logged = StepRecord & { readonly blockNorms: readonly number[] };

function withNorms(steps: readonly StepRecord[]): Logged[] {
  return steps.filter((step): step is Logged => step.blockNorms !== undefined);
}

/** The norm of the meta-gradient of every block, over the first and the last third of what was logged with norms. */
export function blockNumbers(steps: readonly StepRecord[], blocks: readonly WeightBlock[]): BlockNumbers[] {
  const logged = withNorms(steps);
  return blocks.map(({ name, length, runs }, index) => {
    // Zero inside an episode is how a learned theta_0 is meant to be: it has a gradient at the start alone.
    const norms = (part: readonly Logged[]) =>
      part.map(({ blockNorms }) => blockNorms[index] ?? Number.NaN).filter((norm) => norm > 0);
    const size = length * runs;
    const last = median(norms(third(logged, 'last')));
    return {
      name,
      size,
      first: median(norms(third(logged, 'first'))),
      last,
      largest: largest(norms(logged)),
      rms: last / Math.sqrt(size),
    };
  });
}

/** The norms of the blocks over time; a log of a version that wrote none is not judged, and the sentence says so. */
export function diagnoseBlocks(steps: readonly StepRecord[], blocks: readonly WeightBlock[]): DiagnosisPart {
  const logged = withNorms(steps);
  const about = { id: 'blockNorms', title: 'Meta-gradient by block of weights' };
  if (logged.length === 0) {
    const sentence =
      'The log has no norms by block: an older version wrote it, so this part is left out; train again to have it.';
    return { ...about, status: 'unknown', sentence, numbers: { blocks: [] } };
  }
  const all = blockNumbers(steps, blocks);
  const { status, sentence } = judge(all);
  const from =
    logged.length < steps.length
      ? ` (${formatCount(logged.length)} of the meta-steps have norms by block)`
      : '';
  return {
    ...about,
    status,
    sentence: from === '' ? sentence : `${sentence.slice(0, -1)}${from}.`,
    table: {
      heads: ['block', 'weights', 'first third', 'last third', 'largest', 'a weight'],
      rows: all.map((block) => [
        block.name,
        formatCount(block.size),
        ...[block.first, block.last, block.largest, block.rms].map((norm) =>
          Number.isNaN(norm) ? 'none' : formatLoss(norm),
        ),
      ]),
    },
    numbers: { steps: logged.length, blocks: all },
  };
}

function judge(all: readonly BlockNumbers[]): { status: Status; sentence: string } {
  const { faintGradient, drift } = THRESHOLDS;
  const named = (blocks: readonly BlockNumbers[]) => listed(blocks.map(({ name }) => name));
  const dead = all.filter(({ largest }) => Number.isNaN(largest));
  if (dead.length > 0) {
    return {
      status: 'wrong',
      sentence: `${named(dead)} never received a finite meta-gradient above zero, so nothing of it is learned: try a longer --unroll, as weights on a state that starts at zero need two steps.`,
    };
  }
  const faint = all.filter(({ rms }) => !(rms >= faintGradient));
  if (faint.length > 0) {
    return {
      status: 'wrong',
      sentence: `The meta-gradient of ${named(faint)} has vanished: over the last third it is below meta-Adam's epsilon of 1e-8 a weight, where weights hardly move; try fewer saturated gates by a smaller --learning-rate, or weigh more losses (--loss-weights sum).`,
    };
  }
  const factor = ({ first, last }: BlockNumbers) => last / first;
  const times = (blocks: readonly BlockNumbers[], turn: (x: number) => number) =>
    formatLoss(largest(blocks.map((block) => turn(factor(block)))), 2);
  const grown = all.filter((block) => factor(block) > drift);
  if (grown.length > 0) {
    return {
      status: 'wrong',
      sentence: `The meta-gradient of ${named(grown)} grew up to ${times(grown, (x) => x)} times from the first third of the run to the last: the training is becoming unstable; try --clip or a smaller --learning-rate.`,
    };
  }
  const shrunk = all.filter((block) => factor(block) < 1 / drift);
  if (shrunk.length > 0) {
    return {
      status: 'look',
      sentence: `The meta-gradient of ${named(shrunk)} shrank up to ${times(shrunk, (x) => 1 / x)} times from the first third of the run to the last: fine where the run has converged, else look for saturated gates.`,
    };
  }
  const sorted = all.toSorted((a, b) => a.last - b.last);
  const [low, high] = [sorted.at(0), sorted.at(-1)];
  return {
    status: 'healthy',
    sentence: `Every block receives a meta-gradient of steady size: medians over the last third from ${formatLoss(low?.last ?? Number.NaN)} (${low?.name}) to ${formatLoss(high?.last ?? Number.NaN)} (${high?.name}).`,
  };
}

/**
 * The norms over iterations as lines: medians of at most `points` parts of the run. Where there are more blocks than a
 * plot keeps apart, those of a layer or gate are one line, the root of their summed squares.
 */
export function blockLines(
  steps: readonly StepRecord[],
  blocks: readonly WeightBlock[],
  points: number,
): NamedLine[] {
  const logged = withNorms(steps);
  const whole = blocks.length <= MOST_LINES;
  const groupOf = (name: string) => (whole ? name : name.replace(/\.[^.]*$/, ''));
  const names = [...new Set(blocks.map(({ name }) => groupOf(name)))];
  const parts = Math.min(points, logged.length);
  const edges = Array.from({ length: parts + 1 }, (_, i) => Math.floor((i * logged.length) / parts));
  return names.map((name) => {
    const members = blocks.flatMap((block, index) => (groupOf(block.name) === name ? [index] : []));
    const norm = ({ blockNorms }: Logged) =>
      Math.hypot(...members.map((index) => blockNorms[index] ?? Number.NaN));
    const bins = edges.slice(1).map((end, i) => logged.slice(edges[i], end));
    return {
      name,
      x: bins.map((bin) => bin[Math.floor(bin.length / 2)]?.iteration ?? Number.NaN),
      y: bins.map((bin) => median(bin.map(norm).filter((value) => value > 0))),
    };
  });
}
