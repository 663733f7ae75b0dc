import type { GlyphsTask, NetworkTask, TaskConfig } from '../config.ts';
import type { EpisodeSizes } from '../data/episodes.ts';
import type { GlyphTable } from '../data/glyphs.ts';
import type { ImageSet } from '../data/images.ts';
import type { TaskList } from '../data/threefry.ts';
import { ConfigError } from '../errors.ts';
import type { TensorPool } from '../gpu/tensor.ts';
import type { ParameterGroup } from '../ops/coordinates.ts';
import { createGlyphEpisodes, createSineEpisodes } from '../optimizees/episodes.ts';
import { createDeviceImages, createImageSource } from '../optimizees/examples.ts';
import { buildLayers } from '../optimizees/layers/build.ts';
import { type Layer, type Shape, vectorShape } from '../optimizees/layers/layer.ts';
import { createNetwork, parameterGroups } from '../optimizees/network.ts';
import type { Optimizee, TaskTensors } from '../optimizees/optimizee.ts';
import { createQuadratic, quadraticGroups } from '../optimizees/quadratic.ts';
import { createSurface, surfaceGroups } from '../optimizees/surface.ts';

/**
 * What each list of tasks draws from: images, glyphs for few-shot episodes, or a program's own problem. Of images, `validation` is held out of
 * the training images, so that the weights are chosen on images they were not trained on, and `test` is the dataset's
 * own test set; glyphs have other characters and other fonts in each list.
 */
export type TaskData = ImageSplits | GlyphSplits | OwnSplits;
export type ImageSplits = Readonly<Record<TaskList, ImageSet>>;
export type GlyphSplits = Readonly<Record<TaskList, GlyphTable>>;
export type OwnSplits = Readonly<Record<TaskList, OwnProblem>>;

/** A problem of a program's own: what makes batches of its tasks, each a function of its key. */
export interface OwnProblem {
  /** A batch of `tasks` tasks, their tensors planned in `pool`. */
  create(pool: TensorPool, tasks: number): (tensors: TaskTensors) => Optimizee;
}

/** The same problem for training, validation and test: their tasks differ by their keys. */
export function ownTasks(problem: OwnProblem): OwnSplits {
  return { train: problem, validation: problem, test: problem };
}

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

/**
 * A batch of tasks of one list, as an optimizee; `data` is needed where the task is on images, on glyphs or a program's own.
 * @throws ConfigError where a problem of a program's own does not come with it, or is of another size than the settings say
 */
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
    case 'surface':
      return (tensors) => createSurface(count, config.function, tensors);
    case 'images': {
      const set = data?.[list];
      if (!set || !('labels' in set)) throw new RangeError(`task images needs those of ${config.dataset}`);
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
    case 'own': {
      const problem = data?.[list];
      if (!problem || !('create' in problem)) {
        throw new ConfigError(
          `the problem ${config.name} is a program's own, and it was not given`,
          'run it in the program that has it, which gives its tasks as data, or choose another task',
        );
      }
      const create = problem.create(pool, count);
      return (tensors) => requireSize(create(tensors), config.parameters, count);
    }
  }
}

/** What a program brings must be what its settings say: memory is planned by them. */
function requireSize(optimizee: Optimizee, parameters: number, tasks: number): Optimizee {
  if (optimizee.parameters === parameters && optimizee.tasks === tasks) return optimizee;
  throw new ConfigError(
    `${optimizee.description}: ${optimizee.tasks} tasks of ${optimizee.parameters} parameters were made, and ${tasks} of ${parameters} are asked for`,
    'make as many tasks as `create` is asked for, with the `parameters` of the task settings',
  );
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
  if (task.kind === 'surface') return 2;
  if (task.kind === 'own') return task.parameters;
  return taskLayers(task, classes).reduce((sum, { parameters }) => sum + parameters, 0);
}

/**
 * The groups of parameters of one task of this kind, as its optimizee has them; undefined for a program's own problem,
 * which says so itself.
 * @throws ConfigError as `taskLayers`
 */
export function taskGroups(task: TaskConfig, classes = 10): ParameterGroup[] | undefined {
  if (task.kind === 'own') return undefined;
  if (task.kind === 'surface') return surfaceGroups();
  return task.kind === 'quadratic'
    ? quadraticGroups(task.dimension)
    : parameterGroups(taskLayers(task, classes));
}
