import { megabytes, milliseconds, table } from './lines.ts';
import { peerLines } from './peers/print.ts';
import type { BenchResult } from './result.ts';

/** Times are worth quoting while other processes take less of the machine than this. */
const QUIET = 0.03;

/** Everything a person reads, as lines. */
export function report(result: BenchResult): string[] {
  return [
    '',
    ...headLines(result),
    '',
    ...workloadLines(result),
    '',
    ...rateLines(result),
    '',
    ...profileLines(result),
    '',
    ...peerLines(result),
  ];
}

function headLines({ date, adapter, versions, commit, machine, runs }: BenchResult): string[] {
  const remark = adapter.kind === 'software' ? " (software: its times are not a GPU's)" : '';
  const others = `Other processes took ${(100 * machine.othersShare).toFixed(1)} % of the machine during the timed runs`;
  return [
    `${date}, commit ${commit ?? 'unknown'}, Node ${versions.node}, webgpu ${versions.webgpu ?? 'unknown'}`,
    `${adapter.description}${remark}; ${machine.threads} threads of ${machine.processor}`,
    machine.othersShare > QUIET ? `${others}: do not quote these times.` : `${others}.`,
    `Times in ms until the device has completed; median and minimum of ${runs} interleaved runs.`,
  ];
}

/** Whether the time grows with the coordinates as it may. */
export function growsAsItMay({ growth }: BenchResult): boolean {
  return growth === undefined || growth.ratio <= growth.most;
}

function workloadLines(result: BenchResult): string[] {
  const { workloads, growth } = result;
  const head = [
    '',
    'first',
    'median',
    'min',
    'CPU',
    'coord.-steps/s',
    'GFLOP/s',
    '% of FMA',
    'dispatches',
    'submits',
    'MB',
  ];
  const rows = workloads.map((workload) => [
    workload.name,
    milliseconds(workload.firstRunMs),
    milliseconds(workload.medianMs),
    milliseconds(workload.minMs),
    milliseconds(workload.cpuMs),
    Math.round(workload.coordinateStepsPerSecond).toLocaleString('en-US'),
    workload.gflops.toFixed(2),
    workload.percentOfFma.toFixed(1),
    String(workload.dispatches),
    String(workload.submits),
    megabytes(workload.bytes),
  ]);
  return [
    ...table([head, ...rows]),
    'first: the first run with allocation, uploads and compiling what was not compiled by a row above.',
    'CPU: processor time of a run, all threads together; a busy machine changes it less than the time that passes.',
    'GFLOP/s: useful work of the median; recomputed gates are not counted as useful work.',
    ...(growth
      ? [
          `Four times the coordinates (W3 over W3-QUARTER) take ${growth.ratio.toFixed(2)} times as long; ${growsAsItMay(result) ? 'allowed' : 'MORE than the allowed'}: ${growth.most}.`,
        ]
      : []),
  ];
}

function rateLines({ rates }: BenchResult): string[] {
  const head = ['rates of the adapter', 'first', 'median', 'best', '', 'ratio'];
  const rows = rates.map(({ description, unit, firstRunMs, median, best, ratio }) => [
    description,
    milliseconds(firstRunMs),
    median.toFixed(1),
    best.toFixed(1),
    unit,
    ratio ? `${ratio.value.toFixed(2)} of ${ratio.of}` : '',
  ]);
  return table([head, ...rows]);
}

function profileLines({ profile, noProfile }: BenchResult): string[] {
  if (!profile) return [`No profile of W1's kernels: ${noProfile ?? 'unknown'}.`];
  const head = [`W1's unroll, median of ${profile.runs}`, 'calls', 'ms', 'share'];
  const rows = profile.kernels.map(({ kernel, calls, ms: time, share }) => [
    kernel,
    String(calls),
    time.toFixed(2),
    `${(100 * share).toFixed(1)} %`,
  ]);
  const calls = profile.kernels.reduce((sum, kernel) => sum + kernel.calls, 0);
  return [
    ...table([head, ...rows, ['all kernels', String(calls), profile.kernelMs.toFixed(2), '100.0 %']]),
    `From the first kernel's beginning to the last one's end: ${profile.spanMs.toFixed(2)} ms, each dispatch in a pass of its own.`,
  ];
}
