import { lossWeightsOf, type TrainConfig } from '../config.ts';
import { glyphClasses } from '../data/glyphs.ts';
import { taskKeys } from '../data/threefry.ts';
import type { GpuContext } from '../gpu/context.ts';
import { type PendingRead, ReadbackRing, readTensors, submit, writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { NO_CLIP } from '../ops/metaAdam.ts';
import type { Optimizee, TaskTensors } from '../optimizees/optimizee.ts';
import { createLearned } from '../optimizers/create.ts';
import type { LearnedOptimizer } from '../optimizers/optimizer.ts';
import { type EpisodePart, episodePart } from './curriculum.ts';
import type { Teacher } from './imitation.ts';
import { backpropagationKind, evolutionKind, imitates, imitationKind, type Kind, reported } from './kinds.ts';
import { MetaAdam, type MetaAdamState } from './metaAdam.ts';
import { Pes } from './pes.ts';
import { PlanPool } from './plan.ts';
import { pretrainedStart } from './pretrain.ts';
import { createTasks, type TaskData } from './tasks.ts';
import { trainingTasks } from './trainingTasks.ts';
import { Unroll } from './unroll.ts';
import { WeightAverage } from './weightAverage.ts';

/** What one meta-step reports. */
export interface MetaStep {
  readonly iteration: number;
  /** Weighted sum of the unroll's losses, or sum of its imitation losses where it imitates; mean over tasks. */
  readonly metaLoss: number;
  /** Norm of the meta-gradient before clipping. */
  readonly gradientNorm: number;
  /** Norm of every block of the meta-gradient before clipping, in the order of the optimizer's `blocks`. */
  readonly blockNorms: readonly number[];
  /** The step was not finite and was not taken. */
  readonly skipped: boolean;
  /** First step of the episode that the unroll began with. */
  readonly stepsBefore: number;
  /** The unroll imitated the teacher; absent otherwise. */
  readonly imitates?: true;
}

/** Everything that meta-training carries from one episode to the next. */
export interface TrainerState extends MetaAdamState {
  readonly phi: Float32Array;
  /** The average of phi over meta-steps, where one is kept. */
  readonly average?: Float32Array | undefined;
  /** Of the meta-steps that imitate, where there are any. */
  readonly imitation?: MetaAdamState | undefined;
}

/** Staging buffers: a meta-step is read while the next one runs. */
const STAGING = 2;

/** Meta-Adam's learning rate at a meta-step: constant, or along half a cosine from the first rate to the last. */
export function metaLearningRateAt(
  {
    metaLearningRate,
    finalMetaLearningRate,
    iterations,
  }: Pick<TrainConfig, 'metaLearningRate' | 'finalMetaLearningRate' | 'iterations'>,
  iteration: number,
): number {
  if (finalMetaLearningRate === undefined) return metaLearningRate;
  const left = (1 + Math.cos((Math.PI * iteration) / iterations)) / 2;
  return finalMetaLearningRate + (metaLearningRate - finalMetaLearningRate) * left;
}

/** Makes the optimizee of a batch of tasks, its tensors planned in `pool`. */
export type CreateOptimizee = (pool: TensorPool) => (tensors: TaskTensors) => Optimizee;

/**
 * Meta-training on one device: truncated backpropagation through unrolls, one meta-Adam step each. Memory is
 * planned on creation and taken by `prepare`; `submit` queues a meta-step and does not wait for it.
 */
export class Trainer {
  readonly optimizer: LearnedOptimizer;
  readonly #context: GpuContext;
  readonly #config: TrainConfig;
  readonly #data: TaskData | undefined;
  readonly #pool: PlanPool;
  readonly #rate: Tensor;
  readonly #average: WeightAverage | undefined;
  /** Absent where nothing goes backward. */
  readonly #unroll: Unroll | undefined;
  readonly #pes: Pes | undefined;
  readonly #main: Kind;
  readonly #imitation: Kind | undefined;

  /**
   * @param createOptimizee what is trained on instead of the tasks that `config` names
   * @throws LimitError when a tensor is larger than the device allows; nothing is allocated
   */
  constructor(
    context: GpuContext,
    config: TrainConfig,
    data: TaskData | undefined,
    createOptimizee: CreateOptimizee = (pool) =>
      createTasks(pool, config.task, episodeData(config, data), 'train', config.tasks),
  ) {
    this.#context = context;
    this.#config = config;
    this.#data = data;
    this.#pool = new PlanPool(context);
    const weights = lossWeightsOf(config);
    const optimizer = createLearned(this.#pool, config.optimizer);
    this.optimizer = optimizer;
    const gradient = this.#pool.tensor('meta-gradient', optimizer.phi.shape);
    this.#rate = this.#pool.tensor('meta-learning rates', [2]);
    const { weightAverage: decay } = config;
    if (decay > 0) this.#average = new WeightAverage(context, this.#pool, optimizer.phi, decay);
    const create = trainingTasks(this.#pool, config, createOptimizee(this.#pool));
    const pool = this.#pool;
    const adam = (label: string, losses: Tensor) => {
      const clip = config.clip ?? NO_CLIP;
      return new MetaAdam({ context, pool, label, losses, optimizer, gradient, rate: this.#rate, clip });
    };
    const { pes, tasks } = config;
    if (pes) {
      const shared = { pool, config, optimizer, createOptimizee: create, lossWeights: weights, gradient };
      this.#pes = new Pes({ ...shared, ...pes });
    }
    if (!pes || config.imitation) {
      this.#unroll = new Unroll({
        ...{ pool, tasks, steps: config.unroll, optimizer, createOptimizee: create },
        lossWeights: weights,
        metaGradient: gradient,
        secondDerivatives: config.secondDerivatives,
        coordinateSample: config.coordinateSample,
        teacher: config.imitation && teacherOf(config.imitation),
      });
    }
    const run = { config, weights, adam };
    this.#main = this.#pes ? evolutionKind(run, this.#pes) : backpropagationKind(run, this.unroll);
    this.#imitation = config.imitation && imitationKind(run, this.unroll);
    pool.requireFit(tasks, this.unroll.optimizee.parameters);
  }

  /** The unroll that meta-gradients go back through; with evolution strategies that of a member. */
  get unroll(): Unroll {
    const unroll = this.#unroll ?? this.#pes?.members[0];
    if (!unroll) throw new RangeError('there is no unroll');
    return unroll;
  }

  /** Bytes that `prepare` takes for tensors and readback. */
  get bytes(): number {
    const read = this.#kinds.flatMap(reported).reduce((sum, { bytes }) => sum + bytes, 0);
    return this.#pool.bytes + STAGING * read;
  }

  get #kinds(): Kind[] {
    return this.#imitation ? [this.#main, this.#imitation] : [this.#main];
  }

  /** Takes the memory, compiles, and starts from fresh weights of the run's seed or from a saved state. */
  async prepare(state?: TrainerState, onPretraining?: (share: number) => void): Promise<void> {
    await this.#pool.allocate();
    await Promise.all([
      this.#unroll?.prepare(),
      this.#pes?.prepare(),
      this.#average?.prepare(),
      ...this.#kinds.map(({ adam }) => adam.prepare()),
    ]);
    for (const kind of this.#kinds) kind.ring = new ReadbackRing(this.#context, reported(kind), STAGING);
    const phi = state?.phi ?? this.optimizer.initialPhi(this.#config.seed);
    writeTensor(this.#context, this.optimizer.phi, phi);
    if (!state) {
      if (this.#config.start === 'pre-trained') await this.#pretrain(onPretraining);
      else this.#drawTheta0();
      this.#average?.restart();
      return;
    }
    this.#main.adam.write(state);
    if (state.average) this.#average?.write(state.average);
    else this.#average?.restart();
    if (state.imitation) this.#imitation?.adam.write(state.imitation);
  }

  /** A learned theta_0 starts in a network that was trained on all classes of the training split. */
  async #pretrain(onProgress?: (share: number) => void): Promise<void> {
    const { task, seed, startClasses } = this.#config;
    const table = this.#data?.train;
    const { theta0 } = this.optimizer;
    if (task.kind !== 'glyphs' || !table || !('examples' in table) || !theta0) {
      throw new RangeError('only a theta_0 that is learned on glyphs can be pre-trained');
    }
    const seen = glyphClasses(table, 0, seenClasses(table.classes, startClasses));
    const start = await pretrainedStart(this.#context, task, seen, seed, onProgress);
    writeTensor(this.#context, theta0.tensor, start.subarray(0, theta0.parameters));
  }

  /** A learned theta_0 starts where the first training task would. */
  #drawTheta0(): void {
    const { unroll, optimizer } = this;
    const { seed, tasks } = this.#config;
    const { theta0 } = optimizer;
    if (!theta0) return;
    unroll.setTasks(taskKeys(seed, 'train', 0, tasks), 0);
    submit(this.#context, (encoder) => {
      unroll.encodeDrawTheta0(encoder);
      const drawn = unroll.theta0 ?? theta0.tensor;
      if (drawn === theta0.tensor) return;
      const { buffer, offsetBytes, bytes } = theta0.tensor;
      encoder.copyBufferToBuffer(drawn.buffer, drawn.offsetBytes, buffer, offsetBytes, bytes);
    });
  }

  /**
   * Queues meta-step `iteration` in one submit: an unroll forward and backward, then Adam on phi. Iterations
   * are taken in order; one that begins an episode draws new tasks, and its number says whether it imitates.
   * @param place by default as in a run whose episodes all have the configuration's horizon
   */
  submit(iteration: number, place?: EpisodePart): { read(): Promise<MetaStep> } {
    const { unroll, horizon, imitation } = this.#config;
    const { episode, part } = place ?? episodePart(horizon / unroll, iteration);
    const kind =
      imitation && this.#imitation && imitates(imitation.ratio, episode) ? this.#imitation : this.#main;
    const { ring } = kind;
    if (!ring) throw new RangeError('the trainer was run before it was prepared');
    const stepsBefore = part * unroll;
    kind.setTasks(iteration, episode, stepsBefore);
    const { metaLearningRate, theta0LearningRate = metaLearningRate } = this.#config;
    const rate = metaLearningRateAt(this.#config, iteration);
    const rates = Float32Array.of(rate, rate * (theta0LearningRate / metaLearningRate));
    writeTensor(this.#context, this.#rate, rates);
    this.#average?.setIteration(iteration);
    const pending = submit(this.#context, (encoder) => {
      kind.encode(encoder, part === 0 ? 'reset' : 'carry');
      kind.adam.encode(encoder);
      this.#average?.encode(encoder);
      return ring.record(encoder);
    });
    return { read: () => this.#read(kind, pending, iteration, stepsBefore) };
  }

  async #read(kind: Kind, pending: PendingRead, iteration: number, stepsBefore: number): Promise<MetaStep> {
    const empty = new Float32Array();
    const [losses = empty, status = empty, norms = empty] = await pending.read();
    return {
      iteration,
      metaLoss: kind.metaLoss(losses),
      gradientNorm: status[0] ?? Number.NaN,
      blockNorms: [...norms],
      skipped: status[1] === 0,
      stepsBefore,
      ...(kind === this.#imitation && { imitates: true }),
    };
  }

  /** Reads the state that a later run needs to go on from here, at the end of an episode. */
  async readState(): Promise<TrainerState> {
    const averages = this.#average ? [this.#average.average] : [];
    const tensors = [this.optimizer.phi, ...this.#kinds.flatMap(({ adam }) => adam.state), ...averages];
    const [phi = new Float32Array(), ...rest] = await readTensors(this.#context, tensors);
    const average = this.#average && rest.pop();
    const stateAt = (first: number): MetaAdamState => {
      const [m, v, status] = rest.slice(first, first + 3);
      if (!m || !v || !status) throw new RangeError('a part of the state was not read');
      return { m, v, status };
    };
    return { phi, average, ...stateAt(0), ...(this.#imitation && { imitation: stateAt(3) }) };
  }

  /** Goes on from other weights, meta-Adam as fresh: its averages belong to the weights before. */
  async restart(phi: Float32Array): Promise<void> {
    const { status, imitation } = await this.readState();
    writeTensor(this.#context, this.optimizer.phi, phi);
    this.#average?.restart();
    this.#main.adam.restart(status[3] ?? 0);
    this.#imitation?.adam.restart(imitation?.status[3] ?? 0);
  }

  destroy(): void {
    for (const { ring } of this.#kinds) ring?.destroy();
    this.#pool.destroy();
  }
}

/** How many classes, from the first on, a start that has seen this share of them is pre-trained on. */
function seenClasses(classes: number, share: number): number {
  return Math.max(1, Math.round(share * classes));
}

/** The data of the training episodes: without the classes that are for the pre-trained start alone. */
function episodeData({ startClasses }: TrainConfig, data: TaskData | undefined): TaskData | undefined {
  if (startClasses === 1 || !data) return data;
  const { train, validation, test } = data;
  if (!('examples' in train && 'examples' in validation && 'examples' in test)) return data;
  const others = glyphClasses(train, seenClasses(train.classes, startClasses), train.classes);
  return { train: others, validation, test };
}

function teacherOf({ teacher, learningRate }: NonNullable<TrainConfig['imitation']>): Teacher {
  return { name: teacher, learningRate };
}
