import { columnName } from './columnName.ts';
import { formatCount, formatLoss, formatSeconds } from './format.ts';
import type { RecipeResult, SeedFacts, TestResult, TransferResult } from './results.ts';
import { markdownTable } from './resultsMarkdown.ts';
import { outcome } from './resultTables.ts';

/** What is put down of shipped weights when they are taken from their run. */
export interface CardFacts {
  readonly training: string;
  readonly label: string;
  readonly seed: number;
  readonly iteration: number;
  readonly iterations: number;
  readonly validation: {
    readonly tasks: number;
    readonly horizon: number;
    readonly select: 'final' | 'sum';
    /** Of the validation tasks' network, where it is not the training's. */
    readonly activation?: string | undefined;
    readonly score: number;
  };
  readonly adapter: string;
  readonly version: string;
  readonly commit: string;
  readonly seconds?: number | undefined;
}

export interface Card {
  readonly name: string;
  readonly facts: CardFacts;
  /** What it was trained on, in a sentence. */
  readonly about: string;
  /** The optimizer in words, and its number of weights. */
  readonly optimizer: string;
  readonly bytes: number;
  readonly isDefault: boolean;
  /** What the weights are called in results where they run in another way, along a schedule or on scaled parameters. */
  readonly variants: readonly string[];
  readonly results: readonly (RecipeResult | TransferResult)[];
}

/** The card of weights that come with the package, as Markdown: how they came about, what they reach, where they fail. */
export function modelCard(card: Card): string {
  const { name, facts, about, optimizer, bytes, isDefault, results } = card;
  const { validation } = facts;
  const selected = `${validation.select === 'final' ? `the loss at step ${validation.horizon}` : 'the sum of losses'}, mean over ${validation.tasks} validation tasks${validation.activation === undefined ? '' : ` with ${validation.activation}`}: ${formatLoss(validation.score)}`;
  const rows: [string, string][] = [
    ['optimizer', optimizer],
    ['file', `${formatCount(bytes)} bytes, safetensors with PyTorch's names`],
    ['training', `recipes/trainings/${facts.training}.json`],
    ['meta-seed', String(facts.seed)],
    [
      'meta-steps',
      `${formatCount(facts.iteration)} of ${formatCount(facts.iterations)}, where the validation was best`,
    ],
    ['selected on', selected],
    ['adapter', facts.adapter || 'not noted'],
    [
      'source',
      facts.version
        ? [`version ${facts.version}`, facts.commit && `commit ${facts.commit}`].filter(Boolean).join(', ')
        : 'not noted',
    ],
    ['wall time', facts.seconds === undefined ? 'not noted' : formatSeconds(facts.seconds)],
  ];
  const recipes = results.filter((result) => result.kind === 'recipe');
  // Results of weights that had the name before say nothing of these.
  const isThis = ({ seed, iteration, validation: score }: SeedFacts) =>
    seed === facts.seed &&
    iteration === facts.iteration &&
    Number(score?.toPrecision(6)) === validation.score;
  const own = recipes.filter(({ learned }) =>
    learned.some((one) => one.name === name && one.seeds.some(isThis)),
  );
  const seeds = own
    .flatMap(({ learned }) => learned)
    .filter((one) => one.name === name && one.seeds.length > 1);
  const others = seeds[0]?.seeds ?? [];
  const other = others
    .map(({ seed, validation: score }) => `${seed}: ${formatLoss(score ?? Number.NaN)}`)
    .join(', ');
  const tests = own
    .flatMap(({ tests: all }) => all)
    .filter((test) => test.rows.some((row) => row.name === name));
  const checks = tests.flatMap((test) =>
    test.checks
      .filter(({ of }) => of === name || card.variants.includes(of))
      .map((check) => [test.title, check.what, check.value, check.band, outcome(check)]),
  );
  const failures = [
    ...tests.flatMap((test) => behind(test, name)),
    ...results.flatMap((one) => lostCells(one, name)),
  ];
  const parts = [
    `<!-- Made by \`npm run results\`: change pretrained/index.json through \`npm run ship\`, and never this page. -->\n`,
    `# ${name}\n`,
    `${about}${isDefault ? ' This is what `coordwise evaluate` takes where no weights are named.' : ''}\n`,
    `    npx coordwise evaluate ${name}\n`,
    markdownTable({ heads: ['', ''], rows }),
    ...(other === '' ? [] : [`Validation of all meta-seeds: ${other}.\n`]),
    '## What it reaches\n',
    checks.length === 0
      ? 'No results file names it yet.\n'
      : `Of the recipes that use it, means over their meta-seeds; [all tables](../docs/results.md).\n\n${markdownTable({ heads: ['test', 'what', 'value', 'band', 'outcome'], rows: checks })}`,
    '## Where it fails\n',
    failures.length === 0
      ? 'No test in the results files shows it behind a tuned baseline. It was tested on nothing else.\n'
      : `${failures.map((line) => `- ${line}`).join('\n')}\n`,
  ];
  return parts.join('\n');
}

/** Where a test's best baseline ends below it, or it does not end at all. */
function behind({ title, rows, horizon }: TestResult, name: string): string[] {
  const row = rows.find((one) => one.kind === 'learned' && one.name === name);
  const rivals = rows.filter(({ kind }) => kind === 'baseline');
  if (!row || rivals.length === 0) return [];
  const unstable =
    row.risen > 0 ? [`${title}: ${row.risen} runs ended above where they began, or not finite.`] : [];
  if (row.accuracy) {
    const best = rivals.reduce((a, b) => ((b.accuracy?.mean ?? 0) > (a.accuracy?.mean ?? 0) ? b : a));
    if ((best.accuracy?.mean ?? 0) <= row.accuracy.mean) return unstable;
    const percent = (share = 0) => `${(100 * share).toFixed(1)} %`;
    return [
      `${title}: ${percent(row.accuracy.mean)} right, against ${percent(best.accuracy?.mean)} of ${best.label}.`,
    ];
  }
  const last = (one: typeof row) => one.losses.at(-1) ?? Number.POSITIVE_INFINITY;
  const best = rivals.reduce((a, b) => (last(b) < last(a) ? b : a));
  if (last(row) <= last(best)) return unstable;
  return [
    ...unstable,
    `${title}: ${formatLoss(last(row))} at step ${formatCount(horizon)}, against ${formatLoss(last(best))} of tuned ${best.label}.`,
  ];
}

/** Cells of transfer matrices in which tuned Adam is ahead. */
function lostCells(result: RecipeResult | TransferResult, name: string): string[] {
  if (result.kind !== 'transfer') return [];
  const row = result.rows.find(({ label }) => label === name);
  const lost = result.columns.flatMap((column, index) => {
    const ratio = row?.cells[index]?.ratio;
    if (ratio === undefined || (ratio !== null && ratio <= 1)) return [];
    return [`${columnName(column)} (${ratio === null ? 'not finite' : `x ${formatLoss(ratio)}`})`];
  });
  return lost.length === 0
    ? []
    : [`Transfer matrix, cells in which tuned Adam is ahead: ${lost.join(', ')}.`];
}
