import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryPath } from '../src/node/files.ts';
import { RunFolder } from '../src/node/runFolder.ts';
import { freshPath, kill, startChild, thrownBy } from './support/diskTests.ts';

describe('the lock', () => {
  const owner = { pid: process.pid, host: hostname(), started: '', token: 'x' };
  const lockOf = (path: string): string => join(path, 'lock.json');

  it('keeps a second writer out until the first closes, and lets readers in', () => {
    const path = freshPath();
    const first = RunFolder.create(path, {});
    expect(thrownBy(() => RunFolder.open(path, { lock: true })).message).toMatch(/already open for writing/);
    const second = RunFolder.open(path);
    expect(second.readLog()).toEqual([]);
    expect(thrownBy(() => second.appendLog({ iteration: 0 })).message).toMatch(/already open for writing/);
    expect(thrownBy(() => second.writeText('report.html', '')).message).toMatch(/already open for writing/);
    first.close();
    second.appendLog({ iteration: 0 });
    expect(thrownBy(() => first.saveCheckpoint('best', new Uint8Array())).message).toMatch(/already open/);
    second.close();
    expect(existsSync(lockOf(path))).toBe(false);
  });

  it('is taken over from a process that was killed, with its unfinished files removed', async () => {
    const path = freshPath();
    const child = await startChild(
      path,
      `const run = runFolder.RunFolder.create(path, { seed: 1 });
      for (let iteration = 0; ; iteration++) {
        run.appendLog({ iteration, note: 'x'.repeat(1000) });
        run.saveCheckpoint('checkpoint', new Uint8Array(100_000).fill(iteration % 256));
        if (iteration === 3) console.log('started');
      }`,
    );
    const taken = thrownBy(() => RunFolder.open(path, { lock: true }));
    expect(taken.message).toBe(`${path} is in use by process ${child.pid}`);
    expect(RunFolder.open(path).readLog().length).toBeGreaterThan(3);
    await kill(child);
    const leftover = join(path, `.coordwise-${child.pid}-0123456789ab.tmp`);
    writeFileSync(leftover, 'half');
    writeFileSync(temporaryPath(path), 'of a process that runs');

    const run = RunFolder.open(path, { lock: true });
    expect(readdirSync(path).filter((name) => name.endsWith('.tmp'))).toHaveLength(1);
    const saved = run.loadCheckpoint('checkpoint') ?? new Uint8Array();
    expect(saved).toHaveLength(100_000);
    expect(saved.every((byte) => byte === saved[0])).toBe(true);
    const logged = run.readLog().length;
    run.truncateLog(logged - 1);
    run.appendLog({ iteration: logged - 1 });
    expect(run.readLog()).toHaveLength(logged);
    run.close();
  });

  it('is given back when its process ends without closing the folder', async () => {
    const path = freshPath();
    const child = await startChild(path, `runFolder.RunFolder.create(path, {}); console.log('created');`);
    if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve));
    expect(existsSync(lockOf(path))).toBe(false);
    RunFolder.open(path, { lock: true }).close();
  });

  it.each<[what: string, text: string, ageSeconds: number, message: RegExp | undefined]>([
    ['a process that is gone', JSON.stringify({ ...owner, pid: 2 ** 22 + 1 }), 0, undefined],
    [
      'another machine',
      JSON.stringify({ ...owner, host: 'elsewhere' }),
      0,
      /in use by process \d+ on elsewhere/,
    ],
    ['a lock just being written', '', 0, /being opened by another process/],
    ['a lock never finished', '{"pid":', 60, undefined],
    ['a lock of another format', '[]', 60, undefined],
  ])('judges a lock of %s', (_, text, ageSeconds, message) => {
    const path = freshPath();
    RunFolder.create(path, {}).close();
    writeFileSync(lockOf(path), text);
    const then = Date.now() / 1000 - ageSeconds;
    utimesSync(lockOf(path), then, then);
    if (message === undefined) {
      RunFolder.open(path, { lock: true }).close();
      expect(existsSync(lockOf(path))).toBe(false);
    } else {
      expect(thrownBy(() => RunFolder.open(path, { lock: true })).message).toMatch(message);
      expect(readFileSync(lockOf(path), 'utf8')).toBe(text);
    }
  });

  it.skipIf(!existsSync('/proc/self/stat'))('is not fooled by a later process of the same id', () => {
    const path = freshPath();
    RunFolder.create(path, {}).close();
    writeFileSync(lockOf(path), JSON.stringify({ ...owner, started: '1' }));
    RunFolder.open(path, { lock: true }).close();
  });

  it.skipIf(!existsSync('/proc/self/stat'))('is not kept by a process that ended unnoticed', async () => {
    const path = freshPath();
    RunFolder.create(path, {}).close();
    // A shell starts a process, prints its id and turns into one that never asks how it ended.
    const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 20'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) =>
      parent.stdout.once('data', (text) => resolve(Number(text))),
    );
    try {
      await expect
        .poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8'), { timeout: 10_000 })
        .toMatch(/\) Z /);
      writeFileSync(lockOf(path), JSON.stringify({ ...owner, pid }));
      RunFolder.open(path, { lock: true }).close();
    } finally {
      await kill(parent);
    }
  });

  it('does not let a process whose lock was deleted or taken go on writing', () => {
    const path = freshPath();
    const run = RunFolder.create(path, {});
    const mine = freshPath();
    renameSync(lockOf(path), mine);
    expect(thrownBy(() => run.appendLog({ iteration: 0 })).message).toMatch(/lock of .* was deleted while/);
    writeFileSync(lockOf(path), JSON.stringify({ ...owner, pid: 1 }));
    expect(thrownBy(() => run.saveCheckpoint('best', new Uint8Array())).message).toMatch(
      /taken over by process 1/,
    );
    run.close();
    expect(existsSync(lockOf(path))).toBe(true);
    expect(existsSync(join(path, 'log.jsonl'))).toBe(false);
  });

  it('of a killed creation does not block the next one', () => {
    const path = freshPath();
    mkdirSync(path);
    writeFileSync(lockOf(path), JSON.stringify({ ...owner, pid: 2 ** 22 + 1 }));
    RunFolder.create(path, { seed: 1 }).close();
    expect(readdirSync(path)).toEqual(['config.json']);
  });
});
