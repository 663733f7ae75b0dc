import type { GpuContext } from '../gpu/context.ts';
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

/**
 * The plan of as many tasks as the device takes at once, `most` at the most: `make` plans some, and is asked again for fewer as
 * long as a buffer, a kernel's grid or what `excessOf` says of the plan is too large.
 * @throws LimitError when not even one task fits the device.
 */
export function planMostTasks<T>(
  context: GpuContext,
  most: number,
  parameters: number,
  make: (pool: PlanPool, tasks: number) => T,
  excessOf: (plan: T) => number = () => 0,
): { readonly pool: PlanPool; readonly plan: T } {
  for (let tasks = most; ; ) {
    const pool = new PlanPool(context);
    let excess: number;
    try {
      const plan = make(pool, tasks);
      excess = Math.max(pool.excess, excessOf(plan));
      if (excess <= 1 || tasks === 1) {
        pool.requireFit(tasks, parameters);
        return { pool, plan };
      }
    } catch (error) {
      if (!(error instanceof LimitError) || error.excess === undefined || tasks === 1) throw error;
      excess = error.excess;
    }
    tasks = Math.max(1, Math.min(tasks - 1, Math.floor(tasks / excess)));
  }
}
