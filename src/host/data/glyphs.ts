/**
 * Characters drawn in many font families, 28 x 28 grey, for few-shot classification: a class is a character, an
 * example of it is one family's drawing. data/GLYPHS.md says how the file is made; this module reads it.
 */
import * as z from 'zod';
import { CoordwiseError, FileFormatError } from '../errors.ts';
import { averagePool } from './images.ts';

export const GLYPH_SPLITS = ['train', 'validation', 'test'] as const;
export type GlyphSplitName = (typeof GLYPH_SPLITS)[number];

export interface GlyphClass {
  /** The character, a single code point. */
  readonly character: string;
  readonly script: string;
  /** In English, such as "greek small beta". */
  readonly name: string;
  /** Other characters of the same shape, which this class stands for as well. */
  readonly alike: string;
  readonly split: GlyphSplitName;
}

export interface GlyphFamily {
  readonly name: string;
  /** The npm package and version the outlines come from. */
  readonly package: string;
  readonly weight: number;
  readonly split: GlyphSplitName;
  /** SPDX identifier. */
  readonly licence: string;
  /** The copyright notice of the family's licence. */
  readonly copyright: string;
}

/** All of a glyph file. A class has images of families of its own split only. */
export interface GlyphSet {
  readonly side: 28;
  readonly classes: readonly GlyphClass[];
  readonly families: readonly GlyphFamily[];
  /** uint8 [images, 28, 28]: 0 is paper, 255 is ink. */
  readonly pixels: Uint8Array;
  /** Examples that every class of a split has at least. */
  readonly promised: Readonly<Record<GlyphSplitName, number>>;
  /** Where in `pixels` a family's drawing of a class starts; -1 where there is none. */
  index(classIndex: number, familyIndex: number): number;
}

/** How images are distorted at random when they are drawn, so that there are more shapes to learn from. */
export interface Distortion {
  /** 1: classes turned by up to 17 degrees, sheared by 0.3 and stretched by 1.2, single images half as much. */
  readonly strength: number;
  /** Side of the images after it: they are distorted at their own size, then average-pooled to this one. */
  readonly side: number;
}

/** One split as tables for the GPU. Images are numbered from 0 within the split. */
export interface GlyphTable {
  readonly split: GlyphSplitName;
  readonly classes: number;
  /** M: the most examples a class has. */
  readonly maxExamples: number;
  /** [classes, M]: image numbers, then ABSENT_EXAMPLE up to M. */
  readonly examples: Uint32Array<ArrayBuffer>;
  /** [classes]: how many examples each class has. */
  readonly counts: Uint32Array<ArrayBuffer>;
  /** Height and width of an image. */
  readonly side: number;
  /** Absent where images are seen as they are. */
  readonly distortion?: Distortion;
  /** uint8 [n, side, side]. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** The classes' names. */
  readonly names: readonly string[];
}

/** Fills the rows of `GlyphTable.examples` of classes with fewer than M examples: no image has this number. */
export const ABSENT_EXAMPLE = 0xffffffff;

const SIDE = 28;
const AREA = SIDE * SIDE;
const MAGIC = 'CWGLYPH1';
const REMEDY = 'the file is damaged: reinstall the package, or make the file anew as data/GLYPHS.md says';
/** Far above any glyph file; keeps a file that unpacks to gigabytes from being unpacked. */
const MOST_BYTES = 2 ** 28;

const split = z.enum(GLYPH_SPLITS);
const text = z.string().min(1).max(1000);
const headerSchema = z.strictObject({
  format: z.literal('coordwise-glyphs-1'),
  side: z.literal(SIDE),
  promised: z.strictObject({ train: z.int().min(1), validation: z.int().min(1), test: z.int().min(1) }),
  classes: z.array(
    z.strictObject({
      character: text.refine((value) => [...value].length === 1, 'not a single character'),
      script: text,
      name: text,
      alike: z.string(),
      split,
      families: z.array(z.int().min(0)),
    }),
  ),
  families: z.array(
    z.strictObject({
      name: text,
      package: text,
      weight: z.int().min(1).max(1000),
      split,
      licence: text,
      copyright: text,
    }),
  ),
});
type Header = z.infer<typeof headerSchema>;

/**
 * Reads a glyph file: gzip of "CWGLYPH1", the header's length (uint32, little-endian), the header (JSON) and the
 * images (uint8 [n, 28, 28]), class by class.
 *
 * @param source the file's name, for messages
 * @throws FileFormatError where the bytes are damaged, cut off, followed by others, or contradict the header
 */
export async function decodeGlyphs(bytes: Uint8Array, source: string): Promise<GlyphSet> {
  const refuse = (what: string, cause?: unknown) =>
    new FileFormatError(`${source}: ${what}`, REMEDY, cause === undefined ? {} : { cause });
  const all = await unpack(bytes, refuse);
  if (all.length < 12 || String.fromCharCode(...all.subarray(0, 8)) !== MAGIC) {
    throw refuse(`it does not start with ${MAGIC}, so it is not a glyph file of this version`);
  }
  const end = 12 + new DataView(all.buffer, all.byteOffset + 8, 4).getUint32(0, true);
  if (end > all.length) throw refuse(`the header should end at byte ${end}, but there are ${all.length}`);
  const header = parseHeader(all.subarray(12, end), refuse);
  const pixels = all.subarray(end);
  const offsets = locateImages(header, pixels.length, refuse);
  const { classes, families, promised } = header;
  return {
    side: SIDE,
    classes: classes.map(({ families: _, ...rest }) => rest),
    families,
    promised,
    pixels,
    index(classIndex, familyIndex) {
      if (familyIndex < 0 || familyIndex >= families.length) return -1;
      return offsets[classIndex * families.length + familyIndex] ?? -1;
    },
  };
}

/**
 * The characters of one split, drawn by the families of the same split.
 *
 * @throws CoordwiseError where the set has no class in that split
 */
export function glyphSplit(set: GlyphSet, name: GlyphSplitName): GlyphTable {
  const members = [...set.classes.keys()].filter((index) => set.classes[index]?.split === name);
  if (members.length === 0) {
    throw new CoordwiseError(`the glyphs have no class in the split ${name}`, 'choose another split or file');
  }
  const families = [...set.families.keys()].filter((index) => set.families[index]?.split === name);
  const rows = members.map((index) =>
    families.map((family) => set.index(index, family)).filter((offset) => offset >= 0),
  );
  const maxExamples = Math.max(...rows.map((row) => row.length));
  const examples = new Uint32Array(rows.length * maxExamples).fill(ABSENT_EXAMPLE);
  const images = new Uint8Array(rows.reduce((sum, row) => sum + row.length, 0) * AREA);
  let image = 0;
  for (const [row, offsets] of rows.entries()) {
    for (const [column, offset] of offsets.entries()) {
      examples[row * maxExamples + column] = image;
      images.set(set.pixels.subarray(offset, offset + AREA), image * AREA);
      image++;
    }
  }
  return {
    split: name,
    classes: rows.length,
    maxExamples,
    examples,
    counts: Uint32Array.from(rows, (row) => row.length),
    side: SIDE,
    images,
    names: members.map((index) => set.classes[index]?.name ?? ''),
  };
}

/**
 * The same glyphs averaged over blocks of pixels down to side x side.
 *
 * @throws CoordwiseError where `side` does not divide the glyphs' own
 */
export function poolGlyphs(table: GlyphTable, side: number): GlyphTable {
  const count = table.images.length / table.side ** 2;
  const labels = new Uint8Array(count);
  const size = { height: table.side, width: table.side, classes: 1 };
  const set = { name: 'glyphs', count, ...size, pixels: table.images, labels };
  return { ...table, side, images: Uint8Array.from(averagePool(set, side).pixels) };
}

/** A way to see an image: which pixel (y, x) of the image of that side is shown at (y, x). */
type View = readonly [
  suffix: string,
  from: (y: number, x: number, side: number) => readonly [number, number],
];

const TURNS: readonly View[] = [
  ['', (y, x) => [y, x]],
  [', turned by 90°', (y, x, side) => [x, side - 1 - y]],
  [', turned by 180°', (y, x, side) => [side - 1 - y, side - 1 - x]],
  [', turned by 270°', (y, x, side) => [side - 1 - x, y]],
];
const MIRRORED: readonly View[] = [
  ['', (y, x) => [y, x]],
  [', mirrored', (y, x, side) => [y, side - 1 - x]],
];

/**
 * The same glyphs, and as classes of their own the same turned by a quarter, a half and three quarters: four times as
 * many classes to learn from, as few-shot learning on characters does since Santoro et al. 2016.
 */
export function turnGlyphs(table: GlyphTable): GlyphTable {
  return glyphViews(table, TURNS);
}

/** The same glyphs, and as classes of their own the same with left and right exchanged: twice as many classes. */
export function mirrorGlyphs(table: GlyphTable): GlyphTable {
  return glyphViews(table, MIRRORED);
}

/** The glyphs in several views, every view of a class a class of its own; the first view is the table itself. */
function glyphViews(table: GlyphTable, views: readonly View[]): GlyphTable {
  const { side, classes, examples, images } = table;
  const area = side * side;
  const count = images.length / area;
  const seen = new Uint8Array(views.length * images.length);
  for (const [view, [, from]] of views.entries()) {
    const source = Array.from({ length: area }, (_, at) => {
      const [y, x] = from(Math.floor(at / side), at % side, side);
      return y * side + x;
    });
    for (let at = 0; at < images.length; at++) {
      const pixel = at % area;
      seen[view * images.length + at] = images[at - pixel + (source[pixel] ?? 0)] ?? 0;
    }
  }
  return {
    ...table,
    classes: views.length * classes,
    examples: Uint32Array.from({ length: views.length * examples.length }, (_, at) => {
      const example = examples[at % examples.length] ?? ABSENT_EXAMPLE;
      const view = Math.floor(at / examples.length);
      return example === ABSENT_EXAMPLE ? ABSENT_EXAMPLE : example + view * count;
    }),
    counts: Uint32Array.from({ length: views.length * classes }, (_, at) => table.counts[at % classes] ?? 0),
    images: seen,
    names: views.flatMap(([suffix]) => table.names.map((name) => `${name}${suffix}`)),
  };
}

/** The classes `from` to `to` of the glyphs, with their images alone. */
export function glyphClasses(table: GlyphTable, from: number, to: number): GlyphTable {
  const { maxExamples, counts, names } = table;
  if (to - from === table.classes) return table;
  const area = table.side ** 2;
  const examples = table.examples.slice(from * maxExamples, to * maxExamples);
  const kept = examples.filter((image) => image !== ABSENT_EXAMPLE);
  const images = new Uint8Array(kept.length * area);
  for (const [at, image] of kept.entries()) {
    images.set(table.images.subarray(image * area, (image + 1) * area), at * area);
  }
  let next = 0;
  return {
    ...table,
    classes: to - from,
    examples: examples.map((image) => (image === ABSENT_EXAMPLE ? ABSENT_EXAMPLE : next++)),
    counts: counts.slice(from, to),
    images,
    names: names.slice(from, to),
  };
}

type Refuse = (what: string, cause?: unknown) => FileFormatError;

/** Inflates a gzip file of one member that ends where the file ends. */
async function unpack(bytes: Uint8Array, refuse: Refuse): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes.length < 18 || bytes[0] !== 0x1f || bytes[1] !== 0x8b) throw refuse('it is not a gzip file');
  const claimed = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4).getUint32(0, true);
  const wrong = `its last four bytes claim that ${claimed} bytes are packed in it`;
  if (claimed > MOST_BYTES) throw refuse(`${wrong}, more than any glyph file`);
  const all = new Uint8Array(claimed);
  let length = 0;
  try {
    const reader = new Blob([bytes.slice()])
      .stream()
      .pipeThrough(new DecompressionStream('gzip'))
      .getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (length + part.value.length > claimed) {
        await reader.cancel();
        throw refuse(`${wrong}, but there are more`);
      }
      all.set(part.value, length);
      length += part.value.length;
    }
  } catch (error) {
    throw error instanceof FileFormatError ? error : refuse('it cannot be unpacked', error);
  }
  if (length !== claimed) throw refuse(`${wrong}, but there are ${length}`);
  return all;
}

function parseHeader(bytes: Uint8Array, refuse: Refuse): Header {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw refuse('its header is not JSON', error);
  }
  const result = headerSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw refuse(`its header at ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`, result.error);
}

/** Offsets [classes, families] of the images, -1 where there is none; checks the header against itself. */
function locateImages(header: Header, pixelBytes: number, refuse: Refuse): Int32Array {
  const { classes, families, promised } = header;
  const taken = new Set<string>();
  const offsets = new Int32Array(classes.length * families.length).fill(-1);
  let images = 0;
  for (const [index, entry] of classes.entries()) {
    const who = `class ${index} (${entry.name})`;
    for (const character of [entry.character, ...entry.alike]) {
      if (taken.has(character)) throw refuse(`${who} has the character ${character} of an earlier class`);
      taken.add(character);
    }
    let last = -1;
    for (const family of entry.families) {
      if (family >= families.length) throw refuse(`${who} names family ${family} of ${families.length}`);
      if (family <= last) throw refuse(`the families of ${who} are not in ascending order`);
      if (families[family]?.split !== entry.split) {
        throw refuse(`${who} is in ${entry.split}, but its family ${family} is not`);
      }
      last = family;
      offsets[index * families.length + family] = AREA * images;
      images++;
    }
    if (entry.families.length < promised[entry.split]) {
      const few = `${entry.families.length} examples, fewer than the ${promised[entry.split]} promised`;
      throw refuse(`${who} has ${few} for ${entry.split}`);
    }
  }
  if (images * AREA !== pixelBytes) {
    throw refuse(`its header names ${images} images of ${AREA} bytes, but ${pixelBytes} bytes follow it`);
  }
  return offsets;
}

/** How the tables of a task on glyphs are made. */
export interface GlyphTableSettings {
  /** Side of the images. */
  readonly resolution: number;
  /** Whether the training split has quarter turns as classes of their own. */
  readonly turned: boolean;
  /** Whether it has the mirrored ones, turned or not, too. */
  readonly mirrored: boolean;
  /** Of the training split's images; 0: not at all. */
  readonly distortion: number;
}

/** All splits as a task on glyphs has them: only what is trained on is turned, mirrored and distorted. */
export function glyphSplits(
  set: GlyphSet,
  { resolution, turned, mirrored, distortion: strength }: GlyphTableSettings,
): Readonly<Record<GlyphSplitName, GlyphTable>> {
  const table = (split: GlyphSplitName) => poolGlyphs(glyphSplit(set, split), resolution);
  const distortion = { strength, side: resolution };
  const train = strength > 0 ? { ...glyphSplit(set, 'train'), distortion } : table('train');
  const turnedTrain = turned ? turnGlyphs(train) : train;
  return {
    train: mirrored ? mirrorGlyphs(turnedTrain) : turnedTrain,
    validation: table('validation'),
    test: table('test'),
  };
}
