import { describe, expect, it } from 'vitest';
import type { Kernel } from '../src/host/gpu/kernel.ts';
import type { Program } from '../src/host/gpu/program.ts';
import type { Tensor } from '../src/host/gpu/tensor.ts';
import { groupsOf64 } from '../src/host/ops/coordinates.ts';
import { HAND_DESIGNED_KERNELS } from '../src/host/ops/handDesigned.ts';
import { adam, adamw, momentum, nesterov, rmsprop, sgd } from '../src/reference/handDesigned.ts';
import { at } from '../src/reference/scalar.ts';
import { expectClose, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { afterSteps, EPSILON } from './support/tolerances.ts';

const gpu = gpuForThisFile();

const STEPS = 50;
type Name = keyof typeof HAND_DESIGNED_KERNELS;
type Vector = Float64Array<ArrayBufferLike>;

/** The kernels' `hyper` beside the learning rate, rounded as they see it. */
const HYPER: Record<Name, readonly [number, number, number]> = {
  sgd: [0, 0, 0],
  momentum: [0.9, 0, 0],
  nesterov: [0.95, 0, 0],
  rmsprop: [0.99, 0, 1e-8],
  adam: [0.9, 0.999, 1e-8],
  adamw: [0.9, 0.999, 1e-8],
};
/** Of adamw: the last steps come after the schedule's end. */
const SCHEDULE = { horizon: 40, decay: 0.1 };

/** A reference optimizer as a function that keeps its own state. */
function referenceOf(name: Name, rate: number): (theta: Vector, g: Float32Array) => Vector {
  const [lr = 0, b1 = 0, b2 = 0, eps = 0] = [rate, ...HYPER[name]].map(Math.fround);
  let state: Vector | undefined;
  let adamState: Parameters<typeof adam>[3];
  return (theta, g) => {
    if (name === 'sgd') return sgd(theta, g, lr);
    if (name === 'adam' || name === 'adamw') {
      const settings = { lr, beta1: b1, beta2: b2, eps };
      const step =
        name === 'adam'
          ? adam(theta, g, settings, adamState)
          : adamw(theta, g, { ...settings, ...SCHEDULE, decay: Math.fround(SCHEDULE.decay) }, adamState);
      adamState = step.state;
      return step.theta;
    }
    const step =
      name === 'rmsprop'
        ? rmsprop(theta, g, { lr, alpha: b1, eps }, state)
        : (name === 'momentum' ? momentum : nesterov)(theta, g, { lr, beta: b1 }, state);
    state = step.state;
    return step.theta;
  };
}

function stepParams(kernel: Kernel, step: number): Record<string, number> {
  return { ...('step' in kernel.params ? { step } : {}), ...('horizon' in kernel.params ? SCHEDULE : {}) };
}

/** Gradients of many sizes, some exactly 0. */
function gradients(length: number, seed: number): Float32Array {
  const exponents = randomValues(length, seed + 1, -10, 2);
  return randomValues(length, seed).map((value, i) => (i % 7 === 3 ? 0 : value * 2 ** at(exponents, i)));
}

describe('handDesigned', () => {
  /** Coordinates: 1, 63, 64, 65 and a prime. */
  const shapes = [
    { tasks: 1, parameters: 1 },
    { tasks: 3, parameters: 21 },
    { tasks: 2, parameters: 32 },
    { tasks: 5, parameters: 13 },
    { tasks: 1, parameters: 131 },
  ];
  const names: readonly Name[] = ['sgd', 'momentum', 'nesterov', 'rmsprop', 'adam', 'adamw'];
  const rates = [0.1, 0.03, 0.01, 0.003, 0.001];
  const aligned = (count: number) => 64 * Math.ceil(count / 64);

  /** Records steps of one optimizer; theta moves between two tensors and every one is kept in `history`. */
  function recordSteps(
    program: Program,
    name: Name,
    tensors: Readonly<Record<'hyper' | 'clock' | 'theta' | 'other' | 'm' | 'v' | 'g' | 'history', Tensor>>,
    { tasks, parameters }: (typeof shapes)[number],
  ): void {
    const kernel: Kernel = HAND_DESIGNED_KERNELS[name];
    const count = tasks * parameters;
    let [theta, next] = [tensors.theta, tensors.other];
    for (let step = 0; step < STEPS; step++) {
      const g = tensors.g.view('g', step * aligned(count), [count]);
      const all = { ...tensors, theta, g, next };
      const used = Object.entries(all).filter(([tensor]) => tensor in kernel.tensors);
      program.run(kernel, {
        tensors: Object.fromEntries(used),
        params: { count, parameters, ...stepParams(kernel, step) },
        workgroups: [groupsOf64(count)],
      });
      program.copy(next, tensors.history.view('history', step * aligned(count), [count]));
      [theta, next] = [next, theta];
    }
  }

  describe.each(names)('%s', (name) => {
    it.each(shapes)(`${STEPS} steps, $tasks tasks of $parameters`, async (shape) => {
      const { tasks, parameters } = shape;
      const count = tasks * parameters;
      const data = {
        hyper: Float32Array.from(rates.slice(0, tasks).flatMap((rate) => [rate, ...HYPER[name]])),
        clock: new Uint32Array(4),
        theta: randomValues(count, 1),
        other: unwritten(count),
        m: new Float32Array(count),
        v: new Float32Array(count),
        g: gradients(STEPS * aligned(count), 2),
        history: unwritten(STEPS * aligned(count)),
      };
      const { history } = await runKernels(gpu(), data, (program, tensors) =>
        recordSteps(program, name, tensors, shape),
      );
      for (let task = 0; task < tasks; task++) {
        const update = referenceOf(name, at(rates, task));
        let theta: Vector = Float64Array.from(
          data.theta.subarray(task * parameters, (task + 1) * parameters),
        );
        for (let step = 0; step < STEPS; step++) {
          const start = step * aligned(count) + task * parameters;
          theta = update(theta, data.g.subarray(start, start + parameters));
          const found = history.subarray(start, start + parameters);
          expectClose(
            found,
            theta,
            afterSteps(step + 1, theta),
            `theta of task ${task} after step ${step + 1}`,
          );
        }
      }
    });
  });

  it.each([
    ['adam', 20],
    ['adam', 9_999],
    ['adamw', 20],
    ['adamw', 9_999],
  ] as const)('%s goes on from clock %i', async (name, before) => {
    const count = 67;
    const schedule = { horizon: 10_000, decay: 0.25 };
    const data = {
      hyper: Float32Array.of(0.01, ...HYPER[name]),
      clock: Uint32Array.of(before - 3, 0, 0, 0),
      theta: randomValues(count, 3),
      g: gradients(count, 4),
      next: unwritten(count),
      m: randomValues(count, 5),
      v: randomValues(count, 6, 0, 1),
    };
    const read = await runKernels(gpu(), data, (program, tensors) =>
      program.run(HAND_DESIGNED_KERNELS[name], {
        tensors,
        params: { count, parameters: count, step: 3, ...(name === 'adamw' ? schedule : {}) },
        workgroups: [groupsOf64(count)],
      }),
    );
    const [lr = 0, beta1 = 0, beta2 = 0, eps = 0] = data.hyper;
    const { m, v } = data;
    const settings = { lr, beta1, beta2, eps, ...schedule };
    const expected = { adam, adamw }[name](data.theta, data.g, settings, { m, v, t: before });
    expectClose(read.next, expected.theta, afterSteps(1, expected.theta), 'theta');
    expectClose(read.m, expected.state.m, afterSteps(1, m), 'm');
    expectClose(read.v, expected.state.v, afterSteps(1, v), 'v');
  });

  it("adamw's schedule keeps its digits to the end of a horizon", async () => {
    const horizon = 10_000;
    const steps = [1, 63, 5_000, 9_937, 9_998, 9_999];
    for (const before of steps) {
      // With no gradient the step is lr_t decay theta alone, and theta is small enough for next to be nothing else.
      const data = {
        hyper: Float32Array.of(1, ...HYPER.adamw),
        clock: Uint32Array.of(before, 0, 0, 0),
        theta: Float32Array.of(1e-3),
        g: new Float32Array(1),
        next: unwritten(1),
        m: new Float32Array(1),
        v: new Float32Array(1),
      };
      const decay = 1000;
      const { next } = await runKernels(gpu(), data, (program, tensors) =>
        program.run(HAND_DESIGNED_KERNELS.adamw, {
          tensors,
          params: { count: 1, parameters: 1, step: 0, horizon, decay },
          workgroups: [1],
        }),
      );
      const left = (1 + Math.cos((Math.PI * before) / horizon)) / 2;
      const theta = at(data.theta, 0);
      expectClose(
        next,
        [theta - left * decay * theta],
        { absolute: 16 * EPSILON * theta * Math.max(1, left * decay) },
        `${before}`,
      );
    }
  });

  it.each(names)('%s: NaN in a gradient is seen in its parameter, and in no other', async (name) => {
    const data = {
      hyper: Float32Array.of(0.1, ...HYPER[name]),
      clock: new Uint32Array(4),
      theta: randomValues(4, 1),
      g: Float32Array.of(1, Number.NaN, 0, -1),
      next: unwritten(4),
      m: new Float32Array(4),
      v: new Float32Array(4),
    };
    const { next } = await runKernels(gpu(), data, (program, tensors) => {
      const kernel: Kernel = HAND_DESIGNED_KERNELS[name];
      const used = Object.entries(tensors).filter(([tensor]) => tensor in kernel.tensors);
      const params = { count: 4, parameters: 4, ...stepParams(kernel, 0) };
      program.run(kernel, { tensors: Object.fromEntries(used), params, workgroups: [1] });
    });
    expect(Array.from(next, Number.isNaN)).toEqual([false, true, false, false]);
  });
});
