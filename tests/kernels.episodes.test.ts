import { describe, expect, it } from 'vitest';
import { episodeClasses, episodeExamples, requireEpisode } from '../src/host/data/episodes.ts';
import { ABSENT_EXAMPLE } from '../src/host/data/glyphs.ts';
import { STREAMS, taskKeys, threefry, type Words } from '../src/host/data/threefry.ts';
import { ConfigError } from '../src/host/errors.ts';
import { recordEpisodeClasses, recordEpisodeExamples } from '../src/host/ops/episodes.ts';
import { at } from '../src/reference/scalar.ts';
import { gpuForThisFile, runKernels, unwrittenWords } from './support/gpu.ts';
import { STANDARD_ERRORS } from './support/tolerances.ts';

const gpu = gpuForThisFile();

const keyOf = (keys: Uint32Array, task: number): Words => [at(keys, 2 * task), at(keys, 2 * task + 1)];
const tasksOf = (keys: Uint32Array) => Array.from({ length: keys.length / 2 }, (_, task) => task);
const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Two of the 200 classes have the same word with this key, and two of 60 examples of way 1 with the other. */
const TIED_CLASSES = { key: [19995, 1], pair: [103, 127] } as const;
const TIED_EXAMPLES = { key: [26538, 1], way: 1, pair: [6, 46] } as const;

it('streams have a high byte of their own', () => {
  const bytes = Object.values(STREAMS).map((stream) => stream >>> 24);
  expect(new Set(bytes).size).toBe(bytes.length);
});

describe('episodes/classes', () => {
  async function draw(keys: Uint32Array, ways: number, classes: number): Promise<Uint32Array> {
    const data = { keys, classes: unwrittenWords((keys.length / 2) * ways) };
    const read = await runKernels(gpu(), data, (program, tensors) =>
      recordEpisodeClasses(program, tensors, { ways, classes, stream: STREAMS.episodeClasses }),
    );
    return read.classes;
  }

  it.each([
    { ways: 1, classes: 1 },
    { ways: 5, classes: 63 },
    { ways: 64, classes: 64 },
    { ways: 20, classes: 65 },
    { ways: 7, classes: 151 },
  ])('$ways ways of $classes classes, bit for bit', async ({ ways, classes }) => {
    const keys = taskKeys(3, 'train', 0, 5);
    const drawn = await draw(keys, ways, classes);
    const expected = tasksOf(keys).flatMap((task) => [...episodeClasses(keyOf(keys, task), ways, classes)]);
    expect(Array.from(drawn)).toEqual(expected);
  });

  it('of classes with the same word the lower comes first', async () => {
    const { key, pair } = TIED_CLASSES;
    const [word, other] = pair.map((index) => threefry(key, [index, STREAMS.episodeClasses])[0]);
    expect(word).toBe(other);
    for (const drawn of [episodeClasses(key, 200, 200), await draw(Uint32Array.from(key), 200, 200)]) {
      expect(drawn.toSorted()).toEqual(Uint32Array.from(range(200)));
      expect(drawn.indexOf(pair[1])).toBe(drawn.indexOf(pair[0]) + 1);
    }
  });

  it('every class gets every label about as often as any other, and none twice in an episode', async () => {
    const [ways, classes, tasks] = [5, 11, 6000];
    const drawn = await draw(taskKeys(1, 'validation', 0, tasks), ways, classes);
    const counts = new Uint32Array(ways * classes);
    for (let task = 0; task < tasks; task++) {
      const episode = drawn.subarray(task * ways, (task + 1) * ways);
      expect(new Set(episode).size).toBe(ways);
      for (const [label, class_] of episode.entries()) {
        counts[label * classes + class_] = at(counts, label * classes + class_) + 1;
      }
    }
    const mean = tasks / classes;
    for (const count of counts) {
      expect(Math.abs(count - mean)).toBeLessThan(STANDARD_ERRORS * Math.sqrt(mean));
    }
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(tasks * ways);
  });
});

/** Numbers of images of a split whose classes have these many examples: as `glyphSplit` has them, but shuffled. */
function tableOf(counts: readonly number[]) {
  const maxExamples = Math.max(...counts);
  const examples = new Uint32Array(counts.length * maxExamples).fill(ABSENT_EXAMPLE);
  for (const [index, count] of counts.entries()) {
    for (let e = 0; e < count; e++) examples[index * maxExamples + e] = 1000 * (index + 1) + 7 * e;
  }
  return { maxExamples, examples, counts: Uint32Array.from(counts) };
}

describe('episodes/examples', () => {
  interface Sizes {
    readonly ways: number;
    readonly shots: number;
    readonly rows: number;
    readonly first: number;
  }
  /** The rows of one call for each of `calls`. */
  async function draw(
    keys: Uint32Array,
    classes: Uint32Array,
    { examples, counts, maxExamples }: ReturnType<typeof tableOf>,
    sizes: Sizes,
  ) {
    const length = (keys.length / 2) * sizes.rows;
    const outputs = { indices: unwrittenWords(length), labels: unwrittenWords(length) };
    const data = { keys, classes, examples, counts, ...outputs };
    return runKernels(gpu(), data, (program, tensors) => {
      const stream = STREAMS.episodeExamples;
      recordEpisodeExamples(program, tensors, { ...sizes, maxExamples, stream });
    });
  }

  const classesOf = (keys: Uint32Array, ways: number, classes: number) =>
    Uint32Array.from(tasksOf(keys).flatMap((t) => [...episodeClasses(keyOf(keys, t), ways, classes)]));

  const table = tableOf([9, 8, 13, 11, 8, 10, 22]);
  it.each([
    { ways: 1, shots: 1, rows: 4, first: 0 },
    { ways: 5, shots: 1, rows: 8, first: 0 },
    { ways: 5, shots: 3, rows: 16, first: 5 },
    { ways: 7, shots: 8, rows: 56, first: 0 },
    { ways: 3, shots: 7, rows: 100, first: 1 },
  ])('$ways ways, $shots shots from rank $first on, bit for bit', async (sizes) => {
    const { ways, shots, rows, first } = sizes;
    const keys = taskKeys(5, 'test', 2, 3);
    const classes = classesOf(keys, ways, 7);
    const { indices, labels } = await draw(keys, classes, table, sizes);
    const padding = new Array<number>(rows - ways * shots).fill(0);
    const expected = tasksOf(keys).flatMap((task) => [
      ...range(ways).flatMap((way) => {
        const class_ = at(classes, task * ways + way);
        const chosen = episodeExamples(keyOf(keys, task), way, at(table.counts, class_), first, shots);
        return Array.from(chosen, (e) => at(table.examples, class_ * table.maxExamples + e));
      }),
      ...padding,
    ]);
    expect(Array.from(indices)).toEqual(expected);
    const ofTask = [...range(ways * shots).map((row) => Math.floor(row / shots)), ...padding];
    expect(Array.from(labels)).toEqual(tasksOf(keys).flatMap(() => ofTask));
  });

  it('support and query: images of the class their label stands for, none of them twice', async () => {
    const [ways, tasks] = [4, 50];
    const keys = taskKeys(8, 'train', 0, tasks);
    const classes = classesOf(keys, ways, 7);
    const support = await draw(keys, classes, table, { ways, shots: 3, rows: 12, first: 0 });
    const query = await draw(keys, classes, table, { ways, shots: 5, rows: 20, first: 3 });
    for (let task = 0; task < tasks; task++) {
      const rowsOf = ({ indices, labels }: typeof support, rows: number) =>
        range(rows).map((r) => [at(indices, task * rows + r), at(labels, task * rows + r)] as const);
      const all = [...rowsOf(support, 12), ...rowsOf(query, 20)];
      expect(new Set(all.map(([image]) => image)).size).toBe(32);
      for (const [image, label] of all) {
        const class_ = at(classes, task * ways + label);
        const begin = class_ * table.maxExamples;
        expect(table.examples.subarray(begin, begin + at(table.counts, class_))).toContain(image);
      }
    }
  });

  it('every example has every rank about as often as any other, ways apart', async () => {
    const [count, tasks] = [9, 4000];
    const keys = taskKeys(2, 'train', 0, tasks);
    // Both ways have the same class, so that what they draw can be compared.
    const sizes = { ways: 2, shots: 3, rows: 8, first: 2 };
    const { indices } = await draw(keys, new Uint32Array(2 * tasks), tableOf([count]), sizes);
    const counts = new Uint32Array(6 * count);
    let equal = 0;
    for (let task = 0; task < tasks; task++) {
      const chosen = range(6).map((row) => (at(indices, task * 8 + row) - 1000) / 7);
      for (const [row, e] of chosen.entries()) counts[row * count + e] = at(counts, row * count + e) + 1;
      equal += range(3).filter((s) => chosen[s] === chosen[3 + s]).length;
    }
    const near = (seen: number, mean: number) =>
      expect(Math.abs(seen - mean)).toBeLessThan(STANDARD_ERRORS * Math.sqrt(mean));
    for (const seen of counts) near(seen, tasks / count);
    near(equal, (3 * tasks) / count);
  });

  it('of examples with the same word the lower comes first', async () => {
    const { key, way, pair } = TIED_EXAMPLES;
    const [word, other] = pair.map((e) => threefry(key, [way * 65536 + e, STREAMS.episodeExamples])[0]);
    expect(word).toBe(other);
    const mirror = episodeExamples(key, way, 60, 0, 60);
    const sizes = { ways: 2, shots: 60, rows: 120, first: 0 };
    const { indices } = await draw(Uint32Array.from(key), new Uint32Array(2), tableOf([60]), sizes);
    const drawn = indices.subarray(way * 60).map((image) => (image - 1000) / 7);
    for (const order of [mirror, drawn]) {
      expect(order.toSorted()).toEqual(Uint32Array.from(range(60)));
      expect(order.indexOf(pair[1])).toBe(order.indexOf(pair[0]) + 1);
    }
  });
});

describe('requireEpisode', () => {
  const table = { split: 'validation', classes: 6, counts: Uint32Array.of(20, 16, 18, 19, 30, 17) } as const;
  const refusal = (sizes: { ways: number; shots: number; queries: number }) => {
    try {
      requireEpisode(table, sizes);
    } catch (error) {
      if (error instanceof ConfigError) return `${error.message}: ${error.remedy}`;
      throw error;
    }
    return undefined;
  };

  it('takes what just fits', () => {
    expect(refusal({ ways: 6, shots: 1, queries: 15 })).toBeUndefined();
    expect(refusal({ ways: 2, shots: 15, queries: 1 })).toBeUndefined();
  });

  it('says what is too much, of what, and what would fit', () => {
    expect(refusal({ ways: 7, shots: 1, queries: 1 })).toBe(
      'an episode of 7 ways needs as many classes, and the split validation has 6: ask for at most 6 ways',
    );
    expect(refusal({ ways: 6, shots: 2, queries: 15 })).toBe(
      '2 shots and 15 queries need 17 examples of a class, and the smallest class of the split validation has 16: with 2 shots ask for at most 14 queries',
    );
    expect(refusal({ ways: 6, shots: 16, queries: 1 })).toMatch(/ask for shots and queries .* at most 16 /);
  });
});
