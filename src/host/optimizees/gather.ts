import type { Distortion } from '../data/glyphs.ts';
import { STREAMS } from '../data/threefry.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { recordDistortions } from '../ops/episodes.ts';
import { recordGather, recordWarp } from '../ops/images.ts';
import type { TaskTensors } from './optimizee.ts';

export interface GatherOptions {
  readonly pool: TensorPool;
  readonly tasks: number;
  readonly label: string;
  readonly batch: number;
  /** `batch` rounded up to a multiple of 4. */
  readonly rows: number;
  /** Of the images as they lie in memory; square where they are distorted. */
  readonly height: number;
  readonly width: number;
  /** Rows that show the same class, and are distorted alike on top of each one's own distortion. */
  readonly perWay: number;
  /** Rows of the task that were drawn before these. */
  readonly first: number;
  readonly distortion: Distortion | undefined;
  readonly tensors: Pick<TaskTensors, 'keys' | 'clock'>;
}

interface Gathered {
  readonly pixels: Tensor;
  /** [B, rows] u32 */
  readonly indices: Tensor;
  /** [B, features, rows] */
  readonly x: Tensor;
}

/** Height or width of the images that a network sees. */
export function seenSide(side: number, distortion: Distortion | undefined): number {
  return distortion?.side ?? side;
}

/** Plans the assembly of a batch of square images, distorted at random where that is asked for; returns what records it. */
export function planGather(
  options: GatherOptions,
): (program: Program, step: number, batch: Gathered) => void {
  const { pool, tasks, label, batch, rows, height, width, perWay, first, distortion } = options;
  if (!distortion) {
    const sizes = { tasks, batch, rows, features: height * width };
    return (program, _, gathered) => recordGather(program, gathered, sizes);
  }
  const { keys, clock } = options.tensors;
  const maps = pool.tensor(`${label} distortions`, [tasks, rows, 8]);
  const streams = { classStream: STREAMS.classDistortion, rowStream: STREAMS.exampleDistortion };
  const numbers = { rows, perWay, first, strength: distortion.strength, ...streams };
  const factor = height / distortion.side;
  return (program, step, gathered) => {
    recordDistortions(program, { keys, clock, maps }, { ...numbers, step });
    recordWarp(program, { ...gathered, maps }, { tasks, batch, rows, side: height, factor });
  };
}
