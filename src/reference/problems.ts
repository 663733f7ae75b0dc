import type { MlpShape } from './mlp.ts';
import { mlpLoss, mlpParameterCount } from './mlp.ts';
import { quadraticLoss } from './quadratic.ts';
import type { Algebra } from './scalar.ts';
import { expectLength } from './scalar.ts';

/** What a learned optimizer minimises: `tasks` independent losses of `coordinates` parameters each. */
export interface Problem {
  /** B */
  readonly tasks: number;
  /** N */
  readonly coordinates: number;
  /** f_step of one task at theta [N]. */
  loss<S>(A: Algebra<S>, theta: readonly S[], task: number, step: number): S;
}

/**
 * B quadratics, the same at every step; a task's loss is the sum over D of (W theta - y)^2.
 * @param W [B, D, D]
 * @param y [B, D]
 * @throws RangeError when a length does not fit.
 */
export function quadraticProblem(
  tasks: number,
  dim: number,
  W: ArrayLike<number>,
  y: ArrayLike<number>,
): Problem {
  expectLength('W', W, tasks * dim * dim, `[${tasks}, ${dim}, ${dim}]`);
  expectLength('y', y, tasks * dim, `[${tasks}, ${dim}]`);
  return {
    tasks,
    coordinates: dim,
    loss: (A, theta, task) =>
      quadraticLoss(A, part(W, task, dim * dim, 'task'), part(y, task, dim, 'task'), theta),
  };
}

/**
 * An MLP classifier on minibatches: minibatch t is used at step t, the last one for the loss at theta_T.
 * @param x [T+1, B, batch, in]
 * @param labels [T+1, B, batch]
 * @throws RangeError when a length does not fit, or when a step has no minibatch.
 */
export function mlpProblem(
  shape: MlpShape,
  tasks: number,
  batch: number,
  x: ArrayLike<number>,
  labels: ArrayLike<number>,
): Problem {
  const examples = batch * (shape.sizes[0] ?? 0);
  const steps = Math.floor(labels.length / (tasks * batch));
  expectLength('labels', labels, steps * tasks * batch, `[${steps}, ${tasks}, ${batch}]`);
  expectLength('x', x, steps * tasks * examples, `[${steps}, ${tasks}, ${batch}, ${shape.sizes[0]}]`);
  return {
    tasks,
    coordinates: mlpParameterCount(shape.sizes),
    loss(A, theta, task, step) {
      const minibatch = step * tasks + task;
      const inputs = part(x, minibatch, examples, 'minibatch');
      return mlpLoss(A, shape, theta, inputs, part(labels, minibatch, batch, 'minibatch'));
    },
  };
}

/** Elements [index * length, (index + 1) * length) of an array of equal parts. */
function part(array: ArrayLike<number>, index: number, length: number, what: string): number[] {
  if ((index + 1) * length > array.length) {
    throw new RangeError(`There is no ${what} ${index}: the problem holds ${array.length / length} of them.`);
  }
  return Array.prototype.slice.call(array, index * length, (index + 1) * length);
}
