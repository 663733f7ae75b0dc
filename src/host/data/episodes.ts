/**
 * Few-shot episodes as functions of a task's key: what src/shaders/episodes draws, in TypeScript, and whether a split
 * of the glyphs has enough classes and examples for an episode.
 */
import { ConfigError } from '../errors.ts';
import type { GlyphTable } from './glyphs.ts';
import { STREAMS, threefry, toUnit, type Words } from './threefry.ts';

/** Classes an episode tells apart, and images of each: `shots` to learn from, `queries` to be judged by. */
export interface EpisodeSizes {
  readonly ways: number;
  readonly shots: number;
  readonly queries: number;
}

/**
 * @throws ConfigError where the episode asks for more classes than the split has, or for more images of a class than
 *   its smallest class has.
 */
export function requireEpisode(
  { split, classes, counts }: Pick<GlyphTable, 'split' | 'classes' | 'counts'>,
  { ways, shots, queries }: EpisodeSizes,
): void {
  if (ways > classes) {
    throw new ConfigError(
      `an episode of ${ways} ways needs as many classes, and the split ${split} has ${classes}`,
      `ask for at most ${classes} ways`,
    );
  }
  const fewest = counts.reduce((least, count) => Math.min(least, count));
  const needed = shots + queries;
  if (needed > fewest) {
    throw new ConfigError(
      `${shots} shots and ${queries} queries need ${needed} examples of a class, and the smallest class of the split ${split} has ${fewest}`,
      shots < fewest
        ? `with ${shots} shots ask for at most ${fewest - shots} queries`
        : `ask for shots and queries that are at most ${fewest} together`,
    );
  }
}

/** `ways` different ones of `classes` classes, in random order, as episodes/classes.wgsl draws them. */
export function episodeClasses(key: Words, ways: number, classes: number): Uint32Array {
  return ordered(classes, (index) => threefry(key, [index, STREAMS.episodeClasses])[0]).subarray(0, ways);
}

/**
 * Which of the `count` examples of a way's class have the ranks first .. first + shots, in that order, as
 * episodes/examples.wgsl draws them: places in the class's row of `GlyphTable.examples`.
 */
export function episodeExamples(
  key: Words,
  way: number,
  count: number,
  first: number,
  shots: number,
): Uint32Array {
  const word = (index: number) => threefry(key, [way * 65536 + index, STREAMS.episodeExamples])[0];
  return ordered(count, word).subarray(first, first + shots);
}

/** 0 .. count - 1 by rising words; of equal words the lower index comes first. */
function ordered(count: number, word: (index: number) => number): Uint32Array {
  const words = Uint32Array.from({ length: count }, (_, index) => word(index));
  return Uint32Array.from(words.keys()).sort((a, b) => (words[a] ?? 0) - (words[b] ?? 0) || a - b);
}

/** Points of one task's sine: target = amplitude sin(x - phase). */
export interface SinePoints {
  /** U(0.1, 5). */
  readonly amplitude: number;
  /** U(0, pi). */
  readonly phase: number;
  /** [batch], U(-5, 5): the bits that the device draws. */
  readonly x: Float32Array;
  /** [batch], in float64. */
  readonly target: Float64Array;
}

/** The points first .. first + batch of a task (Finn, Abbeel & Levine 2017), as episodes/sine.wgsl draws them. */
export function sineEpisode(
  key: Words,
  { batch, first }: { readonly batch: number; readonly first: number },
): SinePoints {
  const [high, low] = threefry(key, [0, STREAMS.sineTask]);
  const amplitude = 0.1 + 4.9 * toUnit(high);
  const phase = Math.PI * toUnit(low);
  const x = Float32Array.from({ length: batch }, (_, row) => {
    const [word] = threefry(key, [first + row, STREAMS.sinePoints]);
    return 10 * (toUnit(word) - 0.5);
  });
  return { amplitude, phase, x, target: Float64Array.from(x, (x) => amplitude * Math.sin(x - phase)) };
}
