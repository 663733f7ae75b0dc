import { ConfigError } from '../errors.ts';
import type { Commands } from '../gpu/commands.ts';
import type { GpuContext } from '../gpu/context.ts';
import { Program } from '../gpu/program.ts';
import { submit, writeTensor } from '../gpu/readback.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { recordTick } from '../ops/clock.ts';
import { coordinatesOf, coordinateTensor, type ParameterGroup } from '../ops/coordinates.ts';
import type { BoundOptimizer, Optimizer } from '../optimizers/optimizer.ts';
import { PlanPool } from './plan.ts';

export interface StepperOptions {
  /** N: parameters of the model. */
  readonly parameters: number;
  /** Runs of parameters that belong together; only for weights that were trained by groups. */
  readonly groups?: readonly ParameterGroup[];
  /** Whether every step is given the loss too: the gated optimizers read it. Default: no. */
  readonly givesLoss?: boolean;
}

/** What an application's step works on: f32 buffers of its own, usable as source and target of copies. */
export interface StepBuffers {
  /** [N]: read, and overwritten with the parameters after the step. */
  readonly parameters: GPUBuffer;
  /** [N]: the gradient at them. */
  readonly gradients: GPUBuffer;
  /** [1]: the loss at them, with `givesLoss`. */
  readonly loss?: GPUBuffer;
}

/**
 * An optimizer for an application that has a model of its own: it takes the model's parameters and gradients where they
 * lie and writes the parameters back, with the kernels of meta-training. Its states (hidden states, moving averages) are
 * kept from step to step.
 *
 * Where the parameters start is the application's business: a learned theta_0 is not used.
 */
export class Stepper<T extends Optimizer> {
  readonly optimizer: T;
  readonly #context: GpuContext;
  readonly #pool: PlanPool;
  readonly #bytesOfModel: number;
  readonly #theta: Tensor;
  readonly #gradient: Tensor;
  readonly #next: Tensor;
  readonly #losses: Tensor | undefined;
  readonly #clock: Tensor;
  readonly #bound: BoundOptimizer;
  readonly #reset: Program;
  readonly #step: Program;

  /**
   * @param create makes the optimizer, its tensors planned in the pool: `(pool) => createLearned(pool, settings)`
   * @throws LimitError when a tensor is larger than the device allows; nothing is allocated
   * @throws ConfigError where weights by groups are for other groups, or where the loss is read and not given
   */
  constructor(context: GpuContext, options: StepperOptions, create: (pool: PlanPool) => T) {
    const { parameters, groups, givesLoss = false } = options;
    if (!Number.isInteger(parameters) || parameters < 1) {
      throw new ConfigError(
        `a model of ${parameters} parameters cannot be stepped`,
        'give a whole number from 1',
      );
    }
    this.#context = context;
    this.#pool = new PlanPool(context);
    this.#bytesOfModel = 4 * parameters;
    this.optimizer = create(this.#pool);
    const coordinates = coordinatesOf(1, parameters);
    const row = (label: string) => coordinateTensor(this.#pool, label, coordinates);
    [this.#theta, this.#gradient, this.#next] = [row('parameters'), row('gradients'), row('next parameters')];
    this.#losses = givesLoss ? this.#pool.tensor('losses', [2, 1]) : undefined;
    this.#clock = this.#pool.tensor('clock', [4], 'u32');
    const binding = { coordinates, steps: 1, training: false, clock: this.#clock, ...(groups && { groups }) };
    this.#bound = this.optimizer.bind({ pool: this.#pool, ...binding });
    this.#reset = new Program(context, 'reset');
    this.#step = new Program(context, 'step');
    this.#record();
    this.#pool.requireFit(1, parameters);
  }

  #record(): void {
    const tensors = { theta: this.#theta, gradient: this.#gradient, next: this.#next };
    this.#bound.recordReset(this.#reset);
    this.#bound.recordStep(this.#step, 0, { ...tensors, ...(this.#losses && { losses: this.#losses }) });
    this.#bound.recordCarry(this.#step);
    recordTick(this.#step, this.#clock);
  }

  /** Bytes that `prepare` takes on the device. */
  get bytes(): number {
    return this.#pool.bytes;
  }

  /** Kernel dispatches of one step. */
  get dispatches(): number {
    return this.#step.dispatches;
  }

  /** Takes the memory, compiles, and makes the first step possible; phi is still to be written. */
  async prepare(): Promise<void> {
    await this.#pool.allocate();
    await Promise.all([this.#reset.prepare(), this.#step.prepare()]);
    this.reset();
  }

  /** Forgets all steps: the next one is the first of a new run. */
  reset(): void {
    writeTensor(this.#context, this.#clock, new Uint32Array(4));
    submit(this.#context, (encoder) => this.#reset.encode(encoder));
  }

  /**
   * Writes one step into `encoder`: parameters become those after the step. Nothing is read back.
   * @throws ConfigError when a buffer is too small or missing
   */
  encode(encoder: Commands, { parameters, gradients, loss }: StepBuffers): void {
    requireBuffer('parameters', parameters, this.#bytesOfModel);
    requireBuffer('gradients', gradients, this.#bytesOfModel);
    encoder.copyBufferToBuffer(parameters, 0, this.#theta.buffer, 0, this.#bytesOfModel);
    encoder.copyBufferToBuffer(gradients, 0, this.#gradient.buffer, 0, this.#bytesOfModel);
    if (this.#losses) {
      if (!loss)
        throw new ConfigError('this optimizer reads the loss, and it was not given', 'give its buffer');
      requireBuffer('loss', loss, 4);
      encoder.copyBufferToBuffer(loss, 0, this.#losses.buffer, 0, 4);
    }
    this.#step.encode(encoder);
    encoder.copyBufferToBuffer(this.#next.buffer, 0, parameters, 0, this.#bytesOfModel);
  }

  destroy(): void {
    this.#pool.destroy();
  }
}

function requireBuffer(name: string, buffer: GPUBuffer, bytes: number): void {
  const needed = GPUBufferUsage.COPY_SRC | (name === 'parameters' ? GPUBufferUsage.COPY_DST : 0);
  if (buffer.size < bytes) {
    throw new ConfigError(
      `the buffer of ${name} holds ${buffer.size} bytes, and a step takes ${bytes}`,
      'give one f32 a parameter, as many as the stepper was made for',
    );
  }
  if ((buffer.usage & needed) !== needed) {
    throw new ConfigError(
      `the buffer of ${name} cannot be copied`,
      'create parameters with COPY_SRC and COPY_DST, gradients and loss with COPY_SRC',
    );
  }
}
