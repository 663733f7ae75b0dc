import {
  type Baseline,
  createLearned,
  episodeSizes,
  type GpuContext,
  type HandDesignedName,
  type HeldOutList,
  isEpisode,
  meanWithInterval,
  nearestNeighbourAccuracy,
  type OptimizerConfig,
  pretrainedStart,
  type Schedule,
  type TaskConfig,
  type TaskData,
  TensorPool,
  taskKeys,
} from '../host/index.ts';
import type { AccuracyRow } from '../report/data.ts';

/** What a learned optimizer is compared with: a hand-designed one, where it starts and how long it runs. */
export interface Contender extends Baseline {
  readonly label: string;
  readonly horizon: number;
  /** Measured after its last step alone, so that it has an accuracy and no curve. */
  readonly onlyFinal?: boolean;
}

/** Steps that fine-tuning has on an episode, where that is more than the learned optimizer has. */
const FINE_TUNING_STEPS = 50;

/** A learned optimizer with its trained weights. */
export interface Learned {
  readonly label: string;
  readonly config: OptimizerConfig;
  readonly phi: Float32Array;
  /** How it was trained, for reports; empty where there is nothing to say. */
  readonly note: string;
  /** How its updates shrink along the run; constant unless told. */
  readonly schedule?: Schedule;
  /** R of the random scaling that it sees parameters in; as the comparison has it unless told. */
  readonly randomScaling?: number;
  /** The first layer that is scaled so; as the comparison has it unless told. */
  readonly scaledFrom?: number;
}

/** Weights under their family's name, or under a name of their own where several are compared. */
export function learnedOf(
  config: OptimizerConfig,
  phi: Float32Array,
  training: { readonly secondDerivatives: boolean; readonly iteration: number },
  label: string = config.kind,
): Learned {
  const order = training.secondDerivatives ? 'second order, ' : '';
  return { label, config, phi, note: `${order}${training.iteration} meta-iterations` };
}

export interface ContenderOptions {
  readonly task: TaskConfig;
  readonly data: TaskData | undefined;
  readonly seed: number;
  /** The tasks that are reported; the test list unless told. */
  readonly list?: HeldOutList;
  readonly horizon: number;
  readonly learned: Learned;
  readonly baselines: readonly HandDesignedName[];
}

/** theta_0 inside phi, where it is learned. */
function learnedStart(
  context: GpuContext,
  { config, phi }: ContenderOptions['learned'],
): Float32Array | undefined {
  const { theta0 } = createLearned(new TensorPool(context), config);
  return theta0 && phi.slice(theta0.offset, theta0.offset + theta0.parameters);
}

/**
 * The contenders of a comparison. Of few-shot episodes: every baseline from the learned theta_0 for as many steps as
 * the learned optimizer has (the ablation that leaves only the starting point), and fine-tuning for longer from random
 * values and, of glyphs, from a network that was trained on all characters of the training split.
 */
export async function contendersOf(
  context: GpuContext,
  options: ContenderOptions,
  onPretraining: (share: number) => void,
): Promise<Contender[]> {
  const { task, data, seed, horizon, baselines } = options;
  if (!isEpisode(task)) return baselines.map((name) => ({ name, label: name, horizon }));
  const longer = Math.max(horizon, FINE_TUNING_STEPS);
  // Measuring the query set at every one of many steps would take longer than fine-tuning itself.
  const fineTuning = { horizon: longer, onlyFinal: task.kind === 'glyphs' && longer > horizon };
  const theta0 = learnedStart(context, options.learned);
  const table = data?.train;
  const pretrains = task.kind === 'glyphs' && table && 'examples' in table && baselines.length > 0;
  const pretrained = pretrains ? await pretrainedStart(context, task, table, seed, onPretraining) : undefined;
  return [
    ...(theta0
      ? baselines.map((name) => ({ name, start: theta0, label: `learned theta_0 + ${name}`, horizon }))
      : []),
    ...(pretrained
      ? baselines.map((name) => ({ name, start: pretrained, label: `pre-trained + ${name}`, ...fineTuning }))
      : []),
    ...baselines.map((name) => ({ name, label: `random start + ${name}`, ...fineTuning })),
  ];
}

/** What needs no optimizer: the nearest neighbour on pixels, on the same episodes. */
export function neighbourRows(
  { task, data, seed, list = 'test' }: Pick<ContenderOptions, 'task' | 'data' | 'seed' | 'list'>,
  tasks: number,
): AccuracyRow[] {
  const table = data?.[list];
  if (task.kind !== 'glyphs' || !table || !('examples' in table)) return [];
  const sizes = episodeSizes(task, table, list);
  const { mean, interval } = meanWithInterval(
    nearestNeighbourAccuracy(table, sizes, taskKeys(seed, list, 0, tasks)),
  );
  return [{ label: 'nearest neighbour', kind: 'baseline', mean, interval, setting: 'Euclidean, on pixels' }];
}
