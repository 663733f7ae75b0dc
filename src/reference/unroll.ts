import { gradient } from './derivatives.ts';
import { dualAlgebra } from './dual.ts';
import type { L2lWeights, LstmState, NamedTensors } from './lstm.ts';
import { hiddenSize, l2lWeights, stackedLstm } from './lstm.ts';
import type { Preprocess } from './preprocess.ts';
import { preprocess } from './preprocess.ts';
import type { Problem } from './problems.ts';
import type { Algebra } from './scalar.ts';
import { at, expectLength, numbers } from './scalar.ts';
import { Tape } from './tape.ts';

/** State of the coordinate-wise LSTM: [coordinate of B * N][layer]. */
export type UnrollState = readonly (readonly LstmState<number>[])[];

export interface UnrollOptions {
  /** Weights under their PyTorch names (`l2lWeights`). */
  readonly phi: NamedTensors;
  readonly problem: Problem;
  /** [B, N] */
  readonly theta0: ArrayLike<number>;
  /** T: the number of updates; T + 1 losses are evaluated. */
  readonly steps: number;
  readonly preprocess: Preprocess;
  /** theta_{t+1} = theta_t + outputScale * out_t */
  readonly outputScale: number;
  /** Weights of the T + 1 losses in the meta-loss; all 1 when left out. */
  readonly lossWeights?: ArrayLike<number>;
  /** State the LSTM starts from, as an earlier unroll returned it; zeros when left out. */
  readonly state?: UnrollState;
  /** Step the unroll starts at, for the problem's minibatches; 0 when left out. */
  readonly firstStep?: number;
}

export interface UnrollResult {
  /** f_t(theta_t), t = 0..T, mean over tasks. */
  readonly losses: Float64Array;
  /** sum over t of lossWeights[t] * losses[t] */
  readonly metaLoss: number;
  /** theta_T [B, N] */
  readonly theta: Float64Array;
  /** State of the LSTM after the last step. */
  readonly state: UnrollState;
}

export interface UnrollGradient extends UnrollResult {
  /** d metaLoss / d phi, under phi's names, flat. */
  readonly gradient: Readonly<Record<string, Float64Array>>;
}

/** One task's part of an unroll. */
interface TaskRun<S> {
  readonly losses: readonly S[];
  readonly metaLoss: S;
  readonly theta: readonly S[];
  readonly state: readonly (readonly LstmState<S>[])[];
}

/**
 * An unroll of the coordinate-wise LSTM (Andrychowicz et al. 2016): for t = 0..T-1, g_t = grad f_t(theta_t),
 * out_t = stackedLstm(preprocess(g_t)), theta_{t+1} = theta_t + outputScale * out_t.
 * @throws RangeError when a length does not fit.
 */
export function unroll(options: UnrollOptions): UnrollResult {
  const weights = l2lWeights(options.phi);
  return combine(
    options,
    tasksOf(options).map((task) => runTask(numbers, options, weights, task, false)),
  );
}

/**
 * The unroll and its meta-gradient, by the reverse tape, one tape a task. In first order g_t is a constant; with
 * `secondDerivatives` it is the function of theta_t that it is, and the gradient is that of
 * `unroll(options).metaLoss` exactly. Second order runs the loss N times a step on dual numbers: keep it small.
 * @throws RangeError when a length does not fit.
 */
export function unrollGradient(
  options: UnrollOptions & { readonly secondDerivatives?: boolean },
): UnrollGradient {
  const names = Object.keys(options.phi);
  const sums = names.map((name) => new Float64Array(options.phi[name]?.length ?? 0));
  const runs = tasksOf(options).map((task) => {
    const tape = new Tape();
    const phi = names.map((name) => tape.variables(options.phi[name] ?? []));
    const weights = l2lWeights(Object.fromEntries(names.map((name, i) => [name, at(phi, i)])));
    const run = runTask(tape, options, weights, task, options.secondDerivatives ?? false);
    const taskGradient = tape.gradient(run.metaLoss, phi.flat());
    let offset = 0;
    for (const sum of sums) {
      for (let i = 0; i < sum.length; i++) {
        sum[i] = at(sum, i) + at(taskGradient, offset++) / options.problem.tasks;
      }
    }
    return toNumbers(tape, run);
  });
  return {
    ...combine(options, runs),
    gradient: Object.fromEntries(names.map((name, i) => [name, at(sums, i)])),
  };
}

function tasksOf(options: UnrollOptions): number[] {
  const { problem, theta0, steps, lossWeights, state } = options;
  const { tasks, coordinates } = problem;
  expectLength('theta0', theta0, tasks * coordinates, `[${tasks}, ${coordinates}]`);
  if (lossWeights !== undefined) expectLength('lossWeights', lossWeights, steps + 1, `[${steps + 1}]`);
  if (state !== undefined) {
    expectLength('The state', state, tasks * coordinates, `${tasks} * ${coordinates} coordinates`);
  }
  return Array.from({ length: tasks }, (_, task) => task);
}

function runTask<S>(
  A: Algebra<S>,
  options: UnrollOptions,
  weights: L2lWeights<S>,
  task: number,
  secondDerivatives: boolean,
): TaskRun<S> {
  const { problem, theta0, steps, firstStep = 0 } = options;
  const scale = A.constant(options.outputScale);
  const first = task * problem.coordinates;
  const coordinates = Array.from({ length: problem.coordinates }, (_, n) => first + n);
  let theta = coordinates.map((m) => A.constant(at(theta0, m)));
  let state = coordinates.map((m) => initialState(A, options, weights, m));
  const losses: S[] = [];
  for (let t = 0; t < steps; t++) {
    losses.push(problem.loss(A, theta, task, firstStep + t));
    const g = lossGradient(A, problem, theta, task, firstStep + t, secondDerivatives);
    const moved = coordinates.map((_, n) =>
      stackedLstm(A, weights, preprocess(A, options.preprocess, at(g, n)), at(state, n)),
    );
    theta = moved.map((step, n) => A.add(at(theta, n), A.mul(scale, step.output)));
    state = moved.map((step) => step.state);
  }
  losses.push(problem.loss(A, theta, task, firstStep + steps));
  const metaLoss = losses.reduce(
    (sum, loss, t) => A.add(sum, A.mul(A.constant(lossWeight(options, t)), loss)),
    A.constant(0),
  );
  return { losses, metaLoss, theta, state };
}

function initialState<S>(
  A: Algebra<S>,
  options: UnrollOptions,
  weights: L2lWeights<S>,
  coordinate: number,
): LstmState<S>[] {
  const zeros = weights.layers.map((layer) => new Float64Array(hiddenSize(layer)));
  const start = options.state?.[coordinate] ?? zeros.map((zero) => ({ h: zero, c: zero }));
  return start.map(({ h, c }) => ({
    h: Array.from(h, (x) => A.constant(x)),
    c: Array.from(c, (x) => A.constant(x)),
  }));
}

/** Gradient of the task's loss: constants from a tape of its own, or dual numbers, which keep what it depends on. */
export function lossGradient<S>(
  A: Algebra<S>,
  problem: Problem,
  theta: readonly S[],
  task: number,
  step: number,
  secondDerivatives: boolean,
): S[] {
  if (secondDerivatives) {
    const dual = dualAlgebra(A);
    return theta.map((_, n) => {
      const seeded = theta.map((value, i) => ({ value, tangent: A.constant(i === n ? 1 : 0) }));
      return problem.loss(dual, seeded, task, step).tangent;
    });
  }
  const values = theta.map((x) => A.value(x));
  const g = gradient((inner, x) => problem.loss(inner, x, task, step), values).gradient;
  return Array.from(g, (x) => A.constant(x));
}

function lossWeight(options: UnrollOptions, t: number): number {
  return options.lossWeights === undefined ? 1 : at(options.lossWeights, t);
}

function toNumbers<S>(A: Algebra<S>, run: TaskRun<S>): TaskRun<number> {
  const values = (scalars: ArrayLike<S>): number[] => Array.from(scalars, (x) => A.value(x));
  return {
    losses: values(run.losses),
    metaLoss: A.value(run.metaLoss),
    theta: values(run.theta),
    state: run.state.map((layers) => layers.map(({ h, c }) => ({ h: values(h), c: values(c) }))),
  };
}

function combine(options: UnrollOptions, runs: readonly TaskRun<number>[]): UnrollResult {
  const mean = (pick: (run: TaskRun<number>) => number): number =>
    runs.reduce((sum, run) => sum + pick(run), 0) / runs.length;
  return {
    losses: Float64Array.from({ length: options.steps + 1 }, (_, t) => mean((run) => at(run.losses, t))),
    metaLoss: mean((run) => run.metaLoss),
    theta: Float64Array.from(runs.flatMap((run) => run.theta)),
    state: runs.flatMap((run) => run.state),
  };
}
