import type { ExtraFigure } from './data.ts';
import { type DiagnosisPart, STATUS_WORDS } from './diagnosisData.ts';
import { escapeMarkup } from './format.ts';
import { extraSvg, renderPage } from './html.ts';
import { definitions, plainTable } from './tables.ts';

/** Everything a page of a diagnosis shows. */
export interface DiagnosisPage {
  readonly title: string;
  readonly version: string;
  /** The result in one sentence. */
  readonly verdict: string;
  /** Of the run: names and values. */
  readonly facts: readonly (readonly [string, string])[];
  readonly parts: readonly DiagnosisPart[];
  /** Figures by the id of the part they belong to. */
  readonly figures: Readonly<Record<string, readonly ExtraFigure[]>>;
}

/** A diagnosis as one self-contained HTML page: no request, no script; every string is escaped. */
export function renderDiagnosis(data: DiagnosisPage): string {
  let figure = 0;
  const sections = data.parts.map((part) => {
    const figures = (data.figures[part.id] ?? []).map((drawn) => {
      figure++;
      return `<figure>
<h3>${escapeMarkup(drawn.title)}</h3>
${extraSvg(drawn)}
<figcaption><b>Figure ${figure}.</b> ${escapeMarkup(drawn.caption)}</figcaption>
</figure>`;
    });
    const id = escapeMarkup(part.id);
    const table = part.table ? plainTable(part.table.heads, part.table.rows, part.title) : '';
    return `<section aria-labelledby="${id}">
<h2 id="${id}">${escapeMarkup(part.title)}</h2>
<p><b>${STATUS_WORDS[part.status]}.</b> ${escapeMarkup(part.sentence)}</p>
${[table, ...figures].filter((markup) => markup !== '').join('\n')}
</section>`;
  });
  return renderPage(
    data,
    `<header>
<p class="kind">Diagnosis of a meta-training run</p>
<h1>${escapeMarkup(data.title)}</h1>
<p class="verdict">${escapeMarkup(data.verdict)}</p>
</header>
${sections.join('\n')}
<section aria-labelledby="run">
<h2 id="run">The run</h2>
${definitions(data.facts)}
</section>`,
  );
}
