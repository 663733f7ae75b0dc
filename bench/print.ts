import { type Check, holds } from './check.ts';
import { PEERS } from './peers.ts';
import type { BenchResult } from './result.ts';

/** Times are worth quoting while other processes take less of the machine than this. */
const QUIET = 0.03;

/** Rows of cells as aligned lines: the first column to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}

export function checkLine(check: Check): string {
  const { name, against, error, tolerance } = check;
  const verdict = holds(check) ? '' : `  WRONG: at most ${tolerance.toExponential(0)} is allowed`;
  return `  ${error.toExponential(1)}  ${name}, against ${against}${verdict}`;
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

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

function workloadLines({ workloads }: BenchResult): string[] {
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
    ms(workload.firstRunMs),
    ms(workload.medianMs),
    ms(workload.minMs),
    ms(workload.cpuMs),
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
  ];
}

function rateLines({ rates }: BenchResult): string[] {
  const head = ['rates of the adapter', 'first', 'median', 'best', ''];
  const rows = rates.map(({ description, unit, firstRunMs, median, best }) => [
    description,
    ms(firstRunMs),
    median.toFixed(1),
    best.toFixed(1),
    unit,
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

/** Other implementations' times: printed apart, because they were measured elsewhere. */
function peerLines({ workloads }: BenchResult): string[] {
  const rows = PEERS.map((peer) => [
    peer.name,
    ...workloads.flatMap(({ name, medianMs }) => {
      const theirs = name === 'W1' || name === 'W2' || name === 'W3' ? peer[name] : undefined;
      if (theirs === undefined) return ['-', ''];
      return [String(theirs), `(${(theirs / medianMs).toPrecision(2)})`];
    }),
  ]);
  const head = ['peers, recorded elsewhere, not in this run', ...workloads.flatMap(({ name }) => [name, ''])];
  return [
    ...table([head, ...rows]),
    "ms; in brackets their time over this run's median: indicative only, for it compares two machines and two days.",
  ];
}

function ms(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
