import type { TrainConfig } from '../config.ts';
import { taskKeys } from '../data/threefry.ts';
import type { Commands } from '../gpu/commands.ts';
import type { ReadbackRing } from '../gpu/readback.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { MetaAdam } from './metaAdam.ts';
import type { Pes } from './pes.ts';
import type { Unroll } from './unroll.ts';

/** One kind of meta-step: what makes the meta-gradient, what it is judged by, and its own Adam on phi. */
export interface Kind {
  readonly losses: Tensor;
  /** The meta-loss from the values of `losses`. */
  metaLoss(values: Float32Array): number;
  readonly adam: MetaAdam;
  setTasks(iteration: number, episode: number, stepsBefore: number): void;
  encode(encoder: Commands, start: 'reset' | 'carry'): void;
  ring?: ReadbackRing;
}

/** What all kinds of a run are made with. */
export interface KindOptions {
  readonly config: Pick<TrainConfig, 'seed' | 'tasks'>;
  /** Weights of the T + 1 losses of an unroll. */
  readonly weights: readonly number[];
  /** Plans an Adam whose steps are judged by `losses` too. */
  adam(label: string, losses: Tensor): MetaAdam;
}

/** Backpropagation through the unroll. */
export function backpropagationKind({ config, weights, adam }: KindOptions, unroll: Unroll): Kind {
  const { losses } = unroll;
  return {
    losses,
    metaLoss: (values) => weightedMean(values, config.tasks, weights),
    adam: adam('meta-Adam', losses),
    setTasks: (_, episode, stepsBefore) => setTasks(config, unroll, episode, stepsBefore),
    encode: (encoder, start) => unroll.encode(encoder, start),
  };
}

/** Persistent evolution strategies. */
export function evolutionKind({ config, weights, adam }: KindOptions, pes: Pes): Kind {
  const { losses, members } = pes;
  const stride = losses.length / members.length;
  const ofMember = (values: Float32Array, member: number) =>
    weightedMean(values.subarray(member * stride), config.tasks, weights);
  return {
    losses,
    metaLoss: (values) => members.reduce((sum, _, j) => sum + ofMember(values, j), 0) / members.length,
    adam: adam('meta-Adam', losses),
    setTasks: (iteration, episode, stepsBefore) => pes.setTasks(iteration, episode, stepsBefore),
    encode: (encoder, start) => pes.encode(encoder, start),
  };
}

/**
 * Imitation of the unroll's teacher. Its Adam has averages of its own: beside the meta-loss's gradient that of the
 * imitation loss would vanish.
 */
export function imitationKind({ config, adam }: KindOptions, unroll: Unroll): Kind {
  if (!unroll.imitation) throw new RangeError('the unroll was made without a teacher');
  const { losses } = unroll.imitation;
  const weights = new Array<number>(unroll.steps).fill(1);
  return {
    losses,
    metaLoss: (values) => weightedMean(values, config.tasks, weights),
    adam: adam('meta-Adam of imitation', losses),
    setTasks: (_, episode, stepsBefore) => setTasks(config, unroll, episode, stepsBefore),
    encode: (encoder, start) => unroll.encodeImitation(encoder, start),
  };
}

/** Whether an episode imitates: a share `ratio` of all episodes, evenly spread. */
export function imitates(ratio: number, episode: number): boolean {
  return Math.floor((episode + 1) * ratio) > Math.floor(episode * ratio);
}

/** What is read of every meta-step of a kind. */
export function reported({ losses, adam }: Kind): Tensor[] {
  return [losses, adam.status, adam.blockNorms];
}

function setTasks(
  { seed, tasks }: KindOptions['config'],
  unroll: Unroll,
  episode: number,
  stepsBefore: number,
): void {
  unroll.setTasks(taskKeys(seed, 'train', episode * tasks, tasks), stepsBefore);
}

/** The losses [rows, B] with a weight a row, mean over tasks. */
function weightedMean(losses: Float32Array, tasks: number, weights: readonly number[]): number {
  return weights.reduce((sum, weight, row) => {
    const own = losses.subarray(row * tasks, (row + 1) * tasks);
    return own.reduce((total, loss) => total + (weight * loss) / tasks, sum);
  }, 0);
}
