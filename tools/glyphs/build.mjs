/**
 * Writes data/glyphs.bin and data/GLYPHS.md from the families of families.mjs: `npm install && npm run build` in this
 * folder. The same packages on the same Node give the same bytes.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { characters } from './characters.mjs';
import { drawGlyph } from './draw.mjs';
import { families as list } from './families.mjs';
import { openFamily } from './fonts.mjs';
import { describe } from './markdown.mjs';
import { pack } from './pack.mjs';
import { dropAmbiguous, dropCopies, mergeShapes, normalise } from './shapes.mjs';
import { divide, promised, shares, splits } from './split.mjs';

const seed = 1;
/** Correlation above which a glyph could be either of two classes of its family. */
const ambiguousAbove = 0.95;
/** Correlation above which a glyph is another family's over again. */
const copiedAbove = 0.985;

const families = list.map(([id, weight]) => openFamily(id, weight));

/** By character, by family. */
const images = characters.map(({ character }) => {
  return families.map((family) => {
    const path = family.outline(character);
    return path === null ? null : drawGlyph(path);
  });
});
const all = images.map((row) => row.map((pixels) => (pixels === null ? null : normalise(pixels))));
const shapes = mergeShapes(
  characters.map(({ character }) => character),
  all,
);
const rows = shapes.map(({ index }) => all[index] ?? []);
const ambiguous = dropAmbiguous(rows, ambiguousAbove);

/** Families alike in the scripts they cover are divided among the splits together. */
const familySplits = divide(
  families.map((_, family) => {
    const covered = shapes.filter((_, shape) => rows[shape]?.[family]);
    return [...new Set(covered.map(({ index }) => characters[index]?.script))].join();
  }),
  shares.families,
  seed,
);
const familiesOf = Object.fromEntries(
  splits.map((split) => [split, [...families.keys()].filter((family) => familySplits[family] === split)]),
);
let copied = 0;
for (const split of splits) copied += dropCopies(rows, familiesOf[split] ?? [], copiedAbove);

const candidates = shapes.map((shape, at) => ({ ...shape, row: rows[at] ?? [] }));
const kept = candidates.filter(({ row }) => {
  return splits.every((split) => {
    const present = (familiesOf[split] ?? []).filter((family) => row[family]);
    return present.length >= promised[split];
  });
});
const classSplits = divide(
  kept.map(({ index }) => characters[index]?.script ?? ''),
  shares.characters,
  seed,
);

const classes = kept.map(({ index, absorbed, row }, at) => {
  const split = classSplits[at] ?? 'train';
  const present = (familiesOf[split] ?? []).filter((family) => row[family]);
  const { character = '', script = '', name = '' } = characters[index] ?? {};
  return {
    facts: { character, script, name, alike: absorbed.join(''), split, families: present },
    images: present.map((family) => images[index]?.[family] ?? new Uint8Array()),
  };
});
/** @type {import('./pack.mjs').Header} */
const header = {
  format: 'coordwise-glyphs-1',
  side: 28,
  promised,
  classes: classes.map(({ facts }) => facts),
  families: families.map((family, at) => ({
    name: family.name,
    package: `@fontsource/${family.id}@${family.version}`,
    weight: family.weight,
    split: familySplits[at] ?? 'train',
    licence: family.licence,
    copyright: family.copyright,
  })),
};

const folder = fileURLToPath(new URL('../../data/', import.meta.url));
const bytes = pack(
  header,
  classes.flatMap((entry) => entry.images),
);
const facts = {
  bytes: bytes.length,
  characters: characters.length,
  shapes: shapes.length,
  ambiguous,
  ambiguousAbove,
  copied,
  copiedAbove,
  leftOut: candidates
    .filter((shape) => !kept.includes(shape))
    .map(({ index }) => characters[index]?.character ?? ''),
};
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}glyphs.bin`, bytes);
writeFileSync(`${folder}GLYPHS.md`, describe(header, facts));
console.log(`data/glyphs.bin: ${classes.length} classes, ${bytes.length} bytes`);
