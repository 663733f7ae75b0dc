import type { OptimizerConfig, TaskConfig } from '../config.ts';
import type { TaskList } from '../data/threefry.ts';
import type { GpuContext } from '../gpu/context.ts';
import { ReadbackRing, submit, writeTensor } from '../gpu/readback.ts';
import type { ParameterGroup } from '../ops/coordinates.ts';
import { createLearned } from '../optimizers/create.ts';
import { tasksAtOnce, unrollSteps } from './evaluator.ts';
import { GateTables, QUANTILE_LEVELS, type RecordedSummary } from './gateTables.ts';
import { type PlanPool, planMostTasks } from './plan.ts';
import { createTasks, type TaskData, taskParameters } from './tasks.ts';
import { Unroll } from './unroll.ts';

/** Elements of all histograms of an unroll at the most: 64 MiB, and what one `fill` reaches. */
const MOST_COUNTS = 256 * 65535;

export interface GateRecordingOptions {
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
}

export interface GateRecordingHooks {
  /** The bytes that recording takes, before any is taken. */
  onPlan?(bytes: number): void;
  /** The share of the work that is done. */
  onProgress?(share: number): void;
}

/** A learned optimizer's gates and updates over whole episodes, by step and group of parameters: plain data. */
export interface GateRecording {
  readonly format: 'coordwise-gates-1';
  /** Descriptions, for reports. */
  readonly optimizer: string;
  readonly task: string;
  readonly episodes: number;
  /** Of an episode: the horizon. */
  readonly steps: number;
  readonly groups: readonly ParameterGroup[];
  readonly quantileLevels: readonly number[];
  /** The gates in the optimizer's order, then the update size. */
  readonly recorded: readonly RecordedSummary[];
}

/**
 * Runs a learned optimizer on the tasks with these keys, through the same unroll as training and evaluation, and
 * summarises its gates and updates at every step on the device.
 * @throws LimitError when not even one task fits the device.
 */
export async function recordGates(
  context: GpuContext,
  options: GateRecordingOptions,
  hooks: GateRecordingHooks = {},
): Promise<GateRecording> {
  const { keys, horizon, phi } = options;
  const episodes = keys.length / 2;
  const { pool, optimizer, unroll, recorder } = plan(context, options, episodes);
  const tensors = [recorder.counts, recorder.moments];
  hooks.onPlan?.(pool.bytes + tensors.reduce((sum, { bytes }) => sum + bytes, 0));
  let ring: ReadbackRing | undefined;
  try {
    await pool.allocate();
    writeTensor(context, optimizer.phi, phi);
    await unroll.prepare();
    ring = new ReadbackRing(context, tensors, 1);
    const tables = new GateTables(recorder, episodes, horizon);
    const batch = unroll.tasks;
    for (let first = 0; first < episodes; first += batch) {
      // The last batch is filled up with the first tasks, whose summaries are then passed over.
      const members = Array.from({ length: batch }, (_, b) => (first + b) % episodes);
      const own = members.flatMap((task) => [keys[2 * task] ?? 0, keys[2 * task + 1] ?? 0]);
      for (let step = 0; step < horizon; step += unroll.steps) {
        unroll.setTasks(Uint32Array.from(own), step);
        const pending = submit(context, (encoder) => {
          unroll.encode(encoder, step === 0 ? 'reset' : 'carry');
          return ring?.record(encoder);
        });
        const [counts = new Float32Array(), moments = new Float32Array()] = (await pending?.read()) ?? [];
        const place = { firstStep: step, firstEpisode: first, episodes: Math.min(batch, episodes - first) };
        tables.add({ counts: new Uint32Array(counts.buffer), moments }, place);
        hooks.onProgress?.(
          (first + (batch * (step + unroll.steps)) / horizon) / (batch * Math.ceil(episodes / batch)),
        );
      }
    }
    return {
      format: 'coordwise-gates-1',
      optimizer: optimizer.description,
      task: unroll.optimizee.description,
      episodes,
      steps: horizon,
      groups: recorder.groups,
      quantileLevels: QUANTILE_LEVELS,
      recorded: tables.summaries(),
    };
  } finally {
    ring?.destroy();
    pool.destroy();
  }
}

/** As many tasks at once as fit. */
function plan(context: GpuContext, options: GateRecordingOptions, episodes: number) {
  const { task, data, list, horizon } = options;
  const parameters = taskParameters(task);
  const steps = unrollSteps(task, horizon);
  const most = tasksAtOnce(episodes, parameters);
  const make = (pool: PlanPool, tasks: number) => {
    const optimizer = createLearned(pool, options.optimizer);
    const createOptimizee = createTasks(pool, task, data, list, tasks);
    const unroll = new Unroll({ pool, tasks, steps, optimizer, createOptimizee, recordGates: true });
    unroll.record();
    const { recorder } = unroll;
    if (!recorder) throw new RangeError('an unroll with recordGates has no recorder');
    return { optimizer, unroll, recorder };
  };
  const excessOf = ({ recorder }: ReturnType<typeof make>) => recorder.counts.length / MOST_COUNTS;
  const { pool, plan } = planMostTasks(context, most, parameters, make, excessOf);
  return { pool, ...plan };
}
