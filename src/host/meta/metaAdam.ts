import type { Commands } from '../gpu/commands.ts';
import type { GpuContext } from '../gpu/context.ts';
import { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { recordBlockNorms, recordMetaAdam } from '../ops/metaAdam.ts';
import type { LearnedOptimizer } from '../optimizers/optimizer.ts';

/** What meta-Adam carries from one meta-step to the next. */
export interface MetaAdamState {
  readonly m: Float32Array;
  readonly v: Float32Array;
  /** (norm, scale, applied, skipped) of src/shaders/metaAdam/prepare.wgsl. */
  readonly status: Float32Array;
}

export interface MetaAdamOptions {
  readonly context: GpuContext;
  readonly pool: TensorPool;
  readonly label: string;
  readonly optimizer: LearnedOptimizer;
  /** [P] f32 */
  readonly gradient: Tensor;
  /** What must be finite besides the gradient for the step to be taken. */
  readonly losses: Tensor;
  /** [2] f32: the learning rates of the optimizer's weights and of theta_0. */
  readonly rate: Tensor;
  /** Largest norm of the gradient. */
  readonly clip: number;
}

/** Adam's constants for phi. */
const CONSTANTS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** Adam on phi, with averages of its own: global-norm clip, finite check, update, norms by block. */
export class MetaAdam {
  /** [4] */
  readonly status: Tensor;
  /** [K]: norm of every block of the gradient before the clip, in the order of the optimizer's `blocks`. */
  readonly blockNorms: Tensor;
  readonly #options: MetaAdamOptions;
  readonly #m: Tensor;
  readonly #v: Tensor;
  readonly #blocks: Tensor;
  readonly #program: Program;

  constructor(options: MetaAdamOptions) {
    const { context, pool, label, optimizer } = options;
    const { length } = optimizer.blocks;
    this.#options = options;
    this.#m = pool.tensor(`${label} m`, optimizer.phi.shape);
    this.#v = pool.tensor(`${label} v`, optimizer.phi.shape);
    this.status = pool.tensor(`${label} status`, [4]);
    this.#blocks = pool.tensor(`blocks of phi for ${label}`, [length, 4], 'u32');
    this.blockNorms = pool.tensor(`norms of the blocks for ${label}`, [length]);
    this.#program = new Program(context, label);
  }

  /** m, v and status, as `MetaAdamState` has them. */
  get state(): readonly Tensor[] {
    return [this.#m, this.#v, this.status];
  }

  /** After the pool is allocated. */
  async prepare(): Promise<void> {
    const { context, optimizer, gradient, losses, rate, clip } = this.#options;
    const { phi, blocks } = optimizer;
    const spans = blocks.flatMap(({ offset, length, runs, stride }) => [offset, length, runs, stride]);
    writeTensor(context, this.#blocks, Uint32Array.from(spans));
    recordBlockNorms(this.#program, { blocks: this.#blocks, norms: this.blockNorms, gradient });
    const tensors = { gradient, losses, status: this.status, rate, phi, m: this.#m, v: this.#v };
    recordMetaAdam(this.#program, tensors, { ...CONSTANTS, clip, theta0: optimizer.theta0?.offset });
    await this.#program.prepare();
  }

  encode(encoder: Commands): void {
    this.#program.encode(encoder);
  }

  write({ m, v, status }: MetaAdamState): void {
    const { context } = this.#options;
    writeTensor(context, this.#m, m);
    writeTensor(context, this.#v, v);
    writeTensor(context, this.status, status);
  }

  /** Averages and the count of steps taken as at the start; the count of skipped ones stays. */
  restart(skipped: number): void {
    const zero = new Float32Array(this.#m.length);
    this.write({ m: zero, v: zero, status: Float32Array.of(0, 0, 0, skipped) });
  }
}
