import { describe, expect, it } from 'vitest';
import type { GpuContext } from '../src/host/gpu/context.ts';
import type { Kernel } from '../src/host/gpu/kernel.ts';
import {
  type LstmSizes,
  lstmRow,
  lstmWindow,
  recordLstmBackward,
  recordLstmBackwardGates,
  recordLstmBackwardInputs,
  recordLstmBackwardWeights,
  recordLstmForward,
} from '../src/host/ops/lstm.ts';
import { lstmStoresGates } from '../src/host/ops/lstmVariants.ts';
import { recordReducePartials } from '../src/host/ops/reduce.ts';
import { type LstmWeights, lstmCell } from '../src/reference/lstm.ts';
import { type Algebra, at } from '../src/reference/scalar.ts';
import { Tape } from '../src/reference/tape.ts';
import { expectClose, inner, magnitudes, randomValues } from './support/compare.ts';
import { runKernels, unwritten } from './support/gpu.ts';
import { LSTM_KERNELS, lstmDevices } from './support/lstmDevices.ts';
import { lstmAllowed, sumOf } from './support/tolerances.ts';

const deviceOf = lstmDevices();

type Numbers = Float32Array | Float64Array;

interface Shape {
  readonly inputs: number;
  readonly hidden: number;
  /** Coordinates, a multiple of 8 as the host pads them; a thread takes 8. */
  readonly coordinates: number;
  readonly chunks: number;
}

/** One window for all layers that fit one binding, so that they share their pipelines, as in an optimizer. */
const WINDOW = 900;

function sizesOf({ inputs, hidden, coordinates }: Shape): LstmSizes {
  return { inputs, hidden, mp4: coordinates / 4, window: Math.max(WINDOW, lstmWindow({ inputs, hidden })) };
}

function dataOf(shape: Shape) {
  const { inputs, hidden, coordinates: M, chunks } = shape;
  const row = lstmRow(shape);
  const bound = 1.5 / Math.sqrt(row);
  // A window that starts at the last dispatch's first unit must fit too.
  const weights = new Float32Array(4 * (hidden * row + sizesOf(shape).window));
  weights.set(randomValues(4 * hidden * row, 1, -bound, bound));
  return {
    weights,
    x: randomValues(inputs * M, 2),
    hPrev: randomValues(hidden * M, 3),
    cPrev: randomValues(hidden * M, 4, -2, 2),
    h: unwritten(hidden * M),
    c: unwritten(hidden * M),
    dh: randomValues(hidden * M, 5),
    dc: randomValues(hidden * M, 6),
    dGates: unwritten(4 * hidden * M),
    dx: unwritten(inputs * M),
    dhPrev: unwritten(hidden * M),
    dhSum: randomValues(hidden * M, 7),
    partials: unwritten(4 * hidden * row * chunks),
    dWeights: unwritten(4 * hidden * row),
    twice: unwritten(4 * hidden * row),
    // What recordLstmBackward makes of the same adjoints, in place.
    dhStep: randomValues(hidden * M, 5),
    dcStep: randomValues(hidden * M, 6),
    dxStep: randomValues(inputs * M, 8),
    dGatesStep: unwritten(4 * hidden * M),
    partialsStep: unwritten(4 * hidden * row * chunks),
    dWeightsStep: unwritten(4 * hidden * row),
  };
}

/** The kernels' weights [hidden, inputs + hidden + 1, 4] in PyTorch's layout; the kernels have one bias. */
function pytorch<S>(A: Algebra<S>, { inputs, hidden }: Shape, weights: readonly S[]): LstmWeights<S> {
  const row = lstmRow({ inputs, hidden });
  const pick = (from: number, count: number) =>
    Array.from({ length: 4 * hidden * count }, (_, i) => {
      const [gate, unit] = [Math.floor(i / (hidden * count)), Math.floor(i / count) % hidden];
      return at(weights, (unit * row + from + (i % count)) * 4 + gate);
    });
  return {
    weightIh: pick(0, inputs),
    weightHh: pick(inputs, hidden),
    biasIh: pick(inputs + hidden, 1),
    biasHh: Array.from({ length: 4 * hidden }, () => A.constant(0)),
  };
}

/** Column n of a [rows, M] array. */
function column<T>(values: ArrayLike<T>, n: number, M: number): T[] {
  return Array.from({ length: values.length / M }, (_, row) => at(values, row * M + n));
}

/** A [count, M] array by row and column. */
function rows<T>(count: number, M: number, of: (row: number, n: number) => T): T[] {
  return Array.from({ length: count * M }, (_, i) => of(Math.floor(i / M), i % M));
}

/** h and c, and for their adjoints dh and dc those of the gates [4 hidden, M] and of cPrev [hidden, M]. */
function cellReference(shape: Shape, data: ReturnType<typeof dataOf>) {
  const { hidden, coordinates: M } = shape;
  const tape = new Tape();
  const constants = (values: ArrayLike<number>) => Array.from(values, (value) => tape.constant(value));
  const layer = pytorch(tape, shape, constants(data.weights));
  // A second bias of 0, one a coordinate, enters one gate of one coordinate: its adjoint is that gate's.
  const biases = tape.variables(new Float64Array(4 * hidden * M));
  const cPrev = tape.variables(data.cPrev);
  const [x, hPrev] = [constants(data.x), constants(data.hPrev)];
  const next = Array.from({ length: M }, (_, n) => {
    const biasHh = biases.slice(4 * hidden * n, 4 * hidden * (n + 1));
    const state = { h: column(hPrev, n, M), c: column(cPrev, n, M) };
    return lstmCell(tape, { ...layer, biasHh }, column(x, n, M), state);
  });
  const h = rows(hidden, M, (unit, n) => at(at(next, n).h, unit));
  const c = rows(hidden, M, (unit, n) => at(at(next, n).c, unit));
  const form = tape.affine(tape.constant(0), constants([...data.dh, ...data.dc]), 0, 1, [...h, ...c]);
  const slopes = tape.gradient(form, [...biases, ...cPrev]);
  return {
    h: h.map(({ value }) => value),
    c: c.map(({ value }) => value),
    // PyTorch's rows are gate * hidden + unit, the kernels' 4 unit + gate.
    dGates: rows(4 * hidden, M, (row, n) => at(slopes, (4 * n + (row % 4)) * hidden + Math.floor(row / 4))),
    dcPrev: slopes.slice(biases.length),
  };
}

/** For adjoints dGates [4 hidden, M] of the gates' pre-activations, those of the weights, x and hPrev. */
function affineReference(shape: Shape, weights: Numbers, x: Numbers, hPrev: Numbers, dGates: Numbers) {
  const { inputs, hidden, coordinates: M } = shape;
  const size = lstmRow(shape);
  const tape = new Tape();
  const [zero, one] = [tape.constant(0), tape.constant(1)];
  const W = tape.variables(weights.slice(0, 4 * hidden * size));
  const below = tape.variables([...x, ...hPrev]);
  const columns = Array.from({ length: M }, (_, n) => [...column(below, n, M), one]);
  const z = rows(4 * hidden, M, (row, n) =>
    tape.affine(zero, W, 4 * Math.floor(row / 4) * size + (row % 4), 4, at(columns, n)),
  );
  const adjoints = Array.from(dGates, (value) => tape.constant(value));
  const slopes = tape.gradient(tape.affine(zero, adjoints, 0, 1, z), [...W, ...below]);
  const toH = W.length + inputs * M;
  return {
    dWeights: slopes.subarray(0, W.length),
    dx: slopes.subarray(W.length, toH),
    dhPrev: slopes.subarray(toH),
  };
}

function run(gpu: GpuContext, shape: Shape, data: ReturnType<typeof dataOf>) {
  const sizes = sizesOf(shape);
  const { chunks } = shape;
  const sums = { chunks, stride: shape.hidden * lstmRow(shape) };
  return runKernels(gpu, data, (program, tensors) => {
    const { weights, x, hPrev, cPrev, h, c, dh, dc, dGates, dx, dhPrev, dhSum, partials } = tensors;
    recordLstmForward(program, { weights, x, hPrev, cPrev, h, c }, sizes);
    recordLstmBackwardGates(program, { weights, x, hPrev, cPrev, dh, dc, dGates }, sizes);
    const back = { weights, dGates };
    recordLstmBackwardInputs(program, { ...back, dInput: dx }, sizes, { of: 'x', accumulate: false });
    recordLstmBackwardInputs(program, { ...back, dInput: dhPrev }, sizes, { of: 'hPrev', accumulate: false });
    recordLstmBackwardInputs(program, { ...back, dInput: dhSum }, sizes, { of: 'hPrev', accumulate: true });
    const step = {
      ...{ weights, x, hPrev, cPrev, dh: tensors.dhStep, dc: tensors.dcStep, dx: tensors.dxStep },
      ...{ dGates: tensors.dGatesStep, partials: tensors.partialsStep },
    };
    recordLstmBackward(program, step, sizes, { ...sums, accumulate: false, x: 'add', hPrev: true });
    const reduced = { partials: tensors.partialsStep, target: tensors.dWeightsStep };
    recordReducePartials(program, reduced, chunks);
    for (const [target, accumulate] of [
      [tensors.dWeights, false],
      [tensors.twice, true],
    ] as const) {
      recordLstmBackwardWeights(program, { x, hPrev, dGates, partials }, sizes, { ...sums, accumulate });
      recordReducePartials(program, { partials, target }, chunks);
    }
  });
}

async function check(gpu: GpuContext, shape: Shape): Promise<void> {
  const data = dataOf(shape);
  const read = await run(gpu, shape, data);
  const { hidden, coordinates: M } = shape;
  const row = lstmRow(shape);
  const cell = cellReference(shape, data);
  expectClose(read.h, cell.h, lstmAllowed(row), 'h');
  expectClose(read.c, cell.c, lstmAllowed(row), 'c');
  expectClose(read.dc, cell.dcPrev, lstmAllowed(row), 'dc');
  expectClose(read.dGates, cell.dGates, lstmAllowed(row), 'dGates');

  // From here on everything is linear in dGates: the device's own are taken, so that nothing but rounding is allowed.
  const { weights, x, hPrev, dhSum } = data;
  const expected = affineReference(shape, weights, x, hPrev, read.dGates);
  const [sizeWeights, sizeX, sizeH] = [magnitudes(weights), magnitudes(x), magnitudes(hPrev)];
  const scale = affineReference(shape, sizeWeights, sizeX, sizeH, magnitudes(read.dGates));
  expectClose(read.dx, expected.dx, sumOf(4 * hidden, scale.dx), 'dx');
  expectClose(read.dhPrev, expected.dhPrev, sumOf(4 * hidden, scale.dhPrev), 'dhPrev');
  const added = expected.dhPrev.map((value, i) => value + at(dhSum, i));
  const sizeAdded = scale.dhPrev.map((value, i) => value + Math.abs(at(dhSum, i)));
  expectClose(read.dhSum, added, sumOf(4 * hidden + 1, sizeAdded), 'dhPrev added to what was there');
  expectClose(read.dWeights, expected.dWeights, sumOf(M, scale.dWeights), 'dWeights');
  // A whole step back, in place: the bits of the plain kernels, but for the order of the weights' sums.
  if (lstmStoresGates(gpu, shape)) expect(read.dGatesStep, 'dGates of a whole step').toEqual(read.dGates);
  expect(read.dcStep, 'dc of a whole step').toEqual(read.dc);
  expect(read.dhStep, 'dh of a whole step').toEqual(read.dhPrev);
  const dxAdded = expected.dx.map((value, i) => at(data.dxStep, i) + value);
  const dxScale = scale.dx.map((value, i) => value + Math.abs(at(data.dxStep, i)));
  expectClose(read.dxStep, dxAdded, sumOf(4 * hidden + 1, dxScale), 'dx of a whole step, added');
  expectClose(read.dWeightsStep, expected.dWeights, sumOf(M, scale.dWeights), 'dWeights of a whole step');
  expect(read.twice, 'dWeights accumulated').toEqual(read.dWeights.map((value) => 2 * value));

  // <dx, x> + <dhPrev, hPrev> = <dWeights, weights> but for the biases: one trilinear form, by two kernels.
  const weightsOnly = weights.map((value, i) => (Math.floor(i / 4) % row === row - 1 ? 0 : value));
  const left = inner(read.dx, x) + inner(read.dhPrev, hPrev);
  const right = inner(read.dWeights, weightsOnly);
  expectClose([left], [right], sumOf(4 * hidden + M, [inner(scale.dWeights, sizeWeights)]), '<dx, x>');
}

describe.each(LSTM_KERNELS)('lstm, %s', (kernels) => {
  /**
   * Threads: 1, 63, 64, 65 and a prime. Tiles: 4 units forward, 2 x 7 for the weights, 10 rows for the inputs; of the
   * subgroup kernels 8 units, 4 units x 8, 16 or 24 rows, and 20 rows, over walks of up to 128 vec4f; fewer chunks than such walks, so
   * that they take turns.
   */
  const shapes: Shape[] = [
    { inputs: 1, hidden: 1, coordinates: 8, chunks: 1 },
    { inputs: 2, hidden: 3, coordinates: 8 * 63, chunks: 63 },
    { inputs: 1, hidden: 4, coordinates: 8 * 64, chunks: 64 },
    { inputs: 2, hidden: 2, coordinates: 8 * 65, chunks: 65 },
    { inputs: 3, hidden: 5, coordinates: 8 * 67, chunks: 131 },
    { inputs: 7, hidden: 10, coordinates: 16, chunks: 64 },
    { inputs: 10, hidden: 11, coordinates: 24, chunks: 5 },
    { inputs: 2, hidden: 20, coordinates: 40, chunks: 64 },
    { inputs: 20, hidden: 20, coordinates: 40, chunks: 64 },
    { inputs: 2, hidden: 20, coordinates: 8 * 67, chunks: 2 },
    { inputs: 20, hidden: 7, coordinates: 8, chunks: 2 },
    { inputs: 8, hidden: 9, coordinates: 40, chunks: 9 },
    { inputs: 17, hidden: 16, coordinates: 24, chunks: 3 },
    { inputs: 24, hidden: 24, coordinates: 16, chunks: 4 },
    { inputs: 25, hidden: 24, coordinates: 16, chunks: 2 },
    { inputs: 3, hidden: 25, coordinates: 16, chunks: 2 },
    { inputs: 50, hidden: 2, coordinates: 8, chunks: 1 },
    { inputs: 1, hidden: 2, coordinates: 8 * 277, chunks: 64 },
  ];

  it.for(shapes)('$inputs inputs, $hidden units, $coordinates coordinates, $chunks chunks', (shape, test) =>
    check(deviceOf(kernels, test), shape),
  );

  it('a layer whose weights do not fit one uniform binding', async (test) => {
    const shape = { inputs: 2, hidden: 80, coordinates: 16, chunks: 4 };
    expect(16 * shape.hidden * lstmRow(shape)).toBeGreaterThan(65536);
    await check(deviceOf(kernels, test), shape);
  });

  it('a step back leaves alone what is not wanted, sets dx where it is told, and adds to partials', async (test) => {
    const gpu = deviceOf(kernels, test);
    const shape = { inputs: 9, hidden: 11, coordinates: 8 * 67, chunks: 3 };
    const data = dataOf(shape);
    const sizes = sizesOf(shape);
    const stepBack = (x: 'none' | 'set', hPrev: boolean, times: number) =>
      runKernels(gpu, data, (program, tensors) => {
        const { weights, x: input, hPrev: before, cPrev, dh, dGates, dx, partials } = tensors;
        for (let i = 0; i < times; i++) {
          // dc and dh change in place: the same ones each time.
          program.copy(tensors.dc, tensors.dcStep);
          program.copy(dh, tensors.dhStep);
          const states = { weights, x: input, hPrev: before, cPrev, dh: tensors.dhStep, dc: tensors.dcStep };
          const stride = shape.hidden * lstmRow(shape);
          const numbers = { chunks: shape.chunks, stride, accumulate: i > 0, x, hPrev };
          recordLstmBackward(program, { ...states, dGates, dx, partials }, sizes, numbers);
        }
      });
    const neither = await stepBack('none', false, 1);
    expect(neither.dx).toEqual(data.dx);
    expect(neither.dhStep).toEqual(data.dh);
    const both = await stepBack('set', true, 2);
    expect(both.dx.some(Number.isNaN)).toBe(false);
    expect(both.dhStep).not.toEqual(data.dh);
    expect(both.partials).toEqual(neither.partials.map((value) => 2 * value));
    const onlyX = await stepBack('set', false, 1);
    expect(onlyX.dx).toEqual(both.dx);
    expect(onlyX.dhStep).toEqual(data.dh);
    const onlyH = await stepBack('none', true, 1);
    expect(onlyH.dx).toEqual(data.dx);
    expect(onlyH.dhStep).toEqual(both.dhStep);
  });

  it('saturated gates reach their limits, and none becomes NaN', async (test) => {
    const gpu = deviceOf(kernels, test);
    const shape = { inputs: 1, hidden: 1, coordinates: 8, chunks: 1 };
    const data = dataOf(shape);
    data.weights.set([300, 300, 300, 300], 0);
    data.x.set([1, -1, 1, -1, 0.5, -0.5, 1, -1]);
    const read = await run(gpu, shape, data);
    const expected = cellReference(shape, data);
    expectClose(read.c, expected.c, lstmAllowed(3), 'c');
    expectClose(read.dGates, expected.dGates, lstmAllowed(3), 'dGates');
  });

  it('NaN among the inputs of one coordinate is NaN in its h and c, and in no other', async (test) => {
    const gpu = deviceOf(kernels, test);
    const shape = { inputs: 2, hidden: 3, coordinates: 8, chunks: 1 };
    const data = dataOf(shape);
    data.x[5] = Number.NaN;
    const { h, c } = await run(gpu, shape, data);
    // WGSL need not keep NaN, and SwiftShader's exp(NaN) is infinity: a gate is then 0 or 1.
    const kept = await expKeepsNaN(gpu);
    const expected = rows(3, 8, (_, n) => n === 5 && kept);
    expect(Array.from(h, Number.isNaN)).toEqual(expected);
    expect(Array.from(c, Number.isNaN)).toEqual(expected);
  });

  it('NaN in a cell state stays there', async (test) => {
    const gpu = deviceOf(kernels, test);
    const shape = { inputs: 2, hidden: 3, coordinates: 8, chunks: 1 };
    const data = dataOf(shape);
    data.cPrev[8 + 5] = Number.NaN;
    const { c, dGates } = await run(gpu, shape, data);
    expect(Array.from(c, Number.isNaN)).toEqual(rows(3, 8, (unit, n) => unit === 1 && n === 5));
    expect(dGates[5 * 8 + 5], 'the forget gate that multiplies it').toBeNaN();
  });
});

async function expKeepsNaN(gpu: GpuContext): Promise<boolean> {
  const code = `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn main() { y[0] = exp(x[0]); }`;
  const probe: Kernel = { name: 'test/exp', code, tensors: { x: 'read', y: 'readWrite' }, params: {} };
  const data = { x: Float32Array.of(Number.NaN, 0, 0, 0), y: new Float32Array(4) };
  const { y } = await runKernels(gpu, data, (program, tensors) =>
    program.run(probe, { tensors, workgroups: [1] }),
  );
  return Number.isNaN(y[0]);
}
