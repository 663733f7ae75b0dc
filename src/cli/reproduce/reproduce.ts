import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, type GateRecording, type GpuContext } from '../../host/index.ts';
import { RunFolder } from '../../node/index.ts';
import type { ExtraFigure } from '../../report/data.ts';
import type { LearnedFacts, Provenance, RecipeResult, TestResult } from '../../report/results.ts';
import { countReached } from '../../report/results.ts';
import { checksTable, rowsTable, type TextTable } from '../../report/resultTables.ts';
import { textTable } from '../../report/terminal.ts';
import { compare } from '../compare.ts';
import { type DataOf, dataLoader } from '../data.ts';
import { gatesOfRun, saveGates } from '../gates.ts';
import type { Values } from '../options.ts';
import { Output } from '../output.ts';
import { provenance } from '../reporting.ts';
import { adapterFrom, withDevice } from '../session.ts';
import { defaultBaselines, listFrom, number, text } from '../settings.ts';
import { EXIT } from '../usage.ts';
import { judgeChecks } from './checks.ts';
import { testFigure } from './figures.ts';
import { keptIn } from './kept.ts';
import {
  loadRecipe,
  type Recipe,
  type RecipeTest,
  testIdentity,
  type Variant,
  variantName,
  variantWords,
} from './recipe.ts';
import { contestantsOf, resultRow, tableSteps } from './rows.ts';
import {
  describeSeeds,
  descriptionOf,
  ensureTrained,
  Interrupted,
  pretrainedSeed,
  type TrainedSeed,
} from './training.ts';

/** Where reproductions lie unless told: trainings are shared by the recipes that use them. */
const BASE = 'runs/reproduce';

/**
 * Reproduces a published figure: trains what it needs (or takes the shipped weights), compares on held-out tasks, and says
 * for each value whether it was reached. What is finished is kept, so that the same command goes on. Returns the exit code.
 */
export async function reproduce(name: string, values: Values): Promise<number> {
  const output = new Output(values['json'] === true);
  const adapter = adapterFrom(values);
  const recipe = loadRecipe(name);
  const pretrained = values['pretrained'] === true;
  const seeds = seedsFrom(values, pretrained);
  const shipped = shippedFrom(values, recipe, pretrained);
  const base = text(values, 'out') ?? BASE;
  const dataOf = dataLoader();
  return withDevice(adapter, output, async (context) => {
    const trained: TrainedSeed[] = [];
    try {
      for (const training of recipe.trainings) {
        const fromPackage = pretrained || shipped.includes(training.name);
        const ready = fromPackage ? pretrainedSeed(context, training) : undefined;
        const all = seeds === undefined ? training.seeds : Array.from({ length: seeds }, (_, i) => i + 1);
        const others = pretrained ? [] : all.filter((seed) => seed !== ready?.facts.seed);
        if (ready) trained.push(ready);
        for (const seed of others) {
          trained.push(await ensureTrained(context, base, training, seed, dataOf, output));
        }
      }
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      output.say('Interrupted; the same command goes on');
      return EXIT.interrupted;
    }
    if (values['evaluate'] === false) {
      output.result({ recipe: recipe.name, trained: trained.map(({ facts }) => facts) });
      return EXIT.done;
    }
    const path = join(base, pretrained ? `${recipe.name}-pretrained` : recipe.name);
    const folder = existsSync(join(path, 'config.json'))
      ? RunFolder.open(path, { lock: true })
      : RunFolder.create(path, { recipe: recipe.name });
    try {
      const flags = [
        ...(pretrained ? [' --pretrained'] : []),
        ...(shipped.length > 0 ? [` --shipped ${shipped.join(',')}`] : []),
        ...(seeds === undefined ? [] : [` --seeds ${seeds}`]),
      ];
      const origin = provenance(context, `npx coordwise reproduce ${name}${flags.join('')}`);
      const result = await evaluateRecipe(context, recipe, trained, dataOf, folder, origin, output);
      output.result(result);
      const { reached, judged } = countReached(result.tests);
      return reached === judged ? EXIT.done : EXIT.failed;
    } finally {
      folder.close();
    }
  });
}

function seedsFrom(values: Values, pretrained: boolean): number | undefined {
  const seeds = number(values, 'seeds');
  if (seeds === undefined) return undefined;
  if (pretrained) {
    throw new ConfigError(
      '--seeds and --pretrained cannot both be given',
      'shipped weights have one meta-seed each',
    );
  }
  if (Number.isInteger(seeds) && seeds >= 1 && seeds <= 100) return seeds;
  throw new ConfigError(
    `--seeds is ${seeds}, but must be a whole number from 1 to 100`,
    'for example --seeds 3',
  );
}

/** Trainings of the recipe whose shipped weights stand for the meta-seed that they are of. */
function shippedFrom(values: Values, { name, trainings }: Recipe, pretrained: boolean): string[] {
  const learned = trainings.map((training) => training.name);
  const shipped = listFrom(values, 'shipped');
  if (pretrained && shipped.length > 0) {
    throw new ConfigError(
      '--shipped and --pretrained cannot both be given',
      '--pretrained takes all of them',
    );
  }
  const unknown = shipped.find((one) => !learned.includes(one));
  if (unknown === undefined) return shipped;
  throw new ConfigError(
    `--shipped has ${JSON.stringify(unknown)}, which the recipe ${name} does not train`,
    `choose from ${learned.join(', ')}`,
  );
}

async function evaluateRecipe(
  context: GpuContext,
  recipe: Recipe,
  trained: readonly TrainedSeed[],
  dataOf: DataOf,
  folder: RunFolder,
  origin: Provenance,
  output: Output,
): Promise<RecipeResult> {
  const tests: TestResult[] = [];
  const figures: Record<string, ExtraFigure[]> = {};
  for (const [index, test] of recipe.tests.entries()) {
    output.say(`\n${test.title} (test ${index + 1} of ${recipe.tests.length})`);
    const { result, drawn } = await runTest(context, recipe, test, trained, dataOf, folder, output);
    tests.push(result);
    figures[test.name] = drawn;
    output.say(`\n${inColumns(rowsTable(result))}\n\n${inColumns(checksTable(result.checks))}`);
  }
  const result: RecipeResult = {
    ...origin,
    kind: 'recipe',
    name: recipe.name,
    title: recipe.title,
    source: recipe.source,
    about: recipe.about,
    seed: recipe.seed,
    learned: learnedFacts(context, recipe, trained),
    tests,
  };
  const verdict = verdictOf(result);
  const { renderRecipe } = await import('../../report/recipePage.ts');
  folder.writeText('results.json', `${JSON.stringify(result, null, 1)}\n`);
  folder.writeText('report.html', renderRecipe(result, verdict, figures));
  output.say(`\n${verdict}\nReport: ${folder.path}/report.html`);
  return result;
}

async function runTest(
  context: GpuContext,
  recipe: Recipe,
  test: RecipeTest,
  trained: readonly TrainedSeed[],
  dataOf: DataOf,
  folder: RunFolder,
  output: Output,
): Promise<{ result: TestResult; drawn: ExtraFigure[] }> {
  const { task, horizon, tasks, tuningTasks } = test;
  const asTrained = trained.filter(({ training }) => test.learned.includes(training.name));
  const seeds = [
    ...asTrained,
    ...test.variants.flatMap((variant) =>
      asTrained.filter(({ training }) => training.name === variant.of).map((seed) => runAs(seed, variant)),
    ),
  ];
  const [first, ...others] = seeds;
  if (!first) throw new RangeError(`${test.name} compares nothing`);
  const data = await dataOf(task);
  const identity = testIdentity(test, recipe.seed);
  const digestOf = (label: string) => seeds.find(({ learned }) => learned.label === label)?.digest ?? '';
  const kept = keptIn(folder, test.name, (label) =>
    [context.adapter.description, digestOf(label), identity].join(' '),
  );
  const comparison = await compare(
    context,
    {
      ...{ task, data, horizon, tasks, tuningTasks, kept },
      seed: recipe.seed,
      learned: first.learned,
      others: others.map(({ learned }) => learned),
      baselines: test.baselines ?? defaultBaselines(task),
    },
    output,
  );
  const recorded = {
    task,
    data,
    seed: recipe.seed,
    horizon,
    learned: first.learned,
    episodes: test.gateEpisodes,
  };
  const gates = await gatesOfRun(context, recorded, output);
  if (gates) saveGates(folder, gates);
  const contestants = contestantsOf(seeds, comparison);
  const steps = tableSteps(test);
  const drawn = await testFigure(test, contestants, first.file.training.horizon);
  if (drawn) {
    folder.writeText(`${test.name}.svg`, drawn.light);
    folder.writeText(`${test.name}-dark.svg`, drawn.dark);
  }
  const result: TestResult = {
    name: test.name,
    title: test.title,
    task: comparison.optimizeeDescription,
    ...{ tasks, tuningTasks, horizon, steps },
    ...(test.published && { publishedStep: test.published.step }),
    rows: contestants.map((contestant) => resultRow(contestant, test, steps)),
    checks: judgeChecks({ test, contestants, gates }),
  };
  return { result, drawn: [...(drawn ? [drawn.page] : []), ...(await gateFigures(gates))] };
}

/** The same weights as a variant of the test. What is kept of them is told apart by the variant. */
function runAs(seed: TrainedSeed, variant: Variant): TrainedSeed {
  const { training, learned, digest } = seed;
  const { schedule, randomScaling, scaledFrom } = variant;
  const labelled = (label: string) => [label, ...variantWords(variant)].join(', ');
  return {
    ...seed,
    digest: [
      digest,
      ...(randomScaling > 0 ? [randomScaling] : []),
      ...(scaledFrom > 1 ? [scaledFrom] : []),
    ].join(' '),
    training: { ...training, name: variantName(variant), label: labelled(training.label) },
    learned: { ...learned, label: labelled(learned.label), schedule, randomScaling, scaledFrom },
  };
}

async function gateFigures(gates: GateRecording | undefined): Promise<ExtraFigure[]> {
  if (!gates) return [];
  const { gatesFigure } = await import('../../report/gateFigure.ts');
  return [gatesFigure(gates)];
}

function learnedFacts(context: GpuContext, recipe: Recipe, trained: readonly TrainedSeed[]): LearnedFacts[] {
  return recipe.trainings.flatMap(({ name, label }) => {
    const own = trained.filter(({ training }) => training.name === name);
    const [first] = own;
    if (!first) return [];
    const description = descriptionOf(context, first);
    const pretrained = own.every((seed) => seed.pretrained);
    const seeds = own.map(({ facts, ...seed }) =>
      seed.pretrained && !pretrained ? { ...facts, pretrained: true as const } : facts,
    );
    return [{ name, label, description, pretrained, seeds }];
  });
}

/** The result in one sentence. */
function verdictOf({ tests, learned }: RecipeResult): string {
  const { reached, judged } = countReached(tests);
  const what = learned.map(({ label, seeds }) => `${label}: ${describeSeeds(seeds)}`).join('; ');
  const all =
    reached === judged ? `All ${judged} values were reached` : `${reached} of ${judged} values were reached`;
  return `${all} (${what}).`;
}

function inColumns({ heads, rows }: TextTable): string {
  return textTable([heads, ...rows]);
}
