import { CoordwiseError } from '../host/errors.ts';
import type { ExtraFigure, LossCurve, ReportData } from './data.ts';
import { escapeMarkup, formatBytes, formatCount, formatDiverged, formatSeconds } from './format.ts';
import { lossCurvesSvg } from './lossFigure.ts';
import { bestBaseline, lastStep } from './rank.ts';
import { STYLESHEET } from './stylesheet.ts';
import {
  definitions,
  legend,
  milestoneTable,
  resultTable,
  trainingFacts,
  validationTable,
} from './tables.ts';
import { smoothingWindow, trainingSvg } from './trainingFigure.ts';

/** Nothing may be fetched, nothing run, nothing sent; styles are the page's own. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const SOFTWARE =
  "This is a software adapter, which runs the kernels on the processor: its times are not a GPU's.";

/**
 * A run as one self-contained HTML page: verdict, losses on held-out tasks, meta-training, and what it takes to
 * run it again. The page makes no request and needs no script; every string of `data` is escaped.
 * @throws CoordwiseError when an extra figure is not one plain `<svg>` element.
 */
export function renderReport(data: ReportData): string {
  const extra = data.extraFigures ?? [];
  const firstExtra = data.training.length + data.validation.length > 0 ? 3 : 2;
  return renderPage(
    data,
    `<header>
<p class="kind">Learned optimizer, evaluated on held-out tasks</p>
<h1>${escapeMarkup(data.title)}</h1>
<p class="verdict">${escapeMarkup(data.verdict)}</p>
<p class="facts">${facts(data)}</p>
</header>
${lossSection(data)}
${trainingSection(data)}
${extra.length === 0 ? '' : extraSection(extra, firstExtra)}
${runSection(data)}`,
  );
}

/** A self-contained page around `body`, which is markup: no request, no script. */
export function renderPage(data: Pick<ReportData, 'title' | 'version'>, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="Coordwise ${escapeMarkup(data.version)}">
<title>${escapeMarkup(data.title)}</title>
<style>
${STYLESHEET}
</style>
</head>
<body>
<main class="sheet">
${body}
<footer><p>Coordwise ${escapeMarkup(data.version)}. Colours by Okabe and Ito. This page makes no request and runs no script.</p></footer>
</main>
</body>
</html>
`;
}

function facts(data: ReportData): string {
  const when = `<time datetime="${escapeMarkup(data.createdAt)}">${escapeMarkup(readableDate(data.createdAt))}</time>`;
  const where = data.adapter.kind === 'software' ? ', a software adapter' : '';
  return `${when}, seed ${escapeMarkup(String(data.seed))}, on ${escapeMarkup(data.adapter.description)}${where}`;
}

function lossSection(data: ReportData): string {
  const { curves, horizon } = data;
  const intro = `<h2 id="losses">Losses on held-out tasks</h2>\n<p>${escapeMarkup(data.tasks)}</p>`;
  if (curves.length === 0) {
    return `<section aria-labelledby="losses">\n${intro}\n<p>No optimizer was evaluated in this run.</p>\n</section>`;
  }
  const wide = lossCurvesSvg(curves, { width: 840, height: 450, theme: 'page', horizon, id: 'losses-wide' });
  const narrow = lossCurvesSvg(curves, {
    width: 380,
    height: 340,
    theme: 'page',
    horizon,
    labels: false,
    id: 'losses-narrow',
  });
  const caption =
    '<b>Table 1.</b> Mean over tasks ± its standard error. Spread is one standard deviation over tasks of the loss ' +
    'at the last step; the sum is over all losses of a run.';
  return `<section aria-labelledby="losses">
${intro}
<figure>
${sized(wide, 'wide')}
${sized(narrow, 'narrow')}
${legend(curves)}
<figcaption><b>Figure 1.</b> ${escapeMarkup(lossCaption(curves, horizon))}</figcaption>
</figure>
${resultTable(curves, caption)}
<details><summary>Figure 1 in numbers</summary>
${milestoneTable(curves, horizon)}
</details>
</section>`;
}

function lossCaption(curves: readonly LossCurve[], horizon: number): string {
  const best = bestBaseline(curves);
  const learned = curves.filter((curve) => curve.kind === 'learned').length;
  const names = [
    learned === 0 ? '' : `the learned optimizer${learned > 1 ? 's' : ''}`,
    best === undefined ? '' : `the best baseline (${best.label})`,
  ];
  const banded = names.filter((name) => name !== '').join(' and ');
  const beyond =
    horizon > 0 && horizon < lastStep(curves)
      ? `Meta-training saw runs of ${formatCount(horizon)} steps; what lies beyond is extrapolation.`
      : '';
  const diverged = curves
    .filter((curve) => curve.diverged > 0)
    .map((curve) => `${curve.label} ${formatDiverged(curve.diverged)}`);
  return [
    'Loss against step, mean over tasks, on a log axis.',
    banded === '' ? '' : `Bands: one standard deviation over tasks, for ${banded}.`,
    beyond,
    diverged.length === 0 ? '' : `${diverged.join('; ')}; a curve that leaves the axis is cut at its edge.`,
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}

function trainingSection({ training, validation, settings }: ReportData): string {
  const heading = '<h2 id="training">Meta-training</h2>';
  if (training.length + validation.length === 0) {
    return `<section aria-labelledby="training">\n${heading}\n<p>This run evaluated weights that were trained before; it did no meta-training of its own.</p>\n</section>`;
  }
  const shared = { theme: 'page' as const };
  const wide = trainingSvg(training, validation, { ...shared, width: 840, height: 430, id: 'training-wide' });
  const narrow = trainingSvg(training, validation, {
    ...shared,
    width: 380,
    height: 400,
    id: 'training-narrow',
  });
  const skipped = training.some((point) => point.skipped);
  const activation = settings['validation.activation'];
  const caption = [
    training.length === 0
      ? ''
      : `Meta-loss of every unroll (faint) and its running median over ${formatCount(smoothingWindow(training.length))} meta-iterations.`,
    skipped ? 'Ticks mark meta-steps that were skipped because their loss or gradient was not finite.' : '',
    validation.length === 0
      ? ''
      : `Validation is on tasks that are neither trained on nor reported above${activation === undefined ? '' : `, with the activation ${activation}`}; the best weights on them are the ones kept.`,
    validation.some(({ stage }) => stage)
      ? 'Dashed lines begin the stages of the curriculum, with the steps of their episodes; validation of a stage is at the last step of the next one, and starts anew from the best weights before it.'
      : '',
  ];
  const numbers = training.length === 0 ? '' : `<h3>In numbers</h3>\n${definitions(trainingFacts(training))}`;
  const table =
    validation.length === 0
      ? ''
      : `<details><summary>Validation in numbers</summary>\n${validationTable(validation)}\n</details>`;
  return `<section aria-labelledby="training">
${heading}
<figure>
${sized(wide, 'wide')}
${sized(narrow, 'narrow')}
<figcaption><b>Figure 2.</b> ${escapeMarkup(caption.filter((sentence) => sentence !== '').join(' '))}</figcaption>
</figure>
${numbers}
${table}
</section>`;
}

function extraSection(figures: readonly ExtraFigure[], first: number): string {
  const parts = figures.map(
    (figure, index) => `<figure>
<h3>${escapeMarkup(figure.title)}</h3>
${extraSvg(figure)}
<figcaption><b>Figure ${first + index}.</b> ${escapeMarkup(figure.caption)}</figcaption>
</figure>`,
  );
  return `<section aria-labelledby="further">\n<h2 id="further">Further figures</h2>\n${parts.join('\n')}\n</section>`;
}

/** A figure made elsewhere, for wide and for narrow pages, once it is known to hold nothing that acts or fetches. */
export function extraSvg({ title, svg, narrow }: ExtraFigure): string {
  const wide = checkedSvg(title, svg);
  return narrow === undefined
    ? wide
    : `${sized(wide, 'wide')}\n${sized(checkedSvg(title, narrow), 'narrow')}`;
}

function runSection(data: ReportData): string {
  const { adapter } = data;
  const software = adapter.kind === 'software' ? `\n<p>${SOFTWARE}</p>` : '';
  const settings = Object.entries(data.settings).map(([name, value]) => [name, settingText(value)] as const);
  const made: [string, string][] = [
    ['Unroll length T', `${formatCount(data.unrollLength)} steps`],
    ['Trained horizon', `${formatCount(data.horizon)} steps`],
    ['Seed', String(data.seed)],
    ['Wall time', formatSeconds(data.wallSeconds)],
    ['GPU buffers', formatBytes(data.bytes)],
    ['Adapter', adapter.description],
    ['Driver', adapter.driver],
    ['Made', data.createdAt],
    ['Version', data.version],
  ];
  return `<section aria-labelledby="run">
<h2 id="run">The run</h2>${software}
<h3>To run it again</h3>
<pre tabindex="0"><code>${data.command.split('\n').map(escapeMarkup).join('\n')}</code></pre>
<h3>Conditions</h3>
${definitions(made)}
${settings.length === 0 ? '' : `<h3>Settings</h3>\n${definitions(settings)}`}
</section>`;
}

function settingText(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return String(value);
}

/** An ISO date as '1 June 2025, 14:03 UTC'; anything else as it is. */
function readableDate(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const day = date.toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  });
  return `${day}, ${date.toISOString().slice(11, 16)} UTC`;
}

function sized(svg: string, name: 'wide' | 'narrow'): string {
  return svg.replace('<svg', `<svg class="${name}"`);
}

/** A foreign figure as it is, once it is known to hold nothing that acts or fetches. */
function checkedSvg(title: string, svg: string): string {
  const text = svg.trim();
  const reason = !/^<svg[\s>][\s\S]*<\/svg>$/.test(text)
    ? 'is not one <svg> element'
    : /<\/svg>[\s\S]*<\/svg>$/.test(text) ||
        /<(?:script|foreignObject|iframe|style|a|image|use)\b/i.test(text)
      ? 'holds an element that a report does not take in (script, style, link, image or a second svg)'
      : /\s(?:on\w+|(?:xlink:)?href|src)\s*=/i.test(text) || /url\(\s*['"]?(?!#)/i.test(text)
        ? 'refers to something outside itself or runs script'
        : '';
  if (reason !== '') {
    throw new CoordwiseError(
      `The figure '${title}' ${reason}.`,
      'Give one <svg> element made of shapes and text only.',
    );
  }
  return text.replace(/ xmlns="[^"]*"/, '');
}
