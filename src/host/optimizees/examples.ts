import type { Distortion } from '../data/glyphs.ts';
import type { ImageSet } from '../data/images.ts';
import { STREAMS } from '../data/threefry.ts';
import type { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { recordMinibatch } from '../ops/images.ts';
import { planGather, seenSide } from './gather.ts';
import { type Shape, vectorShape } from './layers/layer.ts';
import type { TaskTensors } from './optimizee.ts';

/** What the outputs of a network are for: logits of classes, or values of a regression. */
export interface Objective {
  readonly kind: 'classification' | 'regression';
  /** Classes, or values an example. */
  readonly outputs: number;
}

/** A batch of examples of every task: a minibatch, a support set, a query set. */
export interface ExampleBatch {
  /** 'minibatch', 'support' or 'query'. */
  readonly label: string;
  readonly batch: number;
  /** `batch` rounded up to a multiple of 4; rows beyond the batch are zero and do not count. */
  readonly rows: number;
  /** [B, features, rows] */
  readonly x: Tensor;
  /** Labels [B, rows] u32, or values [B, outputs, rows]. */
  readonly target: Tensor;
}

/** Where a supervised optimizee's examples come from. */
export interface ExampleSource {
  readonly description: string;
  readonly shape: Shape;
  readonly objective: Objective;
  /** Every batch that `recordSample` can return. */
  readonly batches: readonly ExampleBatch[];
  /** The one among them that an episode is judged on; absent where every batch is trained on. */
  readonly query?: ExampleBatch;
  upload(): void;
  /** Draws what step clock[0] + step works on, and says which batch that is. */
  recordSample(program: Program, step: number): ExampleBatch;
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
  const classes = pool.tensor(`${set.name} labels`, [set.labels.length], 'u32');
  let isUploaded = false;
  return {
    set,
    pixels,
    classes,
    upload() {
      if (isUploaded) return;
      isUploaded = true;
      writeTensor(pool.context, pixels, toWords(set.pixels));
      writeTensor(pool.context, classes, Uint32Array.from(set.labels));
    },
  };
}

/** Bytes as u32 words, zero-padded. */
export function toWords(bytes: Uint8Array): Uint32Array {
  const padded = new Uint8Array(4 * Math.ceil(bytes.length / 4));
  padded.set(bytes);
  return new Uint32Array(padded.buffer);
}

/** A batch padded to whole vectors of four rows. */
export const rowsOf = (batch: number): number => 4 * Math.ceil(batch / 4);

/**
 * Minibatches of `batch` images drawn with replacement, per task and step, on the device; square ones can be distorted at
 * random.
 */
export function createImageSource(
  pool: TensorPool,
  tasks: number,
  images: DeviceImages,
  batch: number,
  tensors: TaskTensors,
  distortion?: Distortion,
): ExampleSource {
  const { keys, clock } = tensors;
  const { set, pixels, classes } = images;
  const height = seenSide(set.height, distortion);
  const width = seenSide(set.width, distortion);
  const rows = rowsOf(batch);
  const indices = pool.tensor('minibatch indices', [tasks, rows], 'u32');
  const x = pool.tensor('minibatch x', [tasks, height * width, rows]);
  const labels = pool.tensor('minibatch labels', [tasks, rows], 'u32');
  const minibatch = { label: 'minibatch', batch, rows, x, target: labels };
  const size = { height: set.height, width: set.width };
  const rowwise = { perWay: 1, first: 0, distortion, tensors };
  const recordGather = planGather({ pool, tasks, label: 'minibatch', batch, rows, ...size, ...rowwise });
  return {
    description: `batch ${batch}, ${set.name} ${height}x${width}`,
    shape: { channels: 1, height, width },
    objective: { kind: 'classification', outputs: set.classes },
    batches: [minibatch],
    upload: () => images.upload(),
    recordSample(program, step) {
      const numbers = { batch, rows, images: set.count, stream: STREAMS.minibatch, step };
      recordMinibatch(program, { keys, clock, classes, indices, labels }, numbers);
      recordGather(program, step, { pixels, indices, x });
      return minibatch;
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
  const minibatch = { label: 'minibatch', batch, rows, x, target: labels };
  return {
    description: `batch ${batch}, given examples`,
    shape: vectorShape(features),
    objective: { kind: 'classification', outputs: classes },
    batches: [minibatch],
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
      return minibatch;
    },
  };
}
