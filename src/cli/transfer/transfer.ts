import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  ConfigError,
  CoordwiseError,
  type GpuContext,
  lossAtStep,
  parseConfig,
  type TaskData,
  taskSchema,
} from '../../host/index.ts';
import { RunFolder } from '../../node/index.ts';
import type { LossCurve } from '../../report/data.ts';
import type { TransferColumn, TransferResult } from '../../report/results.ts';
import { transferTable } from '../../report/resultTables.ts';
import { textTable } from '../../report/terminal.ts';
import { compare } from '../compare.ts';
import { type Learned, learnedOf } from '../contenders.ts';
import { type DataOf, dataLoader } from '../data.ts';
import type { Values } from '../options.ts';
import { Output } from '../output.ts';
import { provenance } from '../reporting.ts';
import { digestOf, keptIn } from '../reproduce/kept.ts';
import { finite } from '../reproduce/rows.ts';
import { adapterFrom, withDevice } from '../session.ts';
import { evaluationFrom, listFrom, text } from '../settings.ts';
import { phiOf } from '../trainRun.ts';
import { EXIT } from '../usage.ts';
import { type ReadWeights, readWeights, requireSameArchitecture } from '../weights.ts';
import { AXIS_NAMES, type Column, columnsOf, type Setting } from './axes.ts';

/** Unless told: few enough for a matrix, and their standard errors stand beside them. */
const TASKS = { tasks: 50, 'tuning-tasks': 8 };
const BASE = 'runs/transfer';

/**
 * Tests weights on tasks that differ in one thing from what the first of them was trained on: final losses beside those of
 * Adam, tuned on the same cell. What is finished is kept in the folder, so that the same command goes on. Returns the exit code.
 */
export async function transfer(paths: readonly string[], values: Values): Promise<number> {
  const output = new Output(values['json'] === true);
  const adapter = adapterFrom(values);
  const weights = paths.map((path) => readWeights(path, values['theta0'] !== false));
  const [first] = weights;
  if (!first) throw new ConfigError('no weights were named', 'name weights files or run folders');
  const twice = weights.find(({ path }, index) => paths.indexOf(path) !== index);
  if (twice) throw new ConfigError(`${twice.path} was named twice`, 'name it once');
  const base = baseOf(first);
  const asked = listFrom(values, 'axes');
  const all = columnsOf(base, asked.length > 0 ? asked : AXIS_NAMES);
  for (const column of all) for (const one of weights) requireSameArchitecture(one, column.task);
  const evaluation = evaluationFrom({ ...TASKS, ...values }, base.task, first.file.training);
  const dataOf = dataLoader();
  const columns = await withData(all, dataOf, asked.length === 0, output);
  const path = text(values, 'out') ?? BASE;
  return withDevice(adapter, output, async (context) => {
    const folder = existsSync(join(path, 'config.json'))
      ? RunFolder.open(path, { lock: true })
      : RunFolder.create(path, { transfer: paths });
    try {
      const axes = asked.length > 0 ? ` --axes ${asked.join(',')}` : '';
      const origin = provenance(context, `npx coordwise transfer ${paths.join(' ')}${axes}`);
      const matrix = await measure(context, { weights, columns, dataOf, folder, ...evaluation }, output);
      const result: TransferResult = {
        ...origin,
        kind: 'transfer',
        title: `Other tasks than trained on: ${paths.join(', ')}`,
        seed: evaluation.seed,
        tasks: evaluation.tasks,
        tuningTasks: evaluation.tuningTasks,
        ...matrix,
      };
      const { heads, rows } = transferTable(result);
      const verdict = verdictOf(result);
      output.say(`\n${textTable([heads, ...rows])}\n\n${verdict}`);
      const { renderTransfer } = await import('../../report/transferPage.ts');
      const { heatMapSvg } = await import('../../report/heatMap.ts');
      folder.writeText('results.json', `${JSON.stringify(result, null, 1)}\n`);
      folder.writeText('report.html', renderTransfer(result, verdict));
      for (const theme of ['light', 'dark'] as const) {
        const name = theme === 'light' ? 'matrix.svg' : 'matrix-dark.svg';
        folder.writeText(name, `${heatMapSvg(result, { theme, background: true })}\n`);
      }
      output.say(`Report: ${folder.path}/report.html`);
      output.result(result);
      return EXIT.done;
    } finally {
      folder.close();
    }
  });
}

/** The setting that columns differ from in one thing: the first weights' own, where it is on images. */
function baseOf({ file: { task, training } }: ReadWeights): Setting {
  const { horizon } = training;
  if (task.kind === 'images') return { task, horizon };
  const usual = parseConfig(taskSchema, { kind: 'images' }, 'transfer');
  if (usual.kind !== 'images') throw new RangeError('the usual task is not on images');
  return { task: usual, horizon };
}

/** Columns whose images there are: what nobody asked for by name is left out where it is not installed, and said. */
async function withData(
  columns: readonly Column[],
  dataOf: DataOf,
  lenient: boolean,
  output: Output,
): Promise<Column[]> {
  const kept: Column[] = [];
  for (const column of columns) {
    try {
      await dataOf(column.task);
      kept.push(column);
    } catch (error) {
      if (!lenient || column.axis !== 'dataset' || !(error instanceof CoordwiseError)) throw error;
      output.say(`Left out: ${column.axis} ${column.value}. ${error.message}; ${error.remedy}.`);
    }
  }
  return kept;
}

interface Matrix {
  readonly weights: readonly ReadWeights[];
  readonly columns: readonly Column[];
  readonly dataOf: DataOf;
  readonly folder: RunFolder;
  readonly seed: number;
  readonly tasks: number;
  readonly tuningTasks: number;
}

async function measure(
  context: GpuContext,
  { weights, columns, dataOf, folder, seed, tasks, tuningTasks }: Matrix,
  output: Output,
): Promise<Pick<TransferResult, 'columns' | 'rows'>> {
  const learned = weights.map(({ file, source, path }): Learned => {
    return learnedOf(file.optimizer, phiOf(context, file, source), file.training, path);
  });
  const [first, ...others] = learned;
  if (!first) throw new RangeError('no weights were read');
  const measured: { column: TransferColumn; curves: LossCurve[] }[] = [];
  for (const [index, { axis, value, task, horizon }] of columns.entries()) {
    output.say(`\nCell ${index + 1} of ${columns.length}: ${axis} ${value}`);
    const data: TaskData | undefined = await dataOf(task);
    const identity = JSON.stringify({ task, horizon, tasks, tuningTasks, seed });
    const kept = keptIn(folder, `${axis}-${value.replaceAll(' ', '-')}`, (label) => {
      const own = learned.find((one) => one.label === label);
      return [context.adapter.description, own ? digestOf(own.phi) : '', identity].join(' ');
    });
    const options = { task, data, horizon, seed, tasks, tuningTasks, kept };
    const { curves, optimizeeDescription } = await compare(
      context,
      { ...options, learned: first, others, baselines: ['adam'] },
      output,
    );
    const adam = curves.find(({ kind }) => kind === 'baseline');
    if (!adam) throw new RangeError('Adam was not measured');
    const words = `${optimizeeDescription}, ${horizon} steps`;
    const column = {
      axis,
      value,
      task: words,
      adam: { final: finite(lossAtStep(adam.mean, horizon)), setting: adam.setting },
    };
    measured.push({ column, curves: learned.map(({ label }) => curveOf(curves, label)) });
  }
  const rows = weights.map(({ file, path }, row) => ({
    label: path,
    trained: `${file.optimizer.kind}, ${file.training.iteration} meta-steps of ${file.training.horizon} steps, seed ${file.training.seed}`,
    cells: measured.map(({ column, curves }) => {
      const { mean = [], finalError = Number.NaN, diverged = 0 } = curves[row] ?? {};
      const finalMean = lossAtStep(mean, mean.length - 1);
      return {
        final: finite(finalMean),
        error: finite(finalError),
        ratio: finite(finalMean / (column.adam.final ?? Number.NaN)),
        diverged,
      };
    }),
  }));
  return { columns: measured.map(({ column }) => column), rows };
}

function curveOf(curves: readonly LossCurve[], label: string): LossCurve {
  const curve = curves.find((one) => one.label === label && one.kind === 'learned');
  if (!curve) throw new RangeError(`${label} was not measured`);
  return curve;
}

/** In how many cells each of the weights is ahead of Adam, and where it is furthest behind. */
function verdictOf({ columns, rows }: TransferResult): string {
  const parts = rows.map(({ label, cells }) => {
    const ratio = (index: number) => cells[index]?.ratio ?? Number.POSITIVE_INFINITY;
    const ahead = cells.filter((cell) => cell.ratio !== null && cell.ratio < 1).length;
    const worst = columns.reduce((most, _, index) => (ratio(index) > ratio(most) ? index : most), 0);
    const where = columns[worst] ? `${columns[worst].axis} ${columns[worst].value}` : '';
    const value = ratio(worst);
    const how = Number.isFinite(value) ? `${value.toPrecision(3)} times Adam's loss` : 'not finite';
    return `${label} is ahead of tuned Adam in ${ahead} of ${cells.length} cells; its worst is ${where}, ${how}`;
  });
  return `${parts.join('. ')}.`;
}
