import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll } from 'vitest';
import { CoordwiseError } from '../../src/host/errors.ts';

const root = mkdtempSync(join(tmpdir(), 'coordwise-test-'));
let paths = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A path where nothing is yet, in a folder that is deleted after the test file. */
export function freshPath(): string {
  paths++;
  return join(root, `case-${paths}`);
}

/** The CoordwiseError that `action` throws. */
export function thrownBy(action: () => unknown): CoordwiseError {
  try {
    action();
  } catch (error) {
    if (error instanceof CoordwiseError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/**
 * Runs TypeScript in another Node process, with `path` and the modules `files` and `runFolder` of src/node at hand;
 * resolves when it prints for the first time.
 */
export async function startChild(path: string, body: string): Promise<ChildProcess> {
  const source = `${freshPath()}.ts`;
  const moduleOf = (name: string): string => JSON.stringify(join(process.cwd(), 'src/node', `${name}.ts`));
  const imports = ['files', 'runFolder']
    .map((name) => `import * as ${name} from ${moduleOf(name)};\n`)
    .join('');
  writeFileSync(source, `${imports}const path = ${JSON.stringify(path)};\n${body}`);
  const vite = pathToFileURL(join(process.cwd(), 'node_modules/vite/dist/node/index.js')).href;
  const program = `import { runnerImport } from ${JSON.stringify(vite)};
    await runnerImport(${JSON.stringify(source)}, { configFile: false });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`the child ended early with code ${code}`)));
  });
  return child;
}

/** Ends a child process by SIGKILL, which it cannot notice, and waits until it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
