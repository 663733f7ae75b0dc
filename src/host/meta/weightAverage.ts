import type { Commands } from '../gpu/commands.ts';
import type { GpuContext } from '../gpu/context.ts';
import { Program } from '../gpu/program.ts';
import { submit, writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { recordWeightAverage } from '../ops/metaAdam.ts';

/**
 * How much of the average is the newest weights: at meta-step n = 0, 1, ... all have equal weight until 1 / (n + 1)
 * has come down to 1 - decay.
 */
export function averageShare(decay: number, iteration: number): number {
  return Math.max(1 - decay, 1 / (iteration + 1));
}

/** The exponential average of the weights over meta-steps (Polyak & Juditsky 1992), which are validated and kept. */
export class WeightAverage {
  /** [P] */
  readonly average: Tensor;
  readonly #context: GpuContext;
  readonly #phi: Tensor;
  readonly #share: Tensor;
  readonly #decay: number;
  readonly #program: Program;

  constructor(context: GpuContext, pool: TensorPool, phi: Tensor, decay: number) {
    this.#context = context;
    this.#phi = phi;
    this.#decay = decay;
    this.average = pool.tensor('average of phi', phi.shape);
    this.#share = pool.tensor('share of the newest phi', [1]);
    this.#program = new Program(context, 'average of phi');
  }

  /** After the pool is allocated. */
  async prepare(): Promise<void> {
    recordWeightAverage(this.#program, { share: this.#share, phi: this.#phi, average: this.average });
    await this.#program.prepare();
  }

  /** Begins anew with the weights as they are on the device. */
  restart(): void {
    submit(this.#context, (encoder) => {
      const { buffer, offsetBytes, bytes } = this.average;
      encoder.copyBufferToBuffer(this.#phi.buffer, this.#phi.offsetBytes, buffer, offsetBytes, bytes);
    });
  }

  write(average: Float32Array): void {
    writeTensor(this.#context, this.average, average);
  }

  /** Before the submit that holds the meta-step. */
  setIteration(iteration: number): void {
    writeTensor(this.#context, this.#share, Float32Array.of(averageShare(this.#decay, iteration)));
  }

  encode(encoder: Commands): void {
    this.#program.encode(encoder);
  }
}
