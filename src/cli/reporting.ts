import {
  type GateRecording,
  type GpuContext,
  type HeldOutList,
  isEpisode,
  type TaskConfig,
} from '../host/index.ts';
import type { RunFolder } from '../node/index.ts';
import type { ReportData, TrainingPoint, ValidationPoint } from '../report/data.ts';
import type { Provenance } from '../report/results.ts';
import { accuracyTable, lossPlot, lossTable } from '../report/terminal.ts';
import type { ComparisonResult } from './compare.ts';
import { saveGates } from './gates.ts';
import type { Output } from './output.ts';

declare const __VERSION__: string;
export const VERSION: string = typeof __VERSION__ === 'undefined' ? 'development' : __VERSION__;
declare const __COMMIT__: string;
/** Of the source this was built from; empty where it is not known. */
export const COMMIT: string = typeof __COMMIT__ === 'undefined' ? '' : __COMMIT__;

/** The tables, the plot and the verdict, in the terminal. */
export function sayCurves(
  output: Output,
  { curves, accuracies, verdict }: Pick<ComparisonResult, 'curves' | 'accuracies' | 'verdict'>,
): void {
  const width = Math.min(100, process.stdout.columns ?? 80);
  output.say('');
  output.say(lossTable(curves));
  output.say('');
  output.say(
    lossPlot(curves, width, 16, { color: process.stdout.isTTY === true && !process.env['NO_COLOR'] }),
  );
  output.say('');
  if (accuracies.length > 0) output.say(`${accuracyTable(accuracies)}\n`);
  output.say(verdict);
}

/** Where results come from; `command` makes them again, wherever they are written to. */
export function provenance({ adapter }: GpuContext, command: string): Provenance {
  return {
    format: 'coordwise-results-1',
    command,
    version: VERSION,
    commit: COMMIT,
    adapter: adapter.description,
    software: adapter.kind === 'software',
    made: new Date().toISOString().slice(0, 10),
  };
}

export interface ReportInput {
  readonly context: GpuContext;
  readonly title: string;
  readonly seed: number;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly tasks: string;
  /** Held-out tasks that are reported. */
  readonly testTasks: number;
  readonly training: readonly TrainingPoint[];
  readonly validation: readonly ValidationPoint[];
  readonly comparison: ComparisonResult;
  readonly unroll: number;
  readonly horizon: number;
  readonly wallSeconds: number;
  readonly bytes: number;
  readonly gates: GateRecording | undefined;
}

/** report.html as text. The chart library is loaded only here: it takes a quarter of a second. */
export async function makeReport(input: ReportInput): Promise<string> {
  const { renderReport } = await import('../report/html.ts');
  const { gatesFigure } = await import('../report/gateFigure.ts');
  const { accuracyFigure } = await import('../report/accuracyFigure.ts');
  const { adapter } = input.context;
  const { accuracies } = input.comparison;
  const data: ReportData = {
    title: input.title,
    verdict: input.comparison.verdict,
    createdAt: new Date().toISOString(),
    command: `npx coordwise ${process.argv.slice(2).join(' ')}`,
    version: VERSION,
    adapter: {
      description: adapter.description,
      kind: adapter.kind,
      driver: [adapter.vendor, adapter.architecture].filter(Boolean).join(' '),
    },
    seed: input.seed,
    settings: input.settings,
    tasks: input.tasks,
    training: input.training,
    validation: input.validation,
    curves: input.comparison.curves,
    unrollLength: input.unroll,
    horizon: input.horizon,
    wallSeconds: input.wallSeconds,
    bytes: input.bytes,
    extraFigures: [
      ...(accuracies.length > 0 ? [accuracyFigure(accuracies, input.testTasks)] : []),
      ...(input.gates ? [gatesFigure(input.gates)] : []),
    ],
  };
  return renderReport(data);
}

/** How many tasks, and which, in words. */
export function describeTasks(
  task: TaskConfig,
  seed: number,
  tasks: number,
  list: HeldOutList = 'test',
): string {
  const what = {
    quadratic: 'new problems and starting points',
    surface: 'new starting points',
    images: `images of the ${list} set and starting points`,
    glyphs: `characters and fonts of the ${list} split`,
    sine: 'new amplitudes, phases and points',
    own: 'new problems and starting points',
  }[task.kind];
  const kind = isEpisode(task) ? 'episodes' : 'tasks';
  const losses = isEpisode(task) ? '; losses are those on the query set' : '';
  const unseen =
    list === 'test'
      ? 'that neither training nor tuning saw'
      : 'that settings are chosen on and training did not see';
  return `${tasks} ${list === 'test' ? 'held-out' : list} ${kind} of seed ${seed}: ${what} ${unseen}${losses}`;
}

/** A comparison for machines. */
export function resultOf(comparison: ComparisonResult, wallSeconds: number): object {
  const { curves, accuracies, verdict, learnedWins, tuning } = comparison;
  const few = accuracies.length > 0 ? { accuracies } : {};
  return { verdict, learnedWins, wallSeconds, ...few, curves, tuning };
}

/** Writes results.json, gates.json where gates were recorded, and report.html. */
export function saveResults(
  folder: RunFolder,
  comparison: ComparisonResult,
  wallSeconds: number,
  html: string,
  gates: GateRecording | undefined,
): void {
  folder.writeText('results.json', `${JSON.stringify(resultOf(comparison, wallSeconds), null, 1)}\n`);
  if (gates) saveGates(folder, gates);
  folder.writeText('report.html', html);
}

/** A list in a few words: numbers as they are while they are few, layers by what they hold. */
function listText(items: readonly unknown[]): string {
  if (items.some((item) => typeof item === 'object' && item !== null)) {
    return items.map((item) => Object.values(item as object).join(' ')).join(', ');
  }
  return items.length > 8 ? `${items.length} numbers` : items.join(', ');
}

/** Nested settings as one level of names for people: task.batch = 128. */
export function flatten(value: object, prefix = ''): Record<string, string | number | boolean> {
  const flat: Record<string, string | number | boolean> = {};
  for (const [key, item] of Object.entries(value) as [string, unknown][]) {
    const name = prefix === '' ? key : `${prefix}.${key}`;
    if (Array.isArray(item)) flat[name] = listText(item);
    else if (typeof item === 'object' && item !== null) Object.assign(flat, flatten(item, name));
    else flat[name] = item === null ? 'none' : (item as string | number | boolean);
  }
  return flat;
}
