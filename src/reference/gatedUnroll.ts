import type { GatedForm, GatedState, GatedWeights } from './gated.ts';
import { gatedStart, gatedStep, gatedWeights } from './gated.ts';
import type { NamedTensors } from './lstm.ts';
import type { Problem } from './problems.ts';
import type { Algebra } from './scalar.ts';
import { at, expectLength, numbers } from './scalar.ts';
import { Tape } from './tape.ts';
import { lossGradient } from './unroll.ts';

export interface GatedUnrollOptions {
  /** Weights under their PyTorch names (`gatedWeights`). */
  readonly phi: NamedTensors;
  readonly form: GatedForm;
  readonly problem: Problem;
  /** [B, N] */
  readonly theta0: ArrayLike<number>;
  /** T */
  readonly steps: number;
  /** Weights of the T + 1 losses in the meta-loss. */
  readonly lossWeights: ArrayLike<number>;
  /** State the unroll starts from, a coordinate each of B * N, as an earlier one returned it; zero when left out. */
  readonly state?: readonly GatedState<number>[];
  /** Step the unroll starts at, for the problem's minibatches; 0 when left out. */
  readonly firstStep?: number;
}

export interface GatedUnrollResult {
  /** [T + 1, B] */
  readonly losses: readonly Float64Array[];
  /** sum over t of lossWeights[t] times the mean over tasks of losses[t] */
  readonly metaLoss: number;
  /** theta_T [B, N] */
  readonly theta: Float64Array;
  readonly state: readonly GatedState<number>[];
}

export interface GatedUnrollGradient extends GatedUnrollResult {
  /** d metaLoss / d phi, under phi's names, flat. */
  readonly gradient: Readonly<Record<string, Float64Array>>;
  /** d metaLoss / d theta_0 [B, N] */
  readonly theta0Gradient: Float64Array;
}

interface TaskRun<S> {
  readonly losses: readonly S[];
  readonly metaLoss: S;
  readonly theta: readonly S[];
  readonly state: readonly GatedState<S>[];
}

/**
 * An unroll of the gated family: for t = 0..T-1, f_t and g_t = grad f_t at theta_t, one `gatedStep` a coordinate with
 * its task's loss.
 * @throws RangeError when a length does not fit.
 */
export function gatedUnroll(options: GatedUnrollOptions): GatedUnrollResult {
  const weights = gatedWeights(options.phi);
  const runs = tasksOf(options).map((task) =>
    runTask(numbers, options, weights, startOf(numbers, options, task), task, false),
  );
  return combine(options, runs);
}

/**
 * The unroll and its meta-gradient, by the reverse tape, one tape a task. In first order f_t and g_t are constants;
 * with `secondDerivatives` they are the functions of theta_t that they are. Keep it small: N passes a step.
 * @throws RangeError when a length does not fit.
 */
export function gatedUnrollGradient(
  options: GatedUnrollOptions & { readonly secondDerivatives?: boolean },
): GatedUnrollGradient {
  const names = Object.keys(options.phi);
  const { tasks, coordinates } = options.problem;
  const sums = names.map((name) => new Float64Array(options.phi[name]?.length ?? 0));
  const theta0Gradient = new Float64Array(tasks * coordinates);
  const runs = tasksOf(options).map((task) => {
    const tape = new Tape();
    const phi = names.map((name) => tape.variables(options.phi[name] ?? []));
    const weights = gatedWeights(Object.fromEntries(names.map((name, i) => [name, at(phi, i)])));
    const theta0 = tape.variables(startOf(numbers, options, task));
    const run = runTask(tape, options, weights, theta0, task, options.secondDerivatives ?? false);
    const taskGradient = tape.gradient(run.metaLoss, [...phi.flat(), ...theta0]);
    let offset = 0;
    for (const sum of sums) {
      for (let i = 0; i < sum.length; i++) sum[i] = at(sum, i) + at(taskGradient, offset++) / tasks;
    }
    for (let n = 0; n < coordinates; n++) {
      theta0Gradient[task * coordinates + n] = at(taskGradient, offset++) / tasks;
    }
    return toNumbers(tape, run);
  });
  const gradient = Object.fromEntries(names.map((name, i) => [name, at(sums, i)]));
  return { ...combine(options, runs), gradient, theta0Gradient };
}

function tasksOf({ problem, theta0, steps, lossWeights, state }: GatedUnrollOptions): number[] {
  const { tasks, coordinates } = problem;
  expectLength('theta0', theta0, tasks * coordinates, `[${tasks}, ${coordinates}]`);
  expectLength('lossWeights', lossWeights, steps + 1, `[${steps + 1}]`);
  if (state) expectLength('The state', state, tasks * coordinates, `${tasks} * ${coordinates} coordinates`);
  return Array.from({ length: tasks }, (_, task) => task);
}

function startOf<S>(A: Algebra<S>, { problem, theta0 }: GatedUnrollOptions, task: number): S[] {
  const first = task * problem.coordinates;
  return Array.from({ length: problem.coordinates }, (_, n) => A.constant(at(theta0, first + n)));
}

function runTask<S>(
  A: Algebra<S>,
  options: GatedUnrollOptions,
  weights: GatedWeights<S>,
  theta0: readonly S[],
  task: number,
  secondDerivatives: boolean,
): TaskRun<S> {
  const { form, problem, steps, firstStep = 0, lossWeights } = options;
  let theta = theta0;
  let state = theta0.map((_, n) => {
    const start = options.state?.[task * problem.coordinates + n];
    return start ? mapState(start, (x) => A.constant(x)) : gatedStart(A, weights);
  });
  const losses: S[] = [];
  for (let t = 0; t < steps; t++) {
    const f = problem.loss(A, theta, task, firstStep + t);
    losses.push(f);
    const g = lossGradient(A, problem, theta, task, firstStep + t, secondDerivatives);
    const loss = secondDerivatives ? f : A.constant(A.value(f));
    const moved = theta.map((x, n) =>
      gatedStep(A, form, weights, { theta: x, g: at(g, n), loss }, at(state, n)),
    );
    theta = moved.map((step) => step.theta);
    state = moved.map((step) => step.state);
  }
  losses.push(problem.loss(A, theta, task, firstStep + steps));
  const metaLoss = losses.reduce(
    (sum, loss, t) => A.add(sum, A.mul(A.constant(at(lossWeights, t)), loss)),
    A.constant(0),
  );
  return { losses, metaLoss, theta, state };
}

function mapState<S, T>(state: GatedState<S>, map: (x: S) => T): GatedState<T> {
  const { controller, fed, m } = state;
  const all = (values: ArrayLike<S>): T[] => Array.from(values, map);
  return {
    controller: controller && { h: all(controller.h), c: all(controller.c) },
    fed: new Map([...fed].map(([name, value]) => [name, map(value)])),
    m: map(m),
  };
}

function toNumbers<S>(A: Algebra<S>, run: TaskRun<S>): TaskRun<number> {
  return {
    losses: run.losses.map((x) => A.value(x)),
    metaLoss: A.value(run.metaLoss),
    theta: run.theta.map((x) => A.value(x)),
    state: run.state.map((state) => mapState(state, (x) => A.value(x))),
  };
}

function combine(options: GatedUnrollOptions, runs: readonly TaskRun<number>[]): GatedUnrollResult {
  return {
    losses: Array.from({ length: options.steps + 1 }, (_, t) =>
      Float64Array.from(runs, (run) => at(run.losses, t)),
    ),
    metaLoss: runs.reduce((sum, run) => sum + run.metaLoss, 0) / runs.length,
    theta: Float64Array.from(runs.flatMap((run) => run.theta)),
    state: runs.flatMap((run) => run.state),
  };
}
