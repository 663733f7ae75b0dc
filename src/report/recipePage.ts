import type { ExtraFigure } from './data.ts';
import { escapeMarkup } from './format.ts';
import { extraSvg, renderPage } from './html.ts';
import type { RecipeResult } from './results.ts';
import { checksTable, rowsTable, seedsTable, type TextTable } from './resultTables.ts';
import { definitions, plainTable } from './tables.ts';

/** A reproduction as one self-contained HTML page: no request, no script; every string is escaped. */
export function renderRecipe(
  result: RecipeResult,
  verdict: string,
  figures: Readonly<Record<string, readonly ExtraFigure[]>>,
): string {
  let number = 0;
  const sections = result.tests.map((test) => {
    const drawn = (figures[test.name] ?? []).map((figure) => {
      number++;
      return `<figure>
<h3>${escapeMarkup(figure.title)}</h3>
${extraSvg(figure)}
<figcaption><b>Figure ${number}.</b> ${escapeMarkup(figure.caption)}</figcaption>
</figure>`;
    });
    const facts = `${test.task}; ${test.tasks} held-out tasks, baselines tuned on ${test.tuningTasks} others, ${test.horizon} steps.`;
    return `<section aria-labelledby="${test.name}">
<h2 id="${test.name}">${escapeMarkup(test.title)}</h2>
<p>${escapeMarkup(facts)}</p>
${[markup(checksTable(test.checks), 'What was to be reached'), ...drawn, markup(rowsTable(test), 'Losses')].join('\n')}
</section>`;
  });
  return renderPage(
    { title: result.title, version: result.version },
    `<header>
<p class="kind">Reproduction: ${escapeMarkup(result.source)}</p>
<h1>${escapeMarkup(result.title)}</h1>
<p class="verdict">${escapeMarkup(verdict)}</p>
<p>${escapeMarkup(result.about)}</p>
</header>
${sections.join('\n')}
<section aria-labelledby="run">
<h2 id="run">The run</h2>
${markup(seedsTable(result.learned), 'What was trained')}
${definitions([
  ['Command', result.command],
  ['Task lists of seed', String(result.seed)],
  ['Adapter', `${result.adapter}${result.software ? ' (software)' : ''}`],
  ['Made', result.made],
  ['Version', [result.version, result.commit].filter((part) => part !== '').join(', commit ')],
])}
</section>`,
  );
}

function markup({ heads, rows }: TextTable, label: string): string {
  return plainTable(heads, rows, label);
}
