import type { GlyphsTask, NetworkTask, TaskConfig } from '../config.ts';
import type { EpisodeSizes } from '../data/episodes.ts';
import type { GlyphTable } from '../data/glyphs.ts';
import type { ImageSet } from '../data/images.ts';
import type { TaskList } from '../data/threefry.ts';
import type { TensorPool } from '../gpu/tensor.ts';
import { createGlyphEpisodes, createSineEpisodes } from '../optimizees/episodes.ts';
import { createDeviceImages, createImageSource } from '../optimizees/examples.ts';
import { buildLayers } from '../optimizees/layers/build.ts';
import { type Layer, type Shape, vectorShape } from '../optimizees/layers/layer.ts';
import { createNetwork } from '../optimizees/network.ts';
import type { Optimizee, TaskTensors } from '../optimizees/optimizee.ts';
import { createQuadratic } from '../optimizees/quadratic.ts';

/**
 * What each list of tasks draws from: images, or glyphs for few-shot episodes. Of images, `validation` is held out of
 * the training images, so that the weights are chosen on images they were not trained on, and `test` is the dataset's
 * own test set; glyphs have other characters and other fonts in each list.
 */
export type TaskData = ImageSplits | GlyphSplits;
export type ImageSplits = Readonly<Record<TaskList, ImageSet>>;
export type GlyphSplits = Readonly<Record<TaskList, GlyphTable>>;

/** Images held out of the training set for validation. */
const VALIDATION_IMAGES = 5000;

export function splitTaskData(train: ImageSet, test: ImageSet): ImageSplits {
  const kept = train.count - VALIDATION_IMAGES;
  return { train: slice(train, 0, kept), validation: slice(train, kept, train.count), test };
}

function slice(set: ImageSet, from: number, to: number): ImageSet {
  const size = set.height * set.width;
  return {
    ...set,
    count: to - from,
    pixels: set.pixels.subarray(from * size, to * size),
    labels: set.labels.subarray(from, to),
  };
}

/** A batch of tasks of one list, as an optimizee; `data` is needed where the task is on images. */
export function createTasks(
  pool: TensorPool,
  config: TaskConfig,
  data: TaskData | undefined,
  list: TaskList,
  count: number,
): (tensors: TaskTensors) => Optimizee {
  switch (config.kind) {
    case 'quadratic':
      return (tensors) => createQuadratic(pool, count, config, tensors);
    case 'images': {
      const set = data?.[list];
      if (!set || 'examples' in set) throw new RangeError(`task images needs those of ${config.dataset}`);
      const images = createDeviceImages(pool, set);
      return (tensors) => {
        const source = createImageSource(pool, count, images, config.batch, tensors);
        return createNetwork({ pool, tasks: count, settings: config, source, tensors });
      };
    }
    case 'glyphs': {
      const table = data?.[list];
      if (!table || !('examples' in table)) throw new RangeError('task glyphs needs the glyphs');
      const sizes = episodeSizes(config, table, list);
      return (tensors) => {
        const source = createGlyphEpisodes(pool, count, table, sizes, tensors);
        return createNetwork({ pool, tasks: count, settings: config, source, tensors });
      };
    }
    case 'sine':
      return (tensors) => {
        const source = createSineEpisodes(pool, count, config, tensors);
        return createNetwork({ pool, tasks: count, settings: config, source, tensors });
      };
  }
}

/**
 * Sizes of the episodes of a list. The validation fonts are few: there a query set takes what the support set leaves
 * of the class with the fewest examples, where that is less than asked for.
 */
export function episodeSizes(config: GlyphsTask, table: GlyphTable, list: TaskList): EpisodeSizes {
  const { ways, shots, queries } = config;
  if (list !== 'validation') return { ways, shots, queries };
  return { ways, shots, queries: Math.max(1, Math.min(queries, Math.min(...table.counts) - shots)) };
}

/** What a task's network takes in and gives out. */
function networkEnds(task: NetworkTask, classes: number): { input: Shape; outputs: number } {
  if (task.kind === 'sine') return { input: vectorShape(1), outputs: 1 };
  const input = { channels: 1, height: task.resolution, width: task.resolution };
  return { input, outputs: task.kind === 'glyphs' ? task.ways : classes };
}

/**
 * The layers of a task's network with their shapes.
 * @param classes of the images, where the task is on images
 * @throws ConfigError that names the first layer that does not fit what comes before it
 */
export function taskLayers(task: NetworkTask, classes = 10): Layer[] {
  const { input, outputs } = networkEnds(task, classes);
  return buildLayers(task.layers, input, outputs, task.initial);
}

/**
 * Parameters of one task of this kind.
 * @throws ConfigError as `taskLayers`
 */
export function taskParameters(task: TaskConfig, classes = 10): number {
  if (task.kind === 'quadratic') return task.dimension;
  return taskLayers(task, classes).reduce((sum, { parameters }) => sum + parameters, 0);
}
