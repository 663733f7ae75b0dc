import { LimitError } from '../gpu/errors.ts';
import { type DType, type Tensor, TensorPool } from '../gpu/tensor.ts';

/** A pool that knows its largest tensor, so that what fits the device is known before any memory is taken. */
export class PlanPool extends TensorPool {
  #largest: Tensor | undefined;

  override tensor(label: string, shape: readonly number[], dtype?: DType): Tensor {
    const tensor = super.tensor(label, shape, dtype);
    if (!this.#largest || tensor.bytes > this.#largest.bytes) this.#largest = tensor;
    return tensor;
  }

  /** Bytes that one tensor may have on this device. */
  get limitBytes(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.context.device.limits;
    return Math.min(maxBufferSize, maxStorageBufferBindingSize);
  }

  /** How many times the largest tensor is what the device allows; above 1 the plan does not fit. */
  get excess(): number {
    return (this.#largest?.bytes ?? 0) / this.limitBytes;
  }

  /**
   * Refuses a plan of `tasks` tasks of `parameters` parameters that does not fit, and says what would.
   * @throws LimitError
   */
  requireFit(tasks: number, parameters: number): void {
    const { excess, limitBytes } = this;
    const largest = this.#largest;
    if (!largest || excess <= 1) return;
    const message = `the buffer for ${largest.label} needs ${largest.bytes} bytes, and this adapter allows ${limitBytes} in one buffer (maxStorageBufferBindingSize)`;
    const fewer = Math.floor(tasks / excess);
    const smaller = Math.floor((tasks * parameters) / excess);
    const remedy =
      fewer >= 1
        ? `use at most ${fewer} tasks at once instead of ${tasks}`
        : `use a model of at most about ${smaller} parameters instead of ${parameters}, or a smaller batch or hidden size`;
    throw new LimitError(message, remedy);
  }
}
