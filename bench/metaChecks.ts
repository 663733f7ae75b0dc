import { type ImageSet, minibatchIndices } from '../src/host/index.ts';
import type { NamedTensors } from '../src/reference/lstm.ts';
import { type MlpShape, mlpLoss } from '../src/reference/mlp.ts';
import type { Preprocess } from '../src/reference/preprocess.ts';
import { quadraticProblem } from '../src/reference/problems.ts';
import { numbers } from '../src/reference/scalar.ts';
import { unrollGradient } from '../src/reference/unroll.ts';
import { type Check, relativeError } from './check.ts';
import type { DrawnQuadratics } from './draw.ts';

/** What an unroll of B tasks left on the device. */
export interface Unrolled {
  readonly name: string;
  readonly tasks: number;
  readonly steps: number;
  /** [T + 1, B] */
  readonly losses: Float32Array;
  /** [B, N] */
  readonly thetaT: Float32Array;
}

export interface UnrolledMlp extends Unrolled {
  /** [B, N] */
  readonly theta0: Float32Array;
  /** [B, 2]: the tasks' keys, from which the host draws the same minibatches. */
  readonly keys: Uint32Array;
  readonly images: ImageSet;
  readonly batch: number;
  readonly shape: MlpShape;
}

/** The first and the last losses of the unroll against the float64 loss at the same theta on the same images. */
export function checkMlpLosses(ours: UnrolledMlp): Check[] {
  return [
    lossCheck(ours, 0, 'theta0', ours.theta0),
    lossCheck(ours, ours.steps, `theta${ours.steps}`, ours.thetaT),
  ];
}

function lossCheck(ours: UnrolledMlp, step: number, at: string, theta: Float32Array): Check {
  const { name, tasks, losses, keys, images, batch, shape } = ours;
  const parameters = theta.length / tasks;
  const expected = Array.from({ length: tasks }, (_, task) => {
    const key = [keys[2 * task] ?? 0, keys[2 * task + 1] ?? 0] as const;
    const { x, labels } = drawMinibatch(images, key, step, batch);
    const own = theta.subarray(task * parameters, (task + 1) * parameters);
    return mlpLoss(numbers, shape, Float64Array.from(own), x, labels);
  });
  return {
    name: `${name}: loss at ${at}`,
    against: 'float64 reference MLP',
    error: relativeError(losses.subarray(step * tasks, (step + 1) * tasks), expected),
    tolerance: 1e-5,
  };
}

/** The minibatch of a task's step as the device draws it: x [batch, pixels], bytes over 255, and labels. */
export function drawMinibatch(
  images: ImageSet,
  key: readonly [number, number],
  step: number,
  batch: number,
): { readonly x: Float64Array; readonly labels: number[] } {
  const pixels = images.height * images.width;
  const rows = 4 * Math.ceil(batch / 4);
  const drawn = minibatchIndices(key, step, rows, images.count).subarray(0, batch);
  const x = new Float64Array(batch * pixels);
  const labels = Array.from(drawn, (image, row) => {
    const bytes = images.pixels.subarray(image * pixels, (image + 1) * pixels);
    for (const [i, byte] of bytes.entries()) x[row * pixels + i] = byte / 255;
    return images.labels[image] ?? -1;
  });
  return { x, labels };
}

export interface UnrolledQuadratics extends Unrolled, DrawnQuadratics {
  readonly dimension: number;
  /** phi and the meta-gradient under PyTorch's names. */
  readonly phi: NamedTensors;
  readonly gradient: NamedTensors;
  readonly preprocess: Preprocess;
  readonly outputScale: number;
}

/** Losses, theta_T and the meta-gradient of all tasks against the float64 unroll of the same problems. */
export function checkQuadratics(ours: UnrolledQuadratics): Check[] {
  const { name, tasks, steps, losses, thetaT, dimension, W, y, theta0, phi, gradient } = ours;
  const { preprocess, outputScale } = ours;
  const problem = quadraticProblem(tasks, dimension, W, y);
  const expected = unrollGradient({ phi, problem, theta0, steps, preprocess, outputScale });
  const means = Float64Array.from({ length: steps + 1 }, (_, t) => {
    const row = losses.subarray(t * tasks, (t + 1) * tasks);
    return row.reduce((sum, loss) => sum + loss, 0) / tasks;
  });
  const check = (what: string, a: ArrayLike<number>, b: ArrayLike<number>): Check => ({
    name: `${name}: ${what}`,
    against: 'float64 reference unroll',
    error: relativeError(a, b),
    tolerance: 1e-4,
  });
  const flat = (tensors: NamedTensors) =>
    Object.keys(expected.gradient).flatMap((tensor) => Array.from(tensors[tensor] ?? [Number.NaN]));
  return [
    check(`${steps + 1} losses of ${tasks} tasks`, means, expected.losses),
    check(`theta${steps}`, thetaT, expected.theta),
    check('meta-gradient', flat(gradient), flat(expected.gradient)),
  ];
}
