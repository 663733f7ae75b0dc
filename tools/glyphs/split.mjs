/** Who goes into train, validation and test: characters and families, each by a seed and by its group. */

/** @typedef {'train' | 'validation' | 'test'} Split */
/** @type {readonly Split[]} */
export const splits = ['train', 'validation', 'test'];

/** Which share of the characters and of the families goes where. */
export const shares = {
  characters: { train: 0.6, validation: 0.15, test: 0.25 },
  families: { train: 0.41, validation: 0.17, test: 0.42 },
};
/** A class is kept that has this many examples whatever split it is in. */
export const promised = { train: 20, validation: 8, test: 20 };

/**
 * Mulberry32: numbers in [0, 1) from a seed.
 *
 * @param {number} seed
 */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Shuffles the items within their groups, lays the groups one behind the other, and gives each item to the split
 * that is furthest behind its share of the items so far: every group is divided very nearly by the shares.
 *
 * @param {readonly string[]} groups the group of each item
 * @param {Record<Split, number>} share summing to 1
 * @param {number} seed
 * @returns {Split[]} of each item
 */
export function divide(groups, share, seed) {
  const random = randomNumbers(seed);
  const order = groups.map((_, index) => ({ index, key: random() }));
  const names = [...new Set(groups)];
  order.sort((a, b) => {
    const group = names.indexOf(groups[a.index] ?? '') - names.indexOf(groups[b.index] ?? '');
    return group || a.key - b.key;
  });
  const given = { train: 0, validation: 0, test: 0 };
  /** @type {Split[]} */
  const result = new Array(groups.length).fill('train');
  for (const [count, { index }] of order.entries()) {
    const behind = (/** @type {Split} */ split) => share[split] * (count + 1) - given[split];
    const split = splits.reduce((best, next) => (behind(next) > behind(best) ? next : best));
    given[split]++;
    result[index] = split;
  }
  return result;
}
