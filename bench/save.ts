import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../src/host/index.ts';
import { writeFileAtomic } from '../src/node/index.ts';
import { adapterSlug } from './environment.ts';
import type { BenchResult } from './result.ts';

/**
 * Makes the folder of the results where it is missing, in a folder that exists; before anything is measured.
 * @throws ConfigError where it cannot be made.
 */
export function makeFolder(folder: string): void {
  try {
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) mkdirSync(folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(
      `the folder ${JSON.stringify(folder)} cannot be made: ${reason}`,
      'give another --out',
    );
  }
}

/** Writes `<date>-<adapter>.json` into `folder`; returns its path. */
export function saveResult(result: BenchResult, folder: string): string {
  const date = result.date.slice(0, 19).replaceAll(':', '');
  const path = join(folder, `${date}-${adapterSlug(result.adapter.description)}.json`);
  writeFileAtomic(path, new TextEncoder().encode(`${JSON.stringify(result, null, 1)}\n`));
  return path;
}
