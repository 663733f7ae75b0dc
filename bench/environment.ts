import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { GpuContext } from '../src/host/index.ts';
import type { BenchResult } from './result.ts';

const manifestSchema = z.object({ version: z.string() });

/** The folder of package.json, up from this module, whether it runs from its source or from dist. */
export function repositoryFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

interface Environment extends Pick<BenchResult, 'date' | 'adapter' | 'versions' | 'commit'> {
  readonly machine: Omit<BenchResult['machine'], 'othersShare'>;
}

/** What a number is worth nothing without; call it before the machine is put to work. */
export function describeEnvironment(context: GpuContext): Environment {
  const folder = repositoryFolder();
  const [first] = cpus();
  return {
    date: new Date().toISOString(),
    adapter: { ...context.adapter },
    versions: {
      coordwise: versionOf(join(folder, 'package.json')) ?? 'unknown',
      node: process.version,
      webgpu: packageVersion('webgpu'),
      mesa: /Mesa (\S+)/.exec(context.adapter.description)?.[1],
    },
    commit: commitOf(folder),
    machine: {
      processor: first?.model.trim() || 'unknown',
      threads: Math.max(1, cpus().length),
      loadAverage: loadavg()[0] ?? 0,
    },
  };
}

function versionOf(manifest: string): string | undefined {
  const parsed = manifestSchema.safeParse(JSON.parse(readFileSync(manifest, 'utf8')));
  return parsed.success ? parsed.data.version : undefined;
}

function packageVersion(name: string): string | undefined {
  try {
    return versionOf(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/** The short commit, with `+` where tracked files differ from it; undefined where git does not answer. */
function commitOf(folder: string): string | undefined {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no').trim() !== '';
    return `${git('rev-parse', '--short', 'HEAD').trim()}${changed ? '+' : ''}`;
  } catch {
    return undefined;
  }
}

/** `lavapipe`, `swiftshader`, or the adapter's description in letters that fit a file name. */
export function adapterSlug(description: string): string {
  if (/llvmpipe|lavapipe/i.test(description)) return 'lavapipe';
  if (/swiftshader/i.test(description)) return 'swiftshader';
  return (
    description
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
      .slice(0, 40) || 'adapter'
  );
}
