import { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { coordinatesOf, coordinateTensor } from '../ops/coordinates.ts';
import { recordAxpy } from '../ops/vector.ts';
import type { Optimizee, TaskTensors } from '../optimizees/optimizee.ts';
import type { BoundOptimizer, Optimizer } from '../optimizers/optimizer.ts';

export interface UnrollOptions {
  readonly pool: TensorPool;
  readonly tasks: number;
  /** T: updates an unroll; T + 1 losses. */
  readonly steps: number;
  readonly optimizer: Optimizer;
  readonly createOptimizee: (tensors: TaskTensors) => Optimizee;
  /**
   * Weight of each of the T + 1 losses in the meta-loss (mean over tasks). Given, the unroll also goes
   * backward and leaves the meta-gradient; absent, it only runs forward: the same kernels, fewer states kept.
   */
  readonly lossWeights?: readonly number[];
  /** [P] f32: where the meta-gradient goes; needed with lossWeights. */
  readonly metaGradient?: Tensor;
}

/**
 * T steps of an optimizer on B tasks as one sequence of kernels: training and evaluation both run through
 * here. An episode longer than T is several unrolls; parameters and states are carried, the graph is cut.
 */
export class Unroll {
  readonly optimizee: Optimizee;
  readonly steps: number;
  readonly tasks: number;
  /** [T + 1, B]: the loss of every task before every step and after the last. */
  readonly losses: Tensor;
  readonly #pool: TensorPool;
  readonly #tensors: TaskTensors;
  readonly #theta: readonly Tensor[];
  readonly #gradients: readonly Tensor[];
  readonly #bound: BoundOptimizer;
  readonly #options: UnrollOptions;
  readonly #adjoint: Tensor | undefined;
  readonly #reset: Program;
  readonly #carry: Program;
  readonly #run: Program;

  constructor(options: UnrollOptions) {
    const { pool, tasks, steps, optimizer } = options;
    const training = options.lossWeights !== undefined;
    this.#options = options;
    this.#pool = pool;
    this.tasks = tasks;
    this.steps = steps;
    this.#tensors = {
      keys: pool.tensor('task keys', [tasks, 2], 'u32'),
      clock: pool.tensor('clock', [4], 'u32'),
    };
    this.optimizee = options.createOptimizee(this.#tensors);
    const coordinates = coordinatesOf(tasks, this.optimizee.parameters);
    const rows = (label: string, slots: number) =>
      Array.from({ length: slots }, (_, slot) => coordinateTensor(pool, `${label} ${slot}`, coordinates));
    this.#theta = rows('theta', training ? steps + 1 : 2);
    this.#gradients = rows('gradient', training ? steps + 1 : 1);
    this.#adjoint = training ? coordinateTensor(pool, 'adjoint of theta', coordinates) : undefined;
    this.losses = pool.tensor('losses', [steps + 1, tasks]);
    this.#bound = optimizer.bind({ pool, coordinates, steps, training, clock: this.#tensors.clock });
    this.#reset = new Program(pool.context, 'reset');
    this.#carry = new Program(pool.context, 'carry');
    this.#run = new Program(pool.context, training ? 'training unroll' : 'unroll');
  }

  /** theta after the last step, [B, N] in the first elements. */
  get theta(): Tensor {
    return this.#slot(this.#theta, this.steps);
  }

  /** Kernel dispatches of one unroll. */
  get dispatches(): number {
    return this.#run.dispatches;
  }

  /** Records and compiles everything; after the pool is allocated. */
  async prepare(): Promise<void> {
    this.optimizee.upload();
    this.optimizee.recordReset(this.#reset, this.#slot(this.#theta, 0));
    this.#bound.recordReset(this.#reset);
    const [first, last] = [this.#slot(this.#theta, 0), this.#slot(this.#theta, this.steps)];
    if (first !== last) this.#carry.copy(last, first);
    this.#bound.recordCarry(this.#carry);
    this.#recordForward();
    if (this.#options.lossWeights) this.#recordBackward(this.#options.lossWeights);
    await Promise.all([this.#reset.prepare(), this.#carry.prepare(), this.#run.prepare()]);
  }

  #recordForward(): void {
    const { steps, losses, optimizee } = this;
    const program = this.#run;
    for (let t = 0; t <= steps; t++) {
      const theta = this.#slot(this.#theta, t);
      const gradient = this.#slot(this.#gradients, t);
      optimizee.recordSample(program, t);
      optimizee.recordLoss(program, theta, losses, t);
      if (t < steps || this.#adjoint) optimizee.recordGradient(program, theta, gradient);
      if (t < steps) {
        this.#bound.recordStep(program, t, { theta, gradient, next: this.#slot(this.#theta, t + 1) });
      }
    }
  }

  /**
   * First order (Andrychowicz et al. 2016): with the gradients g_s taken as constants, the adjoint of
   * theta_t is the suffix sum of w_s g_s / B over s >= t; the optimizer turns it into dL/dphi.
   */
  #recordBackward(lossWeights: readonly number[]): void {
    const { steps, tasks } = this;
    const { backward } = this.#bound;
    const adjoint = this.#adjoint;
    const { metaGradient } = this.#options;
    if (!backward || !adjoint || !metaGradient) {
      throw new RangeError(`${this.#options.optimizer.description} has nothing to learn`);
    }
    const program = this.#run;
    const add = (t: number, keep: number) => {
      const weight = (lossWeights[t] ?? 0) / tasks;
      if (weight !== 0 || keep === 0) {
        recordAxpy(program, { x: this.#slot(this.#gradients, t), y: adjoint }, weight, keep);
      }
    };
    backward.recordBegin(program);
    add(steps, 0);
    for (let t = steps - 1; t >= 0; t--) {
      backward.recordStep(program, t, adjoint);
      if (t > 0) add(t, 1);
    }
    backward.recordFinish(program, metaGradient);
  }

  /** Sets which tasks the next `encode` runs and how many steps of their episode came before. */
  setTasks(keys: Uint32Array, stepsBefore: number): void {
    const { context } = this.#pool;
    if (stepsBefore === 0) writeTensor(context, this.#tensors.keys, keys);
    writeTensor(context, this.#tensors.clock, Uint32Array.of(stepsBefore, 0, 0, 0));
  }

  /** Writes one unroll into `encoder`: from fresh tasks, or on from where the last one ended. */
  encode(encoder: GPUCommandEncoder, start: 'reset' | 'carry'): void {
    (start === 'reset' ? this.#reset : this.#carry).encode(encoder);
    this.#run.encode(encoder);
  }

  /** As `encode` from fresh tasks, with a timestamp around every dispatch of the unroll. */
  encodeTimed(encoder: GPUCommandEncoder, querySet: GPUQuerySet, onStep: (name: string) => number): void {
    this.#reset.encode(encoder);
    this.#run.encodeTimed(encoder, querySet, onStep);
  }

  #slot(ring: readonly Tensor[], t: number): Tensor {
    const tensor = ring[t % ring.length];
    if (!tensor) throw new RangeError('an empty ring was read');
    return tensor;
  }
}
