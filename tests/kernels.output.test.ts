import { describe, expect, it } from 'vitest';
import {
  outputWeights,
  recordCoordinateOutput,
  recordCoordinateOutputBackward,
  recordCoordinateOutputBackwardWeights,
} from '../src/host/ops/coordinateOutput.ts';
import { recordReducePartials, recordReduceRows } from '../src/host/ops/reduce.ts';
import { stackedLstm } from '../src/reference/lstm.ts';
import { at } from '../src/reference/scalar.ts';
import { Tape } from '../src/reference/tape.ts';
import { expectClose, inner, magnitudes, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { LSTM_KERNELS, lstmDevices } from './support/lstmDevices.ts';
import { sumOf } from './support/tolerances.ts';

const gpu = gpuForThisFile();
const deviceOf = lstmDevices();

type Numbers = Float32Array | Float64Array;

describe.each(LSTM_KERNELS)('coordinateOutput, %s', (kernels) => {
  /** Threads: 1, 63, 64, 65 and a prime, four coordinates each; the bias in every place of its vec4f. */
  const shapes = [
    { hidden: 1, coordinates: 4, chunks: 1 },
    { hidden: 2, coordinates: 4 * 63, chunks: 63 },
    { hidden: 3, coordinates: 4 * 64, chunks: 64 },
    { hidden: 4, coordinates: 4 * 65, chunks: 65 },
    { hidden: 7, coordinates: 4 * 131, chunks: 131 },
    { hidden: 20, coordinates: 4 * 8, chunks: 64 },
  ].map((shape) => ({ ...shape, scale: Math.fround(-0.3) }));
  type Shape = (typeof shapes)[number];

  /** Room for sums of something else between two chunks'. */
  const strideOf = (hidden: number) => outputWeights(hidden) / 4 + 2;

  function dataOf({ hidden, coordinates: M, chunks }: Shape) {
    const length = outputWeights(hidden);
    const room = 4 * strideOf(hidden);
    const weights = unwritten(length);
    weights.set(randomValues(hidden + 1, 1));
    return {
      weights,
      h: randomValues(hidden * M, 2),
      theta: randomValues(M, 3),
      next: unwritten(M),
      dnext: randomValues(M, 4),
      dh: randomValues(hidden * M, 5),
      partials: unwritten(room * chunks),
      dWeights: unwritten(room),
      twice: unwritten(room),
    };
  }

  /** next, and the adjoints of h and of the weights for that of next; with magnitudes, the sums of the terms' sizes. */
  function reference(
    shape: Shape,
    weights: Numbers,
    h: Numbers,
    theta: Numbers,
    dnext: Numbers,
    scale: number,
  ) {
    const { hidden, coordinates: M } = shape;
    const tape = new Tape();
    const W = tape.variables(weights.slice(0, hidden + 1));
    const states = tape.variables(h);
    const layout = { layers: [], outputWeight: W.slice(0, hidden), outputBias: W.slice(hidden) };
    const next = Array.from(theta, (value, n) => {
      const inputs = Array.from({ length: hidden }, (_, unit) => at(states, unit * M + n));
      const { output } = stackedLstm(tape, layout, inputs, []);
      return tape.add(tape.constant(value), tape.mul(tape.constant(scale), output));
    });
    const adjoints = Array.from(dnext, (value) => tape.constant(value));
    const slopes = tape.gradient(tape.affine(tape.constant(0), adjoints, 0, 1, next), [...W, ...states]);
    return {
      next: next.map(({ value }) => value),
      dWeights: slopes.slice(0, hidden + 1),
      dh: slopes.slice(hidden + 1),
    };
  }

  it.for(shapes)('$hidden units, $coordinates coordinates, $chunks chunks', async (shape, test) => {
    const { hidden, coordinates: M, chunks, scale } = shape;
    const data = dataOf(shape);
    const sizes = { hidden, mp4: M / 4, scale };
    const read = await runKernels(deviceOf(kernels, test), data, (program, tensors) => {
      const { weights, h, theta, next, dnext, dh, partials } = tensors;
      recordCoordinateOutput(program, { weights, h, theta, next }, sizes);
      recordCoordinateOutputBackward(program, { weights, dnext, dh }, sizes);
      for (const [target, accumulate] of [
        [tensors.dWeights, false],
        [tensors.twice, true],
      ] as const) {
        recordCoordinateOutputBackwardWeights(program, { h, dnext, partials }, sizes, {
          ...{ chunks, stride: strideOf(hidden), accumulate },
        });
        recordReducePartials(program, { partials, target }, chunks);
      }
    });
    const { weights, h, theta, dnext } = data;
    const expected = reference(shape, weights, h, theta, dnext, scale);
    const [sizeW, sizeH, sizeTheta, sizeD] = [weights, h, theta, dnext].map(magnitudes);
    if (!sizeW || !sizeH || !sizeTheta || !sizeD) throw new Error('four arrays have four magnitudes');
    const terms = reference(shape, sizeW, sizeH, sizeTheta, sizeD, Math.abs(scale));

    expectClose(read.next, expected.next, sumOf(hidden + 2, terms.next), 'next');
    const dh = expected.dh.map((value, i) => value + at(data.dh, i));
    const dhTerms = terms.dh.map((value, i) => value + Math.abs(at(data.dh, i)));
    expectClose(read.dh, dh, sumOf(3, dhTerms), 'dh added to what was there');
    const padded = new Float64Array(outputWeights(hidden));
    padded.set(expected.dWeights);
    const paddedTerms = padded.map((_, i) => terms.dWeights[i] ?? 0);
    expectClose(
      read.dWeights.subarray(0, padded.length),
      padded,
      sumOf(M + 1, paddedTerms),
      'dWeights, 0 in the padding',
    );
    expect(read.twice, 'dWeights accumulated').toEqual(read.dWeights.map((value) => 2 * value));

    // <dnext, next - theta> = <dWeights, weights>: the map is linear in its weights.
    const steps = read.next.map((value, n) => value - at(theta, n));
    const right = inner(read.dWeights.subarray(0, hidden + 1), weights);
    const size = [inner(sizeD, terms.next)];
    expectClose([inner(dnext, steps)], [right], sumOf(M + hidden + 3, size), '<dnext, next>');
  });

  it('NaN in a coordinate stays in that coordinate', async (test) => {
    const shape = { hidden: 2, coordinates: 8, chunks: 1, scale: 1 };
    const data = dataOf(shape);
    data.h[8 + 3] = Number.NaN;
    data.theta[6] = Number.NaN;
    const { next } = await runKernels(deviceOf(kernels, test), data, (program, { weights, h, theta, next }) =>
      recordCoordinateOutput(program, { weights, h, theta, next }, { hidden: 2, mp4: 2, scale: 1 }),
    );
    expect(Array.from(next, (value, n) => (Number.isNaN(value) ? n : -1)).filter((n) => n >= 0)).toEqual([
      3, 6,
    ]);
  });
});

describe('reduce', () => {
  it.each([
    { tasks: 1, count: 1 },
    { tasks: 63, count: 7 },
    { tasks: 64, count: 2 },
    { tasks: 65, count: 3 },
    { tasks: 131, count: 11 },
    { tasks: 2, count: 1031 },
  ])('rows: $tasks sums of $count, into one slot of three', async ({ tasks, count }) => {
    const value = randomValues(tasks * count, 6);
    const read = await runKernels(gpu(), { value, target: unwritten(3 * tasks) }, (program, tensors) =>
      recordReduceRows(program, tensors, { tasks, slot: 1, scale: 0.3 }),
    );
    const scale = Math.fround(0.3);
    const sum = (of: (x: number) => number) =>
      Array.from({ length: 3 * tasks }, (_, i) => {
        if (Math.floor(i / tasks) !== 1) return Number.NaN;
        const row = value.subarray((i % tasks) * count, ((i % tasks) + 1) * count);
        return scale * row.reduce((total, x) => total + of(x), 0);
      });
    expectClose(
      read.target,
      sum((x) => x),
      sumOf(count + 1, sum(Math.abs)),
      'sums, other slots untouched',
    );
  });

  it('rows: the sum of a row with NaN is NaN, and no other', async () => {
    const value = Float32Array.of(1, 2, Number.NaN, 4, 5, 6);
    const { target } = await runKernels(gpu(), { value, target: unwritten(3) }, (program, tensors) =>
      recordReduceRows(program, tensors, { tasks: 3, slot: 0, scale: 1 }),
    );
    expect(target).toEqual(Float32Array.of(3, Number.NaN, 11));
  });

  it.each([
    { count: 1, chunks: 1 },
    { count: 63, chunks: 2 },
    { count: 64, chunks: 5 },
    { count: 65, chunks: 64 },
    { count: 131, chunks: 7 },
  ])('partials: $count sums of $chunks chunks, added in rising order', async ({ count, chunks }) => {
    const partials = randomValues(4 * count * chunks, 7);
    const { target } = await runKernels(
      gpu(),
      { partials, target: unwritten(4 * count) },
      (program, tensors) => recordReducePartials(program, tensors, chunks),
    );
    // Additions alone: the order fixes every bit.
    const expected = Float32Array.from({ length: 4 * count }, (_, i) => {
      const [index, component] = [Math.floor(i / 4), i % 4];
      let sum = 0;
      for (let c = 0; c < chunks; c++)
        sum = Math.fround(sum + at(partials, (c * count + index) * 4 + component));
      return sum;
    });
    expect(target).toEqual(expected);
  });
});
