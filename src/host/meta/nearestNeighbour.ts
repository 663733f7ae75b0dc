import { type EpisodeSizes, episodeClasses, episodeExamples } from '../data/episodes.ts';
import type { GlyphTable } from '../data/glyphs.ts';
import type { Words } from '../data/threefry.ts';

/**
 * Accuracy of the nearest neighbour on raw pixels (Euclidean; of equally near ones the first), an episode a key: the
 * episodes that the device draws from the same keys [tasks, 2]. Nothing is learned; whatever learns should beat it.
 */
export function nearestNeighbourAccuracy(
  table: GlyphTable,
  { ways, shots, queries }: EpisodeSizes,
  keys: Uint32Array,
): number[] {
  const size = table.side ** 2;
  return Array.from({ length: keys.length / 2 }, (_, task) => {
    const key: Words = [keys[2 * task] ?? 0, keys[2 * task + 1] ?? 0];
    const classes = [...episodeClasses(key, ways, table.classes)];
    const drawn = classes.map((entry, way) => {
      const examples = episodeExamples(key, way, table.counts[entry] ?? 0, 0, shots + queries);
      return Array.from(examples, (example) => {
        const image = table.examples[entry * table.maxExamples + example] ?? 0;
        return table.images.subarray(image * size, (image + 1) * size);
      });
    });
    const support = drawn.map((images) => images.slice(0, shots));
    let right = 0;
    for (const [way, images] of drawn.entries()) {
      for (const image of images.slice(shots)) if (nearestWay(image, support) === way) right++;
    }
    return right / (ways * queries);
  });
}

function nearestWay(image: Uint8Array, support: readonly (readonly Uint8Array[])[]): number {
  let nearest = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [way, examples] of support.entries()) {
    for (const example of examples) {
      const distance = squaredDistance(image, example);
      if (distance < least) {
        least = distance;
        nearest = way;
      }
    }
  }
  return nearest;
}

function squaredDistance(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return sum;
}
