import { isEpisode, type TaskConfig } from '../config.ts';
import type { TaskList } from '../data/threefry.ts';
import { ConfigError } from '../errors.ts';
import type { GpuContext } from '../gpu/context.ts';
import { type PendingRead, ReadbackRing, submit } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { type PlanPool, planMostTasks } from './plan.ts';
import type { LossMatrix } from './statistics.ts';
import { createTasks, type TaskData, taskParameters } from './tasks.ts';
import { scaledTasks } from './trainingTasks.ts';
import { Unroll } from './unroll.ts';

/** Coordinates run at once at the most: enough to fill a device, few enough to fit one. */
export const MOST_COORDINATES = 1 << 18;

/** How many of `tasks` run at once at most, in batches of one size: the last is filled up, and is nearly full. */
export function tasksAtOnce(tasks: number, parameters: number): number {
  const most = Math.min(tasks, Math.max(1, Math.floor(MOST_COORDINATES / parameters)));
  return Math.ceil(tasks / Math.ceil(tasks / most));
}
/** Steps of one submit, for horizons they divide. */
const STEPS = 20;
/** Losses kept on the host at the most: 1 GiB of them. */
const MOST_LOSSES = 1 << 27;
/** Staging buffers: one that is filled while the other is read. */
const STAGING = 2;

export interface EvaluatorOptions {
  readonly task: TaskConfig;
  readonly data: TaskData | undefined;
  /** Which images the tasks draw from. */
  readonly list: TaskList;
  /** Tasks of one `run` at the most; more than fit at once are run in batches. */
  readonly tasks: number;
  readonly horizon: number;
  /** Shorter horizons that `run` may be asked for. */
  readonly shorter?: readonly number[];
  /**
   * R: the optimizer sees each parameter scaled by c ~ (R / sinh R) exp(U(-R, R)), of mean 1, so that its steps are as long as ever on
   * average; 0 unless told. The losses are the tasks' own.
   */
  readonly randomScaling?: number;
  /** The first layer that is scaled so, counted from 1; 1 unless told. */
  readonly scaledFrom?: number;
  /** Of tasks with a query set, measure only where the run ends: what comes before it is 0. */
  readonly onlyFinal?: boolean;
  /** Also keep theta at every step, for problems of few parameters. */
  readonly keepPath?: boolean;
}

/**
 * Runs an optimizer on given tasks for `horizon` steps, through the same unroll as meta-training, and returns
 * every loss. Memory is planned on creation and taken by `prepare`.
 */
export class Evaluator<T extends Optimizer> {
  readonly optimizer: T;
  readonly #context: GpuContext;
  readonly #pool: PlanPool;
  readonly #unroll: Unroll;
  readonly #horizon: number;
  #ring: ReadbackRing | undefined;

  /**
   * @throws ConfigError when there would be more losses than a host can hold, or an optimizer that brings its own theta_0 is to see scaled
   * parameters.
   * @throws LimitError when not even one task fits the device.
   */
  constructor(context: GpuContext, options: EvaluatorOptions, create: (pool: TensorPool) => T) {
    const { task, data, list, horizon, randomScaling = 0, scaledFrom = 1 } = options;
    if (options.tasks * (horizon + 1) > MOST_LOSSES) {
      throw new ConfigError(
        `${options.tasks} tasks of ${horizon} steps would give more than ${MOST_LOSSES} losses`,
        `use at most ${Math.floor(MOST_LOSSES / (horizon + 1))} tasks at this horizon`,
      );
    }
    const parameters = taskParameters(task);
    const steps = unrollSteps(task, horizon, options.shorter);
    const measureQuery = options.onlyFinal ? 'last step' : 'every step';
    const recordPath = options.keepPath === true;
    const most = tasksAtOnce(options.tasks, parameters);
    const { pool, plan } = planMostTasks(context, most, parameters, (pool, tasks) => {
      const optimizer = create(pool);
      if (optimizer.theta0 && randomScaling > 0) {
        throw new ConfigError(
          `${optimizer.description} starts from a theta_0 of its own, which random scaling would move`,
          'leave the random scaling out, or the theta_0',
        );
      }
      const factor = randomScaling > 0 ? randomScaling / Math.sinh(randomScaling) : 1;
      const scaling = { range: randomScaling, factor, from: scaledFrom };
      const createOptimizee = scaledTasks(pool, scaling, createTasks(pool, task, data, list, tasks));
      const unroll = new Unroll({ pool, tasks, steps, optimizer, createOptimizee, measureQuery, recordPath });
      unroll.record();
      return { optimizer, unroll };
    });
    this.#context = context;
    this.#horizon = horizon;
    this.#pool = pool;
    this.optimizer = plan.optimizer;
    this.#unroll = plan.unroll;
  }

  /** Bytes that `prepare` takes for tensors and readback. */
  get bytes(): number {
    return this.#pool.bytes + STAGING * this.#read.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Tasks run at once. */
  get batch(): number {
    return this.#unroll.tasks;
  }

  /** What is read of every unroll: what is measured, and the path where it is kept. */
  get #read(): Tensor[] {
    const { path } = this.#unroll;
    return path ? [...this.#measured, path] : this.#measured;
  }

  /** Losses, or those on the query set and the accuracy there. */
  get #measured(): Tensor[] {
    const { losses, query } = this.#unroll;
    if (!query) return [losses];
    return query.accuracy ? [query.losses, query.accuracy] : [query.losses];
  }

  get description(): string {
    return this.#unroll.optimizee.description;
  }

  async prepare(): Promise<void> {
    await this.#pool.allocate();
    await this.#unroll.prepare();
    this.#ring = new ReadbackRing(this.#context, this.#read, STAGING);
  }

  /**
   * Losses of the tasks with these keys [tasks, 2]. `onBatch` is told which tasks run next (the last batch is
   * filled up with the first tasks), `onProgress` how much of the work is done, and what the tasks of the batch under way
   * have come to.
   * @param horizon the evaluator's own, or one of its shorter ones
   */
  async run(
    keys: Uint32Array,
    onBatch?: (tasks: readonly number[]) => void,
    onProgress?: (share: number, soFar: () => LossMatrix) => void,
    horizon = this.#horizon,
  ): Promise<LossMatrix> {
    const ring = this.#ring;
    if (!ring) throw new RangeError('the evaluator was run before it was prepared');
    const tasks = keys.length / 2;
    const { steps, tasks: batch } = this.#unroll;
    const measured = this.#measured.map(() => new Float64Array(tasks * (horizon + 1)));
    const { parameters } = this.#unroll.optimizee;
    const path = this.#unroll.path && new Float32Array(tasks * (horizon + 1) * parameters);
    const unrolls = horizon / steps;
    if (!Number.isInteger(unrolls)) throw new RangeError(`the evaluator was not made for ${horizon} steps`);
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
          const read = await pending.read();
          const count = Math.min(batch, tasks - first);
          for (const [index, values] of measured.entries()) {
            for (let step = 0; step <= steps; step++) {
              for (let b = 0; b < count; b++) {
                const at = (first + b) * (horizon + 1) + part * steps + step;
                values[at] = read[index]?.[step * batch + b] ?? Number.NaN;
              }
            }
          }
          if (path) takePath(path, read.at(-1), { first, count, part, steps, horizon, parameters });
          done++;
          const [losses = new Float64Array()] = measured;
          onProgress?.(done / total, () =>
            partOf(
              { tasks, horizon, values: losses, ...(path && { path }) },
              first,
              count,
              (part + 1) * steps,
            ),
          );
        };
      }
    }
    await late?.();
    const [values = new Float64Array(), accuracy] = measured;
    return { tasks, horizon, values, ...(accuracy && { accuracy }), ...(path && { path }) };
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

/** The theta that one unroll of a batch left, [T + 1, stride], in its place among [tasks, horizon + 1, N]. */
function takePath(
  path: Float32Array,
  read: Float32Array = new Float32Array(),
  at: Readonly<Record<'first' | 'count' | 'part' | 'steps' | 'horizon' | 'parameters', number>>,
): void {
  const { first, count, part, steps, horizon, parameters } = at;
  const stride = read.length / (steps + 1);
  for (let step = 0; step <= steps; step++) {
    for (let b = 0; b < count; b++) {
      const from = step * stride + b * parameters;
      const row = (first + b) * (horizon + 1) + part * steps + step;
      path.set(read.subarray(from, from + parameters), row * parameters);
    }
  }
}

/** The first steps up to `reached` of `count` tasks from `first` on. */
function partOf(
  { horizon, values, path }: LossMatrix,
  first: number,
  count: number,
  reached: number,
): LossMatrix {
  const rows = (all: Float32Array | Float64Array, width: number) =>
    Array.from({ length: count }, (_, b) => {
      const from = (first + b) * (horizon + 1) * width;
      return [...all.subarray(from, from + (reached + 1) * width)];
    }).flat();
  const width = path ? path.length / values.length : 0;
  return {
    tasks: count,
    horizon: reached,
    values: Float64Array.from(rows(values, 1)),
    ...(path && { path: Float32Array.from(rows(path, width)) }),
  };
}

/** Steps of one unroll, and of one submit; they divide the horizon and the shorter ones. */
export function unrollSteps(task: TaskConfig, horizon: number, shorter: readonly number[] = []): number {
  return isEpisode(task) ? horizon : stepsOf([horizon, ...shorter]);
}

/** The largest number of steps up to STEPS that divides all horizons. */
function stepsOf(horizons: readonly number[]): number {
  for (let steps = Math.min(STEPS, ...horizons); steps > 1; steps--) {
    if (horizons.every((horizon) => horizon % steps === 0)) return steps;
  }
  return 1;
}
