import { describe, expect, it } from 'vitest';
import {
  ACTIVATIONS,
  recordActivationBackward,
  recordActivationForward,
} from '../src/host/ops/activation.ts';
import { type Preprocess, preprocessFeatures, recordPreprocess } from '../src/host/ops/preprocess.ts';
import { recordAxpy } from '../src/host/ops/vector.ts';
import { gradient } from '../src/reference/derivatives.ts';
import { preprocess } from '../src/reference/preprocess.ts';
import { at, numbers } from '../src/reference/scalar.ts';
import { expectClose, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import {
  ACTIVATION_SLOPE,
  EPSILON,
  preprocessAllowed,
  rounded,
  SIGMOID,
  SMALLEST_NORMAL,
  TANH,
} from './support/tolerances.ts';

const gpu = gpuForThisFile();

/** Threads: one, around one workgroup of 64, and a prime. A thread takes four elements. */
const THREADS = [1, 63, 64, 65, 131] as const;
const sizes = THREADS.map((threads) => ({ length: 4 * threads }));
const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

describe('activation', () => {
  const allowed = {
    ...{ sigmoid: SIGMOID, tanh: TANH, relu: {} },
    ...{ leakyRelu: rounded(1), elu: rounded(8), softplus: SIGMOID },
  };

  describe.each(ACTIVATIONS)('%s', (activation) => {
    it.each(sizes)('forward and backward, $length elements', async ({ length }) => {
      const x = randomValues(length, 1, -8, 8);
      x[1] = 0;
      const forward = await runKernels(gpu(), { x, y: unwritten(length) }, (program, tensors) =>
        recordActivationForward(program, tensors, activation),
      );
      expectClose(forward.y, Array.from(x, numbers[activation]), allowed[activation], 'y');

      const dy = randomValues(length, 2);
      const y = Float32Array.from(x, numbers[activation]);
      const backward = await runKernels(gpu(), { y, dy, dx: unwritten(length) }, (program, tensors) =>
        recordActivationBackward(program, tensors, activation),
      );
      const slopes = Array.from(x, (value) =>
        at(gradient((A, [z = A.constant(nan)]) => A[activation](z), [value]).gradient, 0),
      );
      const dx = slopes.map((slope, i) => slope * at(dy, i));
      expectClose(backward.dx, dx, ACTIVATION_SLOPE, 'dx');
    });

    it('has the exact limits far from 0, and NaN stays NaN', async () => {
      const x = Float32Array.of(1000, -1000, 1e30, -1e30, infinity, -infinity, nan, 0);
      const { y } = await runKernels(gpu(), { x, y: unwritten(8) }, (program, tensors) =>
        recordActivationForward(program, tensors, activation),
      );
      const relative = activation === 'leakyRelu' || activation === 'softplus' ? EPSILON : 0;
      expectClose(y, Array.from(x, numbers[activation]), { relative, absolute: SMALLEST_NORMAL }, 'y');
    });

    it('backward: a NaN adjoint stays NaN, also where y is NaN', async () => {
      const data = {
        y: Float32Array.of(0.5, nan, 0.25, 0.75),
        dy: Float32Array.of(nan, nan, 1, -1),
        dx: unwritten(4),
      };
      const { dx } = await runKernels(gpu(), data, (program, tensors) =>
        recordActivationBackward(program, tensors, activation),
      );
      expect(Array.from(dx, Number.isNaN)).toEqual([true, true, false, false]);
    });
  });
});

it('relu keeps every positive number and no negative one, however small', async () => {
  const x = Float32Array.of(-1e-30, 1e-30, -0, 0);
  const { y } = await runKernels(gpu(), { x, y: unwritten(4) }, (program, tensors) =>
    recordActivationForward(program, tensors, 'relu'),
  );
  expectClose(y, [0, Math.fround(1e-30), 0, 0], {}, 'y');
});

it.each(['elu', 'softplus'] as const)('%s keeps the digits of small numbers', async (activation) => {
  // elu is small near 0; softplus, and its slope, where e^x is.
  const near0 = [-1e-30, -1e-10, -1e-7, -1e-5, -1e-3, -0.1, -0.49, -0.51];
  const x = Float32Array.from(activation === 'elu' ? near0 : [-80, -40, -20, -17, -16, -12, -9, -5]);
  const data = { x, y: unwritten(8), dy: new Float32Array(8).fill(1), dx: unwritten(8) };
  const { y, dx } = await runKernels(gpu(), data, (program, t) => {
    recordActivationForward(program, { x: t.x, y: t.y }, activation);
    recordActivationBackward(program, { y: t.y, dy: t.dy, dx: t.dx }, activation);
  });
  // e^x is off by 3 + 2 |x| ULP.
  const allowed = activation === 'elu' ? rounded(8) : rounded(8 + 2 * 80);
  expectClose(y, Array.from(x, numbers[activation]), allowed, 'y');
  const slope = activation === 'elu' ? Math.exp : numbers.sigmoid;
  expectClose(dx, Array.from(x, slope), allowed, 'dx');
});

describe('preprocess', () => {
  const forms: readonly Preprocess[] = [
    { kind: 'none' },
    { kind: 'log-sign', p: 10 },
    { kind: 'log-sign', p: 1 },
    { kind: 'clamp', k: 5 },
  ];
  const allowed = (form: Preprocess) => preprocessAllowed('p' in form ? form.p : 'k' in form ? form.k : 1);
  const expected = (form: Preprocess, g: Float32Array) => {
    const reference = form.kind === 'none' ? ({ kind: 'identity' } as const) : form;
    const rows = Array.from(g, (value) => preprocess(numbers, reference, value));
    return Array.from({ length: preprocessFeatures(form) }, (_, k) => rows.map((row) => at(row, k))).flat();
  };
  const run = (form: Preprocess, g: Float32Array) =>
    runKernels(gpu(), { g, u: unwritten(preprocessFeatures(form) * g.length) }, (program, tensors) =>
      recordPreprocess(program, tensors, form),
    );

  describe.each(forms)('$kind', (form) => {
    it.each(sizes)('$length gradients of all magnitudes', async ({ length }) => {
      const exponents = randomValues(length, 3, -40, 30);
      const g = randomValues(length, 4).map((value, i) => Math.sign(value) * 2 ** at(exponents, i));
      const { u } = await run(form, g);
      if (form.kind === 'none') expect(u).toEqual(g);
      else expectClose(u, expected(form, g), allowed(form), 'u');
    });

    it('0, tiny and huge gradients, and both sides of the threshold', async () => {
      const edges = [1, 5, 10].flatMap((p) => [1 - EPSILON, 1, 1 + EPSILON].map((by) => Math.exp(-p) * by));
      const g = Float32Array.of(0, -0, 2 ** -149, 2 ** -126, 1, 1e20, 3e38, ...edges);
      const both = Float32Array.of(...g, ...g.map((value) => -value));
      const { u } = await run(form, both);
      expectClose(u, expected(form, both), allowed(form), 'u');
    });

    it('NaN stays visible, an infinite gradient stays large', async () => {
      const g = Float32Array.of(nan, infinity, -infinity, 0.5);
      const { u } = await run(form, g);
      const features = Array.from({ length: u.length / 4 }, (_, k) => u.subarray(4 * k, 4 * k + 4));
      expect(features.some((row) => Number.isNaN(row[0]))).toBe(true);
      const [first = u, last = u] = [features[0], features.at(-1)];
      expect(Math.abs(at(first, 1))).toBeGreaterThan(8);
      expect(Math.sign(at(last, 1))).toBe(1);
      expect(Math.sign(at(last, 2))).toBe(-1);
      expect(at(first, 3)).not.toBeNaN();
    });
  });
});

describe('vector', () => {
  it.each(sizes)('axpy, $length elements', async ({ length }) => {
    const [x, y] = [randomValues(length, 5), randomValues(length, 6)];
    const result = await runKernels(gpu(), { x, y }, (program, tensors) =>
      recordAxpy(program, tensors, 0.3, -1.7),
    );
    const terms = (sign: number) =>
      Array.from(x, (value, i) => Math.fround(0.3) * value + sign * Math.fround(1.7) * at(y, i));
    const scale = Array.from(x, (value, i) => Math.abs(0.3 * value) + Math.abs(1.7 * at(y, i)));
    expectClose(result.y, terms(-1), { ...rounded(1), scale }, 'y');
  });

  it('axpy with keep = 0 drops what y held, NaN included; with keep = 1 it does not', async () => {
    const x = Float32Array.of(1, -2, 3, nan);
    const dropped = await runKernels(gpu(), { x, y: unwritten(4) }, (program, tensors) =>
      recordAxpy(program, tensors, 2, 0),
    );
    expect(dropped.y).toEqual(Float32Array.of(2, -4, 6, nan));
    const kept = await runKernels(gpu(), { x, y: Float32Array.of(nan, 1, 1, 1) }, (program, tensors) =>
      recordAxpy(program, tensors, 2, 1),
    );
    expect(kept.y).toEqual(Float32Array.of(nan, -3, 7, nan));
  });

  it('clear: a tensor, and a part of one alone', async () => {
    const data = { y: unwritten(131), z: randomValues(3 * 64, 1) };
    const { y, z } = await runKernels(gpu(), data, (program, tensors) => {
      program.clear(tensors.y);
      program.clear(tensors.z.view('the middle', 64, [63]));
    });
    expect(y).toEqual(new Float32Array(131));
    expect(z).toEqual(data.z.slice().fill(0, 64, 127));
  });
});
