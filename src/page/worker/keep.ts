import { del, get, set } from 'idb-keyval';
import type { LearnSettings } from '../presets.ts';
import type { ValidationPoint } from '../protocol.ts';

/** The run that this browser keeps: enough to show it and to go on with it. */
export interface KeptRun {
  readonly format: 1;
  readonly settings: LearnSettings;
  readonly losses: readonly number[];
  readonly validations: readonly ValidationPoint[];
  readonly iteration: number;
  readonly iterations: number;
  /** As `encodeCheckpoint` writes it. */
  readonly checkpoint: Uint8Array;
  readonly savedAt: number;
}

const KEY = 'run';

/** What was kept since the page was opened, where the browser keeps nothing. */
let latest: KeptRun | undefined;

/** @throws whatever the browser has against it; `keptRun` knows the run all the same until the page is closed */
export async function keepRun(run: KeptRun): Promise<void> {
  latest = run;
  await set(KEY, run);
}

/** Undefined where there is none, or one that another version of the page has written. */
export async function keptRun(): Promise<KeptRun | undefined> {
  if (latest) return latest;
  const run: unknown = await get(KEY);
  const known = typeof run === 'object' && run !== null && 'format' in run && run.format === 1;
  return known ? (run as KeptRun) : undefined;
}

export async function forgetRun(): Promise<void> {
  latest = undefined;
  await del(KEY);
}
