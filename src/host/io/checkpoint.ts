import { FileFormatError } from '../errors.ts';
import type { TrainerState } from '../meta/trainer.ts';
import { decodeSafeTensors, encodeSafeTensors, requireTensor, type SafeTensor } from './safetensors.ts';
import { parseJson } from './weights.ts';

/** The best weights so far, as the validation list judges them. */
export interface Best {
  readonly iteration: number;
  readonly score: number;
  readonly phi: Float32Array;
}

/** A run between two episodes: with it and the configuration, the rest of the run is determined. */
export interface Checkpoint {
  /** Meta-steps done. */
  readonly iteration: number;
  readonly state: TrainerState;
  readonly best: Best | undefined;
  /** Meta-steps in a row, up to here, that were not finite. */
  readonly skippedInRow: number;
}

const FORMAT = 'coordwise-checkpoint-1';
const STATE = ['phi', 'm', 'v', 'status'] as const;

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array<ArrayBuffer> {
  const { iteration, state, best, skippedInRow } = checkpoint;
  const tensors = new Map<string, SafeTensor>();
  const put = (name: string, data: Float32Array) =>
    tensors.set(name, { dtype: 'F32', shape: [data.length], data });
  for (const name of STATE) put(name, state[name]);
  if (best) put('best', best.phi);
  const bestFacts = best ? { iteration: best.iteration, score: best.score } : null;
  const facts = JSON.stringify({ iteration, skippedInRow, best: bestFacts });
  return encodeSafeTensors({ metadata: { format: FORMAT, facts }, tensors });
}

/** @throws FileFormatError when the bytes are not a checkpoint of weights of this length. */
export function decodeCheckpoint(bytes: Uint8Array, source: string, phiLength: number): Checkpoint {
  const file = decodeSafeTensors(bytes, source);
  const damaged = (what: string) =>
    new FileFormatError(`${source}: ${what}`, 'start the run anew: this checkpoint cannot be used');
  if (file.metadata['format'] !== FORMAT) throw damaged(`its metadata do not say format ${FORMAT}`);
  const floats = (name: string, length: number): Float32Array => {
    const { data } = requireTensor(file, name, source, [length]);
    if (!(data instanceof Float32Array)) throw damaged(`tensor ${name} is not float32`);
    return data;
  };
  const facts = parseJson(file.metadata['facts'], `${source}: facts`);
  const whole = (value: unknown, what: string): number => {
    if (!Number.isInteger(value) || Number(value) < 0) throw damaged(`${what} is not a whole number`);
    return Number(value);
  };
  if (typeof facts !== 'object' || facts === null) throw damaged('its facts are not an object');
  const { iteration, skippedInRow, best } = facts as Record<string, unknown>;
  let kept: Best | undefined;
  if (typeof best === 'object' && best !== null) {
    const { iteration: at, score } = best as Record<string, unknown>;
    kept = { iteration: whole(at, 'best.iteration'), score: Number(score), phi: floats('best', phiLength) };
  }
  return {
    iteration: whole(iteration, 'iteration'),
    skippedInRow: whole(skippedInRow, 'skippedInRow'),
    state: {
      phi: floats('phi', phiLength),
      m: floats('m', phiLength),
      v: floats('v', phiLength),
      status: floats('status', 4),
    },
    best: kept,
  };
}
