/** The share `q` of the finite values lies below; NaN where none is finite. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const place = q * (sorted.length - 1);
  const low = sorted[Math.floor(place)] ?? Number.NaN;
  const high = sorted[Math.ceil(place)] ?? Number.NaN;
  return low + (high - low) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Of the finite values; NaN where there are none. */
export function mean(values: readonly number[]): number {
  const finite = values.filter(Number.isFinite);
  return finite.reduce((sum, value) => sum + value, 0) / finite.length;
}

/** Of the finite values; NaN where there are none. */
export function largest(values: readonly number[]): number {
  return values.filter(Number.isFinite).reduce((most, value) => (most >= value ? most : value), Number.NaN);
}

/** The first, or the last, third of a list, rounded up. */
export function third<T>(list: readonly T[], which: 'first' | 'last'): readonly T[] {
  const count = Math.ceil(list.length / 3);
  return which === 'first' ? list.slice(0, count) : list.slice(list.length - count);
}

/** Least squares through equally spaced values: their change from the first to the last, and its standard error. */
export function trend(values: readonly number[]): { readonly change: number; readonly error: number } {
  const n = values.length;
  const centre = (n - 1) / 2;
  const average = mean(values);
  const spread = values.reduce((sum, _, i) => sum + (i - centre) ** 2, 0);
  const slope = values.reduce((sum, value, i) => sum + (i - centre) * (value - average), 0) / spread;
  const left = values.reduce((sum, value, i) => sum + (value - average - slope * (i - centre)) ** 2, 0);
  const error = Math.sqrt(left / (n - 2) / spread);
  return { change: slope * (n - 1), error: error * (n - 1) };
}

/** 'a', 'a and b', 'a, b and 3 more'. */
export function listed(names: readonly string[], most = 3): string {
  if (names.length > most) {
    const shown = most - 1;
    return `${names.slice(0, shown).join(', ')} and ${names.length - shown} more`;
  }
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}
