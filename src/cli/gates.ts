import {
  ConfigError,
  type GateRecording,
  type GpuContext,
  type OptimizerConfig,
  recordGates,
  type TaskConfig,
  type TaskData,
  taskKeys,
} from '../host/index.ts';
import type { RunFolder } from '../node/index.ts';
import { formatSeconds } from '../report/terminal.ts';
import type { Values } from './options.ts';
import type { Output } from './output.ts';
import { requireMemory } from './session.ts';
import { number } from './settings.ts';

/** Episodes whose gates are recorded unless told. */
const EPISODES = 10;
const MOST_EPISODES = 1000;
/** Steps that are recorded at the most: what comes later would fill the file and no eye could tell it apart. */
const MOST_STEPS = 1000;

/** How many held-out episodes' gates to record; 0 for none. */
export function gateEpisodesFrom(values: Values): number {
  const episodes = number(values, 'gate-episodes') ?? EPISODES;
  if (Number.isInteger(episodes) && episodes >= 0 && episodes <= MOST_EPISODES) return episodes;
  throw new ConfigError(
    `--gate-episodes is ${episodes}, but must be a whole number from 0 to ${MOST_EPISODES}`,
    `for example --gate-episodes ${EPISODES}, or 0 to record none`,
  );
}

/**
 * Records gates and updates over the first steps of the first held-out tasks; undefined where no episode is asked for.
 */
export async function gatesOfRun(
  context: GpuContext,
  run: {
    readonly task: TaskConfig;
    readonly data: TaskData | undefined;
    readonly seed: number;
    readonly horizon: number;
    readonly learned: { readonly config: OptimizerConfig; readonly phi: Float32Array };
    readonly episodes: number;
  },
  output: Output,
): Promise<GateRecording | undefined> {
  const { task, data, seed, learned, episodes } = run;
  if (episodes === 0) return undefined;
  const horizon = Math.min(run.horizon, MOST_STEPS);
  const start = performance.now();
  const { config: optimizer, phi } = learned;
  const keys = taskKeys(seed, 'test', 0, episodes);
  const options = { task, data, list: 'test', keys, horizon, optimizer, phi } as const;
  const progress = output.progress('recording gates');
  const recording = await recordGates(context, options, {
    onPlan: (bytes) => requireMemory(context, bytes, 'recording the gates'),
    onProgress: (share) => progress.update(share),
  }).finally(() => progress.stop());
  const time = formatSeconds((performance.now() - start) / 1000);
  output.say(`Gates: recorded over ${episodes} held-out episode${episodes === 1 ? '' : 's'} (${time})`);
  return recording;
}

/** Writes gates.json: numbers to 7 digits, all that f32 holds; what is not finite is null. */
export function saveGates(folder: RunFolder, recording: GateRecording): void {
  const short = (_: string, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value;
  folder.writeText('gates.json', `${JSON.stringify(recording, short)}\n`);
}
