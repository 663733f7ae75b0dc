import { join } from 'node:path';
import { CoordwiseError, type GpuContext } from '../src/host/index.ts';
import { checkCases } from './cases.ts';
import { type Check, holds } from './check.ts';
import { describeEnvironment, repositoryFolder } from './environment.ts';
import { checkLine, megabytes } from './lines.ts';
import { type FirstRun, firstRun, interleave, type Samples, sampled, watchOthers } from './measure.ts';
import type { MetaIteration } from './metaIteration.ts';
import { Comparison } from './peers/comparison.ts';
import type { FoundPeers } from './peers/find.ts';
import { profileUnroll, whyNoProfile } from './profile.ts';
import type { Rate } from './rates.ts';
import type { BenchResult } from './result.ts';
import { median } from './statistics.ts';
import type { Timed, Workload } from './workload.ts';

export interface Benches {
  readonly workloads: readonly Workload[];
  /** The multiply-add rate among them. */
  readonly rates: readonly Rate[];
  /** The workload whose kernels are timed one by one; absent for none. */
  readonly profiled: MetaIteration | undefined;
}

export interface BenchOptions {
  /** Timed runs of each after the first. */
  readonly runs: number;
  /** A rate is measured over about this long a run, so that starting the kernel does not count. */
  readonly rateMs: number;
  /** Other implementations to compare with; absent for none. */
  readonly peers?: FoundPeers | undefined;
  /** Where progress goes, a line at a time. */
  readonly say: (line: string) => void;
}

const PROFILED_RUNS = 3;

/** Four times the coordinates may take so many times as long. */
const MOST_GROWTH = 4.2;

/**
 * First runs, checks of what they left, then interleaved timed runs and a profile; gives the benches' memory back.
 * @throws CoordwiseError when a check fails; nothing has been timed then.
 */
export async function runBench(
  context: GpuContext,
  { workloads, rates, profiled }: Benches,
  { runs, rateMs, peers, say }: BenchOptions,
): Promise<BenchResult> {
  const environment = describeEnvironment(context);
  const benches: Timed[] = [...workloads, ...rates];
  let comparison: Comparison | undefined;
  try {
    for (const { name, description, bytes } of workloads) {
      say(`${name}: ${description}; ${megabytes(bytes)} MB on the device`);
    }
    const first = new Map<string, FirstRun>();
    for (const bench of benches) first.set(bench.name, await firstRun(bench));
    const ofBytes = workloads.map((workload) => checkBytes(workload, first.get(workload.name)?.bytesTaken));
    const checks = await runChecks(context, benches, ofBytes, say);
    // Variants of a workload are our own; other implementations have the plain ones.
    const plain = workloads.filter(({ name }) => !name.includes('-'));
    if (peers) comparison = await Comparison.start(peers, plain, environment.adapter.description, say);
    for (const rate of rates) await rate.calibrate(rateMs);
    const turns = [
      ...workloads.flatMap((workload) => [sampled(workload), ...(comparison?.sampled(workload.name) ?? [])]),
      ...rates.map(sampled),
    ];
    say(`Timing ${runs} interleaved runs of ${turns.map(({ name }) => name).join(', ')}`);
    const othersShare = watchOthers();
    const samples = await interleave(turns, runs);
    const machine = { ...environment.machine, othersShare: othersShare(comparison?.cpuMs(samples) ?? 0) };
    const profile = await profileKernels(context, profiled);
    const measured = (name: string): Measured => {
      const ofFirst = first.get(name);
      const ofRuns = samples.get(name);
      if (!ofFirst || !ofRuns) throw new RangeError(`${name} was not measured`);
      return { ...ofFirst, ...ofRuns };
    };
    const plainRates = rates.map((rate) => rateResult(rate, measured(rate.name)));
    const rateResults = plainRates.map((result, i) => withRatio(result, rates[i], plainRates));
    const fma = rateResults.find(({ name }) => name === 'fma')?.median ?? Number.NaN;
    return {
      format: 'coordwise-bench-1',
      ...environment,
      machine,
      runs,
      checks,
      rates: rateResults,
      workloads: workloads.map((workload) => workloadResult(workload, measured(workload.name), fma)),
      ...growthOf(samples),
      ...(comparison && { peers: comparison.result(samples) }),
      ...profile,
    };
  } finally {
    comparison?.close();
    for (const bench of benches) bench.destroy();
  }
}

/** Memory is announced before it is taken, to the byte. */
function checkBytes({ name, bytes }: Workload, taken = Number.NaN): Check {
  const error = taken === bytes ? 0 : Math.abs(taken / bytes - 1);
  return { name: `${name}: bytes taken`, against: 'bytes announced', error, tolerance: 0 };
}

/** How the time grows with the coordinates, where both were run: the median over the rounds. */
function growthOf(samples: ReadonlyMap<string, Samples>): Pick<BenchResult, 'growth'> {
  const [all, quarter] = [samples.get('W3')?.ms, samples.get('W3-QUARTER')?.ms];
  if (!all || !quarter) return {};
  return {
    growth: { ratio: median(all.map((ms, i) => ms / (quarter[i] ?? Number.NaN))), most: MOST_GROWTH },
  };
}

/** All checks, printed one a line. */
async function runChecks(
  context: GpuContext,
  benches: readonly Timed[],
  before: readonly Check[],
  say: (line: string) => void,
): Promise<Check[]> {
  say('Relative errors of the numbers, before anything is timed:');
  const sources: (() => Promise<readonly Check[]>)[] = [
    async () => before,
    () => checkCases(context, join(repositoryFolder(), 'tests', 'cases')),
    ...benches.map((bench) => () => bench.check()),
  ];
  const checks: Check[] = [];
  for (const source of sources) {
    for (const check of await source()) {
      checks.push(check);
      say(checkLine(check));
    }
  }
  const failed = checks.filter((check) => !holds(check));
  if (failed.length > 0) {
    throw new CoordwiseError(
      `${failed.length} of ${checks.length} checks failed (${failed.map(({ name }) => name).join('; ')}), so nothing was timed`,
      'run `npm test`, which says which kernel is wrong',
    );
  }
  return checks;
}

async function profileKernels(
  context: GpuContext,
  profiled: MetaIteration | undefined,
): Promise<Pick<BenchResult, 'profile' | 'noProfile'>> {
  if (!profiled) return { profile: null, noProfile: 'W1 was not asked for' };
  const { unroll } = profiled.trainer;
  const noProfile = whyNoProfile(context, unroll);
  if (noProfile) return { profile: null, noProfile };
  const profile = await profileUnroll(context, unroll, PROFILED_RUNS);
  return { profile: { ...profile, kernels: [...profile.kernels] } };
}

type Measured = FirstRun & Samples;

function rateResult(rate: Rate, { firstRunMs, ms, cpuMs }: Measured): BenchResult['rates'][number] {
  const { name, unit, description, amount } = rate;
  const perSecond = (time: number) => amount / time / 1e6;
  return {
    name,
    unit,
    description,
    amount,
    median: perSecond(median(ms)),
    best: perSecond(Math.min(...ms)),
    firstRunMs,
    samplesMs: ms,
    cpuMs: median(cpuMs),
  };
}

/** The result of a rate beside that of the rate it is compared with. */
function withRatio(
  result: BenchResult['rates'][number],
  rate: Rate | undefined,
  all: BenchResult['rates'],
): BenchResult['rates'][number] {
  const other = all.find(({ name }) => name === rate?.comparedWith);
  return other ? { ...result, ratio: { of: other.name, value: result.median / other.median } } : result;
}

function workloadResult(
  { name, description, coordinateSteps, flop, bytes }: Workload,
  { dispatches, submits, firstRunMs, ms, cpuMs }: Measured,
  fma: number,
): BenchResult['workloads'][number] {
  const medianMs = median(ms);
  const gflops = flop / medianMs / 1e6;
  return {
    name,
    description,
    coordinateSteps,
    flop,
    bytes,
    dispatches,
    submits,
    firstRunMs,
    medianMs,
    minMs: Math.min(...ms),
    samplesMs: ms,
    cpuMs: median(cpuMs),
    coordinateStepsPerSecond: coordinateSteps / (medianMs / 1000),
    gflops,
    percentOfFma: (100 * gflops) / fma,
  };
}
