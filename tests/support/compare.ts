import { expect } from 'vitest';

/** How far f32 results may be from the float64 reference: |actual - expected| <= relative * scale + absolute. */
export interface Allowed {
  readonly relative?: number;
  readonly absolute?: number;
  /** What `relative` is taken of, an element each; the expected value where it is left out. */
  readonly scale?: ArrayLike<number>;
}

/**
 * Every element of `actual` is as close to `expected` as `allowed` says. Where NaN is expected only NaN will
 * do, and where an infinity is, only that infinity.
 */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { relative = 0, absolute = 0, scale = expected }: Allowed,
  what: string,
): void {
  expect(actual.length, `${what}: number of elements`).toBe(expected.length);
  let wrong = 0;
  let worst = { excess: -1, text: '' };
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i] ?? Number.NaN;
    const e = expected[i] ?? Number.NaN;
    const bound = relative * Math.abs(scale[i] ?? 0) + absolute;
    const distance = Number.isFinite(a - e) ? Math.abs(a - e) : Number.POSITIVE_INFINITY;
    if (Object.is(a, e) || a === e || (distance <= bound && Number.isFinite(distance))) continue;
    wrong++;
    const excess = distance / Math.max(bound, Number.MIN_VALUE);
    if (excess > worst.excess) worst = { excess, text: `element ${i} is ${a}, not ${e} to within ${bound}` };
  }
  if (wrong === 0) return;
  expect.fail(`${what}: ${wrong} of ${expected.length} elements are wrong; worst: ${worst.text}`);
}

/** `count` f32 from U(low, high), the same for the same seed (mulberry32). */
export function randomValues(count: number, seed: number, low = -1, high = 1): Float32Array {
  let state = Math.imul(seed + 1, 0x9e3779b9);
  return Float32Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return low + ((high - low) * ((x ^ (x >>> 14)) >>> 0)) / 2 ** 32;
  });
}

/** <a, b> in float64. */
export function inner(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? Number.NaN) * (b[i] ?? Number.NaN);
  return sum;
}

/** The magnitudes of an array's elements. */
export function magnitudes(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values, Math.abs);
}
