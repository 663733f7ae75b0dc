import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileFormatError } from '../src/host/errors.ts';
import { RunFolder } from '../src/node/runFolder.ts';
import { freshPath, thrownBy } from './support/diskTests.ts';

describe('RunFolder', () => {
  it('keeps settings, log, checkpoints and texts', () => {
    const path = join(freshPath(), 'deep', 'run');
    const run = RunFolder.create(path, { seed: 7, skipped: undefined, hidden: [20, 20] });
    expect(run.config).toEqual({ seed: 7, hidden: [20, 20] });
    expect(run.readLog()).toEqual([]);
    expect(run.loadCheckpoint('checkpoint')).toBeUndefined();
    run.appendLog({ iteration: 0, metaLoss: 1.5, note: 'ü' });
    run.appendLog({ iteration: 1, metaLoss: Number.NaN });
    run.saveCheckpoint('checkpoint', Uint8Array.of(1, 2, 3));
    run.saveCheckpoint('best', Uint8Array.of(4));
    run.saveCheckpoint('best', Uint8Array.of(5));
    run.writeText('report.html', '<p>é</p>');
    run.close();
    expect(readdirSync(path).sort()).toEqual([
      'best.safetensors',
      'checkpoint.safetensors',
      'config.json',
      'log.jsonl',
      'report.html',
    ]);

    const again = RunFolder.open(path);
    expect(again.path).toBe(path);
    expect(again.config).toEqual({ seed: 7, hidden: [20, 20] });
    expect(again.readLog()).toEqual([
      { iteration: 0, metaLoss: 1.5, note: 'ü' },
      { iteration: 1, metaLoss: null },
    ]);
    expect([...(again.loadCheckpoint('checkpoint') ?? [])]).toEqual([1, 2, 3]);
    expect([...(again.loadCheckpoint('best') ?? [])]).toEqual([5]);
    expect(readFileSync(join(path, 'report.html'), 'utf8')).toBe('<p>é</p>');
  });

  it('is created in an empty folder, and nowhere else', () => {
    const path = freshPath();
    mkdirSync(path);
    RunFolder.create(path, {}).close();
    const used = thrownBy(() => RunFolder.create(path, { other: true }));
    expect(used.message).toBe(`${path} already holds a run`);
    expect(used.remedy).toMatch(/another --out.*--resume/);
    expect(RunFolder.open(path).config).toEqual({});

    const foreign = freshPath();
    mkdirSync(foreign);
    writeFileSync(join(foreign, 'thesis.tex'), 'x');
    const notEmpty = thrownBy(() => RunFolder.create(foreign, {}));
    expect(notEmpty.message).toBe(`${foreign} exists and is not empty`);
    expect(notEmpty.remedy).toMatch(/another --out/);
    expect(readdirSync(foreign)).toEqual(['thesis.tex']);

    const file = join(foreign, 'thesis.tex');
    expect(thrownBy(() => RunFolder.create(file, {})).message).toMatch(/is a file, not a folder/);
    expect(thrownBy(() => RunFolder.create(join(file, 'run'), {})).message).toMatch(
      /a part of the path is a file/,
    );
    expect(thrownBy(() => RunFolder.create(freshPath(), undefined)).message).toMatch(/without settings/);
  });

  it('opens only what is a run', () => {
    const path = freshPath();
    expect(thrownBy(() => RunFolder.open(path)).message).toBe(`the run folder ${path} does not exist`);
    mkdirSync(path);
    const empty = thrownBy(() => RunFolder.open(path, { lock: true }));
    expect(empty.message).toBe(`${path} is not a run folder: it has no config.json`);
    expect(empty.remedy).toMatch(/coordwise train/);
    const config = join(path, 'config.json');
    for (const text of ['{"seed": 1', '', Buffer.from([0x22, 0xff, 0x22])]) {
      writeFileSync(config, text);
      const corrupt = thrownBy(() => RunFolder.open(path));
      expect(corrupt).toBeInstanceOf(FileFormatError);
      expect(corrupt.message).toBe(`${config} is not valid JSON`);
    }
    expect(thrownBy(() => RunFolder.open(config)).message).toBe(`${config} is a file, not a run folder`);
    expect(readdirSync(path)).toEqual(['config.json']);
  });

  it('refuses names that are paths or its own files', () => {
    const run = RunFolder.create(freshPath(), {});
    for (const name of [
      '../x',
      'a/b',
      'a\\b',
      '',
      '.',
      '..',
      '.hidden',
      'config.json',
      'log.jsonl',
      'lock.json',
    ]) {
      expect(thrownBy(() => run.writeText(name, 'x')).message).toMatch(/cannot be the name of a text file/);
    }
    expect(thrownBy(() => run.writeText('best.safetensors', 'x')).message).toMatch(/cannot be the name/);
    run.close();
  });

  it('says so when a file to be replaced cannot be', () => {
    const path = freshPath();
    const run = RunFolder.create(path, {});
    mkdirSync(join(path, 'checkpoint.safetensors'));
    expect(thrownBy(() => run.saveCheckpoint('checkpoint', Uint8Array.of(1))).message).toMatch(
      /it is a folder/,
    );
    mkdirSync(join(path, 'log.jsonl'));
    expect(thrownBy(() => run.appendLog({ iteration: 0 })).message).toMatch(/it is a folder/);
    run.close();
  });
});
