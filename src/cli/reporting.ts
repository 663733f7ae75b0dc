import type { GpuContext } from '../host/index.ts';
import type { LossCurve, ReportData, TrainingPoint, ValidationPoint } from '../report/data.ts';
import { lossPlot, lossTable } from '../report/terminal.ts';
import type { ComparisonResult } from './compare.ts';
import type { Output } from './output.ts';

declare const __VERSION__: string;
export const VERSION: string = typeof __VERSION__ === 'undefined' ? 'development' : __VERSION__;

/** The table, the plot and the verdict, in the terminal. */
export function sayCurves(output: Output, curves: readonly LossCurve[], verdict: string): void {
  const width = Math.min(100, process.stdout.columns ?? 80);
  output.say('');
  output.say(lossTable(curves));
  output.say('');
  output.say(
    lossPlot(curves, width, 16, { color: process.stdout.isTTY === true && !process.env['NO_COLOR'] }),
  );
  output.say('');
  output.say(verdict);
}

export interface ReportInput {
  readonly context: GpuContext;
  readonly title: string;
  readonly seed: number;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly tasks: string;
  readonly training: readonly TrainingPoint[];
  readonly validation: readonly ValidationPoint[];
  readonly comparison: ComparisonResult;
  readonly unroll: number;
  readonly horizon: number;
  readonly wallSeconds: number;
  readonly bytes: number;
  readonly command: string;
}

/** report.html as text. The chart library is loaded only here: it takes a quarter of a second. */
export async function makeReport(input: ReportInput): Promise<string> {
  const { renderReport } = await import('../report/html.ts');
  const { adapter } = input.context;
  const data: ReportData = {
    title: input.title,
    verdict: input.comparison.verdict,
    createdAt: new Date().toISOString(),
    command: input.command,
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
  };
  return renderReport(data);
}

/** Nested settings as one level of names for people: task.hidden = 20. */
export function flatten(value: object, prefix = ''): Record<string, string | number | boolean> {
  const flat: Record<string, string | number | boolean> = {};
  for (const [key, item] of Object.entries(value) as [string, unknown][]) {
    const name = prefix === '' ? key : `${prefix}.${key}`;
    if (Array.isArray(item)) flat[name] = item.length > 8 ? `${item.length} numbers` : item.join(', ');
    else if (typeof item === 'object' && item !== null) Object.assign(flat, flatten(item, name));
    else flat[name] = item === null ? 'none' : (item as string | number | boolean);
  }
  return flat;
}
