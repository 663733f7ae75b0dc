import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileFormatError } from '../src/host/errors.ts';
import { RunFolder } from '../src/node/runFolder.ts';
import { freshPath, thrownBy } from './support/diskTests.ts';

const isRoot = process.getuid?.() === 0;

describe('the log', () => {
  const lines = '{"iteration":0}\n{"iteration":1}\n';
  function runWithLog(text: string): RunFolder {
    const run = RunFolder.create(freshPath(), {});
    writeFileSync(join(run.path, 'log.jsonl'), text);
    return run;
  }
  const logOf = (run: RunFolder): string => readFileSync(join(run.path, 'log.jsonl'), 'utf8');

  it('is read without its torn last line, wherever it was torn, and goes on after it', () => {
    const whole = '{"iteration":2,"note":"ü{}"}';
    const bytes = Buffer.from(lines + whole);
    const run = runWithLog('');
    for (let length = lines.length; length <= bytes.length; length++) {
      writeFileSync(join(run.path, 'log.jsonl'), bytes.subarray(0, length));
      const survives = length === bytes.length;
      expect(run.readLog()).toHaveLength(survives ? 3 : 2);
      run.appendLog({ iteration: 3 });
      expect(logOf(run)).toBe(`${lines}${survives ? `${whole}\n` : ''}{"iteration":3}\n`);
    }
    writeFileSync(join(run.path, 'log.jsonl'), '{"itera');
    run.appendLog({ iteration: 3 });
    expect(logOf(run)).toBe('{"iteration":3}\n');
    run.close();
  });

  it.each(['{"iteration":\n', 'null\n', '\n', '{"loss":1}\n', '{"iteration":"1"}\n'])(
    'is refused with a finished line %j in it',
    (line) => {
      const run = runWithLog(`{"iteration":0}\n${line}{"iteration":1}\n`);
      for (const action of [() => run.readLog(), () => run.truncateLog(1)]) {
        expect(thrownBy(action)).toBeInstanceOf(FileFormatError);
        expect(thrownBy(action).message).toBe(`${join(run.path, 'log.jsonl')}: line 2 is not a log record`);
      }
      expect(logOf(run)).toBe(`{"iteration":0}\n${line}{"iteration":1}\n`);
      run.close();
    },
  );

  it('drops what is at or after the iteration resumed from, and keeps the other lines as they are', () => {
    const run = runWithLog(
      `{"iteration": 0}\n{"iteration":1,"x":1.50}\n{"iteration":2}\n{"iteration":3}\n{"iter`,
    );
    run.truncateLog(4);
    expect(run.readLog()).toHaveLength(4);
    run.truncateLog(2);
    expect(logOf(run)).toBe('{"iteration": 0}\n{"iteration":1,"x":1.50}\n');
    run.truncateLog(0);
    expect(logOf(run)).toBe('');
    run.close();
    const without = RunFolder.create(freshPath(), {});
    without.truncateLog(5);
    expect(without.readLog()).toEqual([]);
    without.close();
  });

  it('takes no record without an iteration', () => {
    const run = RunFolder.create(freshPath(), {});
    expect(thrownBy(() => run.appendLog({ metaLoss: 1 })).message).toBe('a log record has no iteration');
    expect(thrownBy(() => run.appendLog({ iteration: Number.NaN })).message).toBe(
      'a log record has no iteration',
    );
    run.close();
  });

  it.skipIf(!existsSync('/dev/full'))('says that the disk is full', () => {
    const run = RunFolder.create(freshPath(), {});
    symlinkSync('/dev/full', join(run.path, 'log.jsonl'));
    const error = thrownBy(() => run.appendLog({ iteration: 0 }));
    expect(error.message).toBe(`cannot write ${join(run.path, 'log.jsonl')}: the disk is full`);
    expect(error.remedy).toMatch(/free some space/);
    run.close();
  });

  it('loses no line, and no checkpoint, when a small disk fills up', (context) => {
    const disk = freshPath();
    mkdirSync(disk);
    if (!isRoot || spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status !== 0) {
      context.skip('only root can mount a small disk');
    }
    try {
      const run = RunFolder.create(join(disk, 'run'), {});
      run.saveCheckpoint('checkpoint', new Uint8Array(10_000).fill(1));
      let written = 0;
      const note = 'x'.repeat(3000);
      const fill = thrownBy(() => {
        for (; written < 100; written++) run.appendLog({ iteration: written, note });
      });
      expect(fill.message).toMatch(/the disk is full/);
      expect(written).toBeGreaterThan(5);
      expect(run.readLog()).toHaveLength(written);
      expect(logOf(run).endsWith('}\n')).toBe(true);
      const save = thrownBy(() => run.saveCheckpoint('checkpoint', new Uint8Array(40_000).fill(2)));
      expect(save.message).toMatch(/the disk is full/);
      expect(run.loadCheckpoint('checkpoint')).toEqual(new Uint8Array(10_000).fill(1));
      run.close();
      expect(readdirSync(run.path).sort()).toEqual(['checkpoint.safetensors', 'config.json', 'log.jsonl']);

      // Room for the lock's one page and none for the settings: a creation that fails leaves nothing behind.
      const filler = join(disk, 'filler');
      expect(() => writeFileSync(filler, new Uint8Array(64 * 1024))).toThrow('ENOSPC');
      truncateSync(filler, statSync(filler).size - 4096);
      const create = thrownBy(() => RunFolder.create(join(disk, 'second'), { note: 'x'.repeat(5000) }));
      expect(create.message).toMatch(/cannot write .*config\.json: the disk is full/);
      expect(readdirSync(disk).sort()).toEqual(['filler', 'run']);
    } finally {
      spawnSync('umount', ['-l', disk]);
    }
  });
});
