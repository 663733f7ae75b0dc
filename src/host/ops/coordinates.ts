import type { Tensor, TensorPool } from '../gpu/tensor.ts';

/**
 * The coordinates of a batch of tasks, as the optimizer's kernels see them: M = tasks * parameters values in a
 * row, padded to a multiple of 8 so that a thread can take two vec4f. Padding stays zero, adjoints included.
 */
export interface Coordinates {
  readonly tasks: number;
  readonly parameters: number;
  /** M, without padding. */
  readonly count: number;
  /** vec4f in one row of a state, padding included. */
  readonly mp4: number;
}

/** A run of parameters that belong together: the weights and the bias of a layer. */
export interface ParameterGroup {
  /** For people: '1. dense 784-20'. */
  readonly name: string;
  /** What it belongs to, whatever its size: 'conv', 'dense', 'batch-norm'; 'theta' where there are no layers. */
  readonly kind: string;
  /** Of the first of them in a task's row of N. */
  readonly offset: number;
  readonly count: number;
}

export function coordinatesOf(tasks: number, parameters: number): Coordinates {
  const count = tasks * parameters;
  return { tasks, parameters, count, mp4: 2 * Math.ceil(count / 8) };
}

/** Plans one row ([mp4] vec4f) or `rows` rows of values, one a coordinate. */
export function coordinateTensor(pool: TensorPool, label: string, at: Coordinates, rows = 1): Tensor {
  return pool.tensor(label, [rows, at.mp4 * 4]);
}

/** Workgroups of 64 threads for `threads` threads. */
export function groupsOf64(threads: number): number {
  return Math.ceil(threads / 64);
}
