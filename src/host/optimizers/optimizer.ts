import type { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import type { Coordinates, ParameterGroup } from '../ops/coordinates.ts';

/** What an optimizer is bound to: one batch of coordinates and one unroll. */
export interface Binding {
  readonly pool: TensorPool;
  readonly coordinates: Coordinates;
  /** The optimizee's own: what a task's row of parameters is made of. Only a grouped optimizer reads them. */
  readonly groups?: readonly ParameterGroup[];
  /** Steps T of the unroll. */
  readonly steps: number;
  /** Keep the states of all steps, for a backward pass; otherwise only what the next step needs. */
  readonly training: boolean;
  /** The backward pass must also deliver `inputAdjoints`; only with `training`. */
  readonly secondDerivatives?: boolean;
  /** [4] u32: clock[0] is the number of steps of the episode before this unroll. */
  readonly clock: Tensor;
  /** The optimizer's `observer` will be used: plan its tensors. */
  readonly observe?: boolean;
}

/** What step t is given. */
export interface StepInputs {
  /** theta_t [M] */
  readonly theta: Tensor;
  /** g_t [M] */
  readonly gradient: Tensor;
  /** [T + 1, B]: row t holds the loss of every task at theta_t. An unroll gives it; only some optimizers read it. */
  readonly losses?: Tensor;
}

/** The tensors of one step: its inputs and theta_{t+1} [M]. */
export interface StepTensors extends StepInputs {
  readonly next: Tensor;
}

/** The tensors of one step back: the step's inputs and the adjoint [M] of theta. */
export interface BackwardTensors extends StepInputs {
  /** Holds dL/dtheta_{t+1}; becomes dL/dtheta_t along the optimizer's own path. */
  readonly adjoint: Tensor;
}

/** Adjoints of what a step was given, which second order takes back through the optimizee. */
export interface InputAdjoints {
  /** [M]: of g_t. */
  readonly gradient: Tensor;
  /** [B]: of the loss of every task; absent when the optimizer does not read it. */
  readonly loss?: Tensor;
}

/** A gate that a recording follows; where it is a constant, `fixed` is its value and nothing is to be seen of it. */
export interface Observable {
  /** For figures and files: 'forget gate'. */
  readonly name: string;
  readonly fixed?: number;
  /** Values of a coordinate: the units of an LSTM layer, else 1. */
  readonly rows: number;
}

/** Values before the sigmoid: rows of M from `firstRow` on, as many as the observable has. */
export interface GateRows {
  readonly values: Tensor;
  readonly firstRow: number;
}

/** What can be seen of an optimizer at work. */
export interface ObserverFace {
  readonly observables: readonly Observable[];
  /**
   * Right after `recordStep` of the same step: calls `see` once for every observable that is not fixed, by its index.
   * The rows may be overwritten after `see` returns, so `see` records what reads them.
   */
  recordStep(program: Program, step: number, see: (observable: number, rows: GateRows) => void): void;
}

/** An optimizer at work on one batch of coordinates. It records kernels and never sees the optimizee. */
export interface BoundOptimizer {
  /** What an unroll starts from, [rows, M] each: `recordReset` fills it; the same list for every binding. */
  readonly carried: readonly Tensor[];
  /** States as at the start of an episode. */
  recordReset(program: Program): void;
  /** States after the last step of an unroll become those before the first of the next. */
  recordCarry(program: Program): void;
  /** theta_{t+1} and the states after step t. */
  recordStep(program: Program, step: number, tensors: StepTensors): void;
  /** As `recordStep`, the states alone; absent where the way back through a step, or the next step's states, read theta. */
  recordStates?(program: Program, step: number, gradient: Tensor): void;
  /** Absent for optimizers with nothing to learn, and when bound without `training`. */
  readonly backward?: BackwardFace;
  /** Absent for optimizers without gates, and when bound without `observe`. */
  readonly observer?: ObserverFace;
}

/** Backpropagation through the steps of an unroll, from the last to the first. */
export interface BackwardFace {
  /** Adjoints of the last states: zero, the graph is cut between unrolls. */
  recordBegin(program: Program): void;
  /**
   * One step back: the adjoint of theta along the optimizer's own path, and where second order is wanted the
   * `inputAdjoints` of this step. What the loss and the optimizee add is the unroll's business.
   */
  recordStep(program: Program, step: number, tensors: BackwardTensors): void;
  /** gradient [P] = dL/dphi, after the first step; theta_0's part of it, if there is one, is left alone. */
  recordFinish(program: Program, gradient: Tensor): void;
  /** Overwritten by every `recordStep`. Absent without `secondDerivatives`, and where they are not built. */
  readonly inputAdjoints?: InputAdjoints;
}

/** Anything that can be bound to coordinates and run. */
export interface Optimizer {
  /** For reports: 'l2l 2x20, log-sign p=10' or 'adam'. */
  readonly description: string;
  /** Where every task starts, instead of where the optimizee would. */
  readonly theta0?: LearnedStart;
  /** Groups of parameters with weights of their own each; absent where one phi is for all. */
  readonly groupNames?: readonly string[];
  bind(binding: Binding): BoundOptimizer;
  /** Sends what stays the same (a given theta_0) to the device; after the pool is allocated. */
  upload?(): void;
}

/**
 * A learned starting point theta_0: one number a parameter of one architecture, the same for all tasks. It may leave
 * out the last layer, which then starts at zero, so that it fits any number of outputs (Kao et al. 2022).
 */
export interface LearnedStart {
  /** [parameters]: the part of phi from `offset` on. */
  readonly tensor: Tensor;
  readonly offset: number;
  /** N, or N without the last layer's. */
  readonly parameters: number;
}

/** Whether a theta_0 of `parameters` numbers is one for all of these groups, or for all but the last. */
export function startFits(parameters: number, groups: readonly ParameterGroup[]): boolean {
  const last = groups.at(-1);
  if (!last) return false;
  return parameters === last.offset + last.count || (groups.length > 1 && parameters === last.offset);
}

/** A named block of phi, with the shape it has in PyTorch-named weight files. */
export interface NamedWeights {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * A part of phi that is judged on its own: `runs` runs of `length` elements, `stride` elements apart from start to start.
 * Kernels that read a unit's weights together interleave what PyTorch keeps apart, hence the runs.
 */
export interface WeightBlock {
  /** The tensor's name in weight files; a layer's two biases are one here: 'lstm.0.bias'. */
  readonly name: string;
  /** Index in phi of the first element. */
  readonly offset: number;
  readonly length: number;
  readonly runs: number;
  readonly stride: number;
}

/**
 * An optimizer with weights phi, shared by every coordinate of every task, or of a group of parameters where it is
 * grouped; theta_0, where learned, comes last.
 */
export interface LearnedOptimizer extends Optimizer {
  /** phi [P] f32 in the kernels' layout, zero-padded between blocks: all that meta-training learns. */
  readonly phi: Tensor;
  /** Number of shared weights as the papers count them: one bias a layer, theta_0 not counted. */
  readonly weightCount: number;
  /** All of phi but its padding, block by block. */
  readonly blocks: readonly WeightBlock[];
  /** Fresh weights from a seed. */
  initialPhi(seed: number): Float32Array;
  /** phi's values under PyTorch's names, and back; `source` names the file in errors. */
  toNamed(phi: Float32Array): Map<string, NamedWeights>;
  fromNamed(weights: ReadonlyMap<string, NamedWeights>, source: string): Float32Array;
  /** A gradient in phi's layout under PyTorch's names: both biases of a layer receive the same one. */
  gradientToNamed(gradient: Float32Array): Map<string, NamedWeights>;
}
