import { describe, expect, it } from 'vitest';
import type { GpuContext } from '../src/host/gpu/context.ts';
import {
  recordDenseBackwardInput,
  recordDenseBackwardWeights,
  recordDenseForward,
} from '../src/host/ops/dense.ts';
import type { DenseSizes } from '../src/host/ops/denseSizes.ts';
import { gradient } from '../src/reference/derivatives.ts';
import { mlpLogits } from '../src/reference/mlp.ts';
import { type Algebra, at, numbers } from '../src/reference/scalar.ts';
import { expectClose, inner, magnitudes, randomValues } from './support/compare.ts';
import { runKernels, unwritten } from './support/gpu.ts';
import { LSTM_KERNELS, lstmDevices } from './support/lstmDevices.ts';
import { sumOf } from './support/tolerances.ts';

const deviceOf = lstmDevices();

describe.each(LSTM_KERNELS)('dense, %s', (kernels) => {
  /**
   * Threads of the plain forward kernel: 1, 63, 64, 65, 131; then sizes that are no multiple of its 4 x 4 tiles, and outputs, rows and
   * inputs around the tiles of the subgroup kernels: 8; 16 and 32; 16 and 32.
   */
  const shapes = [
    { inputs: 1, outputs: 1, rows: 4 },
    { inputs: 2, outputs: 4, rows: 252 },
    { inputs: 3, outputs: 3, rows: 256 },
    { inputs: 2, outputs: 4, rows: 260 },
    { inputs: 1, outputs: 2, rows: 524 },
    { inputs: 7, outputs: 10, rows: 12 },
    { inputs: 20, outputs: 5, rows: 8 },
    { inputs: 13, outputs: 63, rows: 4 },
    { inputs: 66, outputs: 7, rows: 4 },
    { inputs: 255, outputs: 1, rows: 4 },
    { inputs: 15, outputs: 8, rows: 16 },
    { inputs: 31, outputs: 9, rows: 36 },
    { inputs: 32, outputs: 17, rows: 28 },
    { inputs: 65, outputs: 16, rows: 64 },
  ].map((shape) => ({ tasks: 2, stride: (shape.inputs + 1) * shape.outputs + 9, offset: 5, ...shape }));

  /** y [tasks, outputs, rows]; theta and x in any algebra, so that the tape differentiates both. */
  function forward<S>(A: Algebra<S>, sizes: DenseSizes, theta: readonly S[], x: readonly S[]): S[] {
    const { tasks, inputs, outputs, rows, stride, offset } = sizes;
    const y: S[] = [];
    for (let task = 0; task < tasks; task++) {
      const start = task * stride + offset;
      for (let o = 0; o < outputs; o++) {
        for (let row = 0; row < rows; row++) {
          const example = Array.from({ length: inputs }, (_, i) => at(x, (task * inputs + i) * rows + row));
          y.push(A.affine(at(theta, start + inputs * outputs + o), theta, start + o, outputs, example));
        }
      }
    }
    return y;
  }

  /** The adjoints of theta and x for the adjoint dy of y. */
  function adjoints(
    sizes: DenseSizes,
    theta: ArrayLike<number>,
    x: ArrayLike<number>,
    dy: ArrayLike<number>,
  ) {
    const { gradient: both } = gradient(
      (A, variables) => {
        const y = forward(A, sizes, variables.slice(0, theta.length), variables.slice(theta.length));
        const constants = Array.from(dy, (value) => A.constant(value));
        return A.affine(A.constant(0), constants, 0, 1, y);
      },
      [...Array.from(theta), ...Array.from(x)],
    );
    return { dtheta: both.slice(0, theta.length), dx: both.slice(theta.length) };
  }

  const dataOf = ({ tasks, inputs, outputs, rows, stride }: DenseSizes) => ({
    theta: randomValues(tasks * stride, 1),
    x: randomValues(tasks * inputs * rows, 2),
    dy: randomValues(tasks * outputs * rows, 3),
    y: unwritten(tasks * outputs * rows),
    dx: unwritten(tasks * inputs * rows),
    gradient: unwritten(tasks * stride),
  });

  const forwardAndBack = (context: GpuContext, data: ReturnType<typeof dataOf>, sizes: DenseSizes) =>
    runKernels(context, data, (program, { theta, x, y, dy, dx, gradient: target }) => {
      recordDenseForward(program, { theta, x, y }, sizes);
      recordDenseBackwardInput(program, { theta, dy, dx }, sizes);
      recordDenseBackwardWeights(program, { x, dy, gradient: target }, sizes);
    });

  it('the formula used here is the reference network with one layer', () => {
    const sizes = { tasks: 1, inputs: 3, outputs: 2, rows: 4, stride: 8, offset: 0 };
    const { theta, x } = dataOf(sizes);
    const row = 2;
    const example = [0, 1, 2].map((i) => at(x, i * 4 + row));
    const logits = mlpLogits(numbers, { sizes: [3, 2], activation: 'relu' }, theta, example);
    const y = forward(numbers, sizes, Array.from(theta), Array.from(x));
    expect([at(y, row), at(y, 4 + row)]).toEqual(logits);
  });

  it.for(shapes)('$inputs -> $outputs, $rows rows, two tasks', async (sizes, test) => {
    const { inputs, outputs, rows, stride, offset } = sizes;
    const data = dataOf(sizes);
    const read = await forwardAndBack(deviceOf(kernels, test), data, sizes);
    const [theta, x, dy] = [data.theta, data.x, data.dy];
    const [sizeTheta, sizeX, sizeDy] = [theta, x, dy].map((values) => Array.from(magnitudes(values)));
    if (!sizeTheta || !sizeX || !sizeDy) throw new Error('three arrays have three magnitudes');

    const y = forward(numbers, sizes, Array.from(theta), Array.from(x));
    expectClose(read.y, y, sumOf(inputs + 1, forward(numbers, sizes, sizeTheta, sizeX)), 'y');
    const expected = adjoints(sizes, theta, x, dy);
    const scale = adjoints(sizes, sizeTheta, sizeX, sizeDy);
    expectClose(read.dx, expected.dx, sumOf(outputs, scale.dx), 'dx');
    const own = (index: number) => {
      const within = (index % stride) - offset;
      return within >= 0 && within < (inputs + 1) * outputs;
    };
    const gradientOf = Float64Array.from(expected.dtheta, (value, i) => (own(i) ? value : Number.NaN));
    expectClose(read.gradient, gradientOf, sumOf(rows, scale.dtheta), 'gradient, the layer alone');

    // <dx, x> = <dW, W>: both are the trilinear form sum of W x dy.
    const isWeight = (index: number) => own(index) && (index % stride) - offset < inputs * outputs;
    const weights = theta.map((value, i) => (isWeight(i) ? value : 0));
    const dW = read.gradient.map((value, i) => (isWeight(i) ? value : 0));
    const form = inner(read.dx, x);
    expectClose([inner(dW, weights)], [form], sumOf(rows + outputs, [inner(scale.dx, sizeX)]), '<dW, W>');
  });

  it('without bias, <dy, forward(x)> = <backwardInput(dy), x> for unrelated dy and x', async (test) => {
    const sizes = { tasks: 2, inputs: 19, outputs: 11, rows: 8, stride: 220, offset: 0 };
    const data = dataOf(sizes);
    for (const start of [0, 220]) data.theta.fill(0, start + 19 * 11, start + 220);
    const { y, dx } = await runKernels(deviceOf(kernels, test), data, (program, tensors) => {
      const { theta, x, y, dy, dx } = tensors;
      recordDenseForward(program, { theta, x, y }, sizes);
      recordDenseBackwardInput(program, { theta, dy, dx }, sizes);
    });
    const scale = inner(magnitudes(dx), magnitudes(data.x));
    expectClose([inner(data.dy, y)], [inner(dx, data.x)], sumOf(19 + 11, [scale]), '<dy, y>');
  });

  it('NaN in one example or in one weight reaches exactly what depends on it', async (test) => {
    const sizes = { tasks: 2, inputs: 3, outputs: 5, rows: 4, stride: 20, offset: 0 };
    const data = dataOf(sizes);
    data.x[2 * 4 + 1] = Number.NaN; // task 0, input 2, row 1
    data.theta[20 + 1 * 5 + 4] = Number.NaN; // task 1, from input 1 to output 4
    data.dy[3 * 4 + 2] = Number.NaN; // task 0, output 3, row 2
    const read = await forwardAndBack(deviceOf(kernels, test), data, sizes);
    const found = (values: Float32Array) => [...values.keys()].filter((i) => Number.isNaN(values[i]));
    const rowsOf = (first: number) => [0, 1, 2, 3].map((row) => first + row);
    expect(found(read.y)).toEqual([1, 5, 9, 13, 17, ...rowsOf((5 + 4) * 4)]);
    expect(found(read.dx)).toEqual([2, 6, 10, ...rowsOf((3 + 1) * 4)]);
    // Weights of input 2, and those to output 3 with its bias.
    expect(found(read.gradient)).toEqual([3, 8, 10, 11, 12, 13, 14, 18]);
  });
});
