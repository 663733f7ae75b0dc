import { readFileSync } from 'node:fs';
import { decodeSafeTensors } from '../../src/host/io/safetensors.ts';

/** A gradient case: inputs, settings and what PyTorch computed in float64, stored as float32. */
export interface GradientCase {
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** A setting of the metadata. Throws when the case lacks it. */
  text(key: string): string;
  /** A setting as a number. Throws when it is not one. */
  number(key: string): number;
  /** A tensor, flat, row-major, as float64. Throws when the case lacks it. */
  values(tensor: string): Float64Array;
  /** The tensors whose names begin with `prefix`, under the rest of their names. */
  group(prefix: string): Record<string, Float64Array>;
}

/** Reads tests/cases/<name>.safetensors. */
export function loadCase(name: string): GradientCase {
  const url = new URL(`../cases/${name}.safetensors`, import.meta.url);
  const { metadata, tensors } = decodeSafeTensors(readFileSync(url), `${name}.safetensors`);
  const all = new Map([...tensors].map(([key, tensor]) => [key, Float64Array.from(tensor.data, Number)]));
  const text = (key: string): string => {
    const value = metadata[key];
    if (value === undefined) throw new Error(`${name}: the metadata lack "${key}".`);
    return value;
  };
  return {
    name,
    metadata,
    text,
    number(key) {
      const value = Number(text(key));
      if (Number.isNaN(value)) throw new Error(`${name}: the metadata's "${key}" is not a number.`);
      return value;
    },
    values(tensor) {
      const found = all.get(tensor);
      if (found === undefined) throw new Error(`${name}: there is no tensor "${tensor}".`);
      return found;
    },
    group: (prefix) =>
      Object.fromEntries(
        [...all].flatMap(([key, values]) =>
          key.startsWith(prefix) ? [[key.slice(prefix.length), values]] : [],
        ),
      ),
  };
}

/**
 * ||actual - expected|| / ||expected||, or ||actual|| where the expected tensor is zero; Infinity when the lengths
 * differ, NaN when a value is.
 */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  const b = Float64Array.from(expected);
  const difference = Math.hypot(...Float64Array.from(actual, (x, i) => x - (b[i] ?? Number.NaN)));
  const norm = Math.hypot(...b);
  return norm === 0 ? difference : difference / norm;
}
