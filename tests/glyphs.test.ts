import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  ABSENT_EXAMPLE,
  decodeGlyphs,
  GLYPH_SPLITS,
  type GlyphSet,
  type GlyphSplitName,
  glyphClasses,
  glyphSplit,
  mirrorGlyphs,
  poolGlyphs,
  turnGlyphs,
} from '../src/host/data/glyphs.ts';
import { CoordwiseError, FileFormatError } from '../src/host/errors.ts';
import { readFileChecked } from '../src/node/files.ts';
import { loadGlyphs } from '../src/node/glyphs.ts';
import { packageFile, packageRoot } from '../src/node/packageFile.ts';

const AREA = 784;
let set: GlyphSet;
beforeAll(async () => {
  set = await loadGlyphs();
});

/** The families, by index, that have an image of a class. */
function familiesOf(classIndex: number): number[] {
  return [...set.families.keys()].filter((family) => set.index(classIndex, family) >= 0);
}

describe('glyphSplit', () => {
  it.each(GLYPH_SPLITS)('tables the %s split and nothing else', (split) => {
    const table = glyphSplit(set, split);
    const members = [...set.classes.keys()].filter((index) => set.classes[index]?.split === split);
    expect(table).toMatchObject({ split, classes: members.length });
    expect(table.names).toEqual(members.map((index) => set.classes[index]?.name));
    expect(table.maxExamples).toBe(Math.max(...table.counts));
    expect(table.examples).toHaveLength(table.classes * table.maxExamples);
    let image = 0;
    for (const [row, index] of members.entries()) {
      const offsets = familiesOf(index).map((family) => set.index(index, family));
      expect(table.counts[row]).toBe(offsets.length);
      for (let column = 0; column < table.maxExamples; column++) {
        const number = table.examples[row * table.maxExamples + column] ?? -1;
        const offset = offsets[column];
        if (offset === undefined) {
          expect(number).toBe(ABSENT_EXAMPLE);
          continue;
        }
        expect(number).toBe(image++);
        const stored = table.images.subarray(number * AREA, (number + 1) * AREA);
        expect(Buffer.compare(stored, set.pixels.subarray(offset, offset + AREA))).toBe(0);
      }
    }
    expect(table.images).toHaveLength(image * AREA);
  });

  it('mirrored, has twice as many classes and images: left and right exchanged, twice of which changes nothing', () => {
    const table = glyphSplit(set, 'validation');
    const mirrored = mirrorGlyphs(table);
    const count = table.images.length / AREA;
    expect(mirrored).toMatchObject({ classes: 2 * table.classes, maxExamples: table.maxExamples, side: 28 });
    expect(mirrored.images.subarray(0, table.images.length)).toEqual(table.images);
    expect(mirrored.names.at(-1)).toBe(`${table.names.at(-1)}, mirrored`);
    expect(mirrored.examples[table.examples.length]).toBe((table.examples[0] ?? 0) + count);
    const last = 2 * count - 1;
    for (const [y, x] of [
      [3, 20],
      [13, 9],
    ] as const) {
      expect(mirrored.images[last * AREA + y * 28 + (27 - x)]).toBe(
        mirrored.images[(last - count) * AREA + y * 28 + x],
      );
    }
    const twice = mirrorGlyphs(mirrored);
    expect(twice.images.subarray(3 * table.images.length)).toEqual(table.images);
    expect(turnGlyphs(mirrored).classes).toBe(8 * table.classes);
  });

  it('some classes, has their names, counts and images, and no others', () => {
    const table = glyphSplit(set, 'validation');
    const some = glyphClasses(table, 2, 5);
    expect(some).toMatchObject({ classes: 3, maxExamples: table.maxExamples, side: 28 });
    expect(some.names).toEqual(table.names.slice(2, 5));
    expect(some.images).toHaveLength(AREA * some.counts.reduce((sum, count) => sum + count, 0));
    for (let entry = 0; entry < 3; entry++) {
      expect(some.counts[entry]).toBe(table.counts[entry + 2]);
      for (let example = 0; example < table.maxExamples; example++) {
        const here = some.examples[entry * table.maxExamples + example] ?? ABSENT_EXAMPLE;
        const there = table.examples[(entry + 2) * table.maxExamples + example] ?? ABSENT_EXAMPLE;
        expect(here === ABSENT_EXAMPLE).toBe(there === ABSENT_EXAMPLE);
        if (here === ABSENT_EXAMPLE) continue;
        const image = some.images.subarray(here * AREA, (here + 1) * AREA);
        expect(Buffer.compare(image, table.images.subarray(there * AREA, (there + 1) * AREA))).toBe(0);
      }
    }
  });

  it('turned, has four times as many classes and images: quarter turns, four of which change nothing', () => {
    const table = glyphSplit(set, 'validation');
    const turned = turnGlyphs(table);
    const count = table.images.length / AREA;
    expect(turned).toMatchObject({ classes: 4 * table.classes, maxExamples: table.maxExamples, side: 28 });
    expect(turned.images).toHaveLength(4 * table.images.length);
    expect(turned.names.at(-1)).toBe(`${table.names.at(-1)}, turned by 270°`);
    for (const entry of [0, table.classes - 1]) {
      const first = table.examples[entry * table.maxExamples] ?? 0;
      for (let turn = 0; turn < 4; turn++) {
        const row = turn * table.classes + entry;
        expect(turned.counts[row]).toBe(table.counts[entry]);
        expect(turned.examples[row * table.maxExamples]).toBe(first + turn * count);
        const absent = turned.examples.subarray(
          row * table.maxExamples + (table.counts[entry] ?? 0),
          (row + 1) * table.maxExamples,
        );
        expect(absent.every((example) => example === ABSENT_EXAMPLE)).toBe(true);
        for (const [y, x] of [
          [3, 20],
          [13, 9],
        ] as const) {
          const pixel = (image: number, py: number, px: number) =>
            turned.images[image * AREA + py * 28 + px] ?? Number.NaN;
          const [ty, tx] = [
            [y, x],
            [27 - x, y],
            [27 - y, 27 - x],
            [x, 27 - y],
          ][turn] as [number, number];
          expect(pixel(first + turn * count, ty, tx)).toBe(pixel(first, y, x));
        }
      }
    }
  });

  it('averaged to 14x14, keeps the mean of every image', () => {
    const table = glyphSplit(set, 'validation');
    const pooled = poolGlyphs(table, 14);
    expect(pooled).toMatchObject({ side: 14, classes: table.classes, examples: table.examples });
    const mean = (values: Uint8Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    for (const image of [0, 7]) {
      const small = pooled.images.subarray(image * 196, (image + 1) * 196);
      const large = table.images.subarray(image * AREA, (image + 1) * AREA);
      expect(Math.abs(mean(small) - mean(large))).toBeLessThan(0.5);
    }
    expect(() => poolGlyphs(table, 13)).toThrow(CoordwiseError);
  });

  it('refuses a split without classes', () => {
    const empty: GlyphSet = { ...set, classes: [] };
    expect(() => glyphSplit(empty, 'test')).toThrow(CoordwiseError);
    expect(() => glyphSplit(empty, 'test')).toThrow('no class in the split test');
  });

  it('is hard enough for pixels: the nearest of five single examples is right 55 to 85 times in 100', () => {
    const { classes, counts, maxExamples, examples, images } = glyphSplit(set, 'test');
    const image = (row: number, column: number): Uint8Array => {
      const number = examples[row * maxExamples + (column % (counts[row] ?? 1))] ?? 0;
      return images.subarray(number * AREA, (number + 1) * AREA);
    };
    const distance = (a: Uint8Array, b: Uint8Array): number =>
      a.reduce((sum, value, at) => sum + (value - (b[at] ?? 0)) ** 2, 0);
    let right = 0;
    let asked = 0;
    for (let episode = 0; episode < 300; episode++) {
      const rows = Array.from({ length: 5 }, (_, way) => (episode * 5 + way * (1 + (episode % 7))) % classes);
      if (new Set(rows).size < 5) continue;
      for (const [way, row] of rows.entries()) {
        const query = image(row, episode + 1);
        const distances = rows.map((other, column) => distance(query, image(other, episode + 3 + column)));
        right += distances.indexOf(Math.min(...distances)) === way ? 1 : 0;
        asked++;
      }
    }
    expect(asked).toBeGreaterThan(1000);
    expect(right / asked).toBeGreaterThan(0.55);
    expect(right / asked).toBeLessThan(0.85);
  });
});

interface TinyClass {
  character: string;
  script: string;
  name: string;
  alike: string;
  split: GlyphSplitName;
  families: number[];
}

function tinyHeader() {
  const family = (name: string, split: GlyphSplitName) => ({
    ...{ name, package: '@fontsource/x@1.0.0', weight: 400, split, licence: 'OFL-1.1', copyright: '(c) x' },
  });
  const classes: TinyClass[] = [
    { character: 'A', script: 'Latin', name: 'latin a', alike: 'Α', split: 'train', families: [0, 2] },
    { character: 'あ', script: 'Hiragana', name: 'hiragana a', alike: '', split: 'test', families: [1] },
  ];
  return {
    format: 'coordwise-glyphs-1',
    side: 28,
    promised: { train: 2, validation: 1, test: 1 },
    classes,
    families: [family('One', 'train'), family('Two', 'test'), family('Three', 'train')],
  };
}

/** A glyph file before it is packed. */
function tinyFile(header: object = tinyHeader(), images = 3, magic = 'CWGLYPH1'): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const start = Buffer.from(`${magic}....`);
  start.writeUInt32LE(text.length, 8);
  const pixels = Buffer.from(Array.from({ length: images * AREA }, (_, at) => (at * 31) % 251));
  return Buffer.concat([start, text, pixels]);
}

describe('decodeGlyphs', () => {
  it('reads what the format says, from any offset, as copies', async () => {
    const packed = gzipSync(tinyFile());
    const shifted = Buffer.alloc(packed.length + 9, 0xee);
    shifted.set(packed, 5);
    const tiny = await decodeGlyphs(shifted.subarray(5, 5 + packed.length), 'tiny.bin');
    shifted.fill(0);
    expect(tiny.classes[0]).toEqual({
      ...{ character: 'A', script: 'Latin', name: 'latin a', alike: 'Α', split: 'train' },
    });
    expect([0, 1, 2].map((family) => tiny.index(0, family))).toEqual([0, -1, AREA]);
    expect([0, 1, 2].map((family) => tiny.index(1, family))).toEqual([-1, 2 * AREA, -1]);
    expect(tiny.pixels).toHaveLength(3 * AREA);
    expect(tiny.pixels[2 * AREA]).toBe((2 * AREA * 31) % 251);
    expect(glyphSplit(tiny, 'train').examples).toEqual(Uint32Array.of(0, 1));
  });

  it('refuses every shorter file, every changed byte and anything after the end', async () => {
    const packed = gzipSync(tinyFile());
    for (let length = 0; length < packed.length; length++) {
      await expect(decodeGlyphs(packed.subarray(0, length), 'cut.bin')).rejects.toThrow(FileFormatError);
    }
    // Bytes 4 to 9 of a gzip file are a date and the system it was packed on.
    for (let at = 0; at < packed.length; at++) {
      if (at >= 4 && at < 10) continue;
      const changed = Buffer.from(packed);
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      await expect(decodeGlyphs(changed, 'changed.bin'), `byte ${at}`).rejects.toThrow(FileFormatError);
    }
    for (const rest of [Buffer.from([0]), Buffer.from('more'), packed]) {
      const longer = Buffer.concat([packed, rest]);
      await expect(decodeGlyphs(longer, 'longer.bin')).rejects.toThrow(FileFormatError);
    }
    const inside = tinyFile();
    for (const length of [0, 7, 11, 12, 40, 400, inside.length - 1]) {
      const cut = gzipSync(inside.subarray(0, length));
      await expect(decodeGlyphs(cut, 'inside.bin'), `${length} bytes`).rejects.toThrow(FileFormatError);
    }
  });

  it('refuses the real file cut anywhere', async () => {
    const bytes = readFileChecked(packageFile('data', 'glyphs.bin'), 'the glyphs');
    const cuts = Array.from({ length: 24 }, (_, part) => Math.floor((bytes.length * part) / 24));
    for (const length of [...cuts, bytes.length - 8, bytes.length - 4, bytes.length - 1]) {
      await expect(decodeGlyphs(bytes.subarray(0, length), 'glyphs.bin')).rejects.toThrow(FileFormatError);
    }
    expect(gunzipSync(bytes).toString('latin1', 0, 8)).toBe('CWGLYPH1');
  });

  const header = tinyHeader();
  const [latin, kana] = header.classes;
  const withClass = (change: object) => ({ ...header, classes: [{ ...latin, ...change }, kana] });
  it.each([
    ['another format', { ...header, format: 'coordwise-glyphs-2' }, 'its header at format:'],
    ['another size', { ...header, side: 32 }, 'its header at side:'],
    ['an unknown entry', { ...header, colour: true }, 'its header at '],
    ['an unknown split', withClass({ split: 'dev' }), 'its header at classes.0.split:'],
    ['two characters', withClass({ character: 'AB' }), 'classes.0.character: not a single character'],
    [
      'a character twice',
      withClass({ alike: 'あ' }),
      'class 1 (hiragana a) has the character あ of an earlier',
    ],
    ['a family that is not there', withClass({ families: [0, 3] }), 'class 0 (latin a) names family 3 of 3'],
    [
      'a family twice',
      withClass({ families: [0, 0] }),
      'the families of class 0 (latin a) are not in ascending',
    ],
    ['families in disorder', withClass({ families: [2, 0] }), 'are not in ascending order'],
    ['a family of another split', withClass({ families: [0, 1] }), 'is in train, but its family 1 is not'],
    ['too few examples', withClass({ families: [0] }), 'has 1 examples, fewer than the 2 promised for train'],
    ['no licence', { ...header, families: [{ name: 'One' }] }, 'its header at families.0.'],
  ])('refuses a header with %s', async (_, changed, message) => {
    const file = gzipSync(tinyFile(changed));
    await expect(decodeGlyphs(file, 'x.bin')).rejects.toThrow(FileFormatError);
    await expect(decodeGlyphs(file, 'x.bin')).rejects.toThrow(message);
  });

  it('refuses other files and other sizes, by what they are', async () => {
    const read = (bytes: Uint8Array) => decodeGlyphs(bytes, 'x.bin');
    await expect(read(Buffer.alloc(100))).rejects.toThrow('x.bin: it is not a gzip file');
    await expect(read(gzipSync('some other text'))).rejects.toThrow('it does not start with CWGLYPH1');
    await expect(read(gzipSync(tinyFile(header, 3, 'CWGLYPH2')))).rejects.toThrow(
      'does not start with CWGLYPH1',
    );
    const size = `names 3 images of 784 bytes, but ${2 * AREA} bytes follow it`;
    await expect(read(gzipSync(tinyFile(header, 2)))).rejects.toThrow(size);
    await expect(read(gzipSync(tinyFile(header, 4)))).rejects.toThrow(`but ${4 * AREA} bytes follow it`);
  });
});

describe('packageRoot', () => {
  it('finds the file from src, from dist and from deeper folders, and says when there is none', () => {
    const root = join(dirname(fileURLToPath(import.meta.url)), '..');
    for (const from of ['src/node/glyphs.ts', 'dist/node.js', 'dist/chunks/node-1234.js']) {
      expect(packageRoot(join(root, from))).toBe(root);
    }
    expect(existsSync(packageFile('data', 'glyphs.bin'))).toBe(true);
    expect(() => packageRoot('/nowhere/at/all.js')).toThrow(CoordwiseError);
    expect(() => packageRoot('/nowhere/at/all.js')).toThrow(
      'data/glyphs.bin, the glyphs that come with coordwise',
    );
  });
});
