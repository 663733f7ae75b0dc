import * as z from 'zod';
import { ConfigError } from './errors.ts';
import { ACTIVATIONS } from './ops/activation.ts';

/** Settings of everything a run can be made of: parsed once, at the edge, and plain data from there on. */

const count = (most: number) => z.int().min(1).max(most);
const positive = z.number().positive();
const scale = z.number().nonnegative().max(100);

export const DATASETS = ['mnist'] as const;

export const quadraticTask = z.strictObject({
  kind: z.literal('quadratic'),
  dimension: count(4096).default(10),
  distribution: z.enum(['uniform', 'gaussian']).default('uniform'),
  initialScale: scale.default(0.01),
});

export const mlpTask = z.strictObject({
  kind: z.literal('mlp'),
  dataset: z.enum(DATASETS).default('mnist'),
  resolution: z.union([z.literal(28), z.literal(14), z.literal(7)]).default(28),
  hidden: z.array(count(65536)).max(64).default([20]),
  activation: z.enum(ACTIVATIONS).default('sigmoid'),
  batch: count(65536).default(128),
  initial: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('normal'), scale }),
      z.strictObject({ kind: z.literal('pytorch') }),
    ])
    .default({ kind: 'normal', scale: 0.01 }),
});

export const taskSchema = z.discriminatedUnion('kind', [quadraticTask, mlpTask]);
export type TaskConfig = z.infer<typeof taskSchema>;

export const preprocessSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('log-sign'), p: positive.max(60) }),
  z.strictObject({ kind: z.literal('clamp'), k: positive.max(60) }),
]);

export const l2lOptimizer = z.strictObject({
  kind: z.literal('l2l'),
  layers: z.int().min(0).max(8).default(2),
  hidden: count(512).default(20),
  preprocess: preprocessSchema.default({ kind: 'log-sign', p: 10 }),
  outputScale: positive.max(1000).default(0.1),
});

export const optimizerSchema = z.discriminatedUnion('kind', [l2lOptimizer]);
export type OptimizerConfig = z.infer<typeof optimizerSchema>;

export const trainSchema = z
  .strictObject({
    task: taskSchema,
    optimizer: optimizerSchema,
    seed: z.int().min(0).max(0xffffffff).default(1),
    /** Tasks a meta-step averages over. */
    tasks: count(65535).default(1),
    /** T: steps the meta-gradient goes back through. */
    unroll: count(10_000).default(20),
    /** Steps of an episode: states are carried from unroll to unroll up to here. */
    horizon: count(1_000_000).default(100),
    /** Meta-steps; one an unroll. */
    iterations: z.int().min(1).max(100_000_000),
    metaLearningRate: positive.max(10).default(0.003),
    /** Global-norm clip of the meta-gradient; null for none. */
    clip: positive.nullable().default(null),
    /** Weight of each loss of an unroll: all alike, the last only, or T + 1 numbers. */
    lossWeights: z
      .union([z.literal('sum'), z.literal('final'), z.array(z.number().nonnegative())])
      .default('sum'),
    validation: z
      .strictObject({
        tasks: count(65535).default(16),
        /** Meta-steps between two validations; a multiple of the unrolls of an episode. */
        every: count(100_000_000).default(100),
        select: z.enum(['final', 'sum']).default('final'),
      })
      .prefault({}),
    /** Meta-steps in a row that are not finite before the run gives up. */
    patience: count(100_000).default(50),
  })
  .superRefine((config, context) => {
    const complain = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (config.horizon % config.unroll !== 0) {
      complain(['horizon'], `must be a multiple of unroll (${config.unroll}), but is ${config.horizon}`);
    }
    const unrolls = config.horizon / config.unroll;
    if (Number.isInteger(unrolls) && config.validation.every % unrolls !== 0) {
      const message = `must be a multiple of horizon / unroll (${unrolls}), but is ${config.validation.every}`;
      complain(['validation', 'every'], message);
    }
    const weights = config.lossWeights;
    if (typeof weights !== 'string') {
      if (weights.length !== config.unroll + 1) {
        complain(
          ['lossWeights'],
          `must be ${config.unroll + 1} numbers (unroll + 1), but there are ${weights.length}`,
        );
      } else if (weights.every((weight) => weight === 0)) {
        complain(['lossWeights'], 'must not all be zero');
      }
    }
  });
export type TrainConfig = z.infer<typeof trainSchema>;
export type TrainInput = z.input<typeof trainSchema>;

/**
 * Checks settings and fills in the defaults.
 * @throws ConfigError naming the first setting that is wrong and how.
 */
export function parseConfig<T extends z.ZodType>(schema: T, value: unknown, source: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  const what = path === '' ? source : `${source}: ${path}`;
  const message = (issue?.message ?? 'unknown').replace(/^Invalid input: /, '');
  throw new ConfigError(`${what}: ${message}`, 'correct that setting; `coordwise train --help` lists them');
}

/** The T + 1 weights of an unroll's losses. */
export function lossWeightsOf({
  lossWeights,
  unroll,
}: Pick<TrainConfig, 'lossWeights' | 'unroll'>): number[] {
  if (typeof lossWeights !== 'string') return lossWeights;
  return Array.from({ length: unroll + 1 }, (_, t) => (lossWeights === 'sum' || t === unroll ? 1 : 0));
}
