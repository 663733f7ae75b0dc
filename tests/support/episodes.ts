import {
  type EpisodeSizes,
  episodeClasses,
  episodeExamples,
  sineEpisode,
} from '../../src/host/data/episodes.ts';
import { ABSENT_EXAMPLE, type GlyphTable } from '../../src/host/data/glyphs.ts';
import { taskKeys } from '../../src/host/data/threefry.ts';
import { createGlyphEpisodes, createSineEpisodes } from '../../src/host/optimizees/episodes.ts';
import { denseLayers } from '../../src/host/optimizees/layers/settings.ts';
import { createNetwork } from '../../src/host/optimizees/network.ts';
import {
  type Activation,
  mlpLogits,
  mlpParameterCount,
  softmaxCrossEntropy,
} from '../../src/reference/mlp.ts';
import type { Problem } from '../../src/reference/problems.ts';
import type { Algebra } from '../../src/reference/scalar.ts';
import { squaredError } from '../../src/reference/squaredError.ts';
import { randomValues } from './compare.ts';
import type { SmallProblem } from './smallProblems.ts';

/** Noise as glyphs of 3x3: class c has 6 + c examples. */
export function noiseGlyphs(classes: number, split: GlyphTable['split'] = 'train'): GlyphTable {
  const counts = Uint32Array.from({ length: classes }, (_, entry) => 6 + entry);
  const maxExamples = 5 + classes;
  const examples = new Uint32Array(classes * maxExamples).fill(ABSENT_EXAMPLE);
  let image = 0;
  for (const [entry, count] of counts.entries()) {
    for (let example = 0; example < count; example++) examples[entry * maxExamples + example] = image++;
  }
  const images = Uint8Array.from(randomValues(image * 9, 71, 0, 255.99));
  const names = Array.from(counts, (_, entry) => `class ${entry}`);
  return { split, classes, maxExamples, examples, counts, side: 3, images, names };
}

interface Example {
  readonly x: readonly number[];
  /** A label, or the value of a regression. */
  readonly target: number;
}

/** Support and query set of every task. */
interface Episode {
  readonly support: readonly Example[];
  readonly query: readonly Example[];
}

/** An episode drawn on the host from the table and a task's key. */
export function glyphEpisode(
  table: GlyphTable,
  { ways, shots, queries }: EpisodeSizes,
  key: readonly [number, number],
): Episode {
  const size = table.side ** 2;
  const classes = [...episodeClasses(key, ways, table.classes)];
  const take = (first: number, count: number) =>
    classes.flatMap((entry, way) =>
      Array.from(episodeExamples(key, way, table.counts[entry] ?? 0, first, count), (example) => {
        const image = table.examples[entry * table.maxExamples + example] ?? Number.NaN;
        const pixels = table.images.subarray(image * size, (image + 1) * size);
        return { x: Array.from(pixels, (pixel) => pixel / 255), target: way };
      }),
    );
  return { support: take(0, shots), query: take(shots, queries) };
}

/** The mean loss over a set, as the device's networks have it. */
export function setLoss<S>(
  A: Algebra<S>,
  shape: { readonly sizes: readonly number[]; readonly activation: Activation },
  theta: readonly S[],
  examples: readonly Example[],
  kind: 'classification' | 'regression',
): S {
  let sum = A.constant(0);
  for (const { x, target } of examples) {
    const output = mlpLogits(A, shape, theta, x);
    const loss =
      kind === 'classification' ? softmaxCrossEntropy(A, output, target) : squaredError(A, output, [target]);
    sum = A.add(sum, loss);
  }
  return A.div(sum, A.constant(examples.length));
}

export interface FewShotProblem extends SmallProblem {
  readonly episodes: readonly Episode[];
  readonly shape: { readonly sizes: readonly number[]; readonly activation: Activation };
}

function keysOf(tasks: number): { keys: Uint32Array; pairs: (readonly [number, number])[] } {
  const keys = taskKeys(3, 'train', 0, tasks);
  const pairs = Array.from({ length: tasks }, (_, b) => [keys[2 * b] ?? 0, keys[2 * b + 1] ?? 0] as const);
  return { keys, pairs };
}

/** The support set is learned from before step T = `steps`, the query set judged on at it. */
function problemOf(
  shape: FewShotProblem['shape'],
  episodes: readonly Episode[],
  steps: number,
  kind: 'classification' | 'regression',
): Problem {
  return {
    tasks: episodes.length,
    coordinates: mlpParameterCount(shape.sizes),
    loss(A, theta, task, step) {
      const episode = episodes[task];
      if (!episode) throw new RangeError(`there is no episode ${task}`);
      return setLoss(A, shape, theta, step < steps ? episode.support : episode.query, kind);
    },
  };
}

/** 3-way episodes of noise: 2 shots and 3 queries a class, so 6 and 9 rows. */
export function smallGlyphs(tasks: number, steps: number, activation: Activation): FewShotProblem {
  const sizes = { ways: 3, shots: 2, queries: 3 };
  const table = noiseGlyphs(7);
  const shape = { sizes: [9, 4, 3], activation };
  const { keys, pairs } = keysOf(tasks);
  const episodes = pairs.map((key) => glyphEpisode(table, sizes, key));
  const theta0 = randomValues(tasks * mlpParameterCount(shape.sizes), 72, -0.7, 0.7);
  const settings = {
    layers: denseLayers([4], activation),
    initial: { kind: 'pytorch' },
  } as const;
  return {
    name: `${tasks} glyph episodes`,
    tasks,
    parameters: mlpParameterCount(shape.sizes),
    keys,
    theta0,
    reference: problemOf(shape, episodes, steps, 'classification'),
    episodes,
    shape,
    create: (pool) => (tensors) => {
      const source = createGlyphEpisodes(pool, tasks, table, sizes, tensors);
      return createNetwork({ pool, tasks, settings, source, tensors, givenTheta0: theta0 });
    },
  };
}

/** Sines: 5 points to learn from, 7 to be judged on. */
export function smallSines(tasks: number, steps: number, activation: Activation): FewShotProblem {
  const shape = { sizes: [1, 5, 4, 1], activation };
  const { keys, pairs } = keysOf(tasks);
  const episodes = pairs.map((key) => {
    const take = (first: number, batch: number) => {
      const { x, target } = sineEpisode(key, { batch, first });
      return Array.from(x, (value, i) => ({ x: [value], target: target[i] ?? Number.NaN }));
    };
    return { support: take(0, 5), query: take(5, 7) };
  });
  const theta0 = randomValues(tasks * mlpParameterCount(shape.sizes), 73, -0.7, 0.7);
  const settings = {
    layers: denseLayers([5, 4], activation),
    initial: { kind: 'pytorch' },
  } as const;
  return {
    name: `${tasks} sine episodes`,
    tasks,
    parameters: mlpParameterCount(shape.sizes),
    keys,
    theta0,
    reference: problemOf(shape, episodes, steps, 'regression'),
    episodes,
    shape,
    create: (pool) => (tensors) => {
      const source = createSineEpisodes(pool, tasks, { shots: 5, queries: 7 }, tensors);
      return createNetwork({ pool, tasks, settings, source, tensors, givenTheta0: theta0 });
    },
  };
}
