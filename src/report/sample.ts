/**
 * The indices of at most `count` points that keep the shape of a line, its first and last points among them:
 * from each of `count - 2` buckets the point that spans the largest triangle with its neighbours.
 * Source: Steinarsson 2013, "Downsampling Time Series for Visual Representation", section 4.2.
 */
export function sampleIndices(values: readonly number[], count: number): number[] {
  const length = values.length;
  if (length <= count || count < 3) return values.map((_, index) => index);
  const at = (index: number): number => values[index] ?? 0;
  const edge = (bucket: number): number => 1 + Math.floor((bucket * (length - 2)) / (count - 2));
  const chosen = [0];
  let previous = 0;
  for (let bucket = 0; bucket < count - 2; bucket++) {
    const start = edge(bucket);
    const end = edge(bucket + 1);
    const next = bucket === count - 3 ? length : edge(bucket + 2);
    let mean = 0;
    for (let i = end; i < next; i++) mean += at(i) / (next - end);
    const middle = (end + next - 1) / 2;
    let widest = -1;
    let pick = start;
    for (let i = start; i < end; i++) {
      const area = Math.abs(
        (previous - middle) * (at(i) - at(previous)) - (previous - i) * (mean - at(previous)),
      );
      if (area > widest) {
        widest = area;
        pick = i;
      }
    }
    chosen.push(pick);
    previous = pick;
  }
  chosen.push(length - 1);
  return chosen;
}

/** At most `count` items of a list, evenly spread over it. */
export function thin<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  const stride = items.length / count;
  return items.filter((_, index) => Math.floor(index / stride) !== Math.floor((index - 1) / stride));
}

/**
 * The centred running median over `window` values at the given indices; values that are not finite are left out,
 * NaN where none is left. A median, so that a single exploding meta-loss does not raise its neighbours.
 */
export function runningMedian(
  values: readonly number[],
  window: number,
  indices: readonly number[],
): number[] {
  const half = Math.floor(window / 2);
  return indices.map((index) => {
    const near = values.slice(Math.max(0, index - half), index + half + 1).filter(Number.isFinite);
    near.sort((a, b) => a - b);
    const middle = Math.floor(near.length / 2);
    const upper = near[middle] ?? Number.NaN;
    return near.length % 2 === 1 ? upper : (upper + (near[middle - 1] ?? Number.NaN)) / 2;
  });
}
