import { describe, expect, it } from 'vitest';
import { recordGather } from '../src/host/ops/images.ts';
import { recordQuadraticBackward, recordQuadraticForward } from '../src/host/ops/quadratic.ts';
import { recordSoftmaxCrossEntropyForward } from '../src/host/ops/softmaxCrossEntropy.ts';
import { gradient } from '../src/reference/derivatives.ts';
import { softmaxCrossEntropy } from '../src/reference/mlp.ts';
import { quadraticLoss } from '../src/reference/quadratic.ts';
import { at, numbers } from '../src/reference/scalar.ts';
import { expectClose, inner, magnitudes, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten, unwrittenWords } from './support/gpu.ts';
import { rounded, softmaxAllowed, sumOf } from './support/tolerances.ts';

const gpu = gpuForThisFile();

type Numbers = Float32Array | Float64Array;

describe('softmaxCrossEntropy', () => {
  const shapes = [
    { classes: 1, batch: 1 },
    { classes: 2, batch: 63 },
    { classes: 10, batch: 64 },
    { classes: 3, batch: 65 },
    { classes: 7, batch: 131 },
  ].map(({ classes, batch }) => ({ tasks: 2, classes, batch, rows: 4 * Math.ceil(batch / 4) }));

  function run(sizes: (typeof shapes)[number], logits: Float32Array, labels: Uint32Array) {
    const data = {
      logits,
      labels,
      rowLoss: unwritten(labels.length),
      dlogits: unwritten(logits.length),
    };
    return runKernels(gpu(), data, (program, { logits, labels, rowLoss, dlogits }) => {
      recordSoftmaxCrossEntropyForward(program, { logits, labels, rowLoss, dlogits }, sizes);
    });
  }

  /** Labels of the batch; rows beyond it hold what no class has. */
  function labelsOf({ tasks, classes, batch, rows }: (typeof shapes)[number]): Uint32Array {
    const labels = unwrittenWords(tasks * rows);
    for (let i = 0; i < labels.length; i++) if (i % rows < batch) labels[i] = (i * 5) % classes;
    return labels;
  }

  function expected(sizes: (typeof shapes)[number], logits: Float32Array, labels: Uint32Array) {
    const { tasks, classes, batch, rows } = sizes;
    const rowLoss = new Float64Array(tasks * rows);
    const dlogits = new Float64Array(logits.length);
    for (let task = 0; task < tasks; task++) {
      for (let row = 0; row < batch; row++) {
        const place = (c: number) => (task * classes + c) * rows + row;
        const z = Array.from({ length: classes }, (_, c) => at(logits, place(c)));
        const label = at(labels, task * rows + row);
        const loss = gradient((A, variables) => softmaxCrossEntropy(A, variables, label), z);
        rowLoss[task * rows + row] = loss.value;
        for (const [c, slope] of loss.gradient.entries()) dlogits[place(c)] = slope / batch;
      }
    }
    return { rowLoss, dlogits };
  }

  it.each(shapes)('$classes classes, batch $batch', async (sizes) => {
    const logits = randomValues(sizes.tasks * sizes.classes * sizes.rows, 4, -4, 4);
    const labels = labelsOf(sizes);
    const read = await run(sizes, logits, labels);
    const { rowLoss, dlogits } = expected(sizes, logits, labels);
    expectClose(read.rowLoss, rowLoss, softmaxAllowed(4), 'rowLoss');
    const { absolute } = softmaxAllowed(4);
    expectClose(read.dlogits, dlogits, { absolute: absolute / sizes.batch }, 'dlogits');
  });

  it('logits of 1000 neither overflow nor underflow', async () => {
    const sizes = { tasks: 1, classes: 3, batch: 4, rows: 4 };
    const logits = Float32Array.of(1000, -1000, -1000, 0, 999, -1001, 1000, 1000, -1000, -1002, 0, -1000);
    const labels = Uint32Array.of(1, 0, 0, 2);
    const read = await run(sizes, logits, labels);
    const { rowLoss, dlogits } = expected(sizes, logits, labels);
    expectClose(read.rowLoss, rowLoss, softmaxAllowed(1000), 'rowLoss');
    expectClose(read.dlogits, dlogits, softmaxAllowed(4), 'dlogits');
  });

  it('one NaN among a row of logits makes its loss not finite, and no other', async () => {
    const sizes = { tasks: 1, classes: 3, batch: 4, rows: 4 };
    for (const place of [0, 4, 8]) {
      const logits = randomValues(12, 5);
      logits[place] = Number.NaN;
      const { rowLoss, dlogits } = await run(sizes, logits, Uint32Array.of(1, 1, 1, 1));
      expect(Array.from(rowLoss, Number.isFinite)).toEqual([false, true, true, true]);
      expect(dlogits[place]).toBeNaN();
    }
  });
});

describe('quadratic', () => {
  /** tasks * dimension: 1, 63, 64, 65, 131; dimensions beyond a workgroup. */
  const shapes = [
    { tasks: 1, dimension: 1 },
    { tasks: 9, dimension: 7 },
    { tasks: 16, dimension: 4 },
    { tasks: 5, dimension: 13 },
    { tasks: 131, dimension: 1 },
    { tasks: 3, dimension: 10 },
    { tasks: 2, dimension: 67 },
  ];

  /** Residuals and gradients of all tasks, [tasks, D] each. */
  function reference(tasks: number, D: number, W: Numbers, y: Numbers, v: Numbers) {
    const each = Array.from({ length: tasks }, (_, task) => {
      const [W_, y_] = [W.slice(task * D * D, (task + 1) * D * D), y.slice(task * D, (task + 1) * D)];
      const v_ = v.slice(task * D, (task + 1) * D);
      const slope = gradient((A, theta) => quadraticLoss(A, W_, y_, theta), v_).gradient;
      return { residual: Array.from(y_, (value, i) => numbers.affine(-value, W_, i * D, 1, v_)), slope };
    });
    return {
      residual: each.flatMap(({ residual }) => residual),
      gradient: each.flatMap(({ slope }) => Array.from(slope)),
    };
  }

  it.each(shapes)(
    '$tasks tasks of $dimension: residual, loss and gradient',
    async ({ tasks, dimension: D }) => {
      const data = {
        W: randomValues(tasks * D * D, 6),
        y: randomValues(tasks * D, 7),
        v: randomValues(tasks * D, 8),
        residual: unwritten(tasks * D),
        losses: unwritten(3 * tasks),
        untouched: unwritten(tasks * D),
        gradient: unwritten(tasks * D),
        apart: unwritten(tasks * D),
      };
      const read = await runKernels(gpu(), data, (program, tensors) => {
        const { untouched, apart, ...of } = tensors;
        const { W, residual } = of;
        const without = { slot: 2, withGradient: false };
        recordQuadraticForward(program, { ...of, gradient: untouched }, D, without);
        recordQuadraticForward(program, of, D, { slot: 1, withGradient: true });
        recordQuadraticBackward(program, { W, residual, gradient: apart }, D);
      });
      expect(read.untouched).toEqual(data.untouched);
      expect(read.gradient).toEqual(read.apart);
      expect(read.losses.subarray(0, tasks)).toEqual(data.losses.subarray(0, tasks));
      expect(read.losses.subarray(tasks, 2 * tasks)).toEqual(read.losses.subarray(2 * tasks));
      const expected = reference(tasks, D, data.W, data.y, data.v);
      const scale = reference(
        tasks,
        D,
        magnitudes(data.W),
        magnitudes(data.y).map((y) => -y),
        magnitudes(data.v),
      );
      expectClose(read.residual, expected.residual, sumOf(D + 1, scale.residual), 'residual');
      expectClose(read.gradient, expected.gradient, sumOf(2 * D + 1, scale.gradient), 'gradient');
      const squares = Float64Array.from({ length: tasks }, (_, task) => {
        const own = read.residual.subarray(task * D, (task + 1) * D);
        return inner(own, own);
      });
      expectClose(read.losses.subarray(tasks, 2 * tasks), squares, sumOf(D, squares), 'losses');
      // <residual, W v> = <W^T residual, v>; W v is the residual with y added back.
      const Wv = read.residual.map((value, i) => value + at(data.y, i));
      const sizes = [inner(scale.residual, scale.residual)];
      const halved = inner(read.gradient, data.v) / 2;
      expectClose([inner(read.residual, Wv)], [halved], sumOf(2 * D + 1, sizes), '<r, W v>');
    },
  );

  it('NaN in one task stays in that task', async () => {
    const data = {
      W: randomValues(8, 1),
      y: randomValues(4, 2),
      v: randomValues(4, 3),
      residual: unwritten(4),
      losses: unwritten(2),
      gradient: unwritten(4),
    };
    data.v[3] = Number.NaN;
    const { residual, losses, gradient } = await runKernels(gpu(), data, (program, tensors) =>
      recordQuadraticForward(program, tensors, 2, { slot: 0, withGradient: true }),
    );
    expect(Array.from(residual, Number.isNaN)).toEqual([false, false, true, true]);
    expect(Array.from(gradient, Number.isNaN)).toEqual([false, false, true, true]);
    expect(Array.from(losses, Number.isNaN)).toEqual([false, true]);
  });
});

describe('images/gather', () => {
  /** Threads, 4 features of 4 rows each: 1, 63, 65, 131; images start at any byte of a word. */
  const shapes = [
    { batch: 1, features: 1 },
    { batch: 33, features: 27 },
    { batch: 18, features: 50 },
    { batch: 4, features: 521 },
  ];

  it.each(shapes)('batch $batch of images of $features pixels', async ({ batch, features }) => {
    const [tasks, images, rows] = [2, 11, 4 * Math.ceil(batch / 4)];
    const bytes = Uint8Array.from(
      { length: 4 * Math.ceil((images * features) / 4) },
      (_, i) => (i * 89 + 7) % 256,
    );
    const indices = Uint32Array.from({ length: tasks * rows }, (_, i) => (i * 5) % images);
    const pixels = new Uint32Array(bytes.buffer);
    const data = { pixels, indices, x: unwritten(tasks * features * rows) };
    const { x } = await runKernels(gpu(), data, (program, tensors) =>
      recordGather(program, tensors, { tasks, batch, rows, features }),
    );
    const expectedX = new Float64Array(x.length);
    for (const [i] of expectedX.entries()) {
      const [task, feature, row] = [
        Math.floor(i / (features * rows)),
        Math.floor(i / rows) % features,
        i % rows,
      ];
      if (row < batch) expectedX[i] = at(bytes, at(indices, task * rows + row) * features + feature) / 255;
    }
    expectClose(x, expectedX, rounded(3), 'x');
  });
});
