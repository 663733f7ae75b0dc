/** data/GLYPHS.md, from the same facts as data/glyphs.bin. */
import { alike } from './shapes.mjs';
import { promised, splits } from './split.mjs';

/**
 * @typedef {object} Facts
 * @property {number} bytes
 * @property {number} characters
 * @property {number} shapes
 * @property {number} ambiguous
 * @property {number} ambiguousAbove
 * @property {number} copied
 * @property {number} copiedAbove
 * @property {string[]} leftOut
 */

/**
 * @param {import('./pack.mjs').Header} header
 * @param {Facts} facts
 */
export function describe(header, facts) {
  const { classes, families } = header;
  const images = classes.reduce((sum, entry) => sum + entry.families.length, 0);
  return `# Glyphs for few-shot classification

\`glyphs.bin\` holds ${images} images of ${classes.length} characters: 28 x 28 pixels, grey, 0 for paper and 255 for ink.
A class is a character, an example of it is one font family's drawing. Written by \`tools/glyphs\`, as is this page:

    cd tools/glyphs && npm install && npm run build      # the versions in its package-lock.json; 1.2 GB
    npm run sheet -- sheet.png [train|validation|test]      # a picture of all images

The same packages on the same version of Node give the same bytes. ${facts.bytes} bytes.

## Splits

Characters and families are divided alike: a test image shows a character *and* a family that training never saw.
Every class has at least ${promised.train} examples in train, ${promised.validation} in validation and ${promised.test} in test.

${splitTable(header)}

Images are stored where the class and the family are in the same split.

## How they are made

1. **Coverage.** A character is drawn from a family's own outlines and only where the cmap of one of the family's files
   has it (opentype.js reads the files, no text engine is involved, so nothing falls back to another font). Blank glyphs
   and copies of .notdef are refused.
2. **Size and place.** The outline's bounding box is scaled, aspect ratio kept, until its longer side is 22 pixels, and
   centred; filled with anti-aliasing by @napi-rs/canvas.
3. **One class a shape.** ${facts.characters} characters are candidates. In their order (Latin, digits, Greek, Cyrillic, kana, Han,
   symbols) each joins an earlier class if the table of homoglyphs in shapes.mjs says so (A, Alpha and Cyrillic A; o, O
   and 0; small letters that are smaller capitals), if their images correlate by more than ${alike.inOneFamily} on average over the
   families that have both, or if their mean images correlate by more than ${alike.onAverage}. The first character's images stand for
   the class; ${facts.shapes} shapes remain. The tables below name the characters that joined.
4. **No ambiguous glyphs.** Where a family draws two classes alike (correlation above ${facts.ambiguousAbove}: small letters as capitals,
   an l like the 1), the glyph less like its class's mean is left out: ${facts.ambiguous} glyphs.
5. **No copies.** Where two families of a split share a glyph (correlation above ${facts.copiedAbove}), one of the two is left
   out: ${facts.copied} glyphs.
6. **Enough families.** A class is kept if it would have the promised number of examples in any split; for lack of families
   these are left out: ${facts.leftOut.join(' ')}.
7. **Division** by a seed: families in groups of equal coverage, characters by script.

## File format

gzip of: the 8 bytes \`CWGLYPH1\`; the header's length in bytes (uint32, little-endian); the header (JSON, UTF-8); the images
(uint8 [n, 28, 28]), class by class, each class's in the order of its list \`families\`. \`src/host/data/glyphs.ts\` reads it
and \`tools/glyphs/pack.mjs\` writes it.

## Characters

${splits.map((split) => characterTable(header, split)).join('\n\n')}

## Families and licences

All ${families.length} families are under the SIL Open Font License 1.1 (https://openfontlicense.org). The images are pictures drawn with
these fonts; no font file is part of this package. The header of \`glyphs.bin\` repeats these notices.

| family | package, weight | split | copyright |
| --- | --- | --- | --- |
${families
  .map(({ name, package: from, weight, split, copyright }) => {
    return `| ${name} | ${from}, ${weight} | ${split} | ${copyright.replaceAll('|', '/')} |`;
  })
  .join('\n')}
`;
}

/** @param {import('./pack.mjs').Header} header */
function splitTable({ classes, families }) {
  const scripts = [...new Set(classes.map(({ script }) => script))];
  const lines = splits.map((split) => {
    const members = classes.filter((entry) => entry.split === split);
    const sizes = members.map((entry) => entry.families.length);
    const cells = [
      split,
      members.length,
      ...scripts.map((script) => members.filter((entry) => entry.script === script).length),
      families.filter((family) => family.split === split).length,
      `${Math.min(...sizes)} to ${Math.max(...sizes)}`,
      sizes.reduce((sum, size) => sum + size, 0),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const titles = ['split', 'classes', ...scripts, 'families', 'examples a class', 'images'];
  return [`| ${titles.join(' | ')} |`, `|${' --- |'.repeat(titles.length)}`, ...lines].join('\n');
}

/**
 * @param {import('./pack.mjs').Header} header
 * @param {import('./split.mjs').Split} split
 */
function characterTable({ classes }, split) {
  const members = classes.filter((entry) => entry.split === split);
  const scripts = [...new Set(members.map(({ script }) => script))];
  const lines = scripts.map((script) => {
    const shown = members
      .filter((entry) => entry.script === script)
      .map(({ character, alike: others }) =>
        others ? `${character} (${[...others].join(' ')})` : character,
      );
    return `- ${script}: ${shown.join(' ')}`.replaceAll('*', '\\*');
  });
  return `### ${split}\n\n${lines.join('\n')}`;
}
