import { hiddenSize, type LstmState, l2lWeights, type NamedTensors, stackedLstm } from './lstm.ts';
import type { Problem } from './problems.ts';
import type { Algebra } from './scalar.ts';
import { at, expectLength, select } from './scalar.ts';
import { Tape } from './tape.ts';
import { lossGradient } from './unroll.ts';

/** Added to the root, as in the code of Lv et al. */
const EPSILON = 1e-8;

/** Moving averages of a coordinate's gradient and of its square. */
export interface Averages<S> {
  readonly m: S;
  readonly v: S;
}

export interface AverageRates {
  readonly beta1: number;
  readonly beta2: number;
}

/**
 * One step of the averages m, v and the features [g, m] / (sqrt(v) + 1e-8) of Lv, Jiang & Li 2017, with m and v
 * corrected for their start at zero; while all gradients were 0 the root takes no part in any derivative.
 * @param count steps of the episode, this one included
 */
export function movingFeatures<S>(
  A: Algebra<S>,
  g: S,
  before: Averages<S>,
  { beta1, beta2 }: AverageRates,
  count: number,
): { readonly u: [S, S]; readonly averages: Averages<S> } {
  const mix = (beta: number, old: S, now: S) =>
    A.add(A.mul(A.constant(beta), old), A.mul(A.constant(1 - beta), now));
  const m = mix(beta1, before.m, g);
  const v = mix(beta2, before.v, A.mul(g, g));
  const corrected = (value: S, beta: number) => A.div(value, A.constant(1 - beta ** count));
  const square = corrected(v, beta2);
  const isZero = A.value(square) === 0;
  const root = select(isZero, A.constant(0), A.sqrt(select(isZero, A.constant(1), square)));
  const d = A.add(root, A.constant(EPSILON));
  return { u: [A.div(g, d), A.div(corrected(m, beta1), d)], averages: { m, v } };
}

/**
 * One step of one coordinate: the ELU layer on u, the stacked LSTM layers, tanh of what they put out.
 * @param phi `input.weight` [H, 2], `input.bias` [H], and the tensors of `l2lWeights`
 */
export function rnnpropStep<S>(
  A: Algebra<S>,
  phi: NamedTensors<S>,
  u: readonly [S, S],
  state: readonly LstmState<S>[],
): { readonly move: S; readonly state: LstmState<S>[] } {
  const { 'input.weight': weight, 'input.bias': bias, ...rest } = phi;
  if (!weight || !bias) throw new RangeError('The weights lack "input.weight" or "input.bias": add them.');
  const x = Array.from(bias, (b, unit) => A.elu(A.affine(b, weight, 2 * unit, 1, u)));
  const { output, state: next } = stackedLstm(A, l2lWeights(rest), x, state);
  return { move: A.tanh(output), state: next };
}

export interface RnnpropUnroll extends AverageRates {
  readonly phi: NamedTensors;
  readonly problem: Problem;
  /** [B, N] */
  readonly theta0: ArrayLike<number>;
  /** T of each unroll of the episode; the graph is cut between two. */
  readonly steps: number;
  readonly unrolls: number;
  readonly outputScale: number;
  /** Weights of the T + 1 losses of an unroll. */
  readonly lossWeights: ArrayLike<number>;
  readonly secondDerivatives: boolean;
}

export interface RnnpropResult {
  /** theta after the unroll [B, N] */
  readonly theta: Float64Array;
  /** The T + 1 losses, mean over tasks. */
  readonly losses: Float64Array;
  /** d metaLoss / d phi, under phi's names, flat. */
  readonly gradient: Readonly<Record<string, Float64Array>>;
}

/** What an unroll hands to the next one: numbers, a coordinate each. */
interface Carried {
  readonly theta: number;
  readonly averages: Averages<number>;
  readonly state: readonly LstmState<number>[];
}

/**
 * The unrolls of an episode, theta_{t+1} = theta_t - outputScale * move, and the meta-gradient of each by the reverse
 * tape. In first order g_t is a constant.
 * @throws RangeError when a length does not fit.
 */
export function rnnpropUnrolls(options: RnnpropUnroll): RnnpropResult[] {
  const { phi, problem, theta0, steps, unrolls, lossWeights } = options;
  const { tasks, coordinates } = problem;
  expectLength('theta0', theta0, tasks * coordinates, `[${tasks}, ${coordinates}]`);
  expectLength('lossWeights', lossWeights, steps + 1, `[${steps + 1}]`);
  const { 'input.weight': _weight, 'input.bias': _bias, ...rest } = phi;
  const { layers } = l2lWeights(rest);
  const zeros = () => layers.map((layer) => new Float64Array(hiddenSize(layer)));
  let carried = Array.from(theta0, (theta): Carried => {
    return { theta, averages: { m: 0, v: 0 }, state: zeros().map((zero) => ({ h: zero, c: zero })) };
  });
  return Array.from({ length: unrolls }, (_, unroll) => {
    const sums = Object.fromEntries(
      Object.entries(phi).map(([name, { length }]) => [name, new Float64Array(length)]),
    );
    const losses = new Float64Array(steps + 1);
    carried = Array.from({ length: tasks }, (_, task) => {
      const own = carried.slice(task * coordinates, (task + 1) * coordinates);
      return runTask(options, own, task, unroll * steps, losses, sums);
    }).flat();
    return { theta: Float64Array.from(carried, ({ theta }) => theta), losses, gradient: sums };
  });
}

/** One task's unroll; adds its shares to the losses and to the sums of the gradient. */
function runTask(
  options: RnnpropUnroll,
  start: readonly Carried[],
  task: number,
  firstStep: number,
  losses: Float64Array,
  sums: Readonly<Record<string, Float64Array>>,
): Carried[] {
  const { problem, steps, outputScale, lossWeights, secondDerivatives } = options;
  const tape = new Tape();
  const named = Object.entries(options.phi).map(([name, values]) => [name, tape.variables(values)] as const);
  const phi = Object.fromEntries(named);
  const constant = (x: number) => tape.constant(x);
  let theta = start.map((one) => constant(one.theta));
  let averages = start.map((one) => ({ m: constant(one.averages.m), v: constant(one.averages.v) }));
  let states = start.map(({ state }) =>
    state.map(({ h, c }) => ({ h: Array.from(h, constant), c: Array.from(c, constant) })),
  ) as readonly (readonly LstmState<(typeof theta)[number]>[])[];
  let metaLoss = constant(0);
  for (let t = 0; t <= steps; t++) {
    const loss = problem.loss(tape, theta, task, firstStep + t);
    losses[t] = at(losses, t) + loss.value / problem.tasks;
    metaLoss = tape.add(metaLoss, tape.mul(constant(at(lossWeights, t)), loss));
    if (t === steps) break;
    const g = lossGradient(tape, problem, theta, task, firstStep + t, secondDerivatives);
    const features = g.map((value, n) =>
      movingFeatures(tape, value, at(averages, n), options, firstStep + t + 1),
    );
    const moved = features.map(({ u }, n) => rnnpropStep(tape, phi, u, at(states, n)));
    averages = features.map((feature) => feature.averages);
    states = moved.map(({ state }) => state);
    theta = moved.map(({ move }, n) => tape.sub(at(theta, n), tape.mul(constant(outputScale), move)));
  }
  const gradient = tape.gradient(
    metaLoss,
    named.flatMap(([, values]) => values),
  );
  let offset = 0;
  for (const [name] of named) {
    const sum = sums[name] ?? new Float64Array();
    for (let i = 0; i < sum.length; i++) sum[i] = at(sum, i) + at(gradient, offset++) / problem.tasks;
  }
  const numbersOf = (values: ArrayLike<(typeof theta)[number]>) => Array.from(values, ({ value }) => value);
  return theta.map(({ value }, n) => ({
    theta: value,
    averages: { m: at(averages, n).m.value, v: at(averages, n).v.value },
    state: at(states, n).map(({ h, c }) => ({ h: numbersOf(h), c: numbersOf(c) })),
  }));
}
