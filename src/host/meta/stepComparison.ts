import type { OptimizerConfig, TaskConfig } from '../config.ts';
import type { TaskList } from '../data/threefry.ts';
import type { GpuContext } from '../gpu/context.ts';
import { ReadbackRing, submit, writeTensor } from '../gpu/readback.ts';
import { createCompared } from '../optimizers/compared.ts';
import { createLearned } from '../optimizers/create.ts';
import { createHandDesigned, type HandDesignedName } from '../optimizers/handDesigned.ts';
import { tasksAtOnce, unrollSteps } from './evaluator.ts';
import { planMostTasks } from './plan.ts';
import { createTasks, type TaskData, taskParameters } from './tasks.ts';
import { Unroll } from './unroll.ts';

export interface StepComparisonOptions {
  readonly task: TaskConfig;
  readonly data: TaskData | undefined;
  /** Which images the tasks draw from. */
  readonly list: TaskList;
  /** [episodes, 2]: the keys of the tasks, an episode each. */
  readonly keys: Uint32Array;
  readonly horizon: number;
  readonly optimizer: OptimizerConfig;
  /** The weights, in the kernels' layout. */
  readonly phi: Float32Array;
  readonly reference: HandDesignedName;
}

/**
 * A learned optimizer's updates u beside the gradients g they answer and the steps r that a hand-designed optimizer with
 * learning rate 1 would take on the same gradients; rows [episodes][steps]. What is not finite is as it was computed.
 */
export interface StepComparison {
  readonly reference: HandDesignedName;
  readonly episodes: number;
  /** Of an episode: the horizon. */
  readonly steps: number;
  /** |u|, |g| and |r| */
  readonly updateNorm: readonly (readonly number[])[];
  readonly gradientNorm: readonly (readonly number[])[];
  readonly referenceNorm: readonly (readonly number[])[];
  /** u . r / (|u| |r|); NaN where one of them is zero. */
  readonly cosine: readonly (readonly number[])[];
}

/**
 * Runs a learned optimizer on the tasks with these keys, through the same unroll as training and evaluation, and
 * compares its updates. `onPlan` is told the bytes it takes before any is taken.
 * @throws LimitError when not even one task fits the device.
 */
export async function compareSteps(
  context: GpuContext,
  options: StepComparisonOptions,
  onPlan?: (bytes: number) => void,
): Promise<StepComparison> {
  const { keys, horizon, phi, reference } = options;
  const episodes = keys.length / 2;
  const { pool, learned, unroll, products } = plan(context, options, episodes);
  onPlan?.(pool.bytes + products.tensor.bytes);
  const rows = () => Array.from({ length: episodes }, () => new Array<number>(horizon).fill(Number.NaN));
  const [updateNorm, gradientNorm, referenceNorm, cosine] = [rows(), rows(), rows(), rows()];
  let ring: ReadbackRing | undefined;
  try {
    await pool.allocate();
    writeTensor(context, learned.phi, phi);
    await unroll.prepare();
    ring = new ReadbackRing(context, [products.tensor], 1);
    for (let first = 0; first < episodes; first += unroll.tasks) {
      // The last batch is filled up with the first tasks, whose products are then passed over.
      const members = Array.from({ length: unroll.tasks }, (_, b) => (first + b) % episodes);
      const own = members.flatMap((task) => [keys[2 * task] ?? 0, keys[2 * task + 1] ?? 0]);
      for (let before = 0; before < horizon; before += unroll.steps) {
        unroll.setTasks(Uint32Array.from(own), before);
        const pending = submit(context, (encoder) => {
          unroll.encode(encoder, before === 0 ? 'reset' : 'carry');
          return ring?.record(encoder);
        });
        const [read = new Float32Array()] = (await pending?.read()) ?? [];
        for (let b = 0; b < Math.min(unroll.tasks, episodes - first); b++) {
          for (let step = 0; step < unroll.steps; step++) {
            const place = step * products.stride + 4 * b;
            const [uu = Number.NaN, gg = Number.NaN, rr = Number.NaN, ur = Number.NaN] = read.subarray(
              place,
              place + 4,
            );
            const put = (table: number[][], value: number) => {
              const row = table[first + b];
              if (row) row[before + step] = value;
            };
            put(updateNorm, Math.sqrt(uu));
            put(gradientNorm, Math.sqrt(gg));
            put(referenceNorm, Math.sqrt(rr));
            put(cosine, ur / (Math.sqrt(uu) * Math.sqrt(rr)));
          }
        }
      }
    }
  } finally {
    ring?.destroy();
    pool.destroy();
  }
  return { reference, episodes, steps: horizon, updateNorm, gradientNorm, referenceNorm, cosine };
}

/** As many tasks at once as fit. */
function plan(context: GpuContext, options: StepComparisonOptions, episodes: number) {
  const { task, data, list, horizon, reference } = options;
  const parameters = taskParameters(task);
  const steps = unrollSteps(task, horizon);
  const most = tasksAtOnce(episodes, parameters);
  const { pool, plan } = planMostTasks(context, most, parameters, (pool, tasks) => {
    const learned = createLearned(pool, options.optimizer);
    const optimizer = createCompared(learned, createHandDesigned(reference));
    const createOptimizee = createTasks(pool, task, data, list, tasks);
    const unroll = new Unroll({ pool, tasks, steps, optimizer, createOptimizee });
    unroll.record();
    return { learned, unroll, products: optimizer.products };
  });
  return { pool, ...plan };
}
