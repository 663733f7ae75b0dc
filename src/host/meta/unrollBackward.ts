import { ConfigError } from '../errors.ts';
import type { Commands } from '../gpu/commands.ts';
import { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { recordSampleAxpy } from '../ops/coordinateSample.ts';
import { type Coordinates, coordinateTensor } from '../ops/coordinates.ts';
import { recordAddScaledRows, recordSumRows } from '../ops/taskRows.ts';
import { recordAxpy } from '../ops/vector.ts';
import type { Optimizee } from '../optimizees/optimizee.ts';
import type { BackwardFace, BoundOptimizer, InputAdjoints, Optimizer } from '../optimizers/optimizer.ts';

/** What the backward half of an unroll works on; theta and gradients have a slot for each of the T + 1 steps. */
export interface BackwardOptions {
  readonly pool: TensorPool;
  /** Those that go backward: all, or a sample of them. */
  readonly coordinates: Coordinates;
  /** [M]: how many coordinates each of a sample stands for; absent where all go backward. */
  readonly sizes?: Tensor;
  readonly steps: number;
  readonly optimizer: Optimizer;
  readonly optimizee: Optimizee;
  readonly bound: BoundOptimizer;
  readonly losses: Tensor;
  readonly theta: readonly Tensor[];
  readonly gradients: readonly Tensor[];
  readonly lossWeights: readonly number[];
  readonly metaGradient: Tensor | undefined;
  readonly secondDerivatives: boolean;
  readonly startAdjoint: boolean;
}

/** What second order needs: the adjoints that a step delivers, H v, and losses that nobody reads. */
interface SecondOrder {
  readonly inputAdjoints: InputAdjoints;
  readonly product: Tensor;
  readonly losses: Tensor;
}

/**
 * The way back through an unroll. With w_t the weight of loss t, A_t = dL/dtheta_t is what the optimizer's own path
 * makes of A_{t+1}, plus w_t g_t / B, plus in second order H_t dL/dg_t + g_t dL/df_t, where dL/dg_t and dL/df_t are
 * the adjoints of what the optimizer read. First order (Andrychowicz et al. 2016) takes those two as constants.
 */
export class UnrollBackward {
  /** What only an unroll from fresh tasks does: the step from A_0's own path to dL/dtheta_0. */
  readonly atStart: Program;
  /** dL/dtheta_0 [B, N] after an unroll from fresh tasks; undefined when it is not made. */
  readonly startAdjoint: Tensor | undefined;
  readonly #atCarry: Program;
  readonly #options: BackwardOptions;
  readonly #face: BackwardFace;
  readonly #adjoint: Tensor;
  readonly #metaGradient: Tensor;
  /** [N]: the sum over tasks of dL/dtheta_0; only with a theta_0 whose last layer is not learned. */
  readonly #startGradient: Tensor | undefined;
  readonly #secondOrder: SecondOrder | undefined;

  /** @throws ConfigError when there is nothing to learn, or no second derivatives where they are asked for. */
  constructor(options: BackwardOptions) {
    const { pool, coordinates, bound, optimizer, metaGradient, lossWeights, steps } = options;
    if (!metaGradient)
      throw new RangeError('an unroll with lossWeights needs a tensor for the meta-gradient');
    if (lossWeights.length !== steps + 1) {
      throw new RangeError(
        `${steps} steps have ${steps + 1} losses, and ${lossWeights.length} weights were given`,
      );
    }
    if (!bound.backward) {
      throw new ConfigError(
        `${optimizer.description} has nothing to learn`,
        'evaluate it as it is, or let one of its gates or theta_0 be learned',
      );
    }
    this.#options = options;
    this.#face = bound.backward;
    this.#metaGradient = metaGradient;
    this.#adjoint = coordinateTensor(pool, 'adjoint of theta', coordinates);
    this.startAdjoint = options.startAdjoint || optimizer.theta0 ? this.#adjoint : undefined;
    const { theta0 } = optimizer;
    if (theta0 && theta0.parameters < options.optimizee.parameters) {
      this.#startGradient = pool.tensor('gradient of theta_0, all layers', [options.optimizee.parameters]);
    }
    this.#secondOrder = options.secondDerivatives ? planSecondOrder(options, bound.backward) : undefined;
    this.atStart = new Program(pool.context, 'end of the backward pass, at the start of an episode');
    this.#atCarry = new Program(pool.context, 'end of the backward pass, inside an episode');
  }

  /** Appends the backward pass to `program`, which has run forward. */
  record(program: Program): void {
    const { steps, losses, coordinates, optimizer } = this.#options;
    const adjoint = this.#adjoint;
    const face = this.#face;
    face.recordBegin(program);
    this.#recordLoss(program, steps, 0);
    for (let t = steps - 1; t >= 0; t--) {
      const theta = slot(this.#options.theta, t);
      face.recordStep(program, t, { theta, gradient: slot(this.#options.gradients, t), losses, adjoint });
      if (t > 0) this.#recordPast(program, t);
    }
    face.recordFinish(program, this.#metaGradient);
    if (this.startAdjoint) this.#recordPast(this.atStart, 0);
    if (!optimizer.theta0) return;
    const { offset, parameters } = optimizer.theta0;
    const row = this.#metaGradient.view('gradient of theta_0', offset, [parameters]);
    const { tasks } = coordinates;
    const all = this.#startGradient ?? row;
    recordSumRows(this.atStart, { rows: adjoint, row: all }, { tasks, count: all.length });
    if (all !== row) this.atStart.copy(all.view('learned part', 0, [parameters]), row);
    this.#atCarry.clear(row);
  }

  async prepare(): Promise<void> {
    await Promise.all([this.atStart.prepare(), this.#atCarry.prepare()]);
  }

  /** After the unroll: theta_0 has a gradient at the start of an episode, and a zero one inside it. */
  encodeEnd(encoder: Commands, start: 'reset' | 'carry'): void {
    (start === 'reset' ? this.atStart : this.#atCarry).encode(encoder);
  }

  /** From dL/dtheta_t along the optimizer's own path to all of A_t. */
  #recordPast(program: Program, t: number): void {
    if (this.#secondOrder) this.#recordInputs(program, t, this.#secondOrder);
    this.#recordLoss(program, t, 1);
  }

  /** adjoint = w_t g_t / B + keep * adjoint. */
  #recordLoss(program: Program, t: number, keep: 0 | 1): void {
    const { lossWeights, coordinates, gradients, sizes } = this.#options;
    const weight = (lossWeights[t] ?? 0) / coordinates.tasks;
    if (weight === 0 && keep === 1) return;
    const tensors = { x: slot(gradients, t), y: this.#adjoint };
    if (sizes) recordSampleAxpy(program, { ...tensors, sizes }, coordinates.count, weight, keep);
    else recordAxpy(program, tensors, weight, keep);
  }

  /**
   * adjoint += H_t dL/dg_t + g_t dL/df_t. The minibatch and the activations of step t are made again: keeping those of
   * all steps would take T times their memory.
   */
  #recordInputs(program: Program, t: number, second: SecondOrder): void {
    const { optimizee, coordinates, theta, gradients } = this.#options;
    const { gradient, loss } = second.inputAdjoints;
    const at = slot(theta, t);
    optimizee.recordSample(program, t);
    optimizee.recordLoss(program, at, second.losses, 0);
    optimizee.recordHessianVector?.(program, at, gradient, second.product);
    recordAxpy(program, { x: second.product, y: this.#adjoint }, 1, 1);
    if (!loss) return;
    const sizes = { tasks: coordinates.tasks, count: coordinates.parameters };
    recordAddScaledRows(program, { factor: loss, x: slot(gradients, t), y: this.#adjoint }, sizes);
  }
}

function planSecondOrder(options: BackwardOptions, face: BackwardFace): SecondOrder {
  const { pool, coordinates, optimizee, optimizer } = options;
  const refuse = (what: string, otherwise = '') =>
    new ConfigError(
      `${what} has no second derivatives`,
      `train it in first order: leave second derivatives off${otherwise}`,
    );
  const { inputAdjoints } = face;
  if (!inputAdjoints) throw refuse(`the optimizer ${optimizer.description}`);
  if (!optimizee.recordHessianVector) {
    const otherwise = ', or give it R-kernels (recordHessianVector)';
    throw refuse(`the optimizee ${optimizee.description}`, otherwise);
  }
  return {
    inputAdjoints,
    product: coordinateTensor(pool, 'Hessian-vector product', coordinates),
    losses: pool.tensor('losses made again', [1, coordinates.tasks]),
  };
}

function slot(ring: readonly Tensor[], t: number): Tensor {
  const tensor = ring[t];
  if (!tensor) throw new RangeError(`step ${t} was not kept`);
  return tensor;
}
