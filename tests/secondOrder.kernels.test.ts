import { describe, expect, it } from 'vitest';
import {
  ACTIVATIONS,
  type Activation,
  recordActivationBackward,
  recordActivationRBackward,
  recordActivationRForward,
} from '../src/host/ops/activation.ts';
import {
  recordDenseBackwardInput,
  recordDenseBackwardWeights,
  recordDenseRBackwardInput,
  recordDenseRBackwardWeights,
  recordDenseRForward,
} from '../src/host/ops/dense.ts';
import { type Preprocess, preprocessFeatures, recordPreprocessBackward } from '../src/host/ops/preprocess.ts';
import { recordQuadraticBackward, recordQuadraticRForward } from '../src/host/ops/quadratic.ts';
import { recordSoftmaxCrossEntropyRBackward } from '../src/host/ops/softmaxCrossEntropy.ts';
import { recordAddScaledRows, recordBroadcastRow, recordSumRows } from '../src/host/ops/taskRows.ts';
import { gradient, hessianVector } from '../src/reference/derivatives.ts';
import { softmaxCrossEntropy } from '../src/reference/mlp.ts';
import { preprocess } from '../src/reference/preprocess.ts';
import { at, numbers } from '../src/reference/scalar.ts';
import { expectClose, inner, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';

const gpu = gpuForThisFile();
const { NaN: nan } = Number;

/** |a - b| against the size of the sums' terms, which cancellation does not shrink. */
const expectSame = (a: number, b: number, size: number, what: string) =>
  expect(Math.abs(a - b), `${what}: ${a} and ${b}`).toBeLessThanOrEqual(1e-6 * size);

const size = (...vectors: readonly ArrayLike<number>[]) =>
  vectors.reduce((product, v) => product * Math.hypot(...Array.from(v)), 1);

describe('dense', () => {
  /** Widths around the tile of 4 and rows around a workgroup; two tasks; the layer not at the start of theta. */
  const layers = [
    { inputs: 1, outputs: 1, rows: 4 },
    { inputs: 5, outputs: 3, rows: 4 },
    { inputs: 4, outputs: 9, rows: 12 },
    { inputs: 17, outputs: 66, rows: 20 },
    { inputs: 66, outputs: 2, rows: 8 },
  ].map((layer) => ({ ...layer, tasks: 2, offset: 7, stride: 7 + (layer.inputs + 1) * layer.outputs + 2 }));

  it.each(layers)('$inputs to $outputs, $rows rows: <ry, dy> = <rx, dx> + <v, dtheta>', async (sizes) => {
    const { tasks, inputs, outputs, rows, stride } = sizes;
    const length = tasks * stride;
    const [x, rx] = [randomValues(tasks * inputs * rows, 3), randomValues(tasks * inputs * rows, 4)];
    const dy = randomValues(tasks * outputs * rows, 5);
    const [theta, v] = [randomValues(length, 1), randomValues(length, 2)];
    const data = {
      ...{ theta, v, x, rx, dy },
      ry: unwritten(dy.length),
      dx: unwritten(x.length),
      gradient: new Float32Array(length),
    };
    const {
      ry,
      dx,
      gradient: dtheta,
    } = await runKernels(gpu(), data, (program, t) => {
      recordDenseRForward(program, { theta: t.theta, v: t.v, x: t.x, rx: t.rx, ry: t.ry }, sizes);
      recordDenseBackwardInput(program, { theta: t.theta, dy: t.dy, dx: t.dx }, sizes);
      recordDenseBackwardWeights(program, { x: t.x, dy: t.dy, gradient: t.gradient }, sizes);
    });
    expectSame(inner(ry, dy), inner(rx, dx) + inner(v, dtheta), size(ry, dy), '<ry, dy>');
  });

  it.each(layers)('$inputs to $outputs, $rows rows: tangents of the backward pass', async (sizes) => {
    const { tasks, inputs, outputs, rows, stride } = sizes;
    const length = tasks * stride;
    const xLength = tasks * inputs * rows;
    const yLength = tasks * outputs * rows;
    const data = {
      theta: randomValues(length, 1),
      v: randomValues(length, 2),
      x: randomValues(xLength, 3),
      rx: randomValues(xLength, 4),
      dy: randomValues(yLength, 5),
      rdy: randomValues(yLength, 6),
      rdx: unwritten(xLength),
      product: unwritten(length),
      ...{ fromTheta: unwritten(xLength), fromV: unwritten(xLength) },
      ...{ fromX: unwritten(length), fromRx: unwritten(length) },
    };
    const out = await runKernels(gpu(), data, (program, t) => {
      const { theta, v, x, rx, dy, rdy } = t;
      recordDenseRBackwardInput(program, { theta, v, dy, rdy, rdx: t.rdx }, sizes);
      recordDenseRBackwardWeights(program, { x, rx, dy, rdy, product: t.product }, sizes);
      // The product rule, from kernels that are tested on their own.
      recordDenseBackwardInput(program, { theta, dy: rdy, dx: t.fromTheta }, sizes);
      recordDenseBackwardInput(program, { theta: v, dy, dx: t.fromV }, sizes);
      recordDenseBackwardWeights(program, { x, dy: rdy, gradient: t.fromX }, sizes);
      recordDenseBackwardWeights(program, { x: rx, dy, gradient: t.fromRx }, sizes);
    });
    const absolute = 1e-6 * Math.max(inputs, outputs, rows);
    const rdx = Array.from(out.fromTheta, (value, i) => value + at(out.fromV, i));
    expectClose(out.rdx, rdx, { absolute }, 'rdx');
    const biasStart = sizes.offset + inputs * outputs;
    const product = Array.from(out.fromX, (value, i) => {
      const inTask = i % stride;
      const isBias = inTask >= biasStart && inTask < biasStart + outputs;
      return isBias ? value : value + at(out.fromRx, i);
    });
    expectClose(out.product, product, { absolute }, 'product');
  });

  it('without rx it is the layer along v', async () => {
    const sizes = { tasks: 1, inputs: 3, outputs: 2, rows: 4, stride: 8, offset: 0 };
    const data = {
      ...{
        theta: randomValues(8, 1),
        v: randomValues(8, 2),
        x: randomValues(12, 3),
        rx: new Float32Array(12),
      },
      ...{ dy: randomValues(8, 4), rdy: randomValues(8, 5) },
      ...{ with0: unwritten(8), without: unwritten(8), product0: unwritten(8), product: unwritten(8) },
    };
    const out = await runKernels(gpu(), data, (program, { theta, v, x, rx, dy, rdy, ...t }) => {
      recordDenseRForward(program, { theta, v, x, rx, ry: t.with0 }, sizes);
      recordDenseRForward(program, { theta, v, x, rx: undefined, ry: t.without }, sizes);
      recordDenseRBackwardWeights(program, { x, rx, dy, rdy, product: t.product0 }, sizes);
      recordDenseRBackwardWeights(program, { x, rx: undefined, dy, rdy, product: t.product }, sizes);
    });
    expectClose(out.without, out.with0, { absolute: 1e-6 }, 'ry');
    expectClose(out.product, out.product0, { absolute: 1e-6 }, 'product');
  });
});

describe.each(ACTIVATIONS)('activation %s', (activation) => {
  it.each([4, 252, 256, 260])('%i elements: rForward and rBackward', async (length) => {
    const z = randomValues(length, 7, -2, 2);
    const y = Float32Array.from(z, numbers[activation]);
    const [rz, dy, rdy] = [randomValues(length, 2), randomValues(length, 3), randomValues(length, 4)];
    const data = { y, rz, dy, rdy, ry: unwritten(length), dz: unwritten(length), rdz: unwritten(length) };
    const out = await runKernels(gpu(), data, (program, t) => {
      recordActivationRForward(program, { y: t.y, rx: t.rz, ry: t.ry }, activation);
      recordActivationBackward(program, { y: t.y, dy: t.dy, dx: t.dz }, activation);
      recordActivationRBackward(program, { y: t.y, ry: t.ry, dy: t.dy, rdy: t.rdy, rdx: t.rdz }, activation);
    });
    expectSame(inner(out.ry, dy), inner(rz, out.dz), size(out.ry, dy), '<ry, dy>');
    const expected = Array.from(z, (value, i) =>
      slopeTangent(activation, value, at(rz, i), at(dy, i), at(rdy, i)),
    );
    expectClose(out.rdz, expected, { absolute: 2e-6 }, 'rdz');
  });

  it('NaN stays NaN', async () => {
    // elu is bent below 0 alone.
    const y = new Float32Array(4).fill(activation === 'elu' ? -0.5 : 0.5);
    const data = { y, ry: Float32Array.of(nan, 1, 1, 1) };
    const more = { dy: Float32Array.of(1, nan, 1, 1), rdy: Float32Array.of(1, 1, nan, 1), rdx: unwritten(4) };
    const out = await runKernels(gpu(), { ...data, ...more }, (program, t) =>
      recordActivationRBackward(program, t, activation),
    );
    const kinked = activation === 'relu' || activation === 'leakyRelu';
    expect(Array.from(out.rdx, Number.isNaN)).toEqual([!kinked, !kinked, true, false]);
  });
});

/** R{dy a'(z)} from the reference: dy a'' rz + rdy a'. */
function slopeTangent(activation: Activation, z: number, rz: number, dy: number, rdy: number): number {
  const slope = at(gradient((A, [x = A.constant(nan)]) => A[activation](x), [z]).gradient, 0);
  const bend = at(
    hessianVector((A, [x = A.constant(nan)]) => A[activation](x), [z], [rz]),
    0,
  );
  return rdy * slope + dy * bend;
}

describe('softmaxCrossEntropy', () => {
  it.each([
    { classes: 1, batch: 1 },
    { classes: 4, batch: 3 },
    { classes: 10, batch: 64 },
    { classes: 7, batch: 67 },
  ])('rBackward, $classes classes, $batch examples', async ({ classes, batch }) => {
    const tasks = 2;
    const rows = 4 * Math.ceil(batch / 4);
    const length = tasks * classes * rows;
    const data = { logits: randomValues(length, 1, -4, 4), rlogits: randomValues(length, 2) };
    const { rdlogits } = await runKernels(gpu(), { ...data, rdlogits: unwritten(length) }, (program, t) =>
      recordSoftmaxCrossEntropyRBackward(program, t, { tasks, classes, rows, batch }),
    );
    const expected = new Float64Array(length);
    for (let b = 0; b < tasks; b++) {
      for (let r = 0; r < batch; r++) {
        const index = (c: number) => (b * classes + c) * rows + r;
        const column = (values: Float32Array) =>
          Array.from({ length: classes }, (_, c) => at(values, index(c)));
        const z = column(data.logits);
        const product = hessianVector((A, x) => softmaxCrossEntropy(A, x, 0), z, column(data.rlogits));
        for (const [c, value] of product.entries()) expected[index(c)] = value / batch;
      }
    }
    expectClose(rdlogits, expected, { absolute: 2e-6 / batch }, 'rdlogits');
  });
});

describe('quadratic', () => {
  it.each([1, 8, 9, 65])('%i dimensions: <rresidual, d> = <v, W^T d>', async (dimension) => {
    const count = 3 * dimension;
    const data = {
      W: randomValues(count * dimension, 1),
      v: randomValues(count, 2),
      d: randomValues(count, 3),
    };
    const outputs = { rresidual: unwritten(count), product: unwritten(count) };
    const out = await runKernels(
      gpu(),
      { ...data, ...outputs },
      (program, { W, v, d, rresidual, product }) => {
        recordQuadraticRForward(program, { W, v, rresidual }, dimension);
        recordQuadraticBackward(program, { W, residual: d, gradient: product }, dimension);
      },
    );
    const left = 2 * inner(out.rresidual, data.d);
    expectSame(left, inner(data.v, out.product), 2 * size(out.rresidual, data.d), '<rresidual, d>');
  });
});

describe('preprocess/backward', () => {
  const forms: readonly Preprocess[] = [
    { kind: 'none' },
    { kind: 'log-sign', p: 10 },
    { kind: 'log-sign', p: 1 },
    { kind: 'clamp', k: 5 },
  ];

  it.each(forms)('$kind: J^T du, from a row of its own, set and added', async (form) => {
    const features = preprocessFeatures(form);
    const g = Float32Array.from(randomValues(260, 1), (x, i) => x * 10 ** -(i % 9));
    g[3] = 0;
    const du = randomValues(260 * (features + 1), 2);
    const data = { g, du, dg: unwritten(260), added: new Float32Array(260).fill(0.5) };
    const { dg, added } = await runKernels(gpu(), data, (program, t) => {
      const { g, du } = t;
      recordPreprocessBackward(program, { g, du, dg: t.dg }, form, { firstRow: 1, accumulate: false });
      recordPreprocessBackward(program, { g, du, dg: t.added }, form, { firstRow: 1, accumulate: true });
    });
    const reference = form.kind === 'none' ? ({ kind: 'identity' } as const) : form;
    const expected = Array.from(g, (value, i) => {
      const weighted = gradient(
        (A, [x = A.constant(nan)]) =>
          preprocess(A, reference, x).reduce(
            (sum, u, k) => A.add(sum, A.mul(u, A.constant(at(du, 260 * (k + 1) + i)))),
            A.constant(0),
          ),
        [value],
      );
      return at(weighted.gradient, 0);
    });
    expectClose(dg, expected, { relative: 1e-6, absolute: 1e-6 }, 'dg');
    const plus = expected.map((value) => value + 0.5);
    expectClose(added, plus, { relative: 1e-6, absolute: 1e-6 }, 'dg, added');
  });
});

describe('taskRows', () => {
  it.each([1, 64, 67])('%i parameters: one row for all tasks, and back', async (count) => {
    const tasks = 3;
    const row = randomValues(count, 1);
    const data = { row, rows: unwritten(tasks * count + 2), total: unwritten(count) };
    const out = await runKernels(gpu(), data, (program, t) => {
      recordBroadcastRow(program, { row: t.row, rows: t.rows }, { tasks, count });
      recordSumRows(program, { rows: t.rows, row: t.total }, { tasks, count });
    });
    expect([...out.rows.subarray(0, tasks * count)]).toEqual([...row, ...row, ...row]);
    expect([...out.rows.subarray(tasks * count)]).toEqual([nan, nan]);
    expectClose(
      out.total,
      Array.from(row, (x) => 3 * x),
      { relative: 1e-6 },
      'sum over tasks',
    );
  });

  it('adds every task its own multiple', async () => {
    const data = {
      factor: Float32Array.of(2, -1),
      x: Float32Array.of(1, 2, 3, 4, 5, 6),
      y: new Float32Array(7).fill(1),
    };
    const { y } = await runKernels(gpu(), data, (program, t) =>
      recordAddScaledRows(program, t, { tasks: 2, count: 3 }),
    );
    expect([...y]).toEqual([3, 5, 7, -3, -4, -5, 1]);
  });
});
