import type { LossCurve, TrainingPoint, ValidationPoint } from './data.ts';
import { escapeMarkup, formatCount, formatDiverged, formatLoss, formatPlusMinus } from './format.ts';
import { finalHead, lastStep, milestones, rankCurves } from './rank.ts';
import { runningMedian, thin } from './sample.ts';
import { type CurveStyle, curveStyles, THEMES } from './style.ts';

const VALIDATION_ROWS = 40;

/** The result: one row for each curve from the smallest final loss to the largest, with a piece of its line. */
export function resultTable(curves: readonly LossCurve[], caption: string): string {
  const last = lastStep(curves);
  const timed = curves.some((curve) => curve.stepsPerSecond !== undefined);
  const rows = ranked(curves).map(({ curve, style }) => {
    const steps = curve.mean.length - 1;
    const notes = [
      formatDiverged(curve.diverged),
      steps === last ? '' : `ended at step ${formatCount(Math.max(0, steps))}`,
    ];
    const cells = [
      header(`${swatch(style)}${escapeMarkup(curve.label)}`, 'row'),
      cell(formatPlusMinus(curve.finalMean, curve.finalError)),
      cell(formatLoss(curve.finalSpread)),
      cell(formatLoss(curve.sumMean)),
      ...(timed ? [cell(curve.stepsPerSecond === undefined ? '' : formatLoss(curve.stepsPerSecond))] : []),
      `<td class="text">${escapeMarkup(curve.setting)}${notes.map(noteMarkup).join('')}</td>`,
    ];
    return row(cells, curve.kind === 'learned' ? 'learned' : '');
  });
  const heads = [
    header('Optimizer', 'col'),
    header(capitalised(finalHead(curves)), 'col'),
    header('Spread', 'col'),
    header('Sum of losses', 'col'),
    ...(timed ? [header('Steps/s', 'col')] : []),
    header('Setting', 'col', 'text'),
  ];
  return table(heads, rows, caption, 'Final losses');
}

/** The loss figure in numbers: the mean loss of every curve at a few steps. */
export function milestoneTable(curves: readonly LossCurve[], horizon: number): string {
  const steps = milestones(lastStep(curves), horizon);
  const heads = [header('Step', 'col'), ...steps.map((step) => header(formatCount(step), 'col'))];
  const rows = ranked(curves).map(({ curve }) =>
    row(
      [
        header(escapeMarkup(curve.label), 'row'),
        ...steps.map((step) => {
          const loss = curve.mean[step];
          return cell(loss === undefined ? '' : formatLoss(loss));
        }),
      ],
      curve.kind === 'learned' ? 'learned' : '',
    ),
  );
  return table(heads, rows, 'Mean loss over tasks.', 'Losses at a few steps');
}

/** The validations, at most 40 rows of them, the best always among them. */
export function validationTable(validation: readonly ValidationPoint[]): string {
  const kept = validation.findLast((point) => point.best);
  const shown = thin(validation, VALIDATION_ROWS);
  if (kept !== undefined && !shown.includes(kept)) shown.push(kept);
  shown.sort((a, b) => a.iteration - b.iteration);
  const rows = shown.map((point) =>
    row(
      [
        header(formatCount(point.iteration) + (point === kept ? ' (kept)' : ''), 'row'),
        cell(formatLoss(point.finalLoss)),
        cell(formatLoss(point.sumLoss)),
      ],
      point === kept ? 'learned' : '',
    ),
  );
  const heads = ['Meta-iteration', 'Loss at the last step', 'Sum of losses'].map((name) =>
    header(name, 'col'),
  );
  const caption =
    shown.length === validation.length
      ? ''
      : `${shown.length} of ${formatCount(validation.length)} validations.`;
  return table(heads, rows, caption, 'Validations');
}

/** The meta-training in numbers, as pairs for a definition list. */
export function trainingFacts(training: readonly TrainingPoint[]): [string, string][] {
  const norms = training
    .map((point) => point.gradientNorm)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const norm = (q: number): string => formatLoss(norms[Math.round(q * (norms.length - 1))] ?? Number.NaN);
  const skipped = training.filter((point) => point.skipped).length;
  const losses = training.map((point) => point.metaLoss);
  const some = Math.ceil(Math.min(50, losses.length / 4));
  const [first = Number.NaN] = runningMedian(losses.slice(0, some), 2 * some, [0]);
  const [last = Number.NaN] = runningMedian(losses.slice(-some), 2 * some, [0]);
  return [
    ['Meta-iterations', `${formatCount(training.length)}, of which ${formatCount(skipped)} skipped`],
    [
      'Meta-loss',
      `median ${formatLoss(first)} over the first ${some}, ${formatLoss(last)} over the last ${some}`,
    ],
    ['Meta-gradient norm', `median ${norm(0.5)}, 99th percentile ${norm(0.99)}, largest ${norm(1)}`],
  ];
}

/** The names of the curves with a piece of each line, as an unordered list. */
export function legend(curves: readonly LossCurve[]): string {
  const items = ranked(curves).map(
    ({ curve, style }) => `<li>${swatch(style)}${escapeMarkup(curve.label)}</li>`,
  );
  return `<ul class="legend" aria-hidden="true">${items.join('')}</ul>`;
}

/** Pairs of a name and a value as a definition list; values are text. */
export function definitions(pairs: readonly (readonly [string, string])[]): string {
  const items = pairs.map(([name, value]) => `<dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(value)}</dd>`);
  return `<dl>${items.join('\n')}</dl>`;
}

/** Characters from which on a text may break into lines. */
const LONG = 24;

/** Texts in rows and columns; the first column names the rows. Columns of long texts are set as prose. */
export function plainTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  label: string,
): string {
  const isLong = heads.map((_, index) => rows.some((texts) => (texts[index] ?? '').length > LONG));
  const lines = rows.map(([name = '', ...texts]) => {
    const cells = texts.map((text, index) =>
      isLong[index + 1] ? `<td class="text">${escapeMarkup(text)}</td>` : cell(text),
    );
    return row([header(escapeMarkup(name), 'row', isLong[0] ? 'text' : ''), ...cells], '');
  });
  const names = heads.map((head, index) => header(escapeMarkup(head), 'col', isLong[index] ? 'text' : ''));
  return table(names, lines, '', label);
}

function capitalised(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function ranked(curves: readonly LossCurve[]): { curve: LossCurve; style: CurveStyle | undefined }[] {
  const styles = curveStyles(curves, THEMES.page);
  return rankCurves(curves).map((curve) => ({ curve, style: styles[curves.indexOf(curve)] }));
}

function swatch(style: CurveStyle | undefined): string {
  if (style === undefined) return '';
  const dash = style.dash.length > 0 ? ` stroke-dasharray="${style.dash.join(' ')}"` : '';
  const line = `<path d="M0 5H30" stroke="${style.color}" stroke-width="${style.width}"${dash}/>`;
  return `<svg class="swatch" viewBox="0 0 30 10" aria-hidden="true">${line}</svg>`;
}

function noteMarkup(note: string): string {
  return note === '' ? '' : `<span class="note">${escapeMarkup(note)}</span>`;
}

function header(markup: string, scope: 'row' | 'col', name = ''): string {
  return `<th scope="${scope}"${name === '' ? '' : ` class="${name}"`}>${markup}</th>`;
}

function cell(text: string): string {
  return `<td>${escapeMarkup(text)}</td>`;
}

function row(cells: readonly string[], name: string): string {
  return `<tr${name === '' ? '' : ` class="${name}"`}>${cells.join('')}</tr>`;
}

function table(heads: readonly string[], rows: readonly string[], caption: string, label: string): string {
  const below = caption === '' ? '' : `\n<p class="caption">${caption}</p>`;
  return `<div class="scroll" role="region" aria-label="${escapeMarkup(label)}" tabindex="0"><table>
<thead><tr>${heads.join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></div>${below}`;
}
