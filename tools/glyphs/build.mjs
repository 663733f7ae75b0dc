/**
 * Writes data/glyphs.bin and data/GLYPHS.md from the families of families.mjs: `npm ci && npm run build` in this
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
/** Correlations above which a glyph could be either of two classes, and is another family's glyph over again. */
const ambiguous = 0.95;
const copied = 0.985;

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
const counts = {
  drawn: images.flat().filter((pixels) => pixels !== null).length,
  shapes: shapes.length,
  ambiguous: dropAmbiguous(rows, ambiguous),
  copied: 0,
};

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
for (const split of splits) counts.copied += dropCopies(rows, familiesOf[split] ?? [], copied);

const kept = shapes
  .map((shape, at) => ({ ...shape, row: rows[at] ?? [] }))
  .filter(({ row }) => {
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
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}glyphs.bin`, bytes);
writeFileSync(`${folder}GLYPHS.md`, describe(header, { ...counts, bytes: bytes.length, ambiguousAbove: ambiguous, copiedAbove: copied, characters: characters.length }));
console.log(`data/glyphs.bin: ${bytes.length} bytes, ${classes.length} classes`, counts);
if (process.env.DEBUG) {
  const log = [];
  for (const [at, shape] of shapes.entries()) {
    const c = splits.map((split) => (familiesOf[split] ?? []).filter((f) => rows[at]?.[f]).length);
    const k = kept.some((x) => x.index === shape.index);
    log.push(`${k ? '+' : '-'} ${characters[shape.index]?.script} ${characters[shape.index]?.character} ${c} alike ${shape.absorbed.join('')}`);
  }
  console.log(log.sort().join('\n'));
  console.log(splits.map((s) => `${s} ${familiesOf[s]?.length}`).join(' '), classSplits.reduce((a, s) => ({ ...a, [s]: (a[s] ?? 0) + 1 }), {}), kept.length);
}
