import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { parseStoredConfig } from '../../host/index.ts';
import { type RunFolder, readJsonFile } from '../../node/index.ts';
import type { EntrantStore, KeptEntrant } from '../compare.ts';

/** JSON has no infinity: what is not finite is null there, and infinite here. */
const number = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.POSITIVE_INFINITY);
const kind = z.enum(['learned', 'baseline']);
const curve = z.object({
  label: z.string(),
  kind,
  mean: z.array(number),
  low: z.array(number),
  high: z.array(number),
  finalMean: number,
  finalSpread: number,
  finalError: number,
  sumMean: number,
  setting: z.string(),
  diverged: z.number(),
  risen: z.number(),
  stepsPerSecond: z.number(),
});
const setting = { learningRate: z.number(), beta: z.number().exactOptional() };
const keptSchema = z.object({
  of: z.string(),
  entrant: z.object({
    curve,
    finals: z.array(number),
    accuracy: z
      .object({ label: z.string(), kind, mean: z.number(), interval: z.number(), setting: z.string() })
      .exactOptional(),
  }),
  tuned: z.object({ ...setting, trials: z.array(z.object({ ...setting, score: number })) }).exactOptional(),
});

/** Tells weights apart. */
export function digestOf(phi: Float32Array): string {
  return createHash('sha256').update(phi).digest('hex').slice(0, 16);
}

/**
 * Keeps what was measured of a comparison in files of a folder, `<test>.<label>.kept.json`. What was measured on
 * something else is passed over and written anew.
 * @param of what it is measured on, by label: tasks, weights, adapter
 */
export function keptIn(folder: RunFolder, test: string, of: (label: string) => string): EntrantStore {
  const nameOf = (label: string) => `${test}.${label.replace(/[^a-z0-9]+/gi, '-')}.kept.json`;
  return {
    read(label): KeptEntrant | undefined {
      const path = join(folder.path, nameOf(label));
      if (!existsSync(path)) return undefined;
      const { of: known, ...kept } = parseStoredConfig(keptSchema, readJsonFile(path, 'a result'), path);
      return known === of(label) ? kept : undefined;
    },
    write(label, kept) {
      folder.writeText(nameOf(label), `${JSON.stringify({ of: of(label), ...kept })}\n`);
    },
  };
}
