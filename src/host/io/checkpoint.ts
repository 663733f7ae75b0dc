import * as z from 'zod';
import { parseStoredConfig } from '../config.ts';
import { FileFormatError } from '../errors.ts';
import type { TrainerState } from '../meta/trainer.ts';
import { requireSeal, sealed } from './checksum.ts';
import {
  decodeSafeTensors,
  encodeSafeTensors,
  requireFinite,
  requireTensor,
  type SafeTensor,
} from './safetensors.ts';
import { parseJson } from './weights.ts';

/** The best weights so far, as the validation list judges them. */
export interface Best {
  readonly iteration: number;
  readonly score: number;
  readonly phi: Float32Array;
}

/** Where the stage under way began. */
export interface StageStart {
  readonly index: number;
  /** Meta-steps of the run before it. */
  readonly iteration: number;
  /** Episodes of the run before it. */
  readonly episodes: number;
}

/** A run between two episodes: with it and the configuration, the rest of the run is determined. */
export interface Checkpoint {
  /** Meta-steps done. */
  readonly iteration: number;
  readonly state: TrainerState;
  readonly best: Best | undefined;
  /** Where the stage under way began; the best weights are the stage's. */
  readonly stage: StageStart;
  /** Meta-steps in a row, up to here, that were not finite. */
  readonly skippedInRow: number;
}

const FORMAT = 'coordwise-checkpoint-1';
/** Before the names of what meta-steps that imitate carry. */
const IMITATION = 'imitation.';
const whole = z.int().min(0);
/** The numbers of a checkpoint; JSON has no word for an infinite score, so that is null. */
const factsSchema = z.strictObject({
  iteration: whole,
  skippedInRow: whole,
  best: z.strictObject({ iteration: whole, score: z.number().nullable() }).nullable(),
  /** Absent from the checkpoints of versions without stages. */
  stage: z
    .strictObject({ index: whole, iteration: whole, episodes: whole })
    .default({ index: 0, iteration: 0, episodes: 0 }),
});

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array<ArrayBuffer> {
  const { iteration, state, best, skippedInRow, stage } = checkpoint;
  const { phi, average, m, v, status, imitation } = state;
  const tensors = new Map<string, SafeTensor>();
  const put = (name: string, data: Float32Array) =>
    tensors.set(name, { dtype: 'F32', shape: [data.length], data });
  for (const [name, data] of Object.entries({ phi, m, v, status })) put(name, data);
  for (const [name, data] of Object.entries(imitation ?? {})) put(`${IMITATION}${name}`, data);
  if (average) put('average', average);
  if (best) put('best', best.phi);
  const bestFacts = best
    ? { iteration: best.iteration, score: Number.isFinite(best.score) ? best.score : null }
    : null;
  const facts = JSON.stringify({ iteration, skippedInRow, best: bestFacts, stage });
  return encodeSafeTensors(sealed({ metadata: { format: FORMAT, facts }, tensors }));
}

/**
 * Reads a checkpoint of weights of `phiLength` f32.
 * @throws FileFormatError when the bytes are not exactly that, or a weight or an average is not finite.
 */
export function decodeCheckpoint(bytes: Uint8Array, source: string, phiLength: number): Checkpoint {
  const file = decodeSafeTensors(bytes, source);
  const remedy = 'restore it from a backup, or start the run anew with another --out';
  const damaged = (what: string) => new FileFormatError(`${source}: ${what}`, remedy);
  if (file.metadata['format'] !== FORMAT) throw damaged(`its metadata do not say format ${FORMAT}`);
  requireSeal(file, source);
  const where = `${source}: metadata facts`;
  const facts = parseStoredConfig(factsSchema, parseJson(file.metadata['facts'], where), where);
  const imitates = file.tensors.has(`${IMITATION}m`);
  const averaged = file.tensors.has('average');
  const averages = ['m', 'v', 'status'];
  const names = [
    ...['phi', ...averages, ...(facts.best ? ['best'] : []), ...(averaged ? ['average'] : [])],
    ...(imitates ? averages.map((name) => `${IMITATION}${name}`) : []),
  ];
  const foreign = [...file.tensors.keys()].find((name) => !names.includes(name));
  if (foreign !== undefined) throw damaged(`it holds the tensor ${foreign}, which no such checkpoint has`);
  const floats = (name: string, length: number): Float32Array => {
    const { data } = requireTensor(file, name, source, [length]);
    if (!(data instanceof Float32Array)) throw damaged(`tensor ${name} is not float32`);
    return data;
  };
  const finite = (name: string): Float32Array => {
    const data = floats(name, phiLength);
    requireFinite({ dtype: 'F32', shape: [phiLength], data }, name, source);
    return data;
  };
  const adam = (of: string) => ({
    m: finite(`${of}m`),
    v: finite(`${of}v`),
    // That of a skipped meta-step holds the norm that was not finite.
    status: floats(`${of}status`, 4),
  });
  const { iteration, skippedInRow, best, stage } = facts;
  return {
    iteration,
    skippedInRow,
    stage,
    state: {
      ...{ phi: finite('phi'), average: averaged ? finite('average') : undefined },
      ...{ ...adam(''), ...(imitates && { imitation: adam(IMITATION) }) },
    },
    best: best
      ? { iteration: best.iteration, score: best.score ?? Number.POSITIVE_INFINITY, phi: finite('best') }
      : undefined,
  };
}
