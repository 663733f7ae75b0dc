import { milliseconds, table } from '../lines.ts';
import type { BenchResult } from '../result.ts';
import { RECORDED_PEERS } from './recorded.ts';

/** What of a result is needed here. */
interface Timings {
  readonly workloads: readonly Pick<BenchResult['workloads'][number], 'name' | 'medianMs' | 'cpuMs'>[];
  readonly peers?: BenchResult['peers'];
}

/** Other implementations' times: of this run, or where none was asked for, as recorded elsewhere. */
export function peerLines(result: Timings): string[] {
  return result.peers ? measuredLines(result, result.peers) : recordedLines(result);
}

function measuredLines(timings: Timings, { peers, skipped }: NonNullable<BenchResult['peers']>): string[] {
  const workloads = timings.workloads.filter(({ name }) =>
    peers.some((peer) => peer.workloads.some(({ workload }) => workload === name)),
  );
  const names = workloads.map(({ name }) => name);
  const head = ['peers in this run', ...names.flatMap((name) => [name, '', 'CPU', ''])];
  const own = [
    'this run',
    ...workloads.flatMap(({ medianMs, cpuMs }) => [milliseconds(medianMs), '', milliseconds(cpuMs), '']),
  ];
  const rows = peers.map((peer) => [
    peer.name,
    ...names.flatMap((name) => {
      const outcome = peer.workloads.find(({ workload }) => workload === name);
      if (outcome?.state !== 'timed') return [outcome?.state ?? '-', '', '', ''];
      const { medianMs, ratio, cpuMs, oursCpuMs } = outcome;
      return [
        milliseconds(medianMs),
        `(${ratio.toPrecision(2)})`,
        milliseconds(cpuMs),
        `(${(cpuMs / oursCpuMs).toPrecision(2)})`,
      ];
    }),
  ]);
  const reasons = peers.flatMap(({ name, workloads: outcomes }) =>
    outcomes.flatMap((outcome) =>
      outcome.state === 'timed' ? [] : [`${name}, ${outcome.workload} ${outcome.state}: ${outcome.reason}`],
    ),
  );
  return [
    ...table([head, own, ...rows]),
    'ms, medians of interleaved runs; in brackets their time over ours in the same rounds: above 1 this is faster.',
    ...peers.map(({ name, description }) => `${name}: ${description}.`),
    ...reasons,
    ...skipped.map(({ name, reason, remedy }) => `${name} skipped: ${reason}; to install: ${remedy}`),
  ];
}

function recordedLines(timings: Timings): string[] {
  const workloads = timings.workloads.filter(({ name }) => RECORDED_PEERS.some((peer) => name in peer));
  const rows = RECORDED_PEERS.map((peer) => [
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
    '`npm run bench -- --peers` runs them here, in turns with these.',
  ];
}
