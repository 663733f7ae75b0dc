/**
 * Reads the outlines of a font family from its npm package @fontsource/<id>, without any fallback: a character
 * that none of the family's own files maps in its cmap has no outline.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { inflateSync } from 'node:zlib';
import opentype from 'opentype.js';

const require = createRequire(import.meta.url);

/**
 * @typedef {object} Family
 * @property {string} id the package's name without its scope
 * @property {string} name as the foundry writes it
 * @property {number} weight
 * @property {string} version of the npm package
 * @property {string} licence SPDX identifier
 * @property {string} copyright the holder's notice: the first of the package's LICENSE, else the font file's own
 * @property {(character: string) => opentype.Path | null} outline at 1000 units per em, y downwards
 */

/**
 * @param {string} id
 * @param {number} weight
 * @returns {Family}
 */
export function openFamily(id, weight) {
  const folder = dirname(require.resolve(`@fontsource/${id}/package.json`));
  const read = (/** @type {string} */ file) => readFileSync(join(folder, file), 'utf8');
  const { version, license } = JSON.parse(read('package.json'));
  const { family } = JSON.parse(read('metadata.json'));
  const text = read('LICENSE');
  if (license !== 'OFL-1.1' || !text.includes('SIL OPEN FONT LICENSE Version 1.1')) {
    throw new Error(`@fontsource/${id} is under ${license}: only families under OFL-1.1 are taken`);
  }

  const subsets = Object.entries(JSON.parse(read('unicode.json')))
    .map(([subset, ranges]) => ({
      file: join(folder, 'files', `${id}-${subset.replace(/[[\]]/g, '')}-${weight}-normal.woff`),
      ranges: parseRanges(ranges),
    }))
    .filter(({ file }) => existsSync(file));
  if (subsets.length === 0) throw new Error(`@fontsource/${id} has no upright files of weight ${weight}`);

  /** @type {Map<string, opentype.Font>} */
  const fonts = new Map();
  /** @param {string} character */
  function* fontsFor(character) {
    const code = character.codePointAt(0) ?? 0;
    for (const { file, ranges } of subsets) {
      if (!ranges.some(([first, last]) => code >= first && code <= last)) continue;
      const font = fonts.get(file) ?? opentype.parse(toArrayBuffer(unpackWoff(readFileSync(file))));
      fonts.set(file, font);
      yield font;
    }
  }
  const [latin] = fontsFor('A');
  const copyright = notice(text) ?? notice(latin?.getEnglishName('copyright') ?? '');
  if (copyright === null) throw new Error(`@fontsource/${id} names no holder of the copyright`);
  return {
    id,
    name: family,
    weight,
    version,
    licence: license,
    copyright,
    outline: (character) => {
      for (const font of fontsFor(character)) {
        const path = outlineIn(font, character);
        if (path !== null) return path;
      }
      return null;
    },
  };
}

/**
 * The copyright notice at the start of a text, without the repetitions for the family's other files
 * ("... Inter-Italic[wght].ttf: Copyright ..."); null where the first line holds none.
 *
 * @param {string} text
 */
function notice(text) {
  const [line = ''] = text.trim().split(/\r?\n/);
  const [first = ''] = line.split(/ [^ ]+\.ttf: /);
  return /copyright|©|\(c\)/i.test(first) ? first.trim() : null;
}

/**
 * The outline a font draws for a character; null where its cmap lacks the character, or the glyph is blank or the
 * same as .notdef.
 *
 * @param {opentype.Font} font
 * @param {string} character
 */
function outlineIn(font, character) {
  const index = font.charToGlyphIndex(character);
  if (index === 0) return null;
  const path = font.glyphs.get(index).getPath(0, 0, 1000);
  if (path.commands.length === 0) return null;
  const missing = font.glyphs.get(0).getPath(0, 0, 1000);
  return path.toPathData(1) === missing.toPathData(1) ? null : path;
}

/**
 * "U+41-5a,U+e9" as pairs of first and last code point.
 *
 * @param {string} text
 * @returns {[number, number][]}
 */
function parseRanges(text) {
  return text.split(',').map((range) => {
    const [first = '', last = first] = range.trim().replace(/^U\+/i, '').split('-');
    return [Number.parseInt(first, 16), Number.parseInt(last, 16)];
  });
}

/**
 * WOFF 1.0 (https://www.w3.org/TR/WOFF) to the sfnt it packs: the same tables, inflated, behind a new directory.
 *
 * @param {Buffer} woff
 * @returns {Buffer}
 */
function unpackWoff(woff) {
  if (woff.toString('latin1', 0, 4) !== 'wOFF') throw new Error('not a WOFF file');
  const count = woff.readUInt16BE(12);
  const head = Buffer.alloc(12 + 16 * count);
  head.writeUInt32BE(woff.readUInt32BE(4), 0);
  head.writeUInt16BE(count, 4);
  /** @type {Uint8Array[]} */
  const parts = [head];
  let end = head.length;
  for (let table = 0; table < count; table++) {
    const entry = 44 + 20 * table;
    const offset = woff.readUInt32BE(entry + 4);
    const packed = woff.readUInt32BE(entry + 8);
    const length = woff.readUInt32BE(entry + 12);
    const bytes = woff.subarray(offset, offset + packed);
    const data = packed < length ? inflateSync(bytes) : bytes;
    if (data.length !== length) throw new Error('a table of the WOFF file has another length than stated');
    const at = 12 + 16 * table;
    woff.copy(head, at, entry, entry + 4);
    head.writeUInt32BE(woff.readUInt32BE(entry + 16), at + 4);
    head.writeUInt32BE(end, at + 8);
    head.writeUInt32BE(length, at + 12);
    const padding = Buffer.alloc((4 - (length % 4)) % 4);
    parts.push(data, padding);
    end += length + padding.length;
  }
  return Buffer.concat(parts);
}

/** @param {Buffer} bytes */
function toArrayBuffer(bytes) {
  return Uint8Array.from(bytes).buffer;
}
