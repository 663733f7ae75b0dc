import { encodeSafeTensors, type L2lConfig, type SafeTensorsFile } from '../../src/host/index.ts';
import type { Check } from '../check.ts';

type CaseTensor = SafeTensorsFile['tensors'] extends ReadonlyMap<string, infer T> ? T : never;

/** Relative; f32 sums in another order, carried through 20 steps, give less than 1e-5. */
const TOLERANCE = 1e-4;

/** A workload as a peer gets it: its settings and inputs, and our numbers for them. */
export interface PeerCase {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, CaseTensor>;
  /** Our own results of the first run. */
  readonly expected: Readonly<Record<string, number>>;
}

/** The kind of work: the optimizee of an unroll, or one update of given gradients. */
export type CaseKind = 'mlp' | 'quadratic' | 'update';

export function f32(data: Float32Array, shape: readonly number[] = [data.length]): CaseTensor {
  return { dtype: 'F32', shape: [...shape], data: Float32Array.from(data) };
}

export function i32(data: Int32Array, shape: readonly number[]): CaseTensor {
  return { dtype: 'I32', shape: [...shape], data: Int32Array.from(data) };
}

/**
 * A case's settings as the peers read them.
 * @throws RangeError for a preprocessing that the peers do not have.
 */
export function caseSettings(
  kind: CaseKind,
  { preprocess, outputScale }: L2lConfig,
  steps: number,
): Record<string, string> {
  if (preprocess.kind !== 'log-sign')
    throw new RangeError(`no peer has the preprocessing ${preprocess.kind}`);
  return { kind, steps: String(steps), p: String(preprocess.p), scale: String(outputScale) };
}

/** phi under PyTorch's names, as `phi.<name>`. */
export function phiTensors(
  named: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>,
): [string, CaseTensor][] {
  return [...named].map(([name, { shape, data }]) => [`phi.${name}`, f32(data, shape)]);
}

/** A case as a safetensors file. */
export function encodeCase({ metadata, tensors }: PeerCase): Uint8Array {
  return encodeSafeTensors({ metadata: { ...metadata }, tensors: new Map(tensors) });
}

/** A peer's numbers against ours, one check each; a number that is missing has the error NaN. */
export function compareNumbers(
  workload: string,
  expected: Readonly<Record<string, number>>,
  theirs: Readonly<Record<string, number>>,
): Check[] {
  return Object.entries(expected).map(([name, ours]) => ({
    name: `${workload}: ${name}`,
    against: 'this run',
    error: Math.abs((theirs[name] ?? Number.NaN) - ours) / Math.abs(ours),
    tolerance: TOLERANCE,
  }));
}

/** What an update must agree on: theta [n]. */
export function thetaNumbers(theta: Float32Array): Record<string, number> {
  let [squares, sum] = [0, 0];
  for (const value of theta) {
    squares += value * value;
    sum += value;
  }
  return { thetaNorm: Math.sqrt(squares), thetaMean: sum / theta.length };
}
