import { describe, expect, it } from 'vitest';
import { outputWeights, recordCoordinateOutputBackward } from '../src/host/ops/coordinateOutput.ts';
import { lstmRow, lstmWindow, recordLstmBackward } from '../src/host/ops/lstm.ts';
import { lstmStoresGates } from '../src/host/ops/lstmVariants.ts';
import { recordReducePartials } from '../src/host/ops/reduce.ts';
import { at } from '../src/reference/scalar.ts';
import { expectClose, magnitudes, randomValues } from './support/compare.ts';
import { runKernels, unwritten } from './support/gpu.ts';
import { LSTM_KERNELS, lstmDevices } from './support/lstmDevices.ts';
import { sumOf } from './support/tolerances.ts';

const deviceOf = lstmDevices();

interface Shape {
  readonly inputs: number;
  readonly hidden: number;
  /** A multiple of 8. */
  readonly coordinates: number;
  readonly chunks: number;
}

const SCALE = 0.3;

type Numbers = Float32Array | Float64Array;

/** Gradient of the readout's weights and bias: scale * sum over coordinates of dOut [h, 1]; zero in the padding. */
function readoutGradient({ hidden, coordinates: M }: Shape, h: Numbers, dOut: Numbers) {
  return Float64Array.from({ length: outputWeights(hidden) }, (_, j) => {
    if (j > hidden) return 0;
    let sum = 0;
    for (let n = 0; n < M; n++) sum += at(dOut, n) * (j < hidden ? at(h, j * M + n) : 1);
    return Math.fround(SCALE) * sum;
  });
}

describe.each(LSTM_KERNELS)('what is read out of h, %s', (kernels) => {
  /** Rows of [h, 1]: in one eight, two, three and four, the bias in one of its own; chunks that take turns; and a layer too large for lanes. */
  const shapes: Shape[] = [
    { inputs: 12, hidden: 3, coordinates: 8, chunks: 1 },
    { inputs: 7, hidden: 8, coordinates: 8 * 11, chunks: 3 },
    { inputs: 3, hidden: 20, coordinates: 8 * 67, chunks: 2 },
    { inputs: 7, hidden: 24, coordinates: 40, chunks: 64 },
    { inputs: 6, hidden: 25, coordinates: 16, chunks: 2 },
  ];

  it.for(shapes)(
    '$inputs inputs, $hidden units, $coordinates coordinates, $chunks chunks',
    async (shape, test) => {
      const gpu = deviceOf(kernels, test);
      const { inputs, hidden, coordinates: M, chunks } = shape;
      const weightCount = 4 * hidden * lstmRow(shape);
      const outputs = outputWeights(hidden);
      // The readout's sums after the layer's, from a multiple of 64 on.
      const first = 64 * Math.ceil(weightCount / 64);
      const stride = (first + outputs) / 4;
      const window = lstmWindow(shape);
      const data = {
        weights: randomValues(weightCount, 1, -0.3, 0.3),
        x: randomValues(inputs * M, 2),
        hPrev: randomValues(hidden * M, 3),
        cPrev: randomValues(hidden * M, 4, -2, 2),
        h: randomValues(hidden * M, 5),
        dOut: randomValues(M, 6),
        readout: randomValues(outputs, 7),
        dh: randomValues(hidden * M, 8),
        dc: randomValues(hidden * M, 9),
        dGates: unwritten(4 * hidden * M),
        dx: unwritten(inputs * M),
        partials: unwritten(4 * stride * chunks),
        sums: unwritten(4 * stride),
        dhStep: unwritten(hidden * M),
        dcStep: unwritten(hidden * M),
        dhApart: unwritten(hidden * M),
        dcApart: unwritten(hidden * M),
        dGatesApart: unwritten(4 * hidden * M),
        dxApart: unwritten(inputs * M),
        partialsApart: unwritten(4 * stride * chunks),
        sumsApart: unwritten(4 * stride),
      };
      const read = await runKernels(gpu, data, (program, tensors) => {
        const { weights, x, hPrev, cPrev, h, dOut, dhStep, dcStep, dh, dc, partials } = tensors;
        const sizes = { inputs, hidden, mp4: M / 4, window };
        const states = { weights, x, hPrev, cPrev };
        const own = partials.view('partials of the readout', first, [4 * stride * chunks - first]);
        const readout = { weights: tensors.readout, h, dOut, scale: SCALE, partials: own };
        for (const accumulate of [false, true]) {
          // They change in place: the same ones each time.
          program.copy(dh, dhStep);
          program.copy(dc, dcStep);
          const { dGates, dx } = tensors;
          const step = { ...states, dh: dhStep, dc: dcStep, dGates, dx, partials };
          const numbers = { chunks, stride, accumulate, x: 'set', hPrev: true } as const;
          recordLstmBackward(program, step, sizes, numbers, readout);
        }
        recordReducePartials(program, { partials, target: tensors.sums }, chunks);

        const ofOutput = { weights: tensors.readout, dnext: dOut, dh };
        recordCoordinateOutputBackward(program, ofOutput, { hidden, mp4: M / 4, scale: SCALE });
        const { dhApart, dcApart, dGatesApart, dxApart, partialsApart } = tensors;
        for (const accumulate of [false, true]) {
          program.copy(dh, dhApart);
          program.copy(dc, dcApart);
          const apart = {
            dh: dhApart,
            dc: dcApart,
            dGates: dGatesApart,
            dx: dxApart,
            partials: partialsApart,
          };
          const numbers = { chunks, stride, accumulate, x: 'set', hPrev: true } as const;
          recordLstmBackward(program, { ...states, ...apart }, sizes, numbers);
        }
        recordReducePartials(program, { partials: partialsApart, target: tensors.sumsApart }, chunks);
      });
      expect(read.dhStep).toEqual(read.dhApart);
      expect(read.dcStep).toEqual(read.dcApart);
      if (lstmStoresGates(gpu, shape)) expect(read.dGates.some(Number.isNaN)).toBe(false);
      expect(read.dGates).toEqual(read.dGatesApart);
      expect(read.dx).toEqual(read.dxApart);
      const ofLayer = (sums: Float32Array) => sums.subarray(0, weightCount);
      expect(ofLayer(read.sums)).toEqual(ofLayer(read.sumsApart));
      const expected = readoutGradient(shape, data.h, data.dOut).map((value) => 2 * value);
      const size = readoutGradient(shape, magnitudes(data.h), magnitudes(data.dOut)).map(
        (value) => 2 * value,
      );
      expectClose(read.sums.subarray(first), expected, sumOf(M + 2, size), 'gradient of the readout');
    },
  );
});
