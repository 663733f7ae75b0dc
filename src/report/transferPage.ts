import { columnName } from './columnName.ts';
import { escapeMarkup } from './format.ts';
import { heatMapFigure } from './heatMap.ts';
import { extraSvg, renderPage } from './html.ts';
import type { TransferResult } from './results.ts';
import { transferTable } from './resultTables.ts';
import { definitions, plainTable } from './tables.ts';

/** A transfer matrix as one self-contained HTML page: no request, no script; every string is escaped. */
export function renderTransfer(result: TransferResult, verdict: string): string {
  const figure = heatMapFigure(result);
  const { heads, rows } = transferTable(result);
  const tasks = result.columns.map((column) => [columnName(column), column.task, column.adam.setting]);
  const weights = result.rows.map(({ label, trained }) => [label, trained] as const);
  return renderPage(
    { title: result.title, version: result.version },
    `<header>
<p class="kind">Trained here, tested there</p>
<h1>${escapeMarkup(result.title)}</h1>
<p class="verdict">${escapeMarkup(verdict)}</p>
</header>
<section aria-labelledby="matrix">
<h2 id="matrix">The matrix</h2>
<figure>
${extraSvg(figure)}
<figcaption><b>Figure 1.</b> ${escapeMarkup(figure.caption)}</figcaption>
</figure>
${plainTable(heads, rows, 'Final losses and ratios')}
</section>
<section aria-labelledby="cells">
<h2 id="cells">What was tested</h2>
${plainTable(['cell', 'task', 'Adam'], tasks, 'Cells')}
<h3>Weights</h3>
${definitions(weights)}
</section>
<section aria-labelledby="run">
<h2 id="run">The run</h2>
${definitions([
  ['Command', result.command],
  ['Task lists of seed', String(result.seed)],
  ['Held-out tasks of a cell', String(result.tasks)],
  ['Tasks Adam is tuned on', String(result.tuningTasks)],
  ['Adapter', `${result.adapter}${result.software ? ' (software)' : ''}`],
  ['Made', result.made],
  ['Version', [result.version, result.commit].filter((part) => part !== '').join(', commit ')],
])}
</section>`,
  );
}
