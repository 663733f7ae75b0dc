import { renderSvg, textElement } from './chart.ts';
import { columnName } from './columnName.ts';
import type { ExtraFigure } from './data.ts';
import { type FigureOptions, layout, shorten, wrapping } from './figure.ts';
import { formatLoss, singleLine } from './format.ts';
import type { TransferResult } from './results.ts';

const ROW = 30;
const HEAD = 44;
const FOOT = 40;
/** Colours are full where the ratio is 2 to the power of this, either way. */
const FULL = 2;

function ratioText(ratio: number | null | undefined): string {
  if (ratio === undefined) return '';
  return ratio === null ? 'diverged' : formatLoss(ratio);
}

/**
 * The final loss over that of tuned Adam, a row a test and a column for each weights file: blue where it is lower, red
 * where it is higher, and the number besides. Returns one `<svg>` element.
 */
export function heatMapSvg(result: TransferResult, options: FigureOptions = {}): string {
  const { columns, rows } = result;
  const at = layout({ ...options, height: HEAD + ROW * columns.length + FOOT });
  const { theme, size } = at;
  const left = 16 + Math.max(...columns.map((column) => columnName(column).length)) * size * 0.56;
  const width = (at.width - 8 - left) / Math.max(1, rows.length);
  const heads = rows.map(({ label }, index) =>
    textElement(
      shorten(label, Math.max(6, Math.floor(width / (size * 0.6)))),
      { x: left + width * (index + 0.5), y: HEAD - 16, align: 'center', size, weight: 600 },
      theme.ink,
      theme,
    ),
  );
  const cells = columns.flatMap((column, line) => {
    const y = HEAD + ROW * line;
    const name = textElement(columnName(column), { x: 8, y: y + ROW / 2, size }, theme.ink, theme);
    const boxes = rows.flatMap(({ cells: own }, index) => {
      const ratio = own[line]?.ratio;
      const power = ratio === null ? FULL : Math.log2(ratio ?? 1);
      const strength = Math.min(1, Math.abs(power) / FULL);
      const x = left + width * index;
      return [
        {
          type: 'rect' as const,
          silent: true,
          shape: { x: x + 1, y: y + 1, width: width - 2, height: ROW - 2 },
          style: {
            fill: power <= 0 ? theme.palette.blue : theme.palette.vermillion,
            opacity: 0.06 + 0.6 * strength,
          },
        },
        textElement(
          ratioText(ratio),
          { x: x + width / 2, y: y + ROW / 2, align: 'center', size, weight: power < 0 ? 650 : 400 },
          theme.ink,
          theme,
        ),
      ];
    });
    return [name, ...boxes];
  });
  const key = textElement(
    'final loss / that of tuned Adam; below 1 the learned optimizer is ahead',
    { x: 8, y: at.height - FOOT / 2, size: size - 1 },
    theme.muted,
    theme,
  );
  return renderSvg(
    { graphic: [...heads, ...cells, key] },
    { ...wrapping(options, at, 'transfer'), ariaLabel: describe(result) },
  );
}

/** The figure in words. */
function describe({ columns, rows }: TransferResult): string {
  const parts = rows.map(({ label, cells }) => {
    const ratios = columns.map((column, index) => `${columnName(column)} ${ratioText(cells[index]?.ratio)}`);
    return `${singleLine(label)}: ${ratios.join(', ')}`;
  });
  return `Final loss over that of tuned Adam. ${parts.join('. ')}.`;
}

/** The figure as a report takes it in. */
export function heatMapFigure(result: TransferResult): ExtraFigure {
  const page = { theme: 'page' } as const;
  return {
    title: 'Final loss over that of tuned Adam',
    caption: `Mean over ${result.tasks} held-out tasks of every cell. Blue, below 1: the learned optimizer is ahead; red: Adam is, whose learning rate and beta1 are tuned on each cell.`,
    svg: heatMapSvg(result, { ...page, width: 840, id: 'transfer-wide' }),
    narrow: heatMapSvg(result, { ...page, width: 380, id: 'transfer-narrow' }),
  };
}
