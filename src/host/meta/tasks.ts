import type { TaskConfig } from '../config.ts';
import type { ImageSet } from '../data/images.ts';
import type { TaskList } from '../data/threefry.ts';
import type { TensorPool } from '../gpu/tensor.ts';
import { createDeviceImages, createImageSource } from '../optimizees/examples.ts';
import { createMlp } from '../optimizees/mlp.ts';
import type { Optimizee, TaskTensors } from '../optimizees/optimizee.ts';
import { createQuadratic } from '../optimizees/quadratic.ts';

/**
 * The images each list of tasks draws from. `validation` is held out of the training images, so that the
 * weights are chosen on images they were not trained on; `test` is the dataset's own test set.
 */
export type TaskData = Readonly<Record<TaskList, ImageSet>>;

/** Images held out of the training set for validation. */
const VALIDATION_IMAGES = 5000;

export function splitTaskData(train: ImageSet, test: ImageSet): TaskData {
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
    case 'mlp': {
      if (!data) throw new RangeError(`task ${config.kind} needs the images of ${config.dataset}`);
      const images = createDeviceImages(pool, data[list]);
      return (tensors) => {
        const source = createImageSource(pool, count, images, config.batch, tensors);
        return createMlp(pool, count, config, source, tensors);
      };
    }
  }
}

/** Parameters of one task of this kind. */
export function taskParameters(config: TaskConfig, classes = 10): number {
  if (config.kind === 'quadratic') return config.dimension;
  const widths = [config.resolution ** 2, ...config.hidden, classes];
  return widths.slice(1).reduce((sum, out, layer) => sum + ((widths[layer] ?? 0) + 1) * out, 0);
}
