import { describe, expect, it } from 'vitest';
import {
  recordSurfaceBackward,
  recordSurfaceForward,
  recordSurfaceRBackward,
  SURFACES,
} from '../src/host/ops/surface.ts';
import { SURFACE_BOXES, surfaceHeights } from '../src/host/optimizees/surface.ts';
import { gradient, hessianVector, type ScalarFunction } from '../src/reference/derivatives.ts';
import { surfaceHeight } from '../src/reference/surface.ts';
import { expectClose, inner, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { surfaceAllowed } from './support/tolerances.ts';

const gpu = gpuForThisFile();

type Surface = (typeof SURFACES)[number];

const heightOf =
  (surface: Surface): ScalarFunction =>
  (A, [x = A.constant(Number.NaN), y = A.constant(Number.NaN)]) =>
    surfaceHeight(A, surface, x, y);

/** The largest size that a term of a value, slope or curvature has inside the points' range. */
const SIZES: Readonly<Record<Surface, readonly [number, number, number]>> = {
  bowl: [45, 30, 10],
  rosenbrock: [15_000, 15_000, 12_000],
  beale: [10_000, 30_000, 60_000],
  rastrigin: [60, 70, 400],
};

describe.each(SURFACES)('%s', (surface) => {
  it.each([1, 63, 64, 65, 131])('%i points: height, slope and curvature along v', async (tasks) => {
    const data = { theta: randomValues(2 * tasks, 1, -3, 3), v: randomValues(2 * tasks, 2) };
    const outputs = {
      losses: unwritten(2 * tasks),
      gradient: unwritten(2 * tasks),
      product: unwritten(2 * tasks),
    };
    const read = await runKernels(gpu(), { ...data, ...outputs }, (program, t) => {
      recordSurfaceForward(program, { theta: t.theta, losses: t.losses }, surface, { tasks, slot: 1 });
      recordSurfaceBackward(program, { theta: t.theta, gradient: t.gradient }, surface, tasks);
      recordSurfaceRBackward(program, { theta: t.theta, v: t.v, product: t.product }, surface, tasks);
    });
    const points = Array.from({ length: tasks }, (_, b) => data.theta.slice(2 * b, 2 * b + 2));
    const f = heightOf(surface);
    const expected = points.map((point) => gradient(f, point));
    const products = points.map((point, b) => hessianVector(f, point, data.v.slice(2 * b, 2 * b + 2)));
    const [height, slope, curvature] = SIZES[surface].map((size) => new Float64Array(2 * tasks).fill(size));
    const allowed = (sizes = new Float64Array()) => surfaceAllowed(sizes);
    const heights = expected.map(({ value }) => value);
    expectClose(read.losses.subarray(tasks), heights, allowed(height), 'height');
    expect([...read.losses.subarray(0, tasks)]).toEqual(new Array(tasks).fill(Number.NaN));
    expectClose(
      read.gradient,
      expected.flatMap((one) => [...one.gradient]),
      allowed(slope),
      'slope',
    );
    expectClose(
      read.product,
      products.flatMap((one) => [...one]),
      allowed(curvature),
      'H v',
    );
  });

  it('the Hessian is symmetric: u . H v = v . H u', async () => {
    const tasks = 70;
    const data = {
      theta: randomValues(2 * tasks, 3, -2, 2),
      u: randomValues(2 * tasks, 4),
      v: randomValues(2 * tasks, 5),
    };
    const outputs = { Hu: unwritten(2 * tasks), Hv: unwritten(2 * tasks) };
    const { Hu, Hv } = await runKernels(
      gpu(),
      { ...data, ...outputs },
      (program, { theta, u, v, Hu, Hv }) => {
        recordSurfaceRBackward(program, { theta, v: u, product: Hu }, surface, tasks);
        recordSurfaceRBackward(program, { theta, v, product: Hv }, surface, tasks);
      },
    );
    const scale = inner(data.u.map(Math.abs), Hv.map(Math.abs));
    expectClose([inner(data.u, Hv)], [inner(data.v, Hu)], surfaceAllowed([scale]), 'u . H v');
  });

  it('is zero and flat at its minimum, which lies in its box', async () => {
    const { minimum, low, high } = SURFACE_BOXES[surface];
    const { value, gradient: slope } = gradient(heightOf(surface), minimum);
    expect([value, ...slope].map(Math.abs)).toEqual([0, 0, 0]);
    expect(minimum.every((at, i) => at > (low[i] ?? 0) && at < (high[i] ?? 0))).toBe(true);
    const [height, beside] = await surfaceHeights(gpu(), surface, Float32Array.of(...minimum, ...low));
    expect(height).toBe(0);
    expect(beside).toBeGreaterThan(1);
  });
});
