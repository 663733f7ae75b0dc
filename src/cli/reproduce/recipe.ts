import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import {
  ConfigError,
  evaluationSchema,
  HAND_DESIGNED,
  parseConfig,
  SCHEDULES,
  type TaskConfig,
  type TrainConfig,
  taskSchema,
  trainSchema,
} from '../../host/index.ts';
import { packageFile, readJsonFile } from '../../node/index.ts';
import { suggestion } from '../suggest.ts';

const seed = z.int().min(0).max(0xffffffff);
const seeds = z.array(seed).min(1).max(100);
const word = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case words joined by hyphens');
const sentence = z.string().min(1);
const step = z.int().min(0);
const loss = z.number();

/** How a learned optimizer of the tables is trained: everything but the meta-seed. */
const trainingSchema = z.strictObject({
  /** For tables and figures: 'l2l'. */
  label: z.string().min(1).max(40),
  about: sentence,
  seeds,
  config: z.record(z.string(), z.unknown()),
});

/** What a value is held against. Every check is of one learned optimizer, the test's first unless it says which. */
const checkSchema = z.discriminatedUnion('kind', [
  /** The mean loss at a step; without `atMost` it is reported beside the published value and not judged. */
  z.strictObject({
    kind: z.literal('loss'),
    of: word.optional(),
    step,
    atMost: loss.optional(),
    published: loss.optional(),
  }),
  /** Below tuned baselines (all of them unless named) at one step, or from a step on to the end. */
  z.strictObject({
    kind: z.literal('below'),
    of: word.optional(),
    baselines: z.array(z.string()).min(1).optional(),
    step: step.optional(),
    from: step.optional(),
  }),
  /** No task ends above the loss it began with, or with one that is not finite. */
  z.strictObject({ kind: z.literal('stable'), of: word.optional() }),
  /** Share of the query set that is classified right, and with which baselines' it is compared. */
  z.strictObject({
    kind: z.literal('accuracy'),
    of: word.optional(),
    atLeast: z.number().min(0).max(1).optional(),
    above: z.string().optional(),
    published: z.number().min(0).max(1).optional(),
  }),
  /** Mean of a gate over episodes, at its lowest over layers and steps. */
  z.strictObject({
    kind: z.literal('gate-level'),
    of: word.optional(),
    gate: z.string(),
    atLeast: z.number(),
  }),
  /** How far a gate's means spread over steps, layers or episodes: (largest - smallest) / mean. */
  z.strictObject({
    kind: z.literal('gate-spread'),
    of: word.optional(),
    gate: z.string(),
    over: z.enum(['steps', 'layers', 'episodes']),
    atLeast: z.number().optional(),
    atMost: z.number().optional(),
  }),
]);
export type Check = Readonly<z.infer<typeof checkSchema>>;

/** Another way to run weights: with updates along a schedule, on parameters each scaled by exp(U(-R, R)) over its mean, or both. */
const variantSchema = z
  .strictObject({
    of: word,
    ...evaluationSchema.pick({ schedule: true, randomScaling: true, scaledFrom: true }).shape,
  })
  .refine(({ schedule, randomScaling }) => schedule !== 'constant' || randomScaling > 0, {
    error: 'must have a schedule, a randomScaling, or both',
  })
  .refine(({ randomScaling, scaledFrom }) => scaledFrom === 1 || randomScaling > 0, {
    error: 'has a scaledFrom, but no randomScaling',
  });
export type Variant = Readonly<z.infer<typeof variantSchema>>;

const testSchema = z.strictObject({
  name: word,
  title: sentence,
  /** Trainings, by name, whose weights are compared; the recipe's unless told. */
  learned: z.array(word).min(1).optional(),
  /** Those of them that run once more in another way: `<name>-cosine` along a schedule, `<name>-scaled` on scaled parameters. */
  variants: z.array(variantSchema).default([]),
  task: taskSchema,
  horizon: z.int().min(1),
  tasks: z.int().min(1).default(100),
  tuningTasks: z.int().min(1).default(16),
  baselines: z.array(z.enum(HAND_DESIGNED)).optional(),
  /** Steps of the table, beside those of the checks and the last. */
  steps: z.array(step).default([]),
  /** Losses of the published figure at one step, by the names of trainings and baselines. */
  published: z.strictObject({ step, losses: z.record(z.string(), loss) }).optional(),
  /** Held-out episodes whose gates are recorded, of the first learned optimizer. */
  gateEpisodes: z.int().min(0).max(1000).default(0),
  checks: z.array(checkSchema),
});
export type RecipeTest = Readonly<z.infer<typeof testSchema>> & { readonly learned: readonly string[] };

const recipeSchema = z.strictObject({
  title: sentence,
  /** The paper and its figure. */
  source: sentence,
  about: sentence,
  learned: z.array(word).min(1),
  /** Of the task lists that are tested and tuned on. */
  seed: seed.default(1),
  tests: z.array(testSchema).min(1),
});

/** One way to train a learned optimizer, checked. */
export interface Training {
  readonly name: string;
  readonly label: string;
  readonly about: string;
  readonly seeds: readonly number[];
  config(seed: number): TrainConfig;
}

/** A published figure as data: what is trained, what it is tested on, and which values are to be reached. */
export interface Recipe {
  readonly name: string;
  readonly title: string;
  readonly source: string;
  readonly about: string;
  readonly seed: number;
  readonly trainings: readonly Training[];
  readonly tests: readonly RecipeTest[];
}

/** The recipes that come with this package, by name. */
export function recipeNames(folder: string = packageFile('recipes')): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.map((name) => basename(name, '.json')).sort();
}

/**
 * A recipe by its name, or out of a JSON file with a folder `trainings` beside it.
 * @throws ConfigError that names the recipe, the place in it and what it must be
 */
export function loadRecipe(name: string): Recipe {
  const isPath = /[./\\]/.test(name);
  const path = isPath ? name : join(packageFile('recipes'), `${name}.json`);
  if (!isPath && !existsSync(path)) {
    const names = recipeNames();
    throw new ConfigError(
      `there is no recipe ${JSON.stringify(name)}${suggestion(name, names)}`,
      `choose one of: ${names.join(', ')}; or name a JSON file of your own, such as ./mine.json`,
    );
  }
  const recipe = parse(recipeSchema, path, 'the recipe');
  const wanted = new Set([...recipe.learned, ...recipe.tests.flatMap(({ learned = [] }) => learned)]);
  const trainings = [...wanted].map((one) => loadTraining(one, join(dirname(path), 'trainings')));
  const tests = recipe.tests.map((test) => ({ ...test, learned: test.learned ?? recipe.learned }));
  for (const [index, test] of tests.entries()) requireSense(test, `${path}: tests.${index} (${test.name})`);
  const twice = tests.find((test, index) => tests.findIndex(({ name }) => name === test.name) !== index);
  if (twice) throw wrong(`${path}: two tests are called ${twice.name}`);
  return { ...recipe, name: basename(path, '.json'), trainings, tests };
}

/** A training by its name, from the folder of a recipe's trainings. */
export function loadTraining(name: string, folder: string): Training {
  const path = join(folder, `${name}.json`);
  if (!existsSync(path)) {
    throw wrong(
      `the training ${JSON.stringify(name)} that the recipe names does not exist: there is no ${path}`,
    );
  }
  const { config, ...training } = parse(trainingSchema, path, 'the training');
  const configOf = (seed: number) => parseRecipe(trainSchema, { ...config, seed }, `${path}: config`);
  configOf(training.seeds[0] ?? 1);
  return { name, ...training, config: configOf };
}

/** What is added to a training's name, after hyphens, and to its label, after commas, where it runs as a variant. */
export function variantWords({ schedule, randomScaling }: Variant): string[] {
  return [...(schedule === 'constant' ? [] : [schedule]), ...(randomScaling > 0 ? ['scaled'] : [])];
}

/** All that `variantWords` gives. */
export const VARIANT_WORDS: readonly (readonly string[])[] = SCHEDULES.flatMap((schedule) =>
  [0, 1].map((randomScaling) => variantWords({ of: '', schedule, randomScaling, scaledFrom: 1 })),
).filter((words) => words.length > 0);

/** What a training's weights are called as a variant. */
export const variantName = (variant: Variant): string => [variant.of, ...variantWords(variant)].join('-');

/** What a schema cannot see. */
function requireSense(test: RecipeTest, where: string): void {
  const { checks, learned, variants, horizon, published, steps } = test;
  const unknown = variants.find(({ of }) => !learned.includes(of));
  if (unknown !== undefined) {
    throw wrong(`${where}: variants has ${unknown.of}, but the test compares ${learned.join(', ')}`);
  }
  const compared = [...learned, ...variants.map(variantName)];
  const twice = compared.find((name, index) => compared.indexOf(name) < index);
  if (twice !== undefined) throw wrong(`${where}: ${twice} is compared twice`);
  const late = [...steps, ...(published ? [published.step] : [])];
  for (const [index, check] of checks.entries()) {
    const at = `${where}: checks.${index}`;
    if (check.of !== undefined && !compared.includes(check.of)) {
      throw wrong(`${at}: of is ${check.of}, but the test compares ${compared.join(', ')}`);
    }
    if (check.kind === 'below' && (check.step === undefined) === (check.from === undefined)) {
      throw wrong(`${at} must have a step, or a step it holds from`);
    }
    if (check.kind === 'loss') late.push(check.step);
    if (check.kind === 'below') late.push(check.step ?? check.from ?? 0);
  }
  const beyond = late.find((one) => one > horizon);
  if (beyond !== undefined) throw wrong(`${where}: step ${beyond} lies beyond the horizon, ${horizon}`);
}

function parse<T extends z.ZodType>(schema: T, path: string, what: string): z.output<T> {
  return parseRecipe(schema, readJsonFile(path, what), path);
}

function parseRecipe<T extends z.ZodType>(schema: T, value: unknown, where: string): z.output<T> {
  try {
    return parseConfig(schema, value, where);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw wrong(error.message, error);
  }
}

function wrong(message: string, cause?: unknown): ConfigError {
  return new ConfigError(message, 'correct the file; docs/recipes.md describes what a recipe holds', {
    cause,
  });
}

/** What a test is, for deciding whether something measured before was measured on the same. */
export function testIdentity({ task, horizon, tasks, tuningTasks }: RecipeTest, seed: number): string {
  return JSON.stringify({ task, horizon, tasks, tuningTasks, seed } satisfies TestIdentity);
}

interface TestIdentity {
  readonly task: TaskConfig;
  readonly horizon: number;
  readonly tasks: number;
  readonly tuningTasks: number;
  readonly seed: number;
}
