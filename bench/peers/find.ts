import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ConfigError, type GpuContext } from '../../src/host/index.ts';
import { adapterSlug, repositoryFolder } from '../environment.ts';
import type { PeerCommand } from './peerProcess.ts';
import { parseAnswer, probeSchema } from './protocol.ts';

export const PEER_GROUPS = ['torch', 'tfjs', 'jax'] as const;
export type PeerGroup = (typeof PEER_GROUPS)[number];

/** A peer that can be started. */
export interface InstalledPeer extends PeerCommand {
  readonly name: string;
  /** What runs, on what: for the table. */
  readonly description: string;
}

/** A peer that was asked for and is not there. */
export interface SkippedPeer {
  readonly name: PeerGroup;
  readonly reason: string;
  readonly remedy: string;
}

export interface FoundPeers {
  readonly installed: readonly InstalledPeer[];
  readonly skipped: readonly SkippedPeer[];
}

const DEBIAN = 'apt-get install -y python3-torch libopenblas0-openmp libblis4-openmp';
const NPM = 'npm ci --prefix bench/peers';

/**
 * Peers by a list such as `torch,tfjs`; all of them for an empty one.
 * @throws ConfigError for a name that is none.
 */
export function parsePeers(list: string): PeerGroup[] {
  if (list.trim() === '') return [...PEER_GROUPS];
  const names = list.split(',').map((name) => {
    const known = PEER_GROUPS.find((candidate) => candidate === name.trim().toLowerCase());
    if (known) return known;
    throw new ConfigError(
      `there is no peer ${JSON.stringify(name)}`,
      `choose from ${PEER_GROUPS.join(', ')}`,
    );
  });
  return PEER_GROUPS.filter((name) => names.includes(name));
}

/** Which of these peers are installed; those that are not, with how to install them. */
export function findPeers(
  groups: readonly PeerGroup[],
  { adapter }: Pick<GpuContext, 'adapter'>,
): FoundPeers {
  const choice = adapter.kind === 'gpu' ? 'gpu' : adapterSlug(adapter.description);
  const finders = {
    torch: () => findTorch(),
    tfjs: () => findTfjs(choice, adapter.description),
    jax: () => findJax(choice, adapter.description),
  };
  const found = groups.map((group) => finders[group]());
  return {
    installed: found.flatMap((answer) => (Array.isArray(answer) ? answer : [])),
    skipped: found.flatMap((answer) => (Array.isArray(answer) ? [] : [answer])),
  };
}

/** The folder of the peers' programs. */
export function peersFolder(): string {
  return join(repositoryFolder(), 'bench', 'peers');
}

function findTfjs(choice: string, adapter: string): InstalledPeer[] | SkippedPeer {
  const version = installedVersion('@tensorflow/tfjs-core');
  if (version === undefined) return { name: 'tfjs', reason: 'its packages are not installed', remedy: NPM };
  const peer = (name: string, how: string, waits: 'plainly' | 'asleep') =>
    javascriptPeer(name, `tfjs ${version}, WebGPU on ${adapter}, ${how}`, ['tfjsPeer.mjs', choice, waits]);
  return [
    peer('tfjs-webgpu', 'awaiting its results as programs for it do', 'plainly'),
    peer('tfjs-webgpu-asleep', 'with the sleeping wait of this engine', 'asleep'),
  ];
}

/** `packages` is where its package would be. */
export function findJax(
  choice: string,
  adapter: string,
  packages: string = join(peersFolder(), 'node_modules'),
): InstalledPeer[] | SkippedPeer {
  const version = installedVersion('@jax-js/jax', packages);
  if (version === undefined) return { name: 'jax', reason: 'its package is not installed', remedy: NPM };
  const peer = (name: string, how: string, backend: string) =>
    javascriptPeer(name, `jax-js ${version}, ${how}`, ['jaxPeer.mjs', backend]);
  const threads = `WebAssembly, ${availableParallelism()} threads by a Worker as in browsers`;
  return [
    peer('jax-wasm', 'WebAssembly, one thread, as Node runs it', 'wasm'),
    peer('jax-wasm-threads', threads, 'threads'),
    peer('jax-webgpu-asleep', `WebGPU on ${adapter}, with the sleeping wait of this engine`, choice),
  ];
}

function javascriptPeer(
  name: string,
  description: string,
  [program, ...settings]: readonly [string, ...string[]],
): InstalledPeer {
  return {
    name,
    description,
    command: process.execPath,
    args: [join(peersFolder(), program), ...settings],
    env: process.env,
  };
}

/** The version of a peer's package; undefined where it is not installed. */
function installedVersion(name: string, packages = join(peersFolder(), 'node_modules')): string | undefined {
  const manifest = join(packages, name, 'package.json');
  if (!existsSync(manifest)) return undefined;
  return /"version": "([^"]+)"/.exec(readFileSync(manifest, 'utf8'))?.[1] ?? '';
}

/** Both variants of PyTorch, on the fastest BLAS there is. `pythons` are tried in turn. */
export function findTorch(
  pythons: readonly string[] = ['python3', '/usr/bin/python3'],
  libraries: readonly string[] = blasLibraries(),
): InstalledPeer[] | SkippedPeer {
  const threads = Math.max(1, cpus().length);
  for (const python of pythons) {
    const plain = probe(python, threads, undefined);
    if (!plain) continue;
    // Debian's default BLAS is 10 to 20 times slower than what anybody would compute with.
    const candidates = plain.mkl ? [] : libraries.flatMap((path) => probe(python, threads, path) ?? []);
    const [fastest] = candidates.sort((a, b) => a.ms - b.ms);
    if (!fastest && !plain.mkl) {
      return { name: 'torch', reason: 'neither BLIS nor OpenBLAS is installed for PyTorch', remedy: DEBIAN };
    }
    const blas = fastest?.library ? blasName(fastest.library) : 'MKL';
    return (['hand-written', 'lstm-cell'] as const).map((variant) => ({
      name: `torch-${variant}`,
      description: `PyTorch ${plain.torch} CPU, ${HOW[variant]}; ${blas}, ${threads} threads`,
      command: python,
      args: torchArgs(variant, threads),
      env: torchEnvironment(threads, fastest?.library),
    }));
  }
  return { name: 'torch', reason: 'no python3 here has PyTorch', remedy: DEBIAN };
}

const HOW = {
  'hand-written': 'forward and backward by hand',
  'lstm-cell': 'nn.LSTMCell with autograd',
} as const;

/** How fast PyTorch is with this BLAS before its own; undefined where it does not run. */
function probe(python: string, threads: number, library: string | undefined) {
  try {
    const line = execFileSync(python, torchArgs('probe', threads), {
      env: torchEnvironment(threads, library),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 60_000,
    });
    return { library, ...parseAnswer(probeSchema, line) };
  } catch {
    return undefined;
  }
}

function torchArgs(variant: string, threads: number): string[] {
  return ['-B', join(peersFolder(), 'torchPeer.py'), variant, String(threads)];
}

/** All cores, and a BLAS that chooses its kernels for this processor. */
function torchEnvironment(threads: number, library: string | undefined): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _, ...others } = process.env;
  const count = String(threads);
  return {
    ...others,
    OMP_NUM_THREADS: count,
    OPENBLAS_NUM_THREADS: count,
    BLIS_NUM_THREADS: count,
    ...(library && { LD_PRELOAD: library }),
  };
}

/** BLIS and OpenBLAS where the dynamic linker finds them. */
function blasLibraries(): string[] {
  for (const ldconfig of ['ldconfig', '/sbin/ldconfig']) {
    try {
      const list = execFileSync(ldconfig, ['-p'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      const paths = [...list.matchAll(/^\s*lib(?:blis|openblas)\.so\.\d+ .*=> (\S+)$/gm)].map(
        ([, path = '']) => path,
      );
      return [...new Set(paths.map((path) => realpathSync(path)))];
    } catch {}
  }
  return [];
}

/** Such as `OpenBLAS (openblas-openmp)`: Debian's variants differ by their folder. */
function blasName(path: string): string {
  const name = basename(path).includes('blis') ? 'BLIS' : 'OpenBLAS';
  const folder = basename(dirname(path));
  return /blis|openblas/.test(folder) ? `${name} (${folder})` : name;
}
