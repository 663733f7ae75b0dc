/** What makes two glyphs one shape: the table of homoglyphs, and the measured likeness of their images. */

/**
 * Characters that are one shape once size and place are taken away, whatever a font makes of them: letters shared by
 * alphabets, small letters that are smaller capitals, kana and Han of the same strokes. Within a group the character
 * that comes first in characters.mjs gives the images.
 */
const homoglyphs = [
  ...[
    'AΑА',
    'BΒВв',
    'CСcс',
    'EΕЕ',
    'HΗНн',
    'IΙl',
    'KΚКкκ',
    'MΜМм',
    'NΝ',
    'OΟОoοо0',
    'PΡР',
    'SsЅѕ',
    'TΤТтτ',
    'Uuυ',
  ],
  ...[
    'Vvν',
    'Ww',
    'XΧХxх',
    'YΥ',
    'ZzΖ',
    'aа',
    'eе',
    'nп',
    'pρр',
    'yуУγ',
    'Øø',
    '6б',
    'ΓГг',
    'ΠПп',
    'ΦФф',
    'Дд',
    'Жж',
  ],
  ...[
    'Зз3',
    'Ээ',
    'Ии',
    'Йй',
    'Лл',
    'Цц',
    'Чч',
    'Шш',
    'Щщ',
    'Ъъ',
    'Ыы',
    'Ьь',
    'Юю',
    'Яя',
    'Єєε',
    'Љљ',
    'Њњ',
    'Џџ',
  ],
  ...['へヘ', 'りリ', 'カ力', 'タ夕', 'チ千', 'ニ二', 'Ξ三', 'ハ八', 'ロ口'],
];

/**
 * Measured likeness above which two characters are taken for one, in the table or not: the correlation of their images
 * in one family, averaged over the families that have both; and the correlation of their mean images.
 */
export const alike = { inOneFamily: 0.85, onAverage: 0.9 };

/**
 * An image as a vector of mean 0 and length 1, so that a dot product is a correlation.
 *
 * @param {Uint8Array} pixels
 */
export function normalise(pixels) {
  let mean = 0;
  for (const value of pixels) mean += value / pixels.length;
  const vector = Float64Array.from(pixels, (value) => value - mean);
  const length = Math.sqrt(correlation(vector, vector));
  return vector.map((value) => value / length);
}

/**
 * @param {Float64Array} first
 * @param {Float64Array} second
 */
export function correlation(first, second) {
  let sum = 0;
  for (let at = 0; at < first.length; at++) sum += (first[at] ?? 0) * (second[at] ?? 0);
  return sum;
}

/**
 * The mean correlation of two characters' images over the families that have both; -1 where none has.
 *
 * @param {Row} first
 * @param {Row} second
 */
export function likeness(first, second) {
  let sum = 0;
  let count = 0;
  for (const [family, vector] of first.entries()) {
    const other = second[family];
    if (!vector || !other) continue;
    sum += correlation(vector, other);
    count++;
  }
  return count > 0 ? sum / count : -1;
}

/** @typedef {(Float64Array | null)[]} Row one character's normalised images, by family; null where it has none */

/**
 * One class a shape: goes through the characters in order and joins each to the first class that has a homoglyph
 * of it, else to the first class whose first character it measurably looks like; the others found classes of
 * their own.
 *
 * @param {string[]} characters
 * @param {Row[]} rows
 * @returns {{ index: number, absorbed: string[] }[]} index: of the character that gives a class its images
 */
export function mergeShapes(characters, rows) {
  /** @type {{ index: number, absorbed: string[] }[]} */
  const classes = [];
  const means = rows.map(meanVector);
  for (const [index, character] of characters.entries()) {
    const row = rows[index] ?? [];
    const mean = means[index] ?? new Float64Array();
    const groups = homoglyphs.filter((group) => group.includes(character));
    const listed = classes.find((found) => {
      const members = [characters[found.index] ?? '', ...found.absorbed];
      return groups.some((group) => members.some((member) => group.includes(member)));
    });
    const measured = (/** @type {{ index: number }} */ found) =>
      likeness(rows[found.index] ?? [], row) > alike.inOneFamily ||
      correlation(means[found.index] ?? mean, mean) > alike.onAverage;
    const same = listed ?? classes.find(measured);
    if (same) same.absorbed.push(character);
    else classes.push({ index, absorbed: [] });
  }
  return classes;
}

/**
 * Takes away, in each family, the glyphs that could be either of two classes (correlation above `limit`: small letters
 * drawn as capitals, an l like the 1): the one less like the mean of its class over all families goes.
 *
 * @param {Row[]} rows of the classes; changed
 * @param {number} limit
 * @returns {number} how many were taken away
 */
export function dropAmbiguous(rows, limit) {
  const means = rows.map(meanVector);
  let dropped = 0;
  for (let family = 0; family < (rows[0]?.length ?? 0); family++) {
    for (const [a, row] of rows.entries()) {
      for (let b = 0; b < a; b++) {
        const first = row[family];
        const other = rows[b] ?? [];
        const second = other[family];
        if (!first || !second || correlation(first, second) <= limit) continue;
        const typical = (/** @type {Float64Array} */ vector, /** @type {number} */ index) =>
          correlation(vector, means[index] ?? vector);
        if (typical(first, a) < typical(second, b)) row[family] = null;
        else other[family] = null;
        dropped++;
      }
    }
  }
  return dropped;
}

/**
 * Takes away the copies of another family's glyph (correlation above `limit`) among the given families: those of the
 * family named later go.
 *
 * @param {Row[]} rows of the classes; changed
 * @param {number[]} families
 * @param {number} limit
 * @returns {number} how many were taken away
 */
export function dropCopies(rows, families, limit) {
  let dropped = 0;
  for (const row of rows) {
    for (const [at, family] of families.entries()) {
      const vector = row[family];
      const copy = families.slice(0, at).some((earlier) => {
        const other = row[earlier];
        return vector && other && correlation(vector, other) > limit;
      });
      if (!copy) continue;
      row[family] = null;
      dropped++;
    }
  }
  return dropped;
}

/**
 * The mean of a class's images over the families, normalised again.
 *
 * @param {Row} row
 */
function meanVector(row) {
  const present = row.filter((vector) => vector !== null);
  const sum = new Float64Array(present[0]?.length ?? 0);
  for (const vector of present) {
    for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] ?? 0) + (vector[at] ?? 0);
  }
  const length = Math.sqrt(correlation(sum, sum));
  return sum.map((value) => value / length);
}
