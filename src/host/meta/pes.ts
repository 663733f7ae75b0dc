import type { TrainConfig } from '../config.ts';
import { perturbationKey } from '../data/perturbation.ts';
import { taskKeys } from '../data/threefry.ts';
import type { Commands } from '../gpu/commands.ts';
import { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { recordPesGradient, recordPesPerturb } from '../ops/pes.ts';
import type { Optimizee, TaskTensors } from '../optimizees/optimizee.ts';
import { createLearned } from '../optimizers/create.ts';
import type { LearnedOptimizer } from '../optimizers/optimizer.ts';
import { Unroll } from './unroll.ts';

export interface PesOptions {
  readonly pool: TensorPool;
  readonly config: Pick<TrainConfig, 'seed' | 'tasks' | 'unroll' | 'optimizer'>;
  /** Standard deviation of the perturbations of phi. */
  readonly sigma: number;
  /** Antithetic pairs. */
  readonly pairs: number;
  /** Whose phi is perturbed and differentiated. */
  readonly optimizer: LearnedOptimizer;
  readonly createOptimizee: (tensors: TaskTensors) => Optimizee;
  /** Weights of the T + 1 losses of an unroll. */
  readonly lossWeights: readonly number[];
  /** [P] f32: where the estimate goes. */
  readonly gradient: Tensor;
}

/** f32 that a member's row of losses begins at a multiple of. */
const ALIGNMENT = 64;

/**
 * Persistent evolution strategies (Vicol et al. 2021): an estimate of the meta-gradient of whole episodes, without the bias of
 * truncation and without a backward pass. Every unroll each of the antithetic pairs draws a fresh perturbation of phi; its
 * two members run the unroll with phi + and phi - it, on the pair's own tasks, and carry parameters and states of their
 * own; the difference of their losses is credited to the sum xi of the pair's perturbations since the episode began. A
 * member is an unroll like any other (docs/decisions/0009-pes-members.md); the members of a meta-step share a submit.
 */
export class Pes {
  /** [2 pairs, stride]: [T + 1, B] of every member in the first elements of its row, zeros behind them. */
  readonly losses: Tensor;
  /** Two a pair, + and -. */
  readonly members: readonly Unroll[];
  /** [pairs, P]: perturbations in units of sigma, summed since the episode began. */
  readonly xi: Tensor;
  readonly #options: PesOptions;
  readonly #phis: Tensor;
  readonly #draw: Tensor;
  readonly #kinds: Tensor;
  readonly #weights: Tensor;
  readonly #differences: Tensor;
  readonly #perturb: Program;
  readonly #estimate: Program;

  constructor(options: PesOptions) {
    const { pool, config, pairs, optimizer, createOptimizee } = options;
    const { tasks, unroll: steps } = config;
    const { length } = optimizer.phi;
    this.#options = options;
    this.#phis = pool.tensor('phi of the members', [2 * pairs, length]);
    this.xi = pool.tensor('sums of perturbations', [pairs, length]);
    this.#draw = pool.tensor('draw of perturbations', [4], 'u32');
    this.#kinds = pool.tensor('what is perturbed', [length], 'u32');
    this.#weights = pool.tensor('loss weights', [steps + 1]);
    this.#differences = pool.tensor('differences of pairs', [pairs]);
    const stride = ALIGNMENT * Math.ceil(((steps + 1) * tasks) / ALIGNMENT);
    this.losses = pool.tensor('losses of the members', [2 * pairs, stride]);
    this.members = Array.from({ length: 2 * pairs }, (_, j) => {
      const phi = this.#phis.view(`phi of member ${j}`, j * length, [length]);
      return new Unroll({
        pool,
        tasks,
        steps,
        optimizer: createLearned(pool, config.optimizer, phi),
        createOptimizee,
      });
    });
    this.#perturb = new Program(pool.context, 'perturbation of phi');
    this.#estimate = new Program(pool.context, 'PES estimate');
  }

  /** Records and compiles; after the pool is allocated. */
  async prepare(): Promise<void> {
    const { pool, config, optimizer, sigma, lossWeights, gradient } = this.#options;
    writeTensor(pool.context, this.#weights, Float32Array.from(lossWeights));
    writeTensor(pool.context, this.#kinds, kindsOf(optimizer));
    const [draw, kinds, xi, { phi }] = [this.#draw, this.#kinds, this.xi, optimizer];
    recordPesPerturb(this.#perturb, { draw, kinds, phi, xi, members: this.#phis }, sigma);
    const stride = this.losses.length / this.members.length;
    for (const [j, { losses }] of this.members.entries()) {
      this.#estimate.copy(losses, this.losses.view(`losses of member ${j}`, j * stride, [losses.length]));
    }
    const tensors = {
      weights: this.#weights,
      losses: this.losses,
      differences: this.#differences,
      xi,
      gradient,
    };
    recordPesGradient(this.#estimate, tensors, { tasks: config.tasks, sigma });
    await Promise.all([
      this.#perturb.prepare(),
      this.#estimate.prepare(),
      ...this.members.map((member) => member.prepare()),
    ]);
  }

  /** Sets what the next `encode` runs: the perturbations of a meta-step, the tasks of an episode, steps before it. */
  setTasks(iteration: number, episode: number, stepsBefore: number): void {
    const { pool, config, pairs } = this.#options;
    const { seed, tasks } = config;
    const draw = [...perturbationKey(seed, iteration), stepsBefore === 0 ? 1 : 0, 0];
    writeTensor(pool.context, this.#draw, Uint32Array.from(draw));
    for (const [j, member] of this.members.entries()) {
      const first = (episode * pairs + Math.floor(j / 2)) * tasks;
      member.setTasks(taskKeys(seed, 'train', first, tasks), stepsBefore);
    }
  }

  /** Writes one unroll of all members and the estimate into `encoder`. */
  encode(encoder: Commands, start: 'reset' | 'carry'): void {
    this.#perturb.encode(encoder);
    for (const member of this.members) member.encode(encoder, start);
    this.#estimate.encode(encoder);
  }
}

/** [P] u32: 1 where phi holds a shared weight, 2 where it holds theta_0, 0 where it is padding. */
function kindsOf({ phi, blocks, theta0 }: LearnedOptimizer): Uint32Array {
  const kinds = new Uint32Array(phi.length);
  for (const { offset, length, runs, stride } of blocks) {
    for (let run = 0; run < runs; run++) {
      const first = offset + run * stride;
      kinds.fill(1, first, first + length);
    }
  }
  if (theta0) kinds.fill(2, theta0.offset, theta0.offset + theta0.parameters);
  return kinds;
}
