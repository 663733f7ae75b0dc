/** Element `index` of a list or, where it is a ring of slots that steps take in turn, of the ring. */
export function pick<T>(ring: readonly T[], index: number): T {
  const value = ring[index % ring.length];
  if (value === undefined) throw new RangeError('an empty ring was read');
  return value;
}
