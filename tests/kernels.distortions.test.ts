import { describe, expect, it } from 'vitest';
import { episodeClasses, episodeExamples } from '../src/host/data/episodes.ts';
import { STREAMS, taskKeys, threefry, toUnit, type Words } from '../src/host/data/threefry.ts';
import { Program } from '../src/host/gpu/program.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { recordDistortions } from '../src/host/ops/episodes.ts';
import { recordWarp } from '../src/host/ops/images.ts';
import { createGlyphEpisodes } from '../src/host/optimizees/episodes.ts';
import { at } from '../src/reference/scalar.ts';
import { expectClose, randomValues } from './support/compare.ts';
import { noiseGlyphs } from './support/episodes.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { AFFINE_MAP, warpAllowed } from './support/tolerances.ts';

const gpu = gpuForThisFile();
const streams = { classStream: STREAMS.classDistortion, rowStream: STREAMS.exampleDistortion };

interface Numbers {
  readonly rows: number;
  readonly perWay: number;
  readonly first: number;
  readonly step: number;
  readonly strength: number;
}

const two = (key: Words, counter: Words) => threefry(key, counter).map((word) => 2 * toUnit(word) - 1);

/** R(0.3 u0) [[1, 0.3 u1], [0, 1]] diag(e^(0.2 u2), e^(0.2 u3)), row by row. */
function shape([u0 = 0, u1 = 0, u2 = 0, u3 = 0]: readonly number[], strength: number): number[] {
  const [cosine, sine] = [Math.cos(0.3 * strength * u0), Math.sin(0.3 * strength * u0)];
  const shear = 0.3 * strength * u1;
  const [x, y] = [Math.exp(0.2 * strength * u2), Math.exp(0.2 * strength * u3)];
  return [cosine * x, (cosine * shear - sine) * y, sine * x, (sine * shear + cosine) * y];
}

function product([a = 0, b = 0, c = 0, d = 0]: number[], [e = 0, f = 0, g = 0, h = 0]: number[]): number[] {
  return [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h];
}

/** What episodes/distortions draws for a row, in float64. */
function mapOf(key: Words, row: number, clock: number, { perWay, first, step, strength }: Numbers): number[] {
  const way = 4 * Math.floor(row / perWay);
  const own = 4 * (first + row);
  const draw = (counter: number, stream: number) => two(key, [counter, stream + clock + step]);
  const ofClass = [0, 1].flatMap((k) => draw(way + k, streams.classStream));
  const ofRow = [0, 1].flatMap((k) => draw(own + k, streams.rowStream)).map((u) => u / 2);
  const shift = draw(own + 2, streams.rowStream).map((u) => u * strength);
  return [...product(shape(ofClass, strength), shape(ofRow, strength)), ...shift, 0, 0];
}

async function draw(keys: Uint32Array, clock: number, numbers: Numbers): Promise<Float32Array> {
  const { rows } = numbers;
  const data = { keys, clock: Uint32Array.of(clock, 0, 0, 0), maps: unwritten((keys.length / 2) * rows * 8) };
  const { maps } = await runKernels(gpu(), data, (program, tensors) =>
    recordDistortions(program, tensors, { ...numbers, ...streams }),
  );
  return maps;
}

describe('episodes/distortions', () => {
  it.each([
    { rows: 1, perWay: 1, first: 0, step: 0, strength: 1 },
    { rows: 63, perWay: 5, first: 10, step: 2, strength: 0.5 },
    { rows: 64, perWay: 1, first: 0, step: 7, strength: 1 },
    { rows: 65, perWay: 7, first: 3, step: 0, strength: 2 },
  ])('$rows rows, $perWay a way, strength $strength', async (numbers) => {
    const [tasks, clock] = [3, 40];
    const keys = taskKeys(4, 'train', 0, tasks);
    const expected = Array.from({ length: tasks * numbers.rows }, (_, i) => {
      const task = Math.floor(i / numbers.rows);
      return mapOf([at(keys, 2 * task), at(keys, 2 * task + 1)], i % numbers.rows, clock, numbers);
    });
    expectClose(await draw(keys, clock, numbers), expected.flat(), AFFINE_MAP, 'maps');
  });

  it('support and query show a class alike, and no image as another', async () => {
    const keys = taskKeys(1, 'train', 0, 1);
    const common = { step: 0, strength: 1 };
    const support = await draw(keys, 0, { ...common, rows: 4, perWay: 2, first: 0 });
    const query = await draw(keys, 0, { ...common, rows: 6, perWay: 3, first: 4 });
    const maps = [support, query].flatMap((all) =>
      Array.from({ length: all.length / 8 }, (_, i) => all.subarray(8 * i, 8 * i + 8).join()),
    );
    expect(new Set(maps).size).toBe(10);
    // One image's own map is at most half as strong: over images the mean is near the class's.
    const many = 400;
    const determinant = async (rows: number, first: number) => {
      const all = await draw(keys, 0, { ...common, rows, perWay: rows, first });
      let sum = 0;
      for (let i = 0; i < rows; i++) {
        sum += at(all, 8 * i) * at(all, 8 * i + 3) - at(all, 8 * i + 1) * at(all, 8 * i + 2);
      }
      return sum / rows;
    };
    // ln det of an image's own map: two of U(-0.1, 0.1), a deviation of 0.082 each.
    const error = 0.09 / Math.sqrt(many);
    expect(Math.abs((await determinant(many, 0)) - (await determinant(many, many)))).toBeLessThan(6 * error);
  });
});

/** images/warp for one row, in float64. */
function warped(
  image: Uint8Array,
  [a = 0, b = 0, c = 0, d = 0, dx = 0, dy = 0]: ArrayLike<number> & Iterable<number>,
  side: number,
  factor: number,
): number[] {
  const pixel = (x: number, y: number) =>
    x < 0 || y < 0 || x >= side || y >= side ? 0 : at(image, y * side + x) / 255;
  const sample = (x: number, y: number) => {
    const [i, j] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [x - i, y - j];
    const row = (k: number) => (1 - u) * pixel(i, k) + u * pixel(i + 1, k);
    return (1 - v) * row(j) + v * row(j + 1);
  };
  const centre = (side - 1) / 2;
  const width = side / factor;
  return Array.from({ length: width * width }, (_, feature) => {
    let sum = 0;
    for (let i = 0; i < factor * factor; i++) {
      const x = factor * (feature % width) + (i % factor) - centre;
      const y = factor * Math.floor(feature / width) + Math.floor(i / factor) - centre;
      sum += sample(a * x + b * y + centre + dx, c * x + d * y + centre + dy);
    }
    return sum / factor ** 2;
  });
}

describe('images/warp', () => {
  async function warp(side: number, factor: number, maps: Float32Array) {
    const [tasks, batch, rows, images] = [2, 5, 8, 7];
    const bytes = Uint8Array.from(randomValues(images * side * side + 3, 5, 0, 255.99));
    const pixels = new Uint32Array(bytes.buffer.slice(0, 4 * Math.floor(bytes.length / 4)));
    const indices = Uint32Array.from({ length: tasks * rows }, (_, i) => (i * 3) % images);
    const features = (side / factor) ** 2;
    const data = { pixels, indices, maps, x: unwritten(tasks * features * rows) };
    const { x } = await runKernels(gpu(), data, (program, tensors) =>
      recordWarp(program, tensors, { tasks, batch, rows, side, factor }),
    );
    const expected = new Float64Array(x.length);
    for (let task = 0; task < tasks; task++) {
      for (let row = 0; row < batch; row++) {
        const index = task * rows + row;
        const image = bytes.subarray(at(indices, index) * side * side);
        const values = warped(image, maps.subarray(8 * index, 8 * index + 8), side, factor);
        for (const [feature, value] of values.entries()) {
          expected[(task * features + feature) * rows + row] = value;
        }
      }
    }
    return { x, expected };
  }

  it.each([
    [1, 1],
    [5, 1],
    [8, 2],
    [12, 3],
  ])('side %i pooled by %i', async (side, factor) => {
    const maps = randomValues(2 * 8 * 8, 9, -1.2, 1.2);
    const { x, expected } = await warp(side, factor, maps);
    expectClose(x, expected, warpAllowed(side), 'x');
  });

  it('without a distortion it is average pooling, exactly where there is nothing to add', async () => {
    const identity = Float32Array.from({ length: 2 * 8 * 8 }, (_, i) => (i % 8 === 0 || i % 8 === 3 ? 1 : 0));
    const { x, expected } = await warp(8, 1, identity);
    expectClose(x, expected, { relative: 2 ** -22 }, 'x');
  });
});

describe('glyph episodes', () => {
  it('of a distorted table show each image once, warped by the maps of its class and its row', async () => {
    const [ways, shots, queries, strength, steps] = [3, 2, 3, 1, 4];
    const table = { ...noiseGlyphs(5), distortion: { strength, side: 3 } };
    const pool = new TensorPool(gpu());
    const keys = pool.tensor('keys', [2, 2], 'u32');
    const clock = pool.tensor('clock', [4], 'u32');
    const source = createGlyphEpisodes(pool, 2, table, { ways, shots, queries }, { keys, clock, steps });
    await pool.allocate();
    try {
      source.upload();
      const words = taskKeys(2, 'train', 0, 2);
      writeTensor(gpu(), keys, words);
      writeTensor(gpu(), clock, new Uint32Array(4));
      const program = new Program(gpu(), 'draw');
      source.recordSample(program, 0);
      await program.prepare();
      submit(gpu(), (encoder) => program.encode(encoder));
      const read = await readTensors(
        gpu(),
        source.batches.map(({ x }) => x),
      );
      for (const [index, { rows, batch }] of source.batches.entries()) {
        const perWay = batch / ways;
        const first = index === 0 ? 0 : shots;
        for (let task = 0; task < 2; task++) {
          const key: Words = [at(words, 2 * task), at(words, 2 * task + 1)];
          const classes = episodeClasses(key, ways, table.classes);
          for (let row = 0; row < batch; row++) {
            const way = Math.floor(row / perWay);
            const entry = at(classes, way);
            const chosen = episodeExamples(key, way, at(table.counts, entry), first, perWay);
            const image = at(table.examples, entry * table.maxExamples + at(chosen, row % perWay));
            const map = mapOf(key, row, 0, { rows, perWay, first: ways * first, step: 0, strength });
            const x = read[index]?.subarray(task * 9 * rows, (task + 1) * 9 * rows) ?? [];
            const found = Array.from({ length: 9 }, (_, feature) => at(x, feature * rows + row));
            expectClose(
              found,
              warped(table.images.subarray(9 * image), map, 3, 1),
              warpAllowed(3),
              `row ${row}`,
            );
          }
        }
      }
    } finally {
      pool.destroy();
    }
  });
});
