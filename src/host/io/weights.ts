import * as z from 'zod';
import {
  type OptimizerConfig,
  optimizerSchema,
  parseStoredConfig,
  type TaskConfig,
  taskSchema,
} from '../config.ts';
import { FileFormatError } from '../errors.ts';
import type { NamedWeights } from '../optimizers/optimizer.ts';
import { requireSeal, sealed } from './checksum.ts';
import { decodeSafeTensors, encodeSafeTensors, requireFinite, type SafeTensor } from './safetensors.ts';

/**
 * A learned optimizer as a file: safetensors with PyTorch's names (`load_state_dict` takes the tensors as they
 * are), the settings as JSON strings in the metadata.
 */
export interface WeightsFile {
  readonly optimizer: OptimizerConfig;
  readonly weights: ReadonlyMap<string, NamedWeights>;
  /** What it was trained on. */
  readonly task: TaskConfig;
  readonly training: WeightsTraining;
}

const trainingSchema = z.strictObject({
  seed: z.int().min(0).max(0xffffffff),
  /** Meta-steps that led to these weights. */
  iteration: z.int().min(0),
  /** Steps of the episodes they were trained on: in a curriculum those of the stage that led to them. */
  horizon: z.int().min(1),
  /** Horizons of the curriculum, where there was one, up to that stage's. */
  curriculum: z.array(z.int().min(1)).optional(),
  unroll: z.int().min(1),
  /** Whether the meta-gradient was of exact second order. */
  secondDerivatives: z.boolean().default(false),
});
/** How the weights came about. */
export type WeightsTraining = Readonly<z.infer<typeof trainingSchema>>;

const FORMAT = 'coordwise-weights-1';

export function encodeWeights(file: WeightsFile): Uint8Array<ArrayBuffer> {
  const tensors = new Map<string, SafeTensor>();
  for (const [name, { shape, data }] of file.weights) tensors.set(name, { dtype: 'F32', shape, data });
  const contents = {
    metadata: {
      format: FORMAT,
      optimizer: JSON.stringify(file.optimizer),
      task: JSON.stringify(file.task),
      training: JSON.stringify(file.training),
    },
    tensors,
  };
  return encodeSafeTensors(sealed(contents));
}

/**
 * Reads a weights file; shapes are checked when the optimizer it describes takes the weights.
 * @throws FileFormatError when the bytes are not such a file, damaged, or hold a value that is not finite.
 */
export function decodeWeights(bytes: Uint8Array, source: string): WeightsFile {
  const file = decodeSafeTensors(bytes, source);
  const { metadata, tensors } = file;
  if (metadata['format'] !== FORMAT) {
    throw new FileFormatError(
      `${source} is a safetensors file, but its metadata do not say format ${FORMAT}`,
      'use weights that `coordwise train` wrote (best.safetensors in a run folder)',
    );
  }
  requireSeal(file, source);
  const weights = new Map<string, NamedWeights>();
  for (const [name, tensor] of tensors) {
    requireFinite(tensor, name, source);
    if (!(tensor.data instanceof Float32Array)) {
      throw new FileFormatError(
        `${source}: tensor ${name} is ${tensor.dtype}, not F32`,
        'save the weights as float32',
      );
    }
    weights.set(name, { shape: tensor.shape, data: tensor.data });
  }
  const part = <T extends z.ZodType>(name: string, schema: T): z.output<T> => {
    const where = `${source}: metadata ${name}`;
    return parseStoredConfig(schema, parseJson(metadata[name], where), where);
  };
  return {
    optimizer: part('optimizer', optimizerSchema),
    task: part('task', taskSchema),
    training: part('training', trainingSchema),
    weights,
  };
}

/** @throws FileFormatError when `text` is missing or not JSON. */
export function parseJson(text: string | undefined, what: string): unknown {
  try {
    if (text !== undefined) return JSON.parse(text);
  } catch {
    // Reported below.
  }
  throw new FileFormatError(
    `${what} is ${text === undefined ? 'missing' : 'not JSON'}`,
    'use the file as `coordwise train` wrote it',
  );
}
