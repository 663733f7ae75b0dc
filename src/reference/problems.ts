import type { MlpShape } from './mlp.ts';
import { mlpLoss, mlpParameterCount } from './mlp.ts';
import { quadraticLoss } from './quadratic.ts';
import type { Algebra } from './scalar.ts';
import { at, expectLength, select } from './scalar.ts';

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

/**
 * A task's loss is the mean over D of min((x - a)^2, 10) (Lv, Jiang & Li 2017).
 * @param a [B, D]
 * @throws RangeError when a length does not fit.
 */
export function clippedSquaresProblem(tasks: number, dim: number, a: ArrayLike<number>): Problem {
  expectLength('a', a, tasks * dim, `[${tasks}, ${dim}]`);
  return {
    tasks,
    coordinates: dim,
    loss(A, theta, task) {
      const squares = theta.map((x, i) => {
        const d = A.sub(x, A.constant(at(a, task * dim + i)));
        const square = A.mul(d, d);
        return select(A.value(square) > 10, A.constant(10), square);
      });
      const sum = squares.reduce((total, square) => A.add(total, square), A.constant(0));
      return A.div(sum, A.constant(dim));
    },
  };
}

/**
 * The problem's loss at c theta.
 * @param scales c [B, N]
 */
export function scaledProblem(problem: Problem, scales: ArrayLike<number>): Problem {
  const { tasks, coordinates } = problem;
  expectLength('scales', scales, tasks * coordinates, `[${tasks}, ${coordinates}]`);
  return {
    ...problem,
    loss(A, theta, task, step) {
      const own = theta.map((x, n) => A.mul(A.constant(at(scales, task * coordinates + n)), x));
      return problem.loss(A, own, task, step);
    },
  };
}

/** f(theta) + g(x) over the parameters [theta, x] of both. */
export function sumProblem(first: Problem, second: Problem): Problem {
  return {
    tasks: first.tasks,
    coordinates: first.coordinates + second.coordinates,
    loss(A, theta, task, step) {
      const [own, rest] = [theta.slice(0, first.coordinates), theta.slice(first.coordinates)];
      return A.add(first.loss(A, own, task, step), second.loss(A, rest, task, step));
    },
  };
}
