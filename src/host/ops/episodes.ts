import classesCode from '../../shaders/episodes/classes.wgsl?raw';
import distortionsCode from '../../shaders/episodes/distortions.wgsl?raw';
import examplesCode from '../../shaders/episodes/examples.wgsl?raw';
import sineCode from '../../shaders/episodes/sine.wgsl?raw';
import sineLibrary from '../../shaders/lib/sine.wgsl?raw';
import threefryCode from '../../shaders/lib/threefry.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const episodeClassesKernel: Kernel = {
  name: 'episodes/classes',
  code: classesCode,
  libraries: [threefryCode],
  tensors: { keys: 'read', classes: 'readWrite' },
  params: { ways: 'u32', count: 'u32', stream: 'u32' },
};

export const episodeExamplesKernel: Kernel = {
  name: 'episodes/examples',
  code: examplesCode,
  libraries: [threefryCode],
  tensors: {
    keys: 'read',
    classes: 'read',
    examples: 'read',
    counts: 'read',
    indices: 'readWrite',
    labels: 'readWrite',
  },
  params: { ways: 'u32', shots: 'u32', rows: 'u32', first: 'u32', maxExamples: 'u32', stream: 'u32' },
};

export const distortionsKernel: Kernel = {
  name: 'episodes/distortions',
  code: distortionsCode,
  libraries: [threefryCode],
  tensors: { keys: 'read', clock: 'read', maps: 'readWrite' },
  params: {
    rows: 'u32',
    perWay: 'u32',
    first: 'u32',
    step: 'u32',
    classStream: 'u32',
    rowStream: 'u32',
    strength: 'f32',
  },
};

export const sineEpisodeKernel: Kernel = {
  name: 'episodes/sine',
  code: sineCode,
  libraries: [threefryCode, sineLibrary],
  tensors: { keys: 'read', x: 'readWrite', target_: 'readWrite' },
  params: { rows: 'u32', batch: 'u32', first: 'u32', taskStream: 'u32', pointStream: 'u32' },
};

/**
 * classes [B, ways] u32: for each task `ways` different ones of `classes` classes, in random order, so that which
 * class gets which label is random too. A function of the task's key (keys [B, 2] u32) and the stream.
 */
export function recordEpisodeClasses(
  program: Program,
  tensors: { readonly keys: Tensor; readonly classes: Tensor },
  { ways, classes, stream }: { readonly ways: number; readonly classes: number; readonly stream: number },
): void {
  program.run(episodeClassesKernel, {
    tensors,
    params: { ways, count: classes, stream },
    workgroups: [groupsOf64(classes), tensors.keys.length / 2],
  });
}

/**
 * indices, labels [B, rows] u32: row way * shots + s is an image of the way's class and the label `way`; rows from
 * ways * shots on are 0. The examples of a class are in an order of the task's own; taken are those of rank first ..
 * first + shots. So calls whose ranges do not overlap share no image. First + shots must not be above the count of
 * any class, nor maxExamples above 2^16.
 *
 * @param tensors classes [B, ways] as `recordEpisodeClasses` draws them; examples [C, maxExamples] u32, image numbers;
 *   counts [C] u32, how many of them each class has
 */
export function recordEpisodeExamples(
  program: Program,
  tensors: {
    readonly keys: Tensor;
    readonly classes: Tensor;
    readonly examples: Tensor;
    readonly counts: Tensor;
    readonly indices: Tensor;
    readonly labels: Tensor;
  },
  numbers: {
    readonly ways: number;
    readonly shots: number;
    /** At least ways * shots. */
    readonly rows: number;
    readonly first: number;
    readonly maxExamples: number;
    readonly stream: number;
  },
): void {
  const { ways, rows, maxExamples } = numbers;
  program.run(episodeExamplesKernel, {
    tensors,
    params: { ...numbers },
    workgroups: [groupsOf64(Math.max(ways * maxExamples, rows)), tensors.keys.length / 2],
  });
}

/**
 * maps [B, rows, 8]: a random affine map of an image's points a row, for `recordWarp`. Rows of a way (`perWay` of them)
 * share one map, and each has half as strong a one of its own with a shift; at strength 1 turned by up to 17 degrees,
 * sheared by 0.3, stretched by 1.2, shifted by a pixel.
 *
 * @param numbers first: rows of the task that were drawn before, so that other calls draw other maps
 */
export function recordDistortions(
  program: Program,
  tensors: { readonly keys: Tensor; readonly clock: Tensor; readonly maps: Tensor },
  numbers: {
    readonly rows: number;
    readonly perWay: number;
    readonly first: number;
    readonly step: number;
    readonly classStream: number;
    readonly rowStream: number;
    readonly strength: number;
  },
): void {
  program.run(distortionsKernel, {
    tensors,
    params: { ...numbers },
    workgroups: [groupsOf64(numbers.rows), tensors.keys.length / 2],
  });
}

/**
 * x, target [B, 1, rows]: `batch` points of the task's sine, 0 beyond. Points are numbered, and these are the numbers
 * first .. first + batch: calls whose ranges do not overlap draw independent points of one sine.
 */
export function recordSineEpisode(
  program: Program,
  { keys, x, target }: { readonly keys: Tensor; readonly x: Tensor; readonly target: Tensor },
  numbers: {
    readonly rows: number;
    readonly batch: number;
    readonly first: number;
    readonly taskStream: number;
    readonly pointStream: number;
  },
): void {
  program.run(sineEpisodeKernel, {
    tensors: { keys, x, target_: target },
    params: { ...numbers },
    workgroups: [groupsOf64(numbers.rows), keys.length / 2],
  });
}
