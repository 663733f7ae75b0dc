import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RunFolder } from '../src/node/runFolder.ts';
import { freshPath } from './support/diskTests.ts';

describe('a run that is discarded', () => {
  it('leaves nothing of what it made, and everything it found', () => {
    const root = freshPath();
    mkdirSync(join(root, 'mine'), { recursive: true });
    const deep = RunFolder.create(join(root, 'a', 'b', 'c'), {});
    deep.appendLog({ iteration: 0 });
    deep.discard();
    expect(readdirSync(root)).toEqual(['mine']);

    RunFolder.create(join(root, 'mine'), {}).discard();
    expect(readdirSync(root)).toEqual(['mine']);
    expect(readdirSync(join(root, 'mine'))).toEqual([]);

    const shared = RunFolder.create(join(root, 'runs', 'x'), {});
    writeFileSync(join(root, 'runs', 'notes.txt'), 'x');
    shared.discard();
    expect(readdirSync(join(root, 'runs'))).toEqual(['notes.txt']);
  });

  it('keeps everything as soon as it has weights, or when it is of an earlier process', () => {
    const path = freshPath();
    const run = RunFolder.create(path, {});
    run.saveCheckpoint('best', Uint8Array.of(1));
    run.discard();
    expect(readdirSync(path).sort()).toEqual(['best.safetensors', 'config.json']);

    const other = freshPath();
    RunFolder.create(other, {}).close();
    RunFolder.open(other, { lock: true }).discard();
    expect(readdirSync(other)).toEqual(['config.json']);
    // Closed means given back: another process may go on with it.
    RunFolder.open(other, { lock: true }).close();
  });
});
