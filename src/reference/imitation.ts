import { type GatedForm, gatedStart, gatedStep, gatedWeights } from './gated.ts';
import { type AdamState, adam, momentum, nesterov, rmsprop, sgd } from './handDesigned.ts';
import { hiddenSize, l2lWeights, type NamedTensors, stackedLstm } from './lstm.ts';
import { type Preprocess, preprocess } from './preprocess.ts';
import type { Problem } from './problems.ts';
import { type AverageRates, movingFeatures, rnnpropStep } from './rnnprop.ts';
import { at, expectLength, numbers } from './scalar.ts';
import { Tape, type Variable } from './tape.ts';
import { lossGradient } from './unroll.ts';

/** What a learned optimizer is given at one coordinate, all of it constants. */
export interface StudentInputs {
  readonly theta: Variable;
  readonly g: Variable;
  readonly loss: Variable;
}

/** A learned optimizer on one task, its states within: theta_{t+1} of coordinate n as it would have it. */
export type Student = (n: number, inputs: StudentInputs) => Variable;

export interface ImitationOptions {
  readonly phi: NamedTensors;
  readonly problem: Problem;
  /** [B, N] */
  readonly theta0: ArrayLike<number>;
  /** T */
  readonly steps: number;
  readonly teacher: { readonly name: keyof typeof TEACHERS; readonly learningRate: number };
  /** The learned optimizer with the weights `phi` on a tape, before the first step of a task of N coordinates. */
  createStudent(tape: Tape, phi: NamedTensors<Variable>, coordinates: number): Student;
}

export interface ImitationResult {
  /** [T, B]: |d_t|^2 / (2 N), d_t the difference of the updates. */
  readonly losses: readonly Float64Array[];
  /** theta_T of the teacher [B, N] */
  readonly theta: Float64Array;
  /** Derivative of the sum over t of the mean over tasks of `losses`, under phi's names, flat. */
  readonly gradient: Readonly<Record<string, Float64Array>>;
}

/** A hand-designed optimizer on one task, with the numbers that stay fixed. */
type Move = (theta: Float64Array, g: Float64Array) => Float64Array;
const TEACHERS = {
  sgd: (lr: number) => (theta, g) => sgd(theta, g, lr),
  momentum: (lr: number) => {
    let m: Float64Array | undefined;
    return (theta, g) => {
      const step = momentum(theta, g, { lr, beta: 0.9 }, m);
      m = step.state;
      return step.theta;
    };
  },
  nesterov: (lr: number) => {
    let m: Float64Array | undefined;
    return (theta, g) => {
      const step = nesterov(theta, g, { lr, beta: 0.9 }, m);
      m = step.state;
      return step.theta;
    };
  },
  rmsprop: (lr: number) => {
    let v: Float64Array | undefined;
    return (theta, g) => {
      const step = rmsprop(theta, g, { lr, alpha: 0.99, eps: 1e-8 }, v);
      v = step.state;
      return step.theta;
    };
  },
  adam: (lr: number) => {
    let state: AdamState | undefined;
    return (theta, g) => {
      const step = adam(theta, g, { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8 }, state);
      state = step.state;
      return step.theta;
    };
  },
} satisfies Record<string, (lr: number) => Move>;

/**
 * Imitation (Chen et al. 2020) from fresh tasks: the teacher moves theta; at every theta_t the student, given the same
 * gradient, names a theta_{t+1} of its own, and half the mean square of the difference is the loss.
 * @throws RangeError when a length does not fit.
 */
export function imitationGradient(options: ImitationOptions): ImitationResult {
  const { phi, problem, theta0, steps, teacher, createStudent } = options;
  const { tasks, coordinates } = problem;
  expectLength('theta0', theta0, tasks * coordinates, `[${tasks}, ${coordinates}]`);
  const names = Object.keys(phi);
  const gradient = Object.fromEntries(
    names.map((name) => [name, new Float64Array(phi[name]?.length ?? 0)] as const),
  );
  const losses = Array.from({ length: steps }, () => new Float64Array(tasks));
  const ends: number[] = [];
  for (let task = 0; task < tasks; task++) {
    const tape = new Tape();
    const variables = names.map((name) => tape.variables(phi[name] ?? []));
    const named = Object.fromEntries(names.map((name, i) => [name, at(variables, i)]));
    const student = createStudent(tape, named, coordinates);
    const move: Move = TEACHERS[teacher.name](teacher.learningRate);
    let theta: Float64Array = Float64Array.from({ length: coordinates }, (_, n) =>
      at(theta0, task * coordinates + n),
    );
    let total = tape.constant(0);
    for (let t = 0; t < steps; t++) {
      const loss = tape.constant(problem.loss(numbers, [...theta], task, t));
      const g = Float64Array.from(lossGradient(numbers, problem, [...theta], task, t, false));
      const next = move(theta, g);
      let own = tape.constant(0);
      for (let n = 0; n < coordinates; n++) {
        const inputs = { theta: tape.constant(at(theta, n)), g: tape.constant(at(g, n)), loss };
        const d = tape.sub(student(n, inputs), tape.constant(at(next, n)));
        own = tape.add(own, tape.mul(d, d));
      }
      own = tape.div(own, tape.constant(2 * coordinates));
      at(losses, t)[task] = own.value;
      total = tape.add(total, own);
      theta = next;
    }
    ends.push(...theta);
    const derivative = tape.gradient(total, variables.flat());
    let offset = 0;
    for (const name of names) {
      const sum = gradient[name] ?? new Float64Array();
      for (let i = 0; i < sum.length; i++) sum[i] = at(sum, i) + at(derivative, offset++) / tasks;
    }
  }
  return { losses, theta: Float64Array.from(ends), gradient };
}

/** The coordinate-wise LSTM (Andrychowicz et al. 2016) as a student. */
export function l2lStudent(form: Preprocess, outputScale: number): ImitationOptions['createStudent'] {
  return (tape, phi, coordinates) => {
    const weights = l2lWeights(phi);
    const zeros = (length: number) => Array.from({ length }, () => tape.constant(0));
    const start = () =>
      weights.layers.map((layer) => ({ h: zeros(hiddenSize(layer)), c: zeros(hiddenSize(layer)) }));
    const states: ReturnType<typeof stackedLstm<Variable>>['state'][] = Array.from(
      { length: coordinates },
      start,
    );
    return (n, { theta, g }) => {
      const { output, state } = stackedLstm(tape, weights, preprocess(tape, form, g), at(states, n));
      states[n] = state;
      return tape.add(theta, tape.mul(tape.constant(outputScale), output));
    };
  };
}

/** One of the gated family as a student. */
export function gatedStudent(form: GatedForm): ImitationOptions['createStudent'] {
  return (tape, phi, coordinates) => {
    const weights = gatedWeights(phi);
    const states = Array.from({ length: coordinates }, () => gatedStart(tape, weights));
    return (n, inputs) => {
      const step = gatedStep(tape, form, weights, inputs, at(states, n));
      states[n] = step.state;
      return step.theta;
    };
  };
}

/** RNNprop (Lv, Jiang & Li 2017) as a student. */
export function rnnpropStudent(rates: AverageRates, outputScale: number): ImitationOptions['createStudent'] {
  return (tape, phi, coordinates) => {
    const { 'input.weight': _weight, 'input.bias': _bias, ...rest } = phi;
    const { layers } = l2lWeights(rest);
    const zeros = (length: number) => Array.from({ length }, () => tape.constant(0));
    const states = Array.from({ length: coordinates }, () => ({
      count: 0,
      averages: { m: tape.constant(0), v: tape.constant(0) },
      layers: layers.map((layer) => ({
        h: zeros(hiddenSize(layer)),
        c: zeros(hiddenSize(layer)),
      })) as ReturnType<typeof rnnpropStep<Variable>>['state'],
    }));
    return (n, { theta, g }) => {
      const own = at(states, n);
      const { u, averages } = movingFeatures(tape, g, own.averages, rates, own.count + 1);
      const { move, state } = rnnpropStep(tape, phi, u, own.layers);
      states[n] = { count: own.count + 1, averages, layers: state };
      return tape.sub(theta, tape.mul(tape.constant(outputScale), move));
    };
  };
}
