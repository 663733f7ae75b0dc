import {
  createBaseline,
  createLearned,
  describeTuned,
  Evaluator,
  type GpuContext,
  type HandDesignedSetting,
  isEpisode,
  type LossMatrix,
  parseConfig,
  summarise,
  type TaskConfig,
  type TaskData,
  taskKeys,
  taskSchema,
  tuneBaseline,
  writeTensor,
} from '../../host/index.ts';
import type { Entrant, RaceArgs, RaceEvent } from '../protocol.ts';
import { band } from './bands.ts';
import { taskData } from './data.ts';
import type { Library } from './library.ts';
import { asFailure } from './serve.ts';
import { type Session, survive } from './session.ts';

/** Tasks that learning rates are tuned on: of another list than those of the race. */
const TUNING_TASKS = 8;
/** Paths that a landscape shows of one entrant. */
const PATHS = 5;

/** Everything a race is run with. */
interface Track {
  readonly task: TaskConfig;
  readonly data: TaskData | undefined;
  readonly args: RaceArgs;
  readonly library: Library;
  readonly emit: (event: RaceEvent) => void;
  readonly signal: AbortSignal;
}

/** Runs all entrants on the same held-out tasks, side by side; one that fails does not stop the others. */
export async function race(
  session: Session,
  library: Library,
  args: RaceArgs,
  emit: (event: RaceEvent) => void,
  signal: AbortSignal,
): Promise<null> {
  const task = parseConfig(taskSchema, args.task, 'the task');
  const data = await taskData(task, (share) => emit({ kind: 'data', share }));
  const track: Track = { task, data, args, library, emit, signal };
  await Promise.all(
    args.entrants.map(async (entrant) => {
      try {
        await survive(session, (context) => run(context, track, entrant));
      } catch (error) {
        if (!signal.aborted) emit({ kind: 'failed', key: entrant.key, failure: asFailure(error) });
      }
    }),
  );
  return null;
}

async function run(context: GpuContext, track: Track, entrant: Entrant): Promise<void> {
  const { task, data, args, emit, signal } = track;
  const { key } = entrant;
  const options = {
    task,
    data,
    list: 'test',
    tasks: args.tasks,
    horizon: args.horizon,
    keepPath: task.kind === 'surface',
  } as const;
  const evaluator =
    entrant.kind === 'hand'
      ? await handDesigned(context, track, entrant, options)
      : await learned(context, track, entrant, options);
  try {
    emit({ kind: 'plan', task: evaluator.description });
    const tasks = Math.min(args.tasks, evaluator.batch);
    const keys = taskKeys(args.seed, 'test', 0, tasks);
    const losses = await evaluator.run(keys, undefined, (_, soFar) => {
      if (signal.aborted) throw calledOff();
      emit(partOf(key, soFar(), task));
    });
    const { finalMean, finalError, diverged } = summarise(losses);
    emit({ kind: 'end', key, final: finalMean, error: finalError, diverged });
  } finally {
    evaluator.destroy();
  }
}

const calledOff = () => new DOMException('the race was called off', 'AbortError');

type Options = ConstructorParameters<typeof Evaluator>[1];

async function learned(
  context: GpuContext,
  { library, emit }: Track,
  entrant: Exclude<Entrant, { kind: 'hand' }>,
  options: Options,
) {
  const { optimizer, phi } = library.ready(context, entrant);
  const evaluator = new Evaluator(context, options, (pool) => createLearned(pool, optimizer));
  await evaluator.prepare();
  writeTensor(context, evaluator.optimizer.phi, phi);
  emit({ kind: 'setting', key: entrant.key, text: evaluator.optimizer.description });
  return evaluator;
}

async function handDesigned(
  context: GpuContext,
  { args, task, data, emit, signal }: Track,
  { key, name, learningRate, beta: ownBeta }: Extract<Entrant, { kind: 'hand' }>,
  options: Options,
) {
  const tuning = { task, data, list: 'validation', horizon: args.horizon } as const;
  const keys = taskKeys(args.seed, 'validation', 0, TUNING_TASKS);
  const setting: HandDesignedSetting =
    learningRate === undefined
      ? await tuneBaseline(context, { name }, tuning, keys, (share) => {
          if (signal.aborted) throw calledOff();
          emit({ kind: 'tuning', key, share });
        })
      : { learningRate, ...(ownBeta !== undefined && { beta: ownBeta }) };
  const evaluator = createBaseline(context, { name }, options);
  await evaluator.prepare();
  evaluator.optimizer.set(setting);
  const rate = `lr ${Number(setting.learningRate.toPrecision(3))}`;
  const text = learningRate === undefined ? describeTuned(name, setting) : rate;
  emit({ kind: 'setting', key, text });
  return evaluator;
}

function partOf(key: string, soFar: LossMatrix, task: TaskConfig): RaceEvent {
  const all = band(summarise(soFar));
  const { path, tasks, horizon } = soFar;
  if (!path || isEpisode(task)) return { kind: 'part', key, band: all };
  const paths = Array.from({ length: Math.min(PATHS, tasks) }, (_, b) =>
    Array.from({ length: horizon + 1 }, (_, step): readonly [number, number] => {
      const at = 2 * (b * (horizon + 1) + step);
      return [path[at] ?? Number.NaN, path[at + 1] ?? Number.NaN];
    }),
  );
  return { kind: 'part', key, band: all, paths };
}
