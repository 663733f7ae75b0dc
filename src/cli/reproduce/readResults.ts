import * as z from 'zod';
import { parseStoredConfig } from '../../host/index.ts';
import { readJsonFile } from '../../node/index.ts';
import type { RecipeResult, TransferResult } from '../../report/results.ts';

const loss = z.number().nullable();
const provenance = {
  format: z.literal('coordwise-results-1'),
  command: z.string(),
  version: z.string(),
  commit: z.string(),
  adapter: z.string(),
  software: z.boolean(),
  made: z.string(),
};

const row = z.strictObject({
  label: z.string(),
  kind: z.enum(['learned', 'baseline']),
  name: z.string(),
  setting: z.string(),
  losses: z.array(loss),
  seeds: z.array(z.array(loss)).exactOptional(),
  spread: loss,
  error: loss,
  sum: loss,
  diverged: z.number(),
  risen: z.number(),
  accuracy: z.strictObject({ mean: z.number(), interval: z.number() }).exactOptional(),
  published: z.number().exactOptional(),
});

const check = z.strictObject({
  of: z.string(),
  what: z.string(),
  band: z.string(),
  value: z.string(),
  published: z.string().exactOptional(),
  reached: z.boolean().exactOptional(),
  missedBy: z.string().exactOptional(),
});

const learned = z.strictObject({
  name: z.string(),
  label: z.string(),
  description: z.string(),
  pretrained: z.boolean(),
  seeds: z.array(
    z.strictObject({
      seed: z.int(),
      iteration: z.int(),
      validation: loss.exactOptional(),
      seconds: z.number().exactOptional(),
      pretrained: z.literal(true).exactOptional(),
    }),
  ),
});

const recipeResult = z.strictObject({
  ...provenance,
  kind: z.literal('recipe'),
  name: z.string(),
  title: z.string(),
  source: z.string(),
  about: z.string(),
  seed: z.int(),
  learned: z.array(learned),
  tests: z.array(
    z.strictObject({
      name: z.string(),
      title: z.string(),
      task: z.string(),
      tasks: z.int(),
      tuningTasks: z.int(),
      horizon: z.int(),
      steps: z.array(z.int()),
      publishedStep: z.int().exactOptional(),
      rows: z.array(row),
      checks: z.array(check),
    }),
  ),
});

const transferResult = z.strictObject({
  ...provenance,
  kind: z.literal('transfer'),
  title: z.string(),
  seed: z.int(),
  tasks: z.int(),
  tuningTasks: z.int(),
  columns: z.array(
    z.strictObject({
      axis: z.string(),
      value: z.string(),
      task: z.string(),
      adam: z.strictObject({ final: loss, setting: z.string() }),
    }),
  ),
  rows: z.array(
    z.strictObject({
      label: z.string(),
      trained: z.string(),
      cells: z.array(z.strictObject({ final: loss, error: loss, ratio: loss, diverged: z.number() })),
    }),
  ),
});

const result = z.discriminatedUnion('kind', [recipeResult, transferResult]);

/**
 * A results.json as `coordwise reproduce` or `coordwise transfer` wrote it.
 * @throws FileFormatError naming what is wrong with it
 */
export function readResult(path: string): RecipeResult | TransferResult {
  return parseStoredConfig(result, readJsonFile(path, 'the results'), path);
}
