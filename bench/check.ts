/** How far a result is from an independent source. */
export interface Check {
  readonly name: string;
  /** The independent source. */
  readonly against: string;
  /** ||ours - expected|| / ||expected||; NaN where a value is. */
  readonly error: number;
  readonly tolerance: number;
}

/** Whether the result is as near as it must be; NaN is not. */
export function holds({ error, tolerance }: Check): boolean {
  return error <= tolerance;
}

/** ||ours - expected|| / ||expected||; NaN where a value is or the lengths differ. */
export function relativeError(ours: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (ours.length !== expected.length || ours.length === 0) return Number.NaN;
  let difference = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    const target = expected[i] ?? Number.NaN;
    difference += ((ours[i] ?? Number.NaN) - target) ** 2;
    size += target ** 2;
  }
  return Math.sqrt(difference / size);
}
