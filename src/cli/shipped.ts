import { existsSync } from 'node:fs';
import * as z from 'zod';
import { ACTIVATIONS, CoordwiseError, parseStoredConfig } from '../host/index.ts';
import { packageFile, readJsonFile } from '../node/index.ts';
import { TASK_NAMES } from './options.ts';

/** What is known of weights that come with the package. */
const factsSchema = z.strictObject({
  /** The training of recipes/trainings. */
  training: z.string(),
  label: z.string(),
  seed: z.int(),
  /** Meta-steps that led to the weights, and how many the run had. */
  iteration: z.int(),
  iterations: z.int(),
  /** What the weights were selected on. */
  validation: z.strictObject({
    tasks: z.int(),
    horizon: z.int(),
    select: z.enum(['final', 'sum']),
    activation: z.enum(ACTIVATIONS).optional(),
    score: z.number(),
  }),
  adapter: z.string(),
  version: z.string(),
  commit: z.string(),
  seconds: z.number().optional(),
  /** Of another evaluation than the validation: mean losses on a few held-out tasks, for the tests. */
  check: z.strictObject({
    seed: z.int(),
    tasks: z.int(),
    horizon: z.int(),
    /** At these steps. */
    steps: z.array(z.int()),
    losses: z.array(z.number()),
    adapter: z.string(),
  }),
});
export type ShippedFacts = Readonly<z.infer<typeof factsSchema>>;

export const shippedSchema = z.strictObject({
  /** What `coordwise evaluate` takes where no weights are named. */
  default: z.string(),
  weights: z.record(z.string(), factsSchema),
});
export type Shipped = Readonly<z.infer<typeof shippedSchema>>;

export interface ShippedWeights {
  readonly name: string;
  readonly path: string;
  readonly facts: ShippedFacts;
}

const INDEX = ['pretrained', 'index.json'] as const;

/** The list of the weights that come with the package. */
export function readShipped(): Shipped {
  const path = packageFile(...INDEX);
  return parseStoredConfig(shippedSchema, readJsonFile(path, 'the list of weights'), path);
}

/** Weights that come with the package, by name; undefined where there are none of that name. */
export function shippedWeights(name: string): ShippedWeights | undefined {
  const facts = readShipped().weights[name];
  return facts && { name, path: packageFile('pretrained', `${name}.safetensors`), facts };
}

/** The weights that are taken where none are named. */
export function defaultWeights(): ShippedWeights {
  const { default: name } = readShipped();
  const found = shippedWeights(name);
  if (found) return found;
  throw new CoordwiseError(
    `pretrained/index.json names ${JSON.stringify(name)} as the default and does not list it`,
    'reinstall the package, or name the weights',
  );
}

/**
 * What `evaluate` is given: weights and a task, each of which may be left out. One word that names a task, and no file or
 * folder, is the task.
 */
export function weightsAndTask(
  weights: string | undefined,
  task: string | undefined,
): [weights: string, task: string | undefined] {
  if (weights === undefined) return [defaultWeights().name, task];
  const isTask = task === undefined && !existsSync(weights) && TASK_NAMES.some((name) => name === weights);
  return isTask ? [defaultWeights().name, weights] : [weights, task];
}
