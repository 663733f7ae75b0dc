import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { LSTM_VARIANTS, type LstmVariant, parseStoredConfig } from '../host/index.ts';
import { type RunFolder, readJsonFile } from '../node/index.ts';
import { COMMIT, VERSION } from './reporting.ts';

const NAME = 'sessions.json';

const sessionsSchema = z.array(
  z.object({
    adapter: z.string(),
    /** Absent where a version before the choice by timing wrote it. */
    lstmKernels: z.enum(LSTM_VARIANTS).optional(),
    version: z.string(),
    /** Of the source; empty where it was not known. */
    commit: z.string(),
    /** Meta-steps done at its start, and at its last checkpoint. */
    from: z.int(),
    to: z.int(),
    /** From its start to its last checkpoint. */
    seconds: z.number(),
  }),
);
/** One process that trained into a run folder: a run that was resumed has several. */
export type Session = Readonly<z.infer<typeof sessionsSchema>[number]>;

/** The processes that trained into this folder; none where it was written by a version that did not note them. */
export function readSessions(folder: string): Session[] {
  const path = join(folder, NAME);
  if (!existsSync(path)) return [];
  return parseStoredConfig(sessionsSchema, readJsonFile(path, 'the sessions'), path);
}

/** Notes this process in the folder: the returned function, at every checkpoint, how far it has got. */
export function startSession(
  folder: RunFolder,
  { adapter, lstmKernels }: { readonly adapter: string; readonly lstmKernels: LstmVariant },
  from: number,
): (to: number) => void {
  const before = readSessions(folder.path).filter((session) => session.to <= from);
  const start = performance.now();
  return (to) => {
    const seconds = Math.round((performance.now() - start) / 100) / 10;
    const session: Session = { adapter, lstmKernels, version: VERSION, commit: COMMIT, from, to, seconds };
    folder.writeText(NAME, `${JSON.stringify([...before, session], null, 1)}\n`);
  };
}
