import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { ParameterGroup } from '../ops/coordinates.ts';

/** Tensors every optimizee is driven by. */
export interface TaskTensors {
  /** [B, 2] u32: the key each task is a function of. */
  readonly keys: Tensor;
  /** [4] u32: clock[0] is the number of steps of the episode before this unroll. */
  readonly clock: Tensor;
  /** T of the unroll: an episode with a query set is judged on it after step T. */
  readonly steps: number;
  /** Whether `recordHessianVector` will be called: plan its tensors. */
  readonly secondDerivatives?: boolean;
}

/** The set of examples that an episode is judged on. */
export interface QueryFace {
  /** Whether examples are classified, so that there is an accuracy. */
  readonly classifies: boolean;
  /**
   * The loss and, of a classifier, the accuracy on the query set at theta, into row `slot` of [slots, B]. It leaves
   * alone what `recordLoss` left behind.
   */
  record(
    program: Program,
    theta: Tensor,
    tensors: { readonly losses: Tensor; readonly accuracy?: Tensor },
    slot: number,
  ): void;
}

/**
 * A batch of B problems to be optimised, each over N parameters. It records kernels into programs and never
 * sees the optimizer. Order of calls at a step t: `recordSample`, `recordLoss`, and where the gradient is
 * wanted `recordGradient`, which uses what `recordLoss` left behind.
 */
export interface Optimizee {
  /** What it is, for reports: 'MLP 784-20-10, sigmoid, batch 128'. */
  readonly description: string;
  readonly tasks: number;
  readonly parameters: number;
  /** All N parameters, group by group. */
  readonly groups: readonly ParameterGroup[];
  /** Sends data that stays the same (images, given problems) to the device; after the pool is allocated. */
  upload(): void;
  /** Draws the problems and the starting points theta [B, N] from the tasks' keys. */
  recordReset(program: Program, theta: Tensor): void;
  /** Draws what belongs to step clock[0] + step: a minibatch. */
  recordSample(program: Program, step: number): void;
  /** losses[slot, b] = the loss at theta; losses [slots, B]. */
  recordLoss(program: Program, theta: Tensor, losses: Tensor, slot: number): void;
  /** gradient [B, N] = the gradient of the loss last recorded, at the same theta. */
  recordGradient(program: Program, theta: Tensor, gradient: Tensor): void;
  /** As `recordLoss`, then `recordGradient`; present where both at once take fewer dispatches. */
  recordLossAndGradient?(
    program: Program,
    theta: Tensor,
    tensors: { readonly losses: Tensor; readonly gradient: Tensor },
    slot: number,
  ): void;
  /**
   * product [B, N] = the Hessian of the loss last recorded times v [B, N], at the same theta and minibatch.
   * Absent when the optimizee has no R-kernels (second order is then refused by name) or was created without
   * `secondDerivatives`.
   */
  recordHessianVector?(program: Program, theta: Tensor, v: Tensor, product: Tensor): void;
  /** Absent where tasks have no query set. */
  readonly query?: QueryFace;
}
