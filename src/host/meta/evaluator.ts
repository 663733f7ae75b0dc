import type { TaskConfig } from '../config.ts';
import type { TaskList } from '../data/threefry.ts';
import type { GpuContext } from '../gpu/context.ts';
import { type PendingRead, ReadbackRing, submit } from '../gpu/readback.ts';
import { TensorPool } from '../gpu/tensor.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import type { LossMatrix } from './statistics.ts';
import { createTasks, type TaskData, taskParameters } from './tasks.ts';
import { Unroll } from './unroll.ts';

/** Coordinates run at once at the most: enough to fill a device, few enough to fit one. */
const MOST_COORDINATES = 1 << 18;
/** Steps of one submit, for horizons they divide. */
const STEPS = 20;

export interface EvaluatorOptions {
  readonly task: TaskConfig;
  readonly data: TaskData | undefined;
  /** Which images the tasks draw from. */
  readonly list: TaskList;
  /** Tasks of one `run` at the most; more than fit at once are run in batches. */
  readonly tasks: number;
  readonly horizon: number;
}

/**
 * Runs an optimizer on given tasks for `horizon` steps, through the same unroll as meta-training, and returns
 * every loss. Memory is planned on creation and taken by `prepare`.
 */
export class Evaluator<T extends Optimizer> {
  readonly optimizer: T;
  readonly #context: GpuContext;
  readonly #pool: TensorPool;
  readonly #unroll: Unroll;
  readonly #horizon: number;
  #ring: ReadbackRing | undefined;

  constructor(context: GpuContext, options: EvaluatorOptions, create: (pool: TensorPool) => T) {
    const { task, data, list, horizon } = options;
    const fit = Math.max(1, Math.floor(MOST_COORDINATES / taskParameters(task)));
    const tasks = Math.min(options.tasks, fit);
    this.#context = context;
    this.#horizon = horizon;
    this.#pool = new TensorPool(context);
    this.optimizer = create(this.#pool);
    this.#unroll = new Unroll({
      pool: this.#pool,
      tasks,
      steps: stepsOf(horizon),
      optimizer: this.optimizer,
      createOptimizee: createTasks(this.#pool, task, data, list, tasks),
    });
  }

  /** Bytes that `prepare` takes. */
  get bytes(): number {
    return this.#pool.bytes;
  }

  /** Tasks run at once. */
  get batch(): number {
    return this.#unroll.tasks;
  }

  get description(): string {
    return this.#unroll.optimizee.description;
  }

  async prepare(): Promise<void> {
    await this.#pool.allocate();
    await this.#unroll.prepare();
    this.#ring = new ReadbackRing(this.#context, [this.#unroll.losses], 2);
  }

  /**
   * Losses of the tasks with these keys [tasks, 2]. `onBatch` is told which tasks run next (the last batch is
   * filled up with the first tasks), `onProgress` how much of the work is done.
   */
  async run(
    keys: Uint32Array,
    onBatch?: (tasks: readonly number[]) => void,
    onProgress?: (share: number) => void,
  ): Promise<LossMatrix> {
    const ring = this.#ring;
    if (!ring) throw new RangeError('the evaluator was run before it was prepared');
    const tasks = keys.length / 2;
    const { steps, tasks: batch } = this.#unroll;
    const values = new Float64Array(tasks * (this.#horizon + 1));
    const unrolls = this.#horizon / steps;
    const total = Math.ceil(tasks / batch) * unrolls;
    let done = 0;
    let late: (() => Promise<void>) | undefined;
    for (let first = 0; first < tasks; first += batch) {
      const members = Array.from({ length: batch }, (_, b) => (first + b) % tasks);
      onBatch?.(members);
      const batchKeys = Uint32Array.from(
        members.flatMap((task) => [keys[2 * task] ?? 0, keys[2 * task + 1] ?? 0]),
      );
      for (let part = 0; part < unrolls; part++) {
        const pending = this.#submit(ring, batchKeys, part * steps);
        await late?.();
        late = async () => {
          const [losses = new Float32Array()] = await pending.read();
          const count = Math.min(batch, tasks - first);
          for (let step = 0; step <= steps; step++) {
            for (let b = 0; b < count; b++) {
              const at = (first + b) * (this.#horizon + 1) + part * steps + step;
              values[at] = losses[step * batch + b] ?? Number.NaN;
            }
          }
          done++;
          onProgress?.(done / total);
        };
      }
    }
    await late?.();
    return { tasks, horizon: this.#horizon, values };
  }

  #submit(ring: ReadbackRing, keys: Uint32Array, stepsBefore: number): PendingRead {
    this.#unroll.setTasks(keys, stepsBefore);
    return submit(this.#context, (encoder) => {
      this.#unroll.encode(encoder, stepsBefore === 0 ? 'reset' : 'carry');
      return ring.record(encoder);
    });
  }

  destroy(): void {
    this.#ring?.destroy();
    this.#pool.destroy();
  }
}

/** The largest number of steps up to STEPS that divides the horizon. */
function stepsOf(horizon: number): number {
  for (let steps = Math.min(STEPS, horizon); steps > 1; steps--) {
    if (horizon % steps === 0) return steps;
  }
  return 1;
}
