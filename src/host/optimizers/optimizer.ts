import type { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import type { Coordinates } from '../ops/coordinates.ts';

/** What an optimizer is bound to: one batch of coordinates and one unroll. */
export interface Binding {
  readonly pool: TensorPool;
  readonly coordinates: Coordinates;
  /** Steps T of the unroll. */
  readonly steps: number;
  /** Keep the states of all steps, for a backward pass; otherwise only what the next step needs. */
  readonly training: boolean;
  /** [4] u32: clock[0] is the number of steps of the episode before this unroll. */
  readonly clock: Tensor;
}

/** The tensors of one step: theta_t [M], g_t [M] -> theta_{t+1} [M]. */
export interface StepTensors {
  readonly theta: Tensor;
  readonly gradient: Tensor;
  readonly next: Tensor;
}

/** An optimizer at work on one batch of coordinates. It records kernels and never sees the optimizee. */
export interface BoundOptimizer {
  /** States as at the start of an episode. */
  recordReset(program: Program): void;
  /** States after the last step of an unroll become those before the first of the next. */
  recordCarry(program: Program): void;
  /** theta_{t+1} and the states after step t. */
  recordStep(program: Program, step: number, tensors: StepTensors): void;
  /** Absent for optimizers with nothing to learn, and when bound without `training`. */
  readonly backward?: BackwardFace;
}

/** Backpropagation through the steps of an unroll, from the last to the first. */
export interface BackwardFace {
  /** Adjoints of the last states: zero, the graph is cut between unrolls. */
  recordBegin(program: Program): void;
  /**
   * One step back. `adjoint` [M] holds dL/dtheta_{t+1} and is turned into dL/dtheta_t along the optimizer's
   * own path; what the loss of step t adds is the unroll's business.
   */
  recordStep(program: Program, step: number, adjoint: Tensor): void;
  /** gradient [P] = dL/dphi, after the first step. */
  recordFinish(program: Program, gradient: Tensor): void;
}

/** Anything that can be bound to coordinates and run. */
export interface Optimizer {
  /** For reports: 'l2l 2x20, log-sign p=10' or 'adam'. */
  readonly description: string;
  bind(binding: Binding): BoundOptimizer;
}

/** A named block of phi, with the shape it has in PyTorch-named weight files. */
export interface NamedWeights {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** An optimizer with weights phi, shared by every coordinate of every task. */
export interface LearnedOptimizer extends Optimizer {
  /** phi [P] f32 in the kernels' layout, zero-padded between blocks. */
  readonly phi: Tensor;
  /** Number of weights as the papers count them: one bias a layer. */
  readonly weightCount: number;
  /** Fresh weights from a seed. */
  initialPhi(seed: number): Float32Array;
  /** phi's values under PyTorch's names, and back; `source` names the file in errors. */
  toNamed(phi: Float32Array): Map<string, NamedWeights>;
  fromNamed(weights: ReadonlyMap<string, NamedWeights>, source: string): Float32Array;
  /** A gradient in phi's layout under PyTorch's names: both biases of a layer receive the same one. */
  gradientToNamed(gradient: Float32Array): Map<string, NamedWeights>;
}
