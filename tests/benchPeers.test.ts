import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { holds } from '../bench/check.ts';
import { firstRun, interleave } from '../bench/measure.ts';
import { createMetaIteration } from '../bench/metaIteration.ts';
import { Comparison } from '../bench/peers/comparison.ts';
import { findJax, findPeers, findTorch, type InstalledPeer, parsePeers } from '../bench/peers/find.ts';
import { compareNumbers, encodeCase, f32, type PeerCase, thetaNumbers } from '../bench/peers/peerCase.ts';
import { PeerProcess } from '../bench/peers/peerProcess.ts';
import { peerLines } from '../bench/peers/print.ts';
import { greetingSchema, parseAnswer, runSchema } from '../bench/peers/protocol.ts';
import { benchResultSchema } from '../bench/result.ts';
import { createUpdate } from '../bench/update.ts';
import {
  decodeSafeTensors,
  type ImageSet,
  l2lOptimizer,
  parseConfig,
  trainSchema,
} from '../src/host/index.ts';
import { denseLayers } from '../src/host/optimizees/layers/settings.ts';
import { randomValues } from './support/compare.ts';
import { gpuForThisFile } from './support/gpu.ts';

const gpu = gpuForThisFile();
const folder = mkdtempSync(join(tmpdir(), 'coordwise-peers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A peer of a few lines: greets, loads anything, and gives these answers to runs, the last one again and again. */
function fakePeer(name: string, runs: readonly object[], greeting: object = {}): InstalledPeer {
  const code = `
    const runs = ${JSON.stringify(runs)};
    const say = (answer) => console.log(JSON.stringify(answer));
    say({ ready: true, versions: { ${name}: '1.0' }, ...${JSON.stringify(greeting)} });
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const { request, workload } = JSON.parse(line);
      if (request === 'load') return say({ loaded: workload });
      const answer = runs.length > 1 ? runs.shift() : runs[0];
      if (answer.exit) { console.error('out of luck'); process.exit(answer.exit); }
      say(answer);
    });`;
  return {
    name,
    description: `${name} of this test`,
    command: process.execPath,
    args: ['-e', code],
    env: process.env,
  };
}

const expected = { metaLoss: 46.5, gradientNorm: 33.6 };
const right = { numbers: expected, ms: 30, cpuMs: 50 };
const workload = {
  name: 'W9',
  peerCase: async (): Promise<PeerCase> => ({ metadata: { kind: 'update' }, tensors: new Map(), expected }),
};

/** Two interleaved rounds of a workload of 10 ms with these peers on the adapter `here`. */
async function compare(installed: readonly InstalledPeer[]) {
  const lines: string[] = [];
  const skipped = [{ name: 'tfjs', reason: 'it is not there', remedy: 'npm ci' }] as const;
  const say = (line: string) => void lines.push(line);
  const comparison = await Comparison.start({ installed, skipped }, [workload], 'here', say);
  try {
    const ours = { name: 'W9', sample: async () => ({ ms: 10, cpuMs: 20 }) };
    const samples = await interleave([ours, ...comparison.sampled('W9')], 2);
    return { lines, peers: comparison.result(samples), cpuMs: comparison.cpuMs(samples) };
  } finally {
    comparison.close();
  }
}

describe('answers of a peer', () => {
  it('are taken in their shape alone; an error is the message', () => {
    expect(parseAnswer(runSchema, JSON.stringify(right))).toEqual(right);
    expect(() => parseAnswer(runSchema, '{"error": "RuntimeError: no memory"}')).toThrow('no memory');
    expect(() => parseAnswer(runSchema, '{"numbers": {"metaLoss": NaN}, "ms": 1, "cpuMs": 1}')).toThrow(
      'no JSON',
    );
    expect(() => parseAnswer(runSchema, '{"numbers": {}, "ms": 0, "cpuMs": 1}')).toThrow('another shape');
    expect(() => parseAnswer(greetingSchema, '{"ready": false, "versions": {}}')).toThrow('another shape');
  });

  it('that do not come in time, or from a program that is not there, are an error', async () => {
    const silent = new PeerProcess({
      command: process.execPath,
      args: ['-e', 'setTimeout(() => {}, 60000)'],
      env: {},
    });
    await expect(silent.answer(greetingSchema, 50)).rejects.toThrow('within 0.05 s');
    await expect(silent.answer(greetingSchema, 50)).rejects.toThrow('within 0.05 s');
    const missing = new PeerProcess({ command: join(folder, 'nothing'), args: [], env: {} });
    await expect(missing.answer(greetingSchema, 5000)).rejects.toThrow('ENOENT');
  });
});

describe('numbers', () => {
  const verdict = (theirs: Record<string, number>) => compareNumbers('W9', expected, theirs).map(holds);

  it('agree to a ten-thousandth, each of them', () => {
    expect(verdict({ metaLoss: 46.5 * (1 + 9e-5), gradientNorm: 33.6 * (1 - 9e-5) })).toEqual([true, true]);
    expect(verdict({ metaLoss: 46.5 * (1 - 2e-4), gradientNorm: 33.6 })).toEqual([false, true]);
    expect(verdict({ metaLoss: -46.5, gradientNorm: Number.NaN })).toEqual([false, false]);
    expect(verdict({ metaLoss: 46.5 })).toEqual([true, false]);
  });

  it('of an update are the norm and the mean of theta', () => {
    expect(thetaNumbers(Float32Array.of(3, -4, 0, 0))).toEqual({ thetaNorm: 5, thetaMean: -0.25 });
  });
});

describe('comparison', () => {
  it('times a peer that agrees, with its ratio to our runs', async () => {
    const { lines, peers, cpuMs } = await compare([fakePeer('good', [right], { adapter: 'here' })]);
    expect(peers.peers[0]).toMatchObject({ name: 'good', versions: { good: '1.0' }, adapter: 'here' });
    const outcome = {
      state: 'timed',
      medianMs: 30,
      oursMs: 10,
      ratio: 3,
      oursCpuMs: 20,
      samplesMs: [30, 30],
    };
    expect(peers.peers[0]?.workloads).toMatchObject([{ workload: 'W9', ...outcome }]);
    expect(cpuMs).toBe(100);
    expect(lines[0]).toBe('tfjs is skipped: it is not there; to install: npm ci');
  });

  it('does not time a peer with other numbers, on another adapter, or with an error', async () => {
    const wrong = { ...right, numbers: { ...expected, gradientNorm: 16.8 } };
    const { peers, lines } = await compare([
      // Asked once more they would end.
      fakePeer('wrong', [wrong, { exit: 3 }]),
      fakePeer('elsewhere', [right, { exit: 3 }], { adapter: 'there' }),
      fakePeer('broken', [{ error: 'RuntimeError: no memory' }, { exit: 3 }]),
      fakePeer('dying', [right, right, { exit: 3 }]),
    ]);
    const outcomes = peers.peers.flatMap(({ workloads }) => workloads);
    expect(outcomes.map(({ state }) => state)).toEqual(['wrong', 'failed', 'failed', 'failed']);
    const reasons = outcomes.map((outcome) => ('reason' in outcome ? outcome.reason : ''));
    expect(reasons[0]).toMatch(/5\.0e-1 {2}W9: gradientNorm.*WRONG/);
    expect(reasons.slice(1)).toEqual([
      'it opened the adapter there',
      'RuntimeError: no memory',
      'it ended with exit code 3: out of luck',
    ]);
    expect(lines.join('\n')).toContain('W9 wrong');
  });

  it('goes to the document and to the table', async () => {
    const wrong = { ...right, numbers: {} };
    const { peers } = await compare([fakePeer('good', [right]), fakePeer('bad', [wrong])]);
    expect(benchResultSchema.shape.peers.parse(JSON.parse(JSON.stringify(peers)))).toEqual(peers);
    const workloads = [{ name: 'W9', medianMs: 10, cpuMs: 20 }];
    const text = peerLines({ workloads, peers }).join('\n');
    expect(text).toMatch(/^good +30\.0 +\(3\.0\) +50\.0 +\(2\.5\)$/m);
    expect(text).toMatch(/^bad +wrong$/m);
    expect(text).toContain('good: good of this test.');
    expect(text).toContain('bad, W9 wrong: NaN');
    expect(text).toContain('tfjs skipped: it is not there; to install: npm ci');
  });
});

describe('which peers there are', () => {
  it('by name, or all of them', () => {
    expect(parsePeers('')).toEqual(['torch', 'tfjs', 'jax']);
    expect(parsePeers('Jax, TFJS, torch')).toEqual(['torch', 'tfjs', 'jax']);
    expect(() => parsePeers('torch,numpy')).toThrow(/no peer "numpy"/);
    const { installed, skipped } = findPeers(['tfjs'], gpu());
    const names = [...installed, ...skipped].map(({ name }) => name);
    expect([['tfjs'], ['tfjs-webgpu', 'tfjs-webgpu-asleep']]).toContainEqual(names);
  });

  it('jax-js in WebAssembly and on the adapter, or how to install it', () => {
    expect(findJax('lavapipe', 'llvmpipe', folder)).toEqual({
      name: 'jax',
      reason: 'its package is not installed',
      remedy: 'npm ci --prefix bench/peers',
    });
    const packageFolder = join(folder, '@jax-js', 'jax');
    mkdirSync(packageFolder, { recursive: true });
    writeFileSync(join(packageFolder, 'package.json'), '{ "version": "9.9.9" }');
    const found = [findJax('lavapipe', 'llvmpipe', folder)].flat();
    expect(found).toMatchObject([
      { name: 'jax-wasm', args: [expect.stringContaining('jaxPeer.mjs'), 'wasm'] },
      { name: 'jax-wasm-threads', args: [expect.anything(), 'threads'] },
      { name: 'jax-webgpu-asleep', args: [expect.anything(), 'lavapipe'] },
    ]);
    expect(found[2]).toHaveProperty(
      'description',
      expect.stringMatching(/^jax-js 9\.9\.9, WebGPU on llvmpipe/),
    );
  });

  it('PyTorch with the fastest BLAS, and not without one', () => {
    const python = (name: string, mkl: boolean) => {
      const path = join(folder, name);
      const speed = 'case "$LD_PRELOAD" in *blis*) ms=2;; *openblas*) ms=1;; *) ms=9;; esac';
      writeFileSync(
        path,
        `#!/bin/sh\n${speed}\necho "{\\"torch\\": \\"9.9\\", \\"mkl\\": ${mkl}, \\"ms\\": $ms}"\n`,
      );
      chmodSync(path, 0o755);
      return path;
    };
    const [debian, withMkl] = [python('debian', false), python('mkl', true)];
    const missing = join(folder, 'none');
    expect(findTorch([missing])).toMatchObject({ reason: 'no python3 here has PyTorch' });
    expect(findTorch([missing, debian], [])).toMatchObject({
      remedy: expect.stringContaining('libopenblas0'),
    });
    const libraries = ['/nowhere/blis-openmp/libblis.so.4', '/nowhere/libopenblas.so.0'];
    const onDebian = [findTorch([missing, debian], libraries)].flat();
    expect(onDebian).toMatchObject([
      { name: 'torch-hand-written', env: { LD_PRELOAD: libraries[1] } },
      { name: 'torch-lstm-cell', env: { LD_PRELOAD: libraries[1] } },
    ]);
    expect(onDebian[0]).toHaveProperty(
      'description',
      expect.stringMatching(/PyTorch 9\.9 .*; OpenBLAS, \d+ threads/),
    );
    expect([findTorch([withMkl], libraries)].flat()[0]).toHaveProperty(
      'description',
      expect.stringContaining('MKL'),
    );
  });
});

const L2L = { kind: 'l2l', hidden: 6 } as const;

function meta(task: object, tasks: number) {
  const settings = {
    task,
    optimizer: L2L,
    tasks,
    unroll: 3,
    horizon: 3,
    iterations: 1,
    validation: { every: 1 },
  };
  return parseConfig(trainSchema, settings, 'test');
}

/** Sixty images of noise; batch 6 is no multiple of 4. */
function smallMlp() {
  const set: ImageSet = {
    name: 'noise',
    count: 60,
    height: 7,
    width: 7,
    classes: 10,
    pixels: Uint8Array.from(randomValues(49 * 60, 1, 0, 256)),
    labels: Uint8Array.from({ length: 60 }, (_, i) => i % 10),
  };
  const task = { kind: 'images', resolution: 7, layers: denseLayers([4], 'sigmoid'), batch: 6 };
  return createMetaIteration(gpu(), 'W1', meta(task, 1), { train: set, validation: set, test: set });
}
const smallQuadratics = () => createMetaIteration(gpu(), 'W2', meta({ kind: 'quadratic', dimension: 5 }, 3));
/** The peer by hand takes blocks of 8192. */
const smallUpdate = () => createUpdate(gpu(), 'W3', 16_400, parseConfig(l2lOptimizer, L2L, 'test'));

describe('cases', () => {
  it('hold the first run, and are refused after another', async () => {
    const bench = smallQuadratics();
    try {
      await firstRun(bench);
      const read = decodeSafeTensors(encodeCase(await bench.peerCase()), 'case');
      expect(read.metadata).toEqual({ kind: 'quadratic', steps: '3', p: '10', scale: '0.1' });
      expect(read.tensors.get('W')?.shape).toEqual([3, 5, 5]);
      expect(read.tensors.get('phi.lstm.1.weight_hh')?.shape).toEqual([24, 6]);
      await bench.run();
      await expect(bench.peerCase()).rejects.toThrow('the first run');
    } finally {
      bench.destroy();
    }
    expect(f32(Float32Array.of(1, 2)).shape).toEqual([2]);
  });

  /** What became of every workload of these peers. */
  async function outcomesOf(installed: readonly InstalledPeer[]): Promise<string[]> {
    const benches = [smallMlp(), smallQuadratics(), smallUpdate()];
    let comparison: Comparison | undefined;
    try {
      for (const bench of benches) await firstRun(bench);
      comparison = await Comparison.start({ installed, skipped: [] }, benches, 'any', () => {});
      const turns = benches.flatMap(({ name }) => comparison?.sampled(name) ?? []);
      const ours = benches.map(({ name }) => ({ name, sample: async () => ({ ms: 1, cpuMs: 1 }) }));
      const { peers } = comparison.result(await interleave([...ours, ...turns], 1));
      const outcomes = peers.flatMap(({ workloads }) => workloads);
      return outcomes.map((outcome) => ('reason' in outcome ? outcome.reason : outcome.state));
    } finally {
      comparison?.close();
      for (const bench of benches) bench.destroy();
    }
  }
  const allTimed = Array.from({ length: 6 }, () => 'timed');

  const torch = findTorch();
  const noTorch = 'reason' in torch ? ` (skipped: ${torch.reason}; ${torch.remedy})` : '';
  it.skipIf('reason' in torch)(`PyTorch gives our numbers${noTorch}`, async () => {
    expect(await outcomesOf('reason' in torch ? [] : torch)).toEqual(allTimed);
  });

  const jax = findJax('lavapipe', '');
  const noJax = 'reason' in jax ? ` (skipped: ${jax.reason}; ${jax.remedy})` : '';
  it.skipIf('reason' in jax)(`jax-js in WebAssembly gives our numbers${noJax}`, async () => {
    const peers = 'reason' in jax ? [] : jax.filter(({ name }) => name.includes('wasm'));
    expect(await outcomesOf(peers)).toEqual(allTimed);
  });
});
