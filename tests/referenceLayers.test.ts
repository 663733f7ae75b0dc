import { describe, expect, it } from 'vitest';
import { centralDifference } from '../src/reference/derivatives.ts';
import {
  averagePool,
  BATCH_NORM_EPSILON,
  channelStatistics,
  conv2d,
  maxPool,
  normalize,
  updateRunning,
} from '../src/reference/layers.ts';
import { type Algebra, at, numbers } from '../src/reference/scalar.ts';
import { relativeError } from './support/cases.ts';
import { randomValues } from './support/compare.ts';
import { type Layer, layerFaces } from './support/layerReference.ts';

/** Overlapping windows of 2 x 2 over two lines. */
const windows = {
  input: { channels: 1, height: 2, width: 3 },
  output: { channels: 1, height: 1, width: 2 },
  ...{ kernel: 2, stride: 1 },
};

describe('layers by hand', () => {
  it('conv2d: the image under each tap, zeros around it', () => {
    const image = { channels: 1, height: 2, width: 3 };
    const shape = { input: image, output: image, kernel: 3, stride: 1, padTop: 1, padLeft: 1 };
    const theta = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100];
    const x = [1, 0, 0, 0, 0, 10];
    // Pixel (0, 0) is under tap (1 - py, 1 - px) of position (py, px), pixel (1, 2) under tap (2 - py, 3 - px).
    const seen = [105, 104 + 90, 80 + 100, 102, 101 + 60, 100 + 50];
    expect(conv2d(numbers, shape, theta, 0, x)).toEqual(seen);
    expect(() => conv2d(numbers, shape, theta, 0, [1])).toThrow(/x has 1 elements/);
  });

  it('conv2d: weight [in, k, k, out], then bias [out]', () => {
    const shape = {
      input: { channels: 2, height: 1, width: 1 },
      output: { channels: 3, height: 1, width: 1 },
      ...{ kernel: 1, stride: 1, padTop: 0, padLeft: 0 },
    };
    const theta = [Number.NaN, 1, 2, 3, 10, 20, 30, 100, 200, 300];
    expect(conv2d(numbers, shape, theta, 1, [1, 2])).toEqual([121, 242, 363]);
  });

  it('pools', () => {
    const x = [1, 5, 2, 5, 0, 8];
    expect(maxPool(numbers, windows, x)).toEqual([5, 8]);
    expect(averagePool(numbers, windows, x)).toEqual([11 / 4, 15 / 4]);
    const layer: Layer = (A, _, values) => maxPool(A, windows, values);
    const at0 = { theta: [], v: [], x, dy: [1, 10], rx: x, rdy: [0, 0] };
    // Of the two fives of the first window the upper one, first in reading order.
    expect([...layerFaces(layer, at0).dx]).toEqual([0, 1, 0, 0, 0, 10]);
  });

  it('batch normalisation: biased variance within, unbiased in the running statistics', () => {
    const statistics = channelStatistics(numbers, [1, 2, 3, 6]);
    expect(statistics).toEqual({ mean: 3, variance: 3.5 });
    const y = normalize(numbers, [3, 6], statistics, 2, -1);
    expect(y).toEqual([-1, 2 * (3 / Math.sqrt(3.5 + BATCH_NORM_EPSILON)) - 1]);
    const running = updateRunning({ mean: 0, variance: 1 }, statistics, 4, 0.5);
    expect(running).toEqual({ mean: 1.5, variance: 0.5 + (0.5 * 3.5 * 4) / 3 });
  });
});

describe('layerFaces', () => {
  /** A channel's normalisation: the one layer whose Hessian in x is dense. */
  function layer<S>(A: Algebra<S>, theta: readonly S[], x: readonly S[]): S[] {
    return normalize(A, x, channelStatistics(A, x), at(theta, 0), at(theta, 1));
  }
  const point = {
    ...{ theta: [0.7, -0.2], v: [0.4, 1.1] },
    ...{ x: randomValues(5, 1), rx: randomValues(5, 2) },
    ...{ dy: randomValues(5, 3), rdy: randomValues(5, 4) },
  };

  it('agrees with central differences of y, and of its own first derivatives', () => {
    const faces = layerFaces(layer, point);
    const weighted = (theta: ArrayLike<number>, x: ArrayLike<number>) =>
      layer(numbers, Array.from(theta), Array.from(x)).reduce((sum, y, i) => sum + y * at(point.dy, i), 0);
    const dx = centralDifference((x) => weighted(point.theta, x), point.x);
    const dtheta = centralDifference((theta) => weighted(theta, point.x), point.theta);
    expect(relativeError(faces.dx, dx)).toBeLessThan(1e-8);
    expect(relativeError(faces.dtheta, dtheta)).toBeLessThan(1e-8);

    const moved = (e: number) => {
      const along = (values: ArrayLike<number>, tangent: ArrayLike<number>) =>
        Array.from(values, (value, i) => value + e * at(tangent, i));
      const { theta, v, x, rx, dy, rdy } = point;
      return layerFaces(layer, { ...point, theta: along(theta, v), x: along(x, rx), dy: along(dy, rdy) });
    };
    const [above, below] = [moved(1e-5), moved(-1e-5)];
    const slope = (face: 'y' | 'dx' | 'dtheta') =>
      above[face].map((value, i) => (value - at(below[face], i)) / 2e-5);
    expect(relativeError(faces.ry, slope('y'))).toBeLessThan(1e-8);
    expect(relativeError(faces.rdx, slope('dx'))).toBeLessThan(1e-8);
    expect(relativeError(faces.product, slope('dtheta'))).toBeLessThan(1e-8);
  });
});
