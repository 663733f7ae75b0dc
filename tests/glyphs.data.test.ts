import { beforeAll, describe, expect, it } from 'vitest';
import { GLYPH_SPLITS, type GlyphSet } from '../src/host/data/glyphs.ts';
import { readFileChecked } from '../src/node/files.ts';
import { loadGlyphs } from '../src/node/glyphs.ts';
import { packageFile } from '../src/node/packageFile.ts';

const AREA = 784;
let set: GlyphSet;
beforeAll(async () => {
  set = await loadGlyphs();
});

/** The families, by index, that have an image of a class. */
function familiesOf(classIndex: number): number[] {
  return [...set.families.keys()].filter((family) => set.index(classIndex, family) >= 0);
}

/** An image as a vector of mean 0 and length 1. */
function normalise(pixels: ArrayLike<number>): Float64Array {
  const vector = Float64Array.from(pixels);
  const mean = vector.reduce((sum, value) => sum + value, 0) / vector.length;
  const centred = vector.map((value) => value - mean);
  const length = Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0));
  return centred.map((value) => value / length);
}

function correlation(first: Float64Array, second: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < first.length; at++) sum += (first[at] ?? Number.NaN) * (second[at] ?? Number.NaN);
  return sum;
}

/** The normalised image of a class in a family; undefined where there is none. */
function vectorOf(classIndex: number, family: number): Float64Array | undefined {
  const offset = set.index(classIndex, family);
  return offset < 0 ? undefined : normalise(set.pixels.subarray(offset, offset + AREA));
}

describe('data/glyphs.bin', () => {
  it('holds the characters of several scripts in every split, and no image twice', () => {
    expect(set.side).toBe(28);
    expect(set.classes.length).toBeGreaterThanOrEqual(240);
    expect(set.families.length).toBeGreaterThanOrEqual(100);
    const starts = set.classes.flatMap((_, index) =>
      familiesOf(index).map((family) => set.index(index, family)),
    );
    expect(starts).toEqual(Array.from({ length: set.pixels.length / AREA }, (_, image) => AREA * image));
    for (const split of GLYPH_SPLITS) {
      const scripts = new Set(
        set.classes.filter((entry) => entry.split === split).map(({ script }) => script),
      );
      expect(scripts.size).toBeGreaterThanOrEqual(8);
    }
    expect(set.index(-1, 0)).toBe(-1);
    expect(set.index(0, -1)).toBe(-1);
    expect(set.index(0, set.families.length)).toBe(-1);
    expect(set.index(set.classes.length, 0)).toBe(-1);
  });

  it('shares neither characters nor families between splits', () => {
    const characters = set.classes.flatMap(({ character, alike }) => [character, ...alike]);
    expect(new Set(characters).size).toBe(characters.length);
    const names = set.families.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const [index, { split }] of set.classes.entries()) {
      for (const family of familiesOf(index)) expect(set.families[family]?.split).toBe(split);
    }
  });

  it('has the promised number of examples of every class: 5 shots and 15 queries in train and test', () => {
    expect(set.promised).toEqual({ train: 20, validation: 8, test: 20 });
    for (const [index, { split }] of set.classes.entries()) {
      expect(familiesOf(index).length).toBeGreaterThanOrEqual(set.promised[split]);
    }
  });

  it('has ink in every image, in the middle and 22 pixels long', () => {
    for (let start = 0; start < set.pixels.length; start += AREA) {
      let left = 28;
      let right = -1;
      let top = 28;
      let bottom = -1;
      for (let at = 0; at < AREA; at++) {
        if ((set.pixels[start + at] ?? 0) === 0) continue;
        left = Math.min(left, at % 28);
        right = Math.max(right, at % 28);
        top = Math.min(top, Math.floor(at / 28));
        bottom = Math.max(bottom, Math.floor(at / 28));
      }
      const longer = Math.max(right - left, bottom - top) + 1;
      expect(longer).toBeGreaterThanOrEqual(20);
      expect(longer).toBeLessThanOrEqual(24);
      // Half a pixel of anti-aliasing on one side or the other, at most two where a hairline ends faintly.
      expect(Math.abs(left + right - 27)).toBeLessThanOrEqual(2);
      expect(Math.abs(top + bottom - 27)).toBeLessThanOrEqual(2);
    }
  });

  it('has no two classes that look alike: mean images correlate by less than 0.9', () => {
    const means = set.classes.map((_, index) => {
      const sum = new Float64Array(AREA);
      for (const family of familiesOf(index)) {
        const offset = set.index(index, family);
        for (let at = 0; at < AREA; at++) sum[at] = (sum[at] ?? 0) + (set.pixels[offset + at] ?? 0);
      }
      return normalise(sum);
    });
    for (const [a, first] of means.entries()) {
      for (const [b, second] of means.slice(0, a).entries()) {
        const pair = `${set.classes[a]?.name} and ${set.classes[b]?.name}`;
        expect(correlation(first, second), pair).toBeLessThan(0.9);
      }
    }
  });

  it('has no glyph that could be of two classes of its family, and no copies within a class', () => {
    for (const family of set.families.keys()) {
      const vectors = set.classes.map((_, index) => vectorOf(index, family)).filter((vector) => vector);
      for (const [a, first] of vectors.entries()) {
        for (const second of vectors.slice(0, a)) {
          if (first && second) expect(correlation(first, second)).toBeLessThanOrEqual(0.95);
        }
      }
    }
    for (const index of set.classes.keys()) {
      const vectors = familiesOf(index).map((family) => vectorOf(index, family));
      for (const [a, first] of vectors.entries()) {
        for (const second of vectors.slice(0, a)) {
          if (first && second) expect(correlation(first, second)).toBeLessThanOrEqual(0.985);
        }
      }
    }
  });

  it('names the licence and the copyright of every family, and GLYPHS.md repeats them', () => {
    const page = new TextDecoder().decode(readFileChecked(packageFile('data', 'GLYPHS.md'), 'the page'));
    for (const { name, package: from, licence, copyright } of set.families) {
      expect(licence).toBe('OFL-1.1');
      expect(copyright, name).toMatch(/copyright|©|\(c\)/i);
      expect(from).toMatch(/^@fontsource\/[a-z0-9-]+@\d+\.\d+\.\d+$/);
      expect(page).toContain(`| ${name} | ${from}, `);
      expect(page).toContain(copyright);
    }
  });
});
