import { describe, expect, it } from 'vitest';
import {
  recordEluLayer,
  recordEluLayerBackward,
  recordEluLayerBackwardWeights,
} from '../src/host/ops/eluLayer.ts';
import { recordMovingAverages, recordMovingAveragesBackward } from '../src/host/ops/movingAverages.ts';
import { recordReducePartials } from '../src/host/ops/reduce.ts';
import { recordTanhOutput, recordTanhOutputBackward } from '../src/host/ops/tanhOutput.ts';
import { movingFeatures } from '../src/reference/rnnprop.ts';
import { at } from '../src/reference/scalar.ts';
import { Tape, type Variable } from '../src/reference/tape.ts';
import { expectClose, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { LSTM_KERNELS, lstmDevices } from './support/lstmDevices.ts';
import { ELU_LAYER, EPSILON, movingAllowed, SMALLEST_NORMAL, sumOf, TANH } from './support/tolerances.ts';

const gpu = gpuForThisFile();
const deviceOf = lstmDevices();

/** Threads: one, around one workgroup of 64, and a prime. A thread takes four coordinates. */
const THREADS = [1, 63, 64, 65, 131] as const;
const sizes = THREADS.map((threads) => ({ coordinates: 4 * threads }));

/** Gradients from 2^-10 to 4 in size; those of every seventh coordinate are 0 throughout. */
function gradients(length: number, seed: number): Float32Array {
  const exponents = randomValues(length, 90, -10, 2);
  return randomValues(length, seed).map((value, i) => (i % 7 === 3 ? 0 : value * 2 ** at(exponents, i)));
}

describe('movingAverages', () => {
  const STEPS = 4;
  const BEFORE = 3;
  const rates = { beta1: Math.fround(0.9), beta2: Math.fround(0.95) };

  function dataOf(M: number) {
    const clock = Uint32Array.of(BEFORE, 0, 0, 0);
    const [m0, v0] = [gradients(M, 1), gradients(M, 2).map((value) => value * value)];
    const data: Record<string, Float32Array | Uint32Array> = { clock, m0, v0 };
    for (let t = 0; t < STEPS; t++) {
      data[`g${t}`] = gradients(M, 10 + t);
      data[`du${t}`] = randomValues(2 * M, 20 + t);
      data[`m${t + 1}`] = unwritten(M);
      data[`v${t + 1}`] = unwritten(M);
      data[`u${t}`] = unwritten(2 * M);
      data[`dg${t}`] = unwritten(M);
    }
    data['dm'] = new Float32Array(M);
    data['dv'] = new Float32Array(M);
    return data;
  }

  it.each(sizes)(
    'forward and back through four steps, $coordinates coordinates',
    async ({ coordinates: M }) => {
      const data = dataOf(M);
      const read = await runKernels(gpu(), data, (program, tensors) => {
        const of = (name: string) => {
          const tensor = tensors[name];
          if (!tensor) throw new Error(name);
          return tensor;
        };
        const { clock, dm, dv } = { clock: of('clock'), dm: of('dm'), dv: of('dv') };
        for (let step = 0; step < STEPS; step++) {
          const before = { mPrev: of(`m${step}`), vPrev: of(`v${step}`) };
          const after = { m: of(`m${step + 1}`), v: of(`v${step + 1}`), u: of(`u${step}`) };
          recordMovingAverages(
            program,
            { clock, g: of(`g${step}`), ...before, ...after },
            { ...rates, step },
          );
        }
        for (let step = STEPS - 1; step >= 0; step--) {
          const kept = { m: of(`m${step + 1}`), v: of(`v${step + 1}`), du: of(`du${step}`) };
          const tensorsBack = { clock, g: of(`g${step}`), ...kept, dm, dv, dg: of(`dg${step}`) };
          recordMovingAveragesBackward(program, tensorsBack, { ...rates, step });
        }
      });
      const value = (name: string, i: number) => at(data[name] ?? [], i);
      const expected = {
        u: Array.from({ length: STEPS }, () => new Float64Array(2 * M)),
        dg: Array.from({ length: STEPS }, () => new Float64Array(M)),
        dm: new Float64Array(M),
        dv: new Float64Array(M),
      };
      for (let n = 0; n < M; n++) {
        const tape = new Tape();
        const start = { m: tape.variable(value('m0', n)), v: tape.variable(value('v0', n)) };
        const g = Array.from({ length: STEPS }, (_, t) => tape.variable(value(`g${t}`, n)));
        let averages = start;
        let sum: Variable = tape.constant(0);
        for (const [t, gradient] of g.entries()) {
          const step = movingFeatures(tape, gradient, averages, rates, BEFORE + t + 1);
          averages = step.averages;
          for (const [row, u] of step.u.entries()) {
            at(expected.u, t)[row * M + n] = u.value;
            sum = tape.add(sum, tape.mul(tape.constant(value(`du${t}`, row * M + n)), u));
          }
        }
        const slopes = tape.gradient(sum, [...g, start.m, start.v]);
        for (let t = 0; t < STEPS; t++) at(expected.dg, t)[n] = at(slopes, t);
        expected.dm[n] = at(slopes, STEPS);
        expected.dv[n] = at(slopes, STEPS + 1);
      }
      const floats = (name: string) => read[name] ?? [];
      // What the adjoints sum up: at most 1 / d a step, and 1 / d^2, d being at least sqrt(v0).
      const ofM = Array.from({ length: M }, (_, n) => 16 / (Math.sqrt(value('v0', n)) + 1e-8));
      const ofV = ofM.map((size) => size ** 2 / 16);
      for (let t = 0; t < STEPS; t++) {
        expectClose(
          floats(`u${t}`),
          at(expected.u, t),
          movingAllowed(at(expected.u, t).map(() => 5)),
          `u ${t}`,
        );
        expectClose(floats(`dg${t}`), at(expected.dg, t), movingAllowed(ofM), `dg ${t}`);
      }
      expectClose(floats('dm'), expected.dm, movingAllowed(ofM), 'dm');
      expectClose(floats('dv'), expected.dv, movingAllowed(ofV), 'dv');
    },
  );

  it('gives 0 while all gradients are 0, the sign after the first, and passes NaN on', async () => {
    const g = Float32Array.of(0, 1e-3, -5, Number.NaN);
    const zeros = () => new Float32Array(4);
    const data = { clock: new Uint32Array(4), g, m0: zeros(), v0: zeros() };
    const outputs = { m: unwritten(4), v: unwritten(4), u: unwritten(8) };
    const back = { du: new Float32Array(8).fill(1), dm: zeros(), dv: zeros(), dg: unwritten(4) };
    const read = await runKernels(gpu(), { ...data, ...outputs, ...back }, (program, tensors) => {
      const { clock, m, v, u, du, dm, dv, dg } = tensors;
      const step = { ...rates, step: 0 };
      recordMovingAverages(
        program,
        { clock, g: tensors.g, mPrev: tensors.m0, vPrev: tensors.v0, m, v, u },
        step,
      );
      recordMovingAveragesBackward(program, { clock, g: tensors.g, m, v, du, dm, dv, dg }, step);
    });
    expectClose(read.u.subarray(0, 3), [0, 1 / (1 + 1e-5), -1], movingAllowed([1, 1, 1]), 'g / sqrt(v)');
    expectClose(read.u.subarray(4, 7), [0, 1 / (1 + 1e-5), -1], movingAllowed([1, 1, 1]), 'm / sqrt(v)');
    expect(read.u[3]).toBeNaN();
    expect(read.u[7]).toBeNaN();
    expect(read.dg[0]).toBeGreaterThan(1e8);
    expect([...read.dg.subarray(0, 3)].every(Number.isFinite)).toBe(true);
    expect(read.dg[3]).toBeNaN();
  });
});

describe('eluLayer', () => {
  const shapes = THREADS.map((threads, i) => ({
    coordinates: 4 * threads,
    hidden: [1, 3, 20, 7, 2][i] ?? 1,
  }));

  it.each(shapes)('$hidden units, $coordinates coordinates', async ({ coordinates: M, hidden }) => {
    const weights = randomValues(4 * hidden, 31, -1.5, 1.5);
    const u = randomValues(2 * M, 32, -3, 3);
    const dx = randomValues(hidden * M, 33);
    // Room for sums of something else between two chunks'.
    const [chunks, stride] = [5, hidden + 2];
    const data = {
      ...{ weights, u, dx, x: unwritten(hidden * M), du: unwritten(2 * M) },
      ...{
        partials: unwritten(4 * stride * chunks),
        dWeights: unwritten(4 * stride),
        twice: unwritten(4 * stride),
      },
    };
    const layer = { hidden, mp4: M / 4 };
    const read = await runKernels(gpu(), data, (program, tensors) => {
      const { partials, x } = tensors;
      recordEluLayer(program, { weights: tensors.weights, u: tensors.u, x }, layer);
      recordEluLayerBackward(program, { weights: tensors.weights, x, dx: tensors.dx, du: tensors.du }, layer);
      for (const [target, accumulate] of [
        [tensors.dWeights, false],
        [tensors.twice, true],
      ] as const) {
        const sums = { u: tensors.u, x, dx: tensors.dx, partials };
        recordEluLayerBackwardWeights(program, sums, layer, { chunks, stride, accumulate });
        recordReducePartials(program, { partials, target }, chunks);
      }
    });
    const tape = new Tape();
    const w = tape.variables(weights);
    const inputs = tape.variables(u);
    let sum: Variable = tape.constant(0);
    const x = new Float64Array(hidden * M);
    for (let j = 0; j < hidden; j++) {
      for (let n = 0; n < M; n++) {
        const pair = [at(inputs, n), at(inputs, M + n)];
        const out = tape.elu(tape.affine(at(w, 4 * j + 2), w, 4 * j, 1, pair));
        x[j * M + n] = out.value;
        sum = tape.add(sum, tape.mul(tape.constant(at(dx, j * M + n)), out));
      }
    }
    const slopes = tape.gradient(sum, [...w, ...inputs]);
    expectClose(read.x, x, ELU_LAYER, 'x');
    // Each term carries the error of x in its slope.
    const dWeights = slopes.slice(0, 4 * hidden);
    const ofWeights = sumOf(
      M + 80,
      dWeights.map((_, i) => (i % 4 === 3 ? 0 : 3 * M)),
    );
    expectClose(
      read.dWeights.subarray(0, 4 * hidden),
      dWeights,
      ofWeights,
      'dWeights, 0 in the unused place',
    );
    expect(read.twice).toEqual(read.dWeights.map((value) => 2 * value));
    const du = slopes.slice(4 * hidden);
    expectClose(
      read.du,
      du,
      sumOf(
        hidden + 80,
        du.map(() => 1.5 * hidden),
      ),
      'du',
    );
  });

  it('keeps NaN in its coordinate', async () => {
    const data = { weights: Float32Array.of(1, 1, 0, 0), u: new Float32Array(8), x: unwritten(4) };
    data.u[6] = Number.NaN;
    const { x } = await runKernels(gpu(), data, (program, tensors) =>
      recordEluLayer(program, tensors, { hidden: 1, mp4: 1 }),
    );
    expect([...x].map(Number.isNaN)).toEqual([false, false, true, false]);
  });
});

describe.each(LSTM_KERNELS)('tanhOutput, %s', (kernels) => {
  const shapes = THREADS.map((threads, i) => ({
    coordinates: 4 * threads,
    hidden: [1, 3, 20, 7, 4][i] ?? 1,
  }));
  const scale = Math.fround(0.3);

  it.for(shapes)('$hidden units, $coordinates coordinates', async ({ coordinates: M, hidden }, test) => {
    const weights = new Float32Array(4 * (Math.floor(hidden / 4) + 1)).fill(Number.NaN);
    weights.set(randomValues(hidden + 1, 41));
    const [h, theta, dnext] = [randomValues(hidden * M, 42), randomValues(M, 43), randomValues(M, 44)];
    const data = { weights, h, theta, dnext, next: unwritten(M), dout: unwritten(M) };
    const layer = { hidden, mp4: M / 4, scale };
    const read = await runKernels(deviceOf(kernels, test), data, (program, tensors) => {
      const { weights, h, theta, next, dnext, dout } = tensors;
      recordTanhOutput(program, { weights, h, theta, next }, layer);
      recordTanhOutputBackward(program, { weights, h, dnext, dout }, layer);
    });
    const next = new Float64Array(M);
    const dout = new Float64Array(M);
    for (let n = 0; n < M; n++) {
      let out = at(weights, hidden);
      for (let j = 0; j < hidden; j++) out += at(weights, j) * at(h, j * M + n);
      const tape = new Tape();
      const variable = tape.variable(out);
      const moved = tape.sub(
        tape.constant(at(theta, n)),
        tape.mul(tape.constant(scale), tape.tanh(variable)),
      );
      next[n] = moved.value;
      dout[n] = at(dnext, n) * at(tape.gradient(moved, [variable]), 0);
    }
    const absolute = scale * ((TANH.absolute ?? 0) + (hidden * hidden * EPSILON) / 2) + 2 * EPSILON;
    expectClose(read.next, next, { absolute }, 'next');
    expectClose(read.dout, dout, { absolute: absolute + SMALLEST_NORMAL }, 'dout');
  });

  it('has its limits far from 0, a slope there that is not lost in rounding, and keeps NaN', async (test) => {
    const weights = Float32Array.of(1, 0, 0, 0);
    const h = Float32Array.of(1e30, -1e30, 12, Number.NaN);
    const data = { weights, h, theta: new Float32Array(4), dnext: new Float32Array(4).fill(1) };
    const read = await runKernels(
      deviceOf(kernels, test),
      { ...data, next: unwritten(4), dout: unwritten(4) },
      (program, tensors) => {
        const layer = { hidden: 1, mp4: 1, scale: 1 };
        const { weights, h, theta, next, dnext, dout } = tensors;
        recordTanhOutput(program, { weights, h, theta, next }, layer);
        recordTanhOutputBackward(program, { weights, h, dnext, dout }, layer);
      },
    );
    expect([...read.next.subarray(0, 3)]).toEqual([-1, 1, -1]);
    expect(read.next[3]).toBeNaN();
    expectClose(
      read.dout.subarray(0, 3),
      [0, 0, -1 / Math.cosh(12) ** 2],
      { relative: 64 * EPSILON },
      'dout',
    );
  });
});
