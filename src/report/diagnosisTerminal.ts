import { type DiagnosisPart, type NamedLine, STATUS_WORDS } from './diagnosisData.ts';
import { seriesScale } from './scale.ts';
import { lossPlot, textTable } from './terminal.ts';

/** A part as text: its title, its sentence, its table. */
export function partText({ title, status, sentence, table }: DiagnosisPart): string {
  // An empty last column, so that all numbers stand flush right.
  const lines = table ? textTable([table.heads, ...table.rows].map((row) => [...row, ''])) : '';
  return [`${title}: ${STATUS_WORDS[status].toLowerCase()}`, sentence, indented(lines)]
    .filter((text) => text !== '')
    .join('\n');
}

function indented(text: string): string {
  return text === ''
    ? ''
    : text
        .split('\n')
        .map((line) => `  ${line}`)
        .join('\n');
}

/**
 * Lines over iterations as text, on a log axis.
 * @param width columns of the whole picture
 */
export function linesPlot(lines: readonly NamedLine[], width: number, color: boolean): string {
  const scale = seriesScale(
    lines.flatMap(({ y }) => y.filter((value) => value > 0)),
    5,
  );
  const curves = lines.map(({ name, x, y }) => {
    const mean = stepwise(x, y);
    const numbers = { finalMean: Number.NaN, finalSpread: 0, finalError: 0, sumMean: 0, diverged: 0 };
    return { label: name, kind: 'baseline' as const, mean, low: mean, high: mean, setting: '', ...numbers };
  });
  return lossPlot(curves, width, 12, { color, scale });
}

/** A line's value at every whole number up to its last x: that of the nearest point at or after it. */
function stepwise(x: readonly number[], y: readonly number[]): number[] {
  const values: number[] = [];
  for (const [index, to] of x.entries()) {
    while (values.length <= to) values.push(y[index] ?? Number.NaN);
  }
  return values;
}
