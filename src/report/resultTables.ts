import { columnName } from './columnName.ts';
import { formatCount, formatDiverged, formatLoss, formatPercent } from './format.ts';
import type { CheckResult, LearnedFacts, ResultRow, TestResult, TransferResult } from './results.ts';

/** A table as texts, which the terminal, the page and the documents set each in their own way. */
export interface TextTable {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const text = (value: number | null | undefined): string =>
  value === undefined ? '' : value === null ? 'not finite' : formatLoss(value);

/** The lowest and the highest of the meta-seeds at one step: '0.243 to 0.262'. */
function range(seeds: ResultRow['seeds'], index: number): string {
  const values = (seeds ?? []).map((losses) => losses[index] ?? Number.POSITIVE_INFINITY);
  if (values.length < 2) return '';
  return `${formatLoss(Math.min(...values))} to ${formatLoss(Math.max(...values))}`;
}

/** Orders rows by their loss at the last step, or by accuracy, the best first. */
function ranked(rows: readonly ResultRow[]): ResultRow[] {
  const value = (row: ResultRow) => row.losses.at(-1) ?? Number.POSITIVE_INFINITY;
  const key = (row: ResultRow) => (row.accuracy ? -row.accuracy.mean : value(row));
  return [...rows].sort((a, b) => (key(a) === key(b) ? 0 : key(a) - key(b)));
}

/** The optimizers of a test, the best first, learned ones with a star. */
export function rowsTable({ rows, steps, publishedStep }: TestResult): TextTable {
  const hasAccuracy = rows.some(({ accuracy }) => accuracy);
  const hasSeeds = rows.some(({ seeds = [] }) => seeds.length > 1);
  const hasPublished = publishedStep !== undefined;
  const shown = steps.filter((step) => step > 0);
  const heads = [
    'optimizer',
    ...(hasAccuracy ? ['accuracy'] : []),
    ...shown.map((step) => `step ${formatCount(step)}`),
    ...(hasSeeds ? ['meta-seeds, last step'] : []),
    ...(hasPublished ? [`published, step ${formatCount(publishedStep)}`] : []),
    // From step 200 on losses are means over several steps, and the standard error is of the last of them (lossAtStep).
    (shown.at(-1) ?? 0) < 200 ? 'std. error' : 'std. error of the last loss alone',
    'sum',
    'setting',
  ];
  const lines = ranked(rows).map((row) => {
    const at = (step: number) => text(row.losses[steps.indexOf(step)]);
    const notes = [row.setting, formatDiverged(row.diverged)].filter((part) => part !== '');
    const hasCurve = row.losses.length > 0;
    return [
      `${row.kind === 'learned' ? '★ ' : ''}${row.label}`,
      ...(hasAccuracy ? [row.accuracy ? formatPercent(row.accuracy.mean, row.accuracy.interval) : ''] : []),
      ...shown.map(at),
      ...(hasSeeds ? [range(row.seeds, steps.length - 1)] : []),
      ...(hasPublished ? [text(row.published)] : []),
      hasCurve ? text(row.error) : '',
      hasCurve ? text(row.sum) : '',
      notes.join(', '),
    ];
  });
  return { heads, rows: lines };
}

/** Reached, by how much not, or only reported. */
export function outcome({ reached, missedBy }: CheckResult): string {
  if (reached === undefined) return 'reported';
  return reached ? 'reached' : `not reached: ${missedBy ?? ''}`;
}

export function checksTable(checks: readonly CheckResult[]): TextTable {
  const hasPublished = checks.some(({ published }) => published !== undefined);
  return {
    heads: ['what', 'value', ...(hasPublished ? ['published'] : []), 'band', 'outcome'],
    rows: checks.map((check) => [
      check.what,
      check.value,
      ...(hasPublished ? [check.published ?? ''] : []),
      check.band,
      outcome(check),
    ]),
  };
}

/** What was trained, one line a meta-seed. */
export function seedsTable(learned: readonly LearnedFacts[]): TextTable {
  const rows = learned.flatMap((one) =>
    one.seeds.map((seed) => [
      one.name,
      one.pretrained || seed.pretrained ? 'shipped' : 'trained here',
      String(seed.seed),
      formatCount(seed.iteration),
      seed.validation === undefined ? '' : text(seed.validation),
      one.description,
    ]),
  );
  return { heads: ['weights', 'from', 'meta-seed', 'meta-steps', 'validation', 'optimizer'], rows };
}

/** The ratio to tuned Adam of every row in every column. */
export function transferTable({ columns, rows }: TransferResult): TextTable {
  return {
    heads: ['cell', 'tuned Adam', ...rows.map(({ label }) => label)],
    rows: columns.map((column, index) => [
      columnName(column),
      text(column.adam.final),
      ...rows.map(({ cells }) => {
        const cell = cells[index];
        return cell
          ? `${text(cell.final)} (${cell.ratio === null ? 'not finite' : `x ${formatLoss(cell.ratio)}`})`
          : '';
      }),
    ]),
  };
}
