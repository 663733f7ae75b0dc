import { describe, expect, it } from 'vitest';
import { recordAccuracy } from '../src/host/ops/accuracy.ts';
import { recordSquaredErrorForward, recordSquaredErrorRBackward } from '../src/host/ops/squaredError.ts';
import { directionalDerivative, gradient, hessianVector } from '../src/reference/derivatives.ts';
import { at } from '../src/reference/scalar.ts';
import { squaredError } from '../src/reference/squaredError.ts';
import { expectClose, inner, magnitudes, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten, unwrittenWords } from './support/gpu.ts';
import { rounded, sumOf } from './support/tolerances.ts';

const gpu = gpuForThisFile();
const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

/** Rows and elements around a workgroup; batches that do not fill their rows. */
const shapes = [
  { outputs: 1, batch: 1 },
  { outputs: 2, batch: 63 },
  { outputs: 1, batch: 64 },
  { outputs: 3, batch: 65 },
  { outputs: 7, batch: 131 },
].map(({ outputs, batch }) => ({ tasks: 2, outputs, batch, rows: 4 * Math.ceil(batch / 4) }));
type Sizes = (typeof shapes)[number];

const placeOf =
  ({ outputs, rows }: Sizes, task: number, row: number) =>
  (o: number) =>
    (task * outputs + o) * rows + row;

/** Values [B, outputs, rows], NaN beyond the batch. */
function batchValues({ tasks, outputs, rows, batch }: Sizes, seed: number): Float32Array {
  const values = randomValues(tasks * outputs * rows, seed, -3, 3);
  return values.map((value, i) => (i % rows < batch ? value : nan));
}

/** Calls `visit` for every example of the batches, with where its outputs are. */
function eachExample(sizes: Sizes, visit: (place: (o: number) => number, task: number, row: number) => void) {
  for (let task = 0; task < sizes.tasks; task++) {
    for (let row = 0; row < sizes.batch; row++) visit(placeOf(sizes, task, row), task, row);
  }
}

describe('squaredError', () => {
  it.each(shapes)('$outputs outputs, batch $batch: loss, adjoint and its tangent', async (sizes) => {
    const { tasks, outputs, rows, batch } = sizes;
    const length = tasks * outputs * rows;
    const data = {
      output: batchValues(sizes, 1),
      target: batchValues(sizes, 2),
      routput: batchValues(sizes, 3),
      rowLoss: unwritten(tasks * rows),
      doutput: unwritten(length),
      rdoutput: unwritten(length),
    };
    const read = await runKernels(gpu(), data, (program, { output, target, routput, ...t }) => {
      const losses = { output, target, rowLoss: t.rowLoss, doutput: t.doutput };
      recordSquaredErrorForward(program, losses, sizes);
      recordSquaredErrorRBackward(program, { routput, rdoutput: t.rdoutput }, sizes);
    });
    const rowLoss = new Float64Array(tasks * rows);
    const doutput = new Float64Array(length);
    const rdoutput = new Float64Array(length);
    let slope = 0;
    eachExample(sizes, (place, task, row) => {
      const column = (values: Float32Array) =>
        Array.from({ length: outputs }, (_, o) => at(values, place(o)));
      const [z, y, rz] = [column(data.output), column(data.target), column(data.routput)];
      const loss = gradient((A, x) => squaredError(A, x, y), z);
      const product = hessianVector((A, x) => squaredError(A, x, y), z, rz);
      slope += directionalDerivative((A, x) => squaredError(A, x, y), z, rz) / batch;
      rowLoss[task * rows + row] = loss.value;
      for (let o = 0; o < outputs; o++) {
        doutput[place(o)] = at(loss.gradient, o) / batch;
        rdoutput[place(o)] = at(product, o) / batch;
      }
    });
    // Beyond the operations of a sum: the difference, squared, and a quotient.
    expectClose(read.rowLoss, rowLoss, sumOf(outputs + 6, rowLoss), 'rowLoss');
    expectClose(read.doutput, doutput, rounded(4), 'doutput');
    expectClose(read.rdoutput, rdoutput, rounded(4), 'rdoutput');
    // <dz, rz> is the derivative of the mean losses along rz.
    const rz = data.routput.map((value, i) => (i % rows < batch ? value : 0));
    const scale = [inner(magnitudes(doutput), magnitudes(rz))];
    expectClose([inner(read.doutput, rz)], [slope], { ...rounded(4), scale }, '<dz, rz>');
  });

  it('the Hessian is symmetric: <u, H v> = <v, H u>', async () => {
    const sizes = { tasks: 3, outputs: 5, batch: 22, rows: 24 };
    const length = 3 * 5 * 24;
    const data = { u: randomValues(length, 4), v: randomValues(length, 5) };
    const outputs = { Hu: unwritten(length), Hv: unwritten(length) };
    const { Hu, Hv } = await runKernels(gpu(), { ...data, ...outputs }, (program, t) => {
      recordSquaredErrorRBackward(program, { routput: t.u, rdoutput: t.Hu }, sizes);
      recordSquaredErrorRBackward(program, { routput: t.v, rdoutput: t.Hv }, sizes);
    });
    const scale = [inner(magnitudes(data.u), magnitudes(Hv))];
    expectClose([inner(data.u, Hv)], [inner(data.v, Hu)], { ...rounded(4), scale }, '<u, H v>');
  });

  it('NaN and infinity stay in their example', async () => {
    const sizes = { tasks: 1, outputs: 2, batch: 3, rows: 4 };
    const data = {
      output: Float32Array.of(1, nan, 1, nan, 1, 1, infinity, nan),
      target: new Float32Array(8).fill(2),
      ...{ rowLoss: unwritten(4), doutput: unwritten(8) },
    };
    const read = await runKernels(gpu(), data, (program, { output, target, rowLoss, doutput }) => {
      recordSquaredErrorForward(program, { output, target, rowLoss, doutput }, sizes);
    });
    expect(Array.from(read.rowLoss, Number.isFinite)).toEqual([true, false, false, true]);
    const sound = [true, false, true, true, true, true, false, true];
    expect(Array.from(read.doutput, Number.isFinite)).toEqual(sound);
  });
});

describe('accuracy', () => {
  async function run(logits: Float32Array, labels: Uint32Array, sizes: Omit<Sizes, 'outputs'>, slot = 0) {
    const classes = logits.length / labels.length;
    const data = { logits, labels, accuracy: unwritten((slot + 1) * sizes.tasks + 1) };
    const { accuracy } = await runKernels(gpu(), data, (program, t) =>
      recordAccuracy(program, t, { ...sizes, classes, slot }),
    );
    return accuracy;
  }

  it.each([
    ...shapes.map((sizes) => ({ ...sizes, classes: sizes.outputs })),
    { tasks: 67, classes: 5, batch: 9, rows: 12 },
  ])('$classes classes, batch $batch, $tasks tasks', async ({ tasks, classes, batch, rows }) => {
    const logits = randomValues(tasks * classes * rows, 6);
    const labels = unwrittenWords(tasks * rows);
    const expected = new Float64Array(tasks);
    for (let task = 0; task < tasks; task++) {
      for (let row = 0; row < rows; row++) {
        const z = Array.from({ length: classes }, (_, c) => at(logits, (task * classes + c) * rows + row));
        const best = z.indexOf(Math.max(...z));
        // Beyond the batch all labels are right, and none may count.
        const right = row >= batch || (task + row) % 3 > 0;
        labels[task * rows + row] = right ? best : best + 1;
        if (right && row < batch) expected[task] = at(expected, task) + 1 / batch;
      }
    }
    const accuracy = await run(logits, labels, { tasks, batch, rows });
    expectClose(accuracy.subarray(0, tasks), expected, rounded(3), 'accuracy');
    expect(accuracy[tasks]).toBeNaN();
  });

  it('writes its slot alone', async () => {
    const logits = Float32Array.of(1, 1, 1, 1, 0, 0, 2, 2);
    const accuracy = await run(logits, new Uint32Array(4), { tasks: 1, batch: 4, rows: 4 }, 1);
    expect(Array.from(accuracy)).toEqual([nan, 0.5, nan]);
  });

  it('of equal logits the first counts, whatever their sign', async () => {
    const logits = Float32Array.of(0, -1, -2, 5, -0, -1, -1, 5, 0, -3, -1, 5);
    const sizes = { tasks: 1, batch: 4, rows: 4 };
    expect(at(await run(logits, Uint32Array.of(0, 0, 1, 0), sizes), 0)).toBe(1);
    for (const [row, label] of [1, 1, 2, 2].entries()) {
      const labels = Uint32Array.of(0, 0, 1, 0);
      labels[row] = label;
      expect(at(await run(logits, labels, sizes), 0)).toBe(0.75);
    }
  });

  it.each([nan, infinity, -infinity])('an example with %d among its logits is wrong', async (value) => {
    for (const c of [0, 1, 2]) {
      const logits = new Float32Array(12);
      for (const [row, label] of [0, 1, 2, 1].entries()) logits[label * 4 + row] = 3;
      logits[c * 4 + 1] = value;
      // Whatever class it is taken for, no label is right.
      for (const label of [0, 1, 2]) {
        const accuracy = await run(logits, Uint32Array.of(0, label, 2, 1), { tasks: 1, batch: 4, rows: 4 });
        expect(at(accuracy, 0)).toBe(0.75);
      }
    }
  });
});
