import type { LstmState, NamedTensors } from './lstm.ts';
import { hiddenSize, l2lWeights, stackedLstm } from './lstm.ts';
import type { Preprocess } from './preprocess.ts';
import { preprocess } from './preprocess.ts';
import type { Problem } from './problems.ts';
import { at, expectLength } from './scalar.ts';
import { Tape } from './tape.ts';
import { lossGradient } from './unroll.ts';

export interface GroupedUnrollOptions {
  /** Weights of each group under their PyTorch names (`l2lWeights`). */
  readonly groups: readonly NamedTensors[];
  /** [N]: the group of each parameter of a task. */
  readonly groupOf: ArrayLike<number>;
  readonly problem: Problem;
  /** [B, N] */
  readonly theta0: ArrayLike<number>;
  /** T */
  readonly steps: number;
  readonly preprocess: Preprocess;
  readonly outputScale: number;
  /** Weights of the T + 1 losses in the meta-loss. */
  readonly lossWeights: ArrayLike<number>;
  readonly secondDerivatives: boolean;
}

export interface GroupedUnrollResult {
  /** theta_T [B, N] */
  readonly theta: Float64Array;
  /** d metaLoss / d phi of each group, under phi's names, flat. */
  readonly gradients: readonly Readonly<Record<string, Float64Array>>[];
}

/**
 * An unroll of the coordinate-wise LSTM whose weights differ by group of parameters, and its meta-gradient by the reverse
 * tape: parameter n of every task moves by the LSTM with the weights of groups[groupOf[n]].
 * @throws RangeError when a length does not fit.
 */
export function groupedUnrollGradient(options: GroupedUnrollOptions): GroupedUnrollResult {
  const { groups, groupOf, problem, theta0, steps, lossWeights } = options;
  const { tasks, coordinates } = problem;
  expectLength('groupOf', groupOf, coordinates, `[${coordinates}]`);
  expectLength('theta0', theta0, tasks * coordinates, `[${tasks}, ${coordinates}]`);
  expectLength('lossWeights', lossWeights, steps + 1, `[${steps + 1}]`);
  const gradients = groups.map((phi) =>
    Object.fromEntries(Object.entries(phi).map(([name, { length }]) => [name, new Float64Array(length)])),
  );
  const ends: number[] = [];
  for (let task = 0; task < tasks; task++) {
    const tape = new Tape();
    const phi = groups.map((group) =>
      Object.entries(group).map(([name, values]) => [name, tape.variables(values)] as const),
    );
    const weights = phi.map((group) => l2lWeights(Object.fromEntries(group)));
    const own = Array.from({ length: coordinates }, (_, n) => at(weights, at(groupOf, n)));
    let theta = own.map((_, n) => tape.constant(at(theta0, task * coordinates + n)));
    let state = own.map(({ layers }): LstmState<(typeof theta)[number]>[] =>
      layers.map((layer) => {
        const zeros = () => Array.from({ length: hiddenSize(layer) }, () => tape.constant(0));
        return { h: zeros(), c: zeros() };
      }),
    );
    let metaLoss = tape.constant(0);
    for (let t = 0; t <= steps; t++) {
      const loss = problem.loss(tape, theta, task, t);
      metaLoss = tape.add(metaLoss, tape.mul(tape.constant(at(lossWeights, t)), loss));
      if (t === steps) break;
      const g = lossGradient(tape, problem, theta, task, t, options.secondDerivatives);
      const moved = own.map((phiOfN, n) =>
        stackedLstm(tape, phiOfN, preprocess(tape, options.preprocess, at(g, n)), at(state, n)),
      );
      const scale = tape.constant(options.outputScale);
      theta = moved.map(({ output }, n) => tape.add(at(theta, n), tape.mul(scale, output)));
      state = moved.map((step) => step.state);
    }
    ends.push(...theta.map((x) => tape.value(x)));
    const variables = phi.flatMap((group) => group.flatMap(([, values]) => values));
    const gradient = tape.gradient(metaLoss, variables);
    let offset = 0;
    for (const [index, group] of phi.entries()) {
      for (const [name] of group) {
        const sum = at(gradients, index)[name] ?? new Float64Array();
        for (let i = 0; i < sum.length; i++) sum[i] = at(sum, i) + at(gradient, offset++) / tasks;
      }
    }
  }
  return { theta: Float64Array.from(ends), gradients };
}
