import { formatSeconds } from './format.ts';
import { countReached, type Provenance, type RecipeResult, type TransferResult } from './results.ts';
import { checksTable, rowsTable, seedsTable, type TextTable, transferTable } from './resultTables.ts';

/** A results file with the name it is kept under. */
export interface NamedResult {
  readonly name: string;
  readonly result: RecipeResult | TransferResult;
  /** Figures that are kept beside it, by test; the transfer matrix has one called 'matrix'. */
  readonly figures: Readonly<Record<string, { readonly light: string; readonly dark: string }>>;
}

const INTRODUCTION = `<!-- Made by \`npm run results\` from docs/results/*.json: change those, or src/report/resultsMarkdown.ts, and never this page. -->

# Results

Every number on this page comes from a results file that a command wrote; the command stands beside it, and the files in
[docs/results](results). Learned optimizers are tested on tasks that neither training, nor the choice of the best weights, nor tuning
saw: other images, other problems, other starting points. All baselines have their learning rate, and momentum where there is one, tuned on
validation tasks of the same kind and length, by the same code ([method.md](method.md#the-hand-designed-optimizers)). Losses are means over
tasks and, of learned optimizers, over meta-seeds; "meta-seeds" is the range from the best to the worst of them. A star marks learned
optimizers. Times of a software adapter are not a GPU's. What a recipe is: [recipes.md](recipes.md).
`;

/** docs/results.md as text. */
export function resultsMarkdown(results: readonly NamedResult[]): string {
  const overview: TextTable = {
    heads: ['result', 'values reached', 'learned optimizers', 'made'],
    rows: results.map(({ result }) => [
      `[${result.title}](#${anchor(result.title)})`,
      result.kind === 'recipe' ? reachedText(result) : '',
      result.kind === 'recipe'
        ? result.learned.map(({ name, seeds }) => `\`${name}\` (${seeds.length})`).join(', ')
        : result.rows.map(({ label }) => `\`${label}\``).join(', '),
      result.made,
    ]),
  };
  const sections = results.map((named) => {
    const { result } = named;
    return result.kind === 'recipe' ? recipeSection(named, result) : transferSection(named, result);
  });
  return `${[INTRODUCTION, markdownTable(overview), ...sections].join('\n')}`;
}

function reachedText({ tests }: RecipeResult): string {
  const { reached, judged } = countReached(tests);
  return judged === 0 ? 'none judged' : `${reached} of ${judged}`;
}

function recipeSection({ figures }: NamedResult, result: RecipeResult): string {
  const tests = result.tests.flatMap((test) => {
    const figure = figures[test.name];
    return [
      `### ${test.title}`,
      `${capital(test.task)}; ${test.tasks} held-out tasks, baselines tuned on ${test.tuningTasks} others, ${test.horizon} steps.`,
      markdownTable(checksTable(test.checks)),
      ...(figure ? [picture(figure, `${test.title}: loss against step`)] : []),
      markdownTable(rowsTable(test)),
    ];
  });
  const seconds = result.learned.flatMap(({ seeds }) => seeds.flatMap((seed) => seed.seconds ?? []));
  const training = markdownTable(seedsTable(result.learned));
  const time =
    seconds.length === 0
      ? ''
      : `Meta-training took ${formatSeconds(seconds.reduce((sum, one) => sum + one, 0))} in all.\n`;
  return [
    `\n## ${result.title}\n`,
    `Source: ${result.source}. ${result.about}\n`,
    `    ${result.command}\n`,
    ...tests.map((part) => `${part.trimEnd()}\n`),
    training,
    time,
    origin(result),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function transferSection({ figures }: NamedResult, result: TransferResult): string {
  const { matrix } = figures;
  const facts = `${result.tasks} held-out tasks a cell, Adam tuned on ${result.tuningTasks} others of the cell. In brackets: the ratio to tuned Adam.`;
  return [
    `\n## ${result.title}\n`,
    `    ${result.command}\n`,
    `${facts}\n`,
    ...(matrix ? [`${picture(matrix, 'Final loss over that of tuned Adam')}\n`] : []),
    markdownTable(transferTable(result)),
    origin(result),
  ].join('\n');
}

function origin({ adapter, software, made, version, commit }: Provenance): string {
  const source = [`version ${version}`, commit === '' ? '' : `commit ${commit}`].filter(
    (part) => part !== '',
  );
  return `Made ${made} on ${adapter}${software ? ' (software)' : ''}, ${source.join(', ')}.\n`;
}

function picture({ light, dark }: { readonly light: string; readonly dark: string }, alt: string): string {
  return `<picture>
  <source media="(prefers-color-scheme: dark)" srcset="${dark}">
  <img src="${light}" alt="${alt.replaceAll('"', "'")}">
</picture>`;
}

/** A table in Markdown; the first and the last columns flush left, numbers flush right. */
export function markdownTable({ heads, rows }: TextTable): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = heads.map((_, index) => {
    const wordy = rows.some((row) => !/^[★\d.,\s%±e-]*$/.test((row[index] ?? '').replace('not finite', '')));
    return wordy ? '---' : '---:';
  });
  return `${[line(heads), line(rule), ...rows.map(line)].join('\n')}\n`;
}

/** A heading as the anchor that GitHub makes of it. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
