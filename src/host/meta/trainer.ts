import { lossWeightsOf, type TrainConfig } from '../config.ts';
import { taskKeys } from '../data/threefry.ts';
import type { GpuContext } from '../gpu/context.ts';
import { Program } from '../gpu/program.ts';
import { type PendingRead, ReadbackRing, readTensors, submit, writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { NO_CLIP, recordBlockNorms, recordMetaAdam } from '../ops/metaAdam.ts';
import type { Optimizee, TaskTensors } from '../optimizees/optimizee.ts';
import { createLearned } from '../optimizers/create.ts';
import type { LearnedOptimizer } from '../optimizers/optimizer.ts';
import { type EpisodePart, episodePart } from './curriculum.ts';
import { PlanPool } from './plan.ts';
import { pretrainedStart } from './pretrain.ts';
import { createTasks, type TaskData } from './tasks.ts';
import { trainingTasks } from './trainingTasks.ts';
import { Unroll } from './unroll.ts';

/** What one meta-step reports. */
export interface MetaStep {
  readonly iteration: number;
  /** Weighted sum of the unroll's losses, mean over tasks. */
  readonly metaLoss: number;
  /** Norm of the meta-gradient before clipping. */
  readonly gradientNorm: number;
  /** Norm of every block of the meta-gradient before clipping, in the order of the optimizer's `blocks`. */
  readonly blockNorms: readonly number[];
  /** The step was not finite and was not taken. */
  readonly skipped: boolean;
  /** First step of the episode that the unroll began with. */
  readonly stepsBefore: number;
}

/** Everything that meta-training carries from one episode to the next. */
export interface TrainerState {
  readonly phi: Float32Array;
  readonly m: Float32Array;
  readonly v: Float32Array;
  /** (norm, scale, applied, skipped) of src/shaders/metaAdam/prepare.wgsl. */
  readonly status: Float32Array;
}

/** Adam's constants for phi; the learning rate is the run's own. */
const META_ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
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
  readonly unroll: Unroll;
  readonly #context: GpuContext;
  readonly #config: TrainConfig;
  readonly #data: TaskData | undefined;
  readonly #pool: PlanPool;
  readonly #lossWeights: readonly number[];
  readonly #gradient: Tensor;
  readonly #m: Tensor;
  readonly #v: Tensor;
  readonly #status: Tensor;
  readonly #rate: Tensor;
  readonly #blocks: Tensor;
  readonly #blockNorms: Tensor;
  readonly #metaStep: Program;
  #ring: ReadbackRing | undefined;

  /**
   * @param createOptimizee what is trained on instead of the tasks that `config` names
   * @throws LimitError when a tensor is larger than the device allows; nothing is allocated
   */
  constructor(
    context: GpuContext,
    config: TrainConfig,
    data: TaskData | undefined,
    createOptimizee: CreateOptimizee = (pool) => createTasks(pool, config.task, data, 'train', config.tasks),
  ) {
    this.#context = context;
    this.#config = config;
    this.#data = data;
    this.#pool = new PlanPool(context);
    this.#lossWeights = lossWeightsOf(config);
    this.optimizer = createLearned(this.#pool, config.optimizer);
    const { shape } = this.optimizer.phi;
    this.#gradient = this.#pool.tensor('meta-gradient', shape);
    this.#m = this.#pool.tensor('meta-Adam m', shape);
    this.#v = this.#pool.tensor('meta-Adam v', shape);
    this.#status = this.#pool.tensor('meta-step status', [4]);
    this.#rate = this.#pool.tensor('meta-learning rate', [1]);
    const { length } = this.optimizer.blocks;
    this.#blocks = this.#pool.tensor('blocks of phi', [length, 4], 'u32');
    this.#blockNorms = this.#pool.tensor('norms of the blocks', [length]);
    this.unroll = new Unroll({
      pool: this.#pool,
      tasks: config.tasks,
      steps: config.unroll,
      optimizer: this.optimizer,
      createOptimizee: trainingTasks(this.#pool, config, createOptimizee(this.#pool)),
      lossWeights: this.#lossWeights,
      metaGradient: this.#gradient,
      secondDerivatives: config.secondDerivatives,
      coordinateSample: config.coordinateSample,
    });
    this.#metaStep = new Program(context, 'meta-step');
    this.#pool.requireFit(config.tasks, this.unroll.optimizee.parameters);
  }

  /** Bytes that `prepare` takes for tensors and readback. */
  get bytes(): number {
    return this.#pool.bytes + STAGING * this.#reported.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** What is read of every meta-step. */
  get #reported(): Tensor[] {
    return [this.unroll.losses, this.#status, this.#blockNorms];
  }

  /** Takes the memory, compiles, and starts from fresh weights of the run's seed or from a saved state. */
  async prepare(state?: TrainerState, onPretraining?: (share: number) => void): Promise<void> {
    await this.#pool.allocate();
    const tables = { blocks: this.#blocks, norms: this.#blockNorms };
    recordBlockNorms(this.#metaStep, { ...tables, gradient: this.#gradient });
    recordMetaAdam(
      this.#metaStep,
      {
        gradient: this.#gradient,
        losses: this.unroll.losses,
        status: this.#status,
        rate: this.#rate,
        phi: this.optimizer.phi,
        m: this.#m,
        v: this.#v,
      },
      { ...META_ADAM, clip: this.#config.clip ?? NO_CLIP },
    );
    await Promise.all([this.unroll.prepare(), this.#metaStep.prepare()]);
    this.#ring = new ReadbackRing(this.#context, this.#reported, STAGING);
    const { blocks } = this.optimizer;
    const spans = blocks.flatMap(({ offset, length, runs, stride }) => [offset, length, runs, stride]);
    writeTensor(this.#context, this.#blocks, Uint32Array.from(spans));
    const phi = state?.phi ?? this.optimizer.initialPhi(this.#config.seed);
    writeTensor(this.#context, this.optimizer.phi, phi);
    if (!state) {
      if (this.#config.start === 'pre-trained') await this.#pretrain(onPretraining);
      else this.#drawTheta0();
      return;
    }
    writeTensor(this.#context, this.#m, state.m);
    writeTensor(this.#context, this.#v, state.v);
    writeTensor(this.#context, this.#status, state.status);
  }

  /** A learned theta_0 starts in a network that was trained on all classes of the training split. */
  async #pretrain(onProgress?: (share: number) => void): Promise<void> {
    const { task, seed } = this.#config;
    const table = this.#data?.train;
    const { theta0 } = this.optimizer;
    if (task.kind !== 'glyphs' || !table || !('examples' in table) || !theta0) {
      throw new RangeError('only a theta_0 that is learned on glyphs can be pre-trained');
    }
    const start = await pretrainedStart(this.#context, task, table, seed, onProgress);
    writeTensor(this.#context, theta0.tensor, start);
  }

  /** A learned theta_0 starts where the first training task would. */
  #drawTheta0(): void {
    const { seed, tasks } = this.#config;
    this.unroll.setTasks(taskKeys(seed, 'train', 0, tasks), 0);
    submit(this.#context, (encoder) => this.unroll.encodeDrawTheta0(encoder));
  }

  /**
   * Queues meta-step `iteration` in one submit: an unroll forward and backward, then Adam on phi. Iterations
   * are taken in order; one that begins an episode draws new tasks.
   * @param place by default as in a run whose episodes all have the configuration's horizon
   */
  submit(iteration: number, place?: EpisodePart): { read(): Promise<MetaStep> } {
    const ring = this.#ring;
    if (!ring) throw new RangeError('the trainer was run before it was prepared');
    const { seed, tasks, unroll, horizon } = this.#config;
    const { episode, part } = place ?? episodePart(horizon / unroll, iteration);
    const stepsBefore = part * unroll;
    this.unroll.setTasks(taskKeys(seed, 'train', episode * tasks, tasks), stepsBefore);
    writeTensor(this.#context, this.#rate, Float32Array.of(metaLearningRateAt(this.#config, iteration)));
    const pending = submit(this.#context, (encoder) => {
      this.unroll.encode(encoder, part === 0 ? 'reset' : 'carry');
      this.#metaStep.encode(encoder);
      return ring.record(encoder);
    });
    return { read: () => this.#read(pending, iteration, stepsBefore) };
  }

  async #read(pending: PendingRead, iteration: number, stepsBefore: number): Promise<MetaStep> {
    const empty = new Float32Array();
    const [losses = empty, status = empty, norms = empty] = await pending.read();
    const { tasks } = this.#config;
    let metaLoss = 0;
    for (const [index, loss] of losses.entries()) {
      metaLoss += ((this.#lossWeights[Math.floor(index / tasks)] ?? 0) * loss) / tasks;
    }
    return {
      iteration,
      metaLoss,
      gradientNorm: status[0] ?? Number.NaN,
      blockNorms: [...norms],
      skipped: status[1] === 0,
      stepsBefore,
    };
  }

  /** Reads the state that a later run needs to go on from here, at the end of an episode. */
  async readState(): Promise<TrainerState> {
    const tensors = [this.optimizer.phi, this.#m, this.#v, this.#status];
    const empty = new Float32Array();
    const [phi = empty, m = empty, v = empty, status = empty] = await readTensors(this.#context, tensors);
    return { phi, m, v, status };
  }

  /** Goes on from other weights, meta-Adam as fresh: its averages belong to the weights before. */
  async restart(phi: Float32Array): Promise<void> {
    const { status } = await this.readState();
    const zero = new Float32Array(phi.length);
    writeTensor(this.#context, this.optimizer.phi, phi);
    writeTensor(this.#context, this.#m, zero);
    writeTensor(this.#context, this.#v, zero);
    writeTensor(this.#context, this.#status, Float32Array.of(0, 0, 0, status[3] ?? 0));
  }

  destroy(): void {
    this.#ring?.destroy();
    this.#pool.destroy();
  }
}
