import type { ImageSet } from '../data/images.ts';
import { STREAMS } from '../data/threefry.ts';
import type { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { recordGather } from '../ops/images.ts';
import { recordMinibatch } from '../ops/random.ts';
import type { TaskTensors } from './optimizee.ts';

/** Where a supervised optimizee's minibatches come from: x [B, features, rows] and labels [B, rows] u32. */
export interface ExampleSource {
  readonly description: string;
  readonly features: number;
  readonly classes: number;
  readonly batch: number;
  /** `batch` rounded up to a multiple of 4; rows beyond the batch are zero and do not count. */
  readonly rows: number;
  readonly x: Tensor;
  readonly labels: Tensor;
  upload(): void;
  recordSample(program: Program, step: number): void;
}

/** Images on the device, shared by all batches of tasks that draw from them. */
export interface DeviceImages {
  readonly set: ImageSet;
  readonly pixels: Tensor;
  readonly classes: Tensor;
  upload(): void;
}

export function createDeviceImages(pool: TensorPool, set: ImageSet): DeviceImages {
  const words = (bytes: number) => Math.ceil(bytes / 4);
  const pixels = pool.tensor(`${set.name} pixels`, [words(set.pixels.length)], 'u32');
  const classes = pool.tensor(`${set.name} labels`, [words(set.labels.length)], 'u32');
  return {
    set,
    pixels,
    classes,
    upload() {
      writeTensor(pool.context, pixels, toWords(set.pixels));
      writeTensor(pool.context, classes, toWords(set.labels));
    },
  };
}

function toWords(bytes: Uint8Array): Uint32Array {
  const padded = new Uint8Array(4 * Math.ceil(bytes.length / 4));
  padded.set(bytes);
  return new Uint32Array(padded.buffer);
}

const rowsOf = (batch: number) => 4 * Math.ceil(batch / 4);

/** Minibatches of `batch` images drawn with replacement, per task and step, on the device. */
export function createImageSource(
  pool: TensorPool,
  tasks: number,
  images: DeviceImages,
  batch: number,
  { keys, clock }: TaskTensors,
): ExampleSource {
  const { set, pixels, classes } = images;
  const features = set.height * set.width;
  const rows = rowsOf(batch);
  const indices = pool.tensor('minibatch indices', [tasks, rows], 'u32');
  const x = pool.tensor('minibatch x', [tasks, features, rows]);
  const labels = pool.tensor('minibatch labels', [tasks, rows], 'u32');
  return {
    description: `${set.name} ${set.height}x${set.width}`,
    features,
    classes: set.classes,
    batch,
    rows,
    x,
    labels,
    upload: () => images.upload(),
    recordSample(program, step) {
      const numbers = { rows, images: set.count, stream: STREAMS.minibatch, step };
      recordMinibatch(program, { keys, clock, indices }, numbers);
      recordGather(program, { pixels, classes, indices, x, labels }, { tasks, batch, rows, features });
    },
  };
}

/** Minibatches handed in: x [steps, batch, features] row-major and labels [steps, batch], one task. */
export function createGivenSource(
  pool: TensorPool,
  given: {
    readonly x: Float32Array;
    readonly labels: Int32Array;
    readonly steps: number;
    readonly batch: number;
    readonly features: number;
    readonly classes: number;
  },
): ExampleSource {
  const { steps, batch, features, classes } = given;
  const rows = rowsOf(batch);
  const stepX = Array.from({ length: steps }, (_, t) => pool.tensor(`given x ${t}`, [features, rows]));
  const stepLabels = Array.from({ length: steps }, (_, t) => pool.tensor(`given labels ${t}`, [rows], 'u32'));
  const x = pool.tensor('minibatch x', [1, features, rows]);
  const labels = pool.tensor('minibatch labels', [1, rows], 'u32');
  return {
    description: 'given examples',
    features,
    classes,
    batch,
    rows,
    x,
    labels,
    upload() {
      for (const [t, target] of stepX.entries()) {
        const values = new Float32Array(features * rows);
        for (let row = 0; row < batch; row++) {
          for (let i = 0; i < features; i++) {
            values[i * rows + row] = given.x[(t * batch + row) * features + i] ?? Number.NaN;
          }
        }
        writeTensor(pool.context, target, values);
      }
      for (const [t, target] of stepLabels.entries()) {
        const values = new Uint32Array(rows);
        values.set(given.labels.subarray(t * batch, (t + 1) * batch));
        writeTensor(pool.context, target, values);
      }
    },
    recordSample(program, step) {
      const fromX = stepX[step];
      const fromLabels = stepLabels[step];
      if (!fromX || !fromLabels) throw new RangeError(`no minibatch was given for step ${step}`);
      program.copy(fromX, x);
      program.copy(fromLabels, labels);
    },
  };
}
