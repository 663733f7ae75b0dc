import * as z from 'zod';
import { ConfigError, FileFormatError } from './errors.ts';
import { ACTIVATIONS } from './ops/activation.ts';
import { SURFACES } from './ops/surface.ts';
import { BATCH_NORM, denseLayers, withActivation } from './optimizees/layers/settings.ts';
import { optimizerSchema } from './optimizerConfig.ts';
import { type SettingName, settingPath, settingProblem } from './settingProblem.ts';
import { between, count } from './settingTypes.ts';
import { checkCurriculum, curriculumSetting, imitationSetting, pesSetting } from './trainingSettings.ts';

export * from './optimizerConfig.ts';

/** Settings of everything a run can be made of: parsed once, at the edge, and plain data from there on. */

const scale = z.number().nonnegative().max(100);

export const DATASETS = ['mnist', 'fashion-mnist'] as const;

export const quadraticTask = z.strictObject({
  kind: z.literal('quadratic'),
  dimension: count(4096).default(10),
  distribution: z.enum(['uniform', 'gaussian']).default('uniform'),
  initialScale: scale.default(0.01),
});

/** A test function of two variables, to be looked at: tasks differ by where they start. */
export const surfaceTask = z.strictObject({
  kind: z.literal('surface'),
  function: z.enum(SURFACES).default('rosenbrock'),
});

const resolution = z.literal([28, 14, 7]);
const initialValues = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('normal'), scale }),
  z.strictObject({ kind: z.literal('pytorch') }),
]);

/** One layer of a network, without its inputs: they follow from the layers before it. */
export const layerSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('dense'), units: count(10_000_000) }),
  z.strictObject({
    kind: z.literal('conv'),
    channels: count(65535),
    kernel: z.literal([3, 5]).default(3),
    stride: z.literal([1, 2]).default(1),
    padding: z.enum(['same', 'valid']).default('same'),
  }),
  z.strictObject({
    kind: z.enum(['max-pool', 'average-pool']),
    size: count(1024).default(2),
    stride: count(1024).default(2),
  }),
  z.strictObject({
    kind: z.literal('batch-norm'),
    statistics: z.enum(['batch', 'running']).default(BATCH_NORM.statistics),
    momentum: between(0, 1).default(BATCH_NORM.momentum),
  }),
  z.strictObject({ kind: z.literal('activation'), function: z.enum(ACTIVATIONS) }),
]);

/**
 * The layers of a network, first to last. The dense layer that gives the outputs comes after them and is not listed;
 * what fits a device is the device's business.
 */
export const layersSchema = z.array(layerSchema).max(128);

/** Classification of images by a network on minibatches. */
export const imagesTask = z.strictObject({
  kind: z.literal('images'),
  dataset: z.enum(DATASETS).default('mnist'),
  resolution: resolution.default(28),
  layers: layersSchema.default(() => denseLayers([20], 'sigmoid')),
  batch: count(65536).default(128),
  initial: initialValues.default({ kind: 'normal', scale: 0.01 }),
});

/** Few-shot classification of glyphs: an episode learns from `shots` examples of each of `ways` classes. */
export const glyphsTask = z.strictObject({
  kind: z.literal('glyphs'),
  ways: z.int().min(2).max(1000).default(5),
  shots: count(1000).default(1),
  /** Examples a class that the episode is judged on. */
  queries: count(1000).default(15),
  /** Whether meta-training also has every character turned by 90, 180 and 270 degrees, as other classes. */
  turned: z.boolean().default(true),
  /** Whether it also has every character, turned or not, with left and right exchanged, as other classes. */
  mirrored: z.boolean().default(false),
  /** How strongly the images of meta-training and pre-training are distorted at random; 0: not at all. */
  distortion: between(0, 4).default(0),
  resolution: resolution.default(28),
  layers: layersSchema.default(() => denseLayers([64, 64], 'relu')),
  initial: initialValues.default({ kind: 'pytorch' }),
});

/** Few-shot regression on sines of any amplitude and phase: the network's one input is x, its one output sin's. */
export const sineTask = z.strictObject({
  kind: z.literal('sine'),
  shots: count(65536).default(10),
  queries: count(65536).default(50),
  layers: layersSchema.default(() => denseLayers([40, 40], 'relu')),
  initial: initialValues.default({ kind: 'pytorch' }),
});

/** A problem that the program at hand brings itself: its tasks come as data, and the settings say which it is. */
export const ownTask = z.strictObject({
  kind: z.literal('own'),
  name: z.string().min(1).max(200),
  /** N: parameters of one task. */
  parameters: count(1_000_000_000),
});

export const taskSchema = z.discriminatedUnion('kind', [
  quadraticTask,
  surfaceTask,
  imagesTask,
  glyphsTask,
  sineTask,
  ownTask,
]);
export type TaskConfig = z.infer<typeof taskSchema>;
export type GlyphsTask = z.infer<typeof glyphsTask>;
export type SineTask = z.infer<typeof sineTask>;
/** A task that trains a network. */
export type NetworkTask = Exclude<TaskConfig, { readonly kind: 'quadratic' | 'surface' | 'own' }>;

/** Whether a task is an episode with a support and a query set: it is judged on the query set after its last step. */
export function isEpisode(task: TaskConfig): task is GlyphsTask | SineTask {
  return task.kind === 'glyphs' || task.kind === 'sine';
}

export const trainSchema = z
  .strictObject({
    task: taskSchema,
    optimizer: optimizerSchema,
    seed: z.int().min(0).max(0xffffffff).default(1),
    /** Tasks a meta-step averages over. */
    tasks: count(65535).default(1),
    /** T: steps the meta-gradient goes back through. */
    unroll: count(10_000).default(20),
    /**
     * Steps of an episode: states are carried from unroll to unroll up to here. By default 100; of a curriculum its last
     * horizon, for which the run's weights are in the end.
     */
    horizon: count(1_000_000).optional(),
    /** Stages with growing horizons: weights trained on one are selected on the next. */
    curriculum: curriculumSetting,
    /**
     * A share `ratio` of the episodes, evenly spread, goes where a hand-designed optimizer goes, and its meta-gradient is
     * that of the difference between the two optimizers' updates.
     */
    imitation: imitationSetting,
    /** Estimate the meta-gradient by persistent evolution strategies instead of backpropagation. */
    pes: pesSetting,
    /** Meta-steps; one an unroll. */
    iterations: z.int().min(1).max(100_000_000),
    metaLearningRate: between(1e-12, 10).default(0.003),
    /** Given, the learning rate falls from the first to this one along half a cosine over all meta-steps. */
    finalMetaLearningRate: between(0, 10).optional(),
    /** At first, of a learned theta_0: it falls as the other does. By default the same; 0 leaves theta_0 where it starts. */
    theta0LearningRate: between(0, 10).optional(),
    /**
     * Decay of the exponential average of the weights over meta-steps: the average is validated and kept. 0 for none: the
     * weights themselves.
     */
    weightAverage: between(0, 0.99999).default(0),
    /** Global-norm clip of the meta-gradient; null for none. */
    clip: between(1e-6, 1e30).nullable().default(null),
    /** Weight of each loss of an unroll: all alike, the last only, or T + 1 numbers. */
    lossWeights: z
      .union([z.literal('sum'), z.literal('final'), z.array(between(0, 1e6))], {
        error: 'sum, final, or a list of numbers from 0 to 1000000',
      })
      .default('sum'),
    /**
     * Where a learned theta_0 starts in meta-training: as the first task would be drawn, or in a network trained to tell all
     * characters of the training split apart.
     */
    start: z.enum(['drawn', 'pre-trained']).default('drawn'),
    /**
     * Share of the training classes, from the first on, that a pre-trained start has seen; the episodes are of the others, so
     * that gates learn what to do with classes which are as new to the start as a test's. 1: both are of all classes.
     */
    startClasses: between(0.01, 1).default(1),
    /** Exact second order: the meta-gradient also goes through the gradients that the optimizer reads. */
    secondDerivatives: z.boolean().default(false),
    /** R: training tasks see each parameter scaled by exp(U(-R, R)), drawn for every task; 0 for none. */
    randomScaling: between(0, 10).default(0),
    /** Dimensions of a convex problem that is optimised beside every training task, its loss added; absent for none. */
    helperTask: count(4096).optional(),
    /** Share of the coordinates that the meta-gradient is estimated on; 1 for all. First order only. */
    coordinateSample: between(1e-6, 1).default(1),
    validation: z
      .strictObject({
        tasks: count(65535).default(16),
        /**
         * Meta-steps between two validations: a multiple of the unrolls of an episode, by default the nearest to 100. In a
         * curriculum rounded to whole episodes of each stage.
         */
        every: count(100_000_000).optional(),
        select: z.enum(['final', 'sum']).default('final'),
        /** In place of every activation of the training tasks' network, so that weights are chosen by how they carry over. */
        activation: z.enum(ACTIVATIONS).optional(),
      })
      .prefault({}),
    /** Meta-steps in a row that are not finite before the run gives up. */
    patience: count(100_000).default(50),
  })
  .transform((config) => ({
    ...config,
    horizon: config.horizon ?? config.curriculum?.horizons.at(-1) ?? 100,
  }))
  .superRefine((config, context) => {
    const complain = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (config.curriculum) checkCurriculum(config, isEpisode(config.task), complain);
    if (isEpisode(config.task)) {
      if (config.horizon !== config.unroll) {
        complain(['unroll'], `is ${config.unroll}, but must be all ${config.horizon} steps of an episode`);
      }
      if (config.lossWeights !== 'final') {
        const asked = JSON.stringify(config.lossWeights);
        complain(
          ['lossWeights'],
          `is ${asked}, but must be final: few-shot counts the query loss at the end`,
        );
      }
    }
    if (config.horizon % config.unroll !== 0) {
      complain(['horizon'], `is ${config.horizon}, but must be a multiple of the unroll, ${config.unroll}`);
    }
    const unrolls = config.horizon / config.unroll;
    const { every } = config.validation;
    if (every !== undefined && !config.curriculum && Number.isInteger(unrolls) && every % unrolls !== 0) {
      const what = `must be a multiple of the ${unrolls} meta-steps of an episode (horizon / unroll)`;
      complain(['validation', 'every'], `is ${every}, but ${what}`);
    }
    const { activation } = config.validation;
    const layers = 'layers' in config.task ? config.task.layers : [];
    if (activation && !layers.some(({ kind }) => kind === 'activation')) {
      complain(['validation', 'activation'], `is ${activation}, but there is no activation in the task`);
    }
    const learnsStart =
      'theta0Parameters' in config.optimizer && config.optimizer.theta0Parameters !== undefined;
    if (config.start === 'pre-trained' && !(config.task.kind === 'glyphs' && learnsStart)) {
      complain(['start'], 'is pre-trained, but only a theta_0 that is learned on glyphs can start there');
    }
    if (config.startClasses < 1 && config.start !== 'pre-trained') {
      complain(
        ['startClasses'],
        `is ${config.startClasses}, but must be 1 with a start that is not pre-trained`,
      );
    }
    if (config.theta0LearningRate !== undefined && !learnsStart) {
      complain(['theta0LearningRate'], `is ${config.theta0LearningRate}, but there is no learned theta_0`);
    }
    const added = config.helperTask !== undefined;
    if (learnsStart && config.randomScaling > 0) {
      complain(['randomScaling'], `is ${config.randomScaling}, but must be 0 with a learned theta_0`);
    }
    if (added && (learnsStart || config.optimizer.groups)) {
      const what = learnsStart ? 'a learned theta_0' : 'groups of parameters';
      complain(['helperTask'], `is ${config.helperTask}, but there must be none with ${what}`);
    }
    if (config.pes) {
      const why = 'but evolution strategies take nothing backward';
      if (config.secondDerivatives) complain(['secondDerivatives'], `is true, ${why}`);
      if (config.coordinateSample < 1)
        complain(['coordinateSample'], `is ${config.coordinateSample}, ${why}`);
    }
    if (config.coordinateSample < 1) {
      const theta0 = 'theta0Parameters' in config.optimizer && config.optimizer.theta0Parameters;
      const why = config.secondDerivatives
        ? 'second derivatives'
        : theta0
          ? 'a learned theta_0'
          : config.optimizer.groups && 'groups of parameters';
      if (why) complain(['coordinateSample'], `is ${config.coordinateSample}, but must be 1 with ${why}`);
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
    const whole = config.curriculum ? 100 : Math.max(1, Math.round(100 / unrolls)) * unrolls;
    const { every = whole } = config.validation;
    return { ...config, validation: { ...config.validation, every } };
  });
export type TrainConfig = z.infer<typeof trainSchema>;
export type TrainInput = z.input<typeof trainSchema>;

/** The task that a training chooses its weights on: its own, but for the activation where `validation` names another. */
export function validationTask({ task, validation: { activation } }: TrainConfig): TaskConfig {
  return activation && 'layers' in task ? { ...task, layers: withActivation(task.layers, activation) } : task;
}

/** How updates shrink along a run: not at all, or as a cosine from 1 to 0 (Loshchilov & Hutter 2017, without restarts). */
export const SCHEDULES = ['constant', 'cosine'] as const;
export type Schedule = (typeof SCHEDULES)[number];

/** The lists of tasks that training does not take its own from. */
export const HELD_OUT_LISTS = ['test', 'validation'] as const;
export type HeldOutList = (typeof HELD_OUT_LISTS)[number];

/** On which held-out tasks, and for how many steps, optimizers are compared. */
export const evaluationSchema = z.strictObject({
  seed: z.int().min(0).max(0xffffffff),
  horizon: count(1_000_000),
  /** Held-out tasks that are reported. */
  tasks: count(65535).default(100),
  /** Tasks that the baselines' learning rates are tuned on. */
  tuningTasks: count(65535).default(16),
  /** How the learned optimizers' updates shrink along a run. */
  schedule: z.enum(SCHEDULES).default('constant'),
  /** R: optimizers see each parameter scaled by exp(U(-R, R)) over its mean, drawn for every task; 0 for none. */
  randomScaling: between(0, 10).default(0),
  /** The first layer with parameters that is scaled so, counted from 1. */
  scaledFrom: count(1000).default(1),
  /** Which images or problems the tasks are made of: those kept for reports, or those that settings are chosen on. */
  list: z.enum(HELD_OUT_LISTS).default('test'),
});
export type EvaluationSettings = Readonly<z.infer<typeof evaluationSchema>>;

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
