import * as z from 'zod';
import { ConfigError, FileFormatError } from './errors.ts';
import { ACTIVATIONS } from './ops/activation.ts';
import { GATE_FEEDBACKS } from './ops/gated.ts';
import { CONTROLLERS, GATED_DEFAULTS, type GatedName } from './optimizers/gated/settings.ts';
import { type SettingName, settingPath, settingProblem } from './settingProblem.ts';

/** Settings of everything a run can be made of: parsed once, at the edge, and plain data from there on. */

const count = (most: number) => z.int().min(1).max(most);
/** A factor or a step that float32 holds with room to spare. */
const between = (least: number, most: number) => z.number().min(least).max(most);
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
  resolution: z.literal([28, 14, 7]).default(28),
  /** Widths of the hidden layers; what fits a device is the device's business. */
  hidden: z.array(count(10_000_000)).max(64).default([20]),
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
  z.strictObject({ kind: z.literal('log-sign'), p: between(0.001, 60) }),
  z.strictObject({ kind: z.literal('clamp'), k: between(0.001, 60) }),
]);

/** Units of an LSTM layer at the most: 16 units' weights must fit one uniform binding (src/host/ops/lstm.ts). */
const MOST_UNITS = { first: 253, stacked: 127, controller: 251 };

export const l2lOptimizer = z
  .strictObject({
    kind: z.literal('l2l'),
    layers: z.int().min(0).max(8).default(2),
    hidden: count(MOST_UNITS.first).default(20),
    preprocess: preprocessSchema.default({ kind: 'log-sign', p: 10 }),
    outputScale: between(1e-6, 1000).default(0.1),
  })
  .superRefine(({ layers, hidden }, context) => {
    if (layers < 2 || hidden <= MOST_UNITS.stacked) return;
    const message = `is ${hidden}, but must be at most ${MOST_UNITS.stacked} where there is more than one layer`;
    context.addIssue({ code: 'custom', path: ['hidden'], message });
  });

/** A gate is learned, or fixed at a number. */
const gate = z.union([z.literal('learned'), z.strictObject({ fixed: between(-1e6, 1e6) })], {
  error: 'learned, or a number from -1000000 to 1000000',
});

/** The gated family: one schema a name, with the name's own defaults. */
function gatedOptimizer<Name extends GatedName>(kind: Name) {
  const { gates, controller, hidden, gateFeedback, preprocess } = GATED_DEFAULTS[kind];
  const { momentumForget, momentumInput } = gates;
  return z.strictObject({
    kind: z.literal(kind),
    gates: z
      .strictObject({
        forget: gate.default(gates.forget),
        input: gate.default(gates.input),
        momentumForget: momentumForget ? gate.default(momentumForget) : gate.optional(),
        momentumInput: momentumInput ? gate.default(momentumInput) : gate.optional(),
      })
      .prefault({}),
    controller: z.enum(CONTROLLERS).default(controller),
    hidden: count(MOST_UNITS.controller).default(hidden),
    gateFeedback: z.enum(GATE_FEEDBACKS).default(gateFeedback),
    preprocess: preprocessSchema.default(preprocess),
    /** Parameters of the learned theta_0; absent where tasks start as they are drawn. */
    theta0Parameters: count(1_000_000_000).optional(),
  });
}

export const optimizerSchema = z.discriminatedUnion('kind', [
  l2lOptimizer,
  gatedOptimizer('gradient-descent-lstm'),
  gatedOptimizer('meta-lstm'),
  gatedOptimizer('momentum-lstm'),
]);
export type OptimizerConfig = z.infer<typeof optimizerSchema>;
export type L2lConfig = z.infer<typeof l2lOptimizer>;

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
    metaLearningRate: between(1e-12, 10).default(0.003),
    /** Global-norm clip of the meta-gradient; null for none. */
    clip: between(1e-6, 1e30).nullable().default(null),
    /** Weight of each loss of an unroll: all alike, the last only, or T + 1 numbers. */
    lossWeights: z
      .union([z.literal('sum'), z.literal('final'), z.array(between(0, 1e6))], {
        error: 'sum, final, or a list of numbers from 0 to 1000000',
      })
      .default('sum'),
    /** Exact second order: the meta-gradient also goes through the gradients that the optimizer reads. */
    secondDerivatives: z.boolean().default(false),
    validation: z
      .strictObject({
        tasks: count(65535).default(16),
        /** Meta-steps between two validations: a multiple of the unrolls of an episode, by default the nearest to 100. */
        every: count(100_000_000).optional(),
        select: z.enum(['final', 'sum']).default('final'),
      })
      .prefault({}),
    /** Meta-steps in a row that are not finite before the run gives up. */
    patience: count(100_000).default(50),
  })
  .superRefine((config, context) => {
    const complain = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (config.horizon % config.unroll !== 0) {
      complain(['horizon'], `is ${config.horizon}, but must be a multiple of the unroll, ${config.unroll}`);
    }
    const unrolls = config.horizon / config.unroll;
    const { every } = config.validation;
    if (every !== undefined && Number.isInteger(unrolls) && every % unrolls !== 0) {
      const what = `must be a multiple of the ${unrolls} meta-steps of an episode (horizon / unroll)`;
      complain(['validation', 'every'], `is ${every}, but ${what}`);
    }
    const weights = config.lossWeights;
    if (typeof weights !== 'string') {
      if (weights.length !== config.unroll + 1) {
        complain(
          ['lossWeights'],
          `holds ${weights.length} numbers, but must hold ${config.unroll + 1}, one more than the unroll`,
        );
      } else if (weights.every((weight) => weight === 0)) {
        complain(['lossWeights'], 'holds only zeros, but must weigh at least one loss');
      }
    }
  })
  .transform((config) => {
    const unrolls = config.horizon / config.unroll;
    const { every = Math.max(1, Math.round(100 / unrolls)) * unrolls } = config.validation;
    return { ...config, validation: { ...config.validation, every } };
  });
export type TrainConfig = z.infer<typeof trainSchema>;
export type TrainInput = z.input<typeof trainSchema>;

/** On which held-out tasks, and for how many steps, optimizers are compared. */
export const evaluationSchema = z.strictObject({
  seed: z.int().min(0).max(0xffffffff),
  horizon: count(1_000_000),
  /** Held-out tasks that are reported. */
  tasks: count(65535).default(100),
  /** Tasks that the baselines' learning rates are tuned on. */
  tuningTasks: count(65535).default(16),
});

/**
 * Checks settings and fills in the defaults.
 * @param where what the settings are, for the start of the message: "train", "config.json"
 * @param name how the message names a setting; by default its place, as in optimizer.hidden
 * @throws ConfigError naming the first setting that is wrong, its value and what it must be
 */
export function parseConfig<T extends z.ZodType>(
  schema: T,
  value: unknown,
  where: string,
  name: SettingName = settingPath,
): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const remedy = "correct it; the command's --help describes every setting";
  throw new ConfigError(firstProblem(result.error, value, where, name), remedy);
}

/**
 * As `parseConfig`, for settings that a file holds.
 * @throws FileFormatError
 */
export function parseStoredConfig<T extends z.ZodType>(
  schema: T,
  value: unknown,
  where: string,
): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const remedy = 'use the file as it was written, with the version of coordwise that wrote it';
  throw new FileFormatError(firstProblem(result.error, value, where, settingPath), remedy);
}

function firstProblem(error: z.ZodError, value: unknown, where: string, name: SettingName): string {
  const [issue] = error.issues;
  if (!issue) return `${where} cannot be used`;
  const setting = name(issue.path);
  return `${[where, setting].filter((part) => part !== '').join(': ')} ${settingProblem(issue, value)}`;
}

/** The T + 1 weights of an unroll's losses. */
export function lossWeightsOf({
  lossWeights,
  unroll,
}: Pick<TrainConfig, 'lossWeights' | 'unroll'>): number[] {
  if (typeof lossWeights !== 'string') return lossWeights;
  return Array.from({ length: unroll + 1 }, (_, t) => (lossWeights === 'sum' || t === unroll ? 1 : 0));
}
