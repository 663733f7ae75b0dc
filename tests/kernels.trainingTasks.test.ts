import { describe, expect, it } from 'vitest';
import { taskKeys, threefry, toUnit } from '../src/host/data/threefry.ts';
import {
  recordClippedSquares,
  recordClippedSquaresBackward,
  recordClippedSquaresRBackward,
} from '../src/host/ops/clippedSquares.ts';
import { recordRandomScales, recordScaled } from '../src/host/ops/randomScaling.ts';
import { recordAddSlot, recordRowPart } from '../src/host/ops/taskRows.ts';
import { gradient, hessianVector } from '../src/reference/derivatives.ts';
import { clippedSquaresProblem } from '../src/reference/problems.ts';
import { at } from '../src/reference/scalar.ts';
import { expectClose, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { rounded, STANDARD_ERRORS } from './support/tolerances.ts';

const gpu = gpuForThisFile();
/** Threads: one, around one workgroup of 64, and a prime. */
const THREADS = [1, 63, 64, 65, 131] as const;

describe('randomScaling', () => {
  it.each(THREADS.map((parameters, i) => ({ parameters, tasks: i + 1 })))(
    'draws factor exp(U(-R, R)) of $tasks tasks of $parameters parameters, a function of key and stream, and 1 before the first',
    async ({ parameters, tasks }) => {
      const keys = taskKeys(3, 'train', 0, tasks);
      const first = Math.floor(parameters / 3);
      const numbers = { parameters, first, stream: 77 << 24, range: 3, factor: 0.5 };
      const { scales } = await runKernels(
        gpu(),
        { keys, scales: unwritten(tasks * parameters) },
        (program, tensors) => recordRandomScales(program, tensors, numbers),
      );
      const expected = Array.from({ length: tasks * parameters }, (_, i) => {
        const task = Math.floor(i / parameters);
        if (i % parameters < first) return 1;
        const key = [at(keys, 2 * task), at(keys, 2 * task + 1)] as const;
        return 0.5 * Math.exp(3 * (2 * toUnit(threefry(key, [i % parameters, 77 << 24])[0]) - 1));
      });
      // exp(x) with |x| <= 3 is off by 9 ULP, its argument by a rounding of up to 3; a half of it is exact.
      expectClose(scales, expected, rounded(12), 'scales');
    },
  );

  it('draws logarithms that are uniform', async () => {
    const count = 20000;
    const { scales } = await runKernels(
      gpu(),
      { keys: taskKeys(4, 'train', 0, 1), scales: unwritten(count) },
      (program, tensors) =>
        recordRandomScales(program, tensors, { parameters: count, first: 0, stream: 1, range: 2, factor: 1 }),
    );
    const logs = Array.from(scales, Math.log);
    const mean = (of: (x: number) => number) => logs.reduce((sum, x) => sum + of(x), 0) / count;
    // Variances of U(-2, 2) and of its square: 4 / 3 and 64 / 45.
    expect(Math.abs(mean((x) => x))).toBeLessThan(STANDARD_ERRORS * Math.sqrt(4 / 3 / count));
    expect(Math.abs(mean((x) => x * x) - 4 / 3)).toBeLessThan(STANDARD_ERRORS * Math.sqrt(64 / 45 / count));
    expect(Math.max(...logs)).toBeGreaterThan(1.99);
  });

  it.each(THREADS)('multiplies and divides %i elements, and leaves the rest alone', async (count) => {
    const [scales, x] = [randomValues(count, 1, 0.1, 9), randomValues(count, 2)];
    const longer = () => unwritten(count + 3);
    const read = await runKernels(
      gpu(),
      { scales, x, times: longer(), divided: longer() },
      (program, { scales, x, times, divided }) => {
        recordScaled(program, { scales, x, y: times }, 'times');
        recordScaled(program, { scales, x, y: divided }, 'divided');
      },
    );
    const untouched = [Number.NaN, Number.NaN, Number.NaN];
    const products = Float32Array.from(x, (value, i) => value * at(scales, i));
    expect([...read.times]).toEqual([...products, ...untouched]);
    const quotients = [...Array.from(x, (value, i) => value / at(scales, i)), ...untouched];
    expectClose(read.divided, quotients, rounded(3), 'quotients');
  });
});

describe('clippedSquares', () => {
  it.each(THREADS.map((count) => ({ dimension: count, tasks: count === 1 ? 3 : 1 })))(
    '$tasks tasks of $dimension dimensions, some of them clipped',
    async ({ dimension, tasks }) => {
      const count = tasks * dimension;
      const [a, v] = [randomValues(count, 5), randomValues(count, 6)];
      const x = randomValues(count, 7, -6, 6);
      const data = { x, a, v, value: unwritten(count), slope: unwritten(count), product: unwritten(count) };
      const read = await runKernels(gpu(), data, (program, { x, a, v, value, slope, product }) => {
        recordClippedSquares(program, { x, a, value });
        recordClippedSquaresBackward(program, { x, a, gradient: slope }, dimension);
        recordClippedSquaresRBackward(program, { x, a, v, product }, dimension);
      });
      const problem = clippedSquaresProblem(tasks, dimension, a);
      for (let task = 0; task < tasks; task++) {
        const own = (values: Float32Array) => values.subarray(task * dimension, (task + 1) * dimension);
        const g = gradient((A, theta) => problem.loss(A, theta, task, 0), own(x));
        const mean = own(read.value).reduce((sum, value) => sum + value, 0) / dimension;
        expectClose([mean], [g.value], rounded(6), 'loss');
        // x - a is rounded at the size of x, up to 6.
        expectClose(own(read.slope), g.gradient, { absolute: 12 * 2 ** -23 }, 'gradient');
        const Hv = hessianVector((A, theta) => problem.loss(A, theta, task, 0), own(x), own(v));
        expectClose(own(read.product), Hv, rounded(3), 'H v');
      }
      if (count > 60) expect(new Set(read.product.map((value) => Number(value === 0))).size).toBe(2);
    },
  );
});

describe('taskRows', () => {
  it.each(THREADS)('copies %i elements of every row between rows of other lengths', async (count) => {
    const tasks = 3;
    const source = randomValues(tasks * (count + 5), 8);
    const target = unwritten(tasks * (count + 2));
    const read = await runKernels(gpu(), { source, target }, (program, tensors) => {
      const from = { tensor: tensors.source, stride: count + 5, offset: 4 };
      const to = { tensor: tensors.target, stride: count + 2, offset: 1 };
      recordRowPart(program, from, to, { tasks, count });
    });
    const expected = target.map((_, i) => {
      const [task, place] = [Math.floor(i / (count + 2)), (i % (count + 2)) - 1];
      return place >= 0 && place < count ? at(source, task * (count + 5) + 4 + place) : Number.NaN;
    });
    expect(read.target).toEqual(expected);
  });

  it.each(THREADS)('adds %i losses to one slot of three', async (tasks) => {
    const [value, before] = [randomValues(tasks, 9), randomValues(3 * tasks, 10)];
    const { target } = await runKernels(gpu(), { value, target: before }, (program, tensors) =>
      recordAddSlot(program, tensors, 1),
    );
    const isIn = (i: number) => Math.floor(i / tasks) === 1;
    expect(target).toEqual(before.map((x, i) => (isIn(i) ? x + at(value, i % tasks) : x)));
  });
});
