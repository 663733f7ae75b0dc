import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFileChecked, writeFileAtomic } from '../src/node/files.ts';
import { freshPath, kill, startChild, thrownBy } from './support/diskTests.ts';

const isRoot = process.getuid?.() === 0;

describe('writeFileAtomic', () => {
  it('creates and replaces files, keeping symbolic links and permissions', () => {
    const folder = freshPath();
    mkdirSync(folder);
    const path = join(folder, 'a.txt');
    writeFileAtomic(path, 'ä');
    expect([...readFileChecked(path, 'the text')]).toEqual([0xc3, 0xa4]);
    chmodSync(path, 0o600);
    symlinkSync('a.txt', join(folder, 'link'));
    writeFileAtomic(join(folder, 'link'), Uint8Array.of(1, 2));
    expect([...readFileChecked(path, 'the bytes')]).toEqual([1, 2]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).sort()).toEqual(['a.txt', 'link']);
  });

  it('leaves no temporary file and changes nothing when the target is a folder or a device', () => {
    const folder = freshPath();
    mkdirSync(join(folder, 'target', 'inside'), { recursive: true });
    const error = thrownBy(() => writeFileAtomic(join(folder, 'target'), 'new'));
    expect(error.message).toBe(`cannot write ${join(folder, 'target')}: it is a folder`);
    expect(error.remedy).not.toBe('');
    expect(readdirSync(folder)).toEqual(['target']);
    expect(readdirSync(join(folder, 'target'))).toEqual(['inside']);
    expect(() => writeFileAtomic('/dev/null', 'new')).toThrow('it is not a plain file');
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('says what is wrong with a folder that is missing or is a file', () => {
    const folder = freshPath();
    expect(thrownBy(() => writeFileAtomic(join(folder, 'a'), '')).message).toMatch(
      /there is no such file or folder/,
    );
    writeFileSync(folder, '');
    expect(thrownBy(() => writeFileAtomic(join(folder, 'a'), '')).message).toMatch(/is a file, not a folder/);
  });

  it.skipIf(isRoot)('says that permission is denied, and keeps the file', () => {
    const folder = freshPath();
    mkdirSync(folder);
    writeFileAtomic(join(folder, 'a'), 'old');
    chmodSync(folder, 0o500);
    expect(thrownBy(() => writeFileAtomic(join(folder, 'a'), 'new')).message).toMatch(/permission is denied/);
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('old');
    chmodSync(folder, 0o700);
  });

  it('never shows a reader, nor leaves after SIGKILL, anything but a whole file', async () => {
    const folder = freshPath();
    mkdirSync(folder);
    const path = join(folder, 'data');
    const child = await startChild(
      join(folder, 'data'),
      `for (let value = 0; ; value = (value + 1) % 256) {
        files.writeFileAtomic(path, new Uint8Array(300_000).fill(value));
        if (value === 3) console.log('started');
      }`,
    );
    const isWhole = (): boolean => {
      const bytes = readFileSync(path);
      return bytes.length === 300_000 && bytes.every((byte) => byte === bytes[0]);
    };
    for (let read = 0; read < 20; read++) expect(isWhole()).toBe(true);
    await kill(child);
    expect(isWhole()).toBe(true);
  });
});

describe('readFileChecked', () => {
  it('says which file is missing or is a folder', () => {
    const path = freshPath();
    const missing = thrownBy(() => readFileChecked(path, 'the weights'));
    expect(missing.message).toBe(`cannot read the weights from ${path}: there is no such file or folder`);
    expect(missing.remedy).toMatch(/check the path/);
    mkdirSync(path);
    expect(thrownBy(() => readFileChecked(path, 'the weights')).message).toMatch(/it is a folder$/);
  });

  it('gives plain bytes, whose slices are copies', () => {
    const path = freshPath();
    writeFileSync(path, 'abc');
    const bytes = readFileChecked(path, 'the text');
    expect(bytes.constructor).toBe(Uint8Array);
    expect([...bytes]).toEqual([97, 98, 99]);
  });
});
