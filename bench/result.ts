import * as z from 'zod';
import { RATES } from './rates.ts';

const positive = z.number().positive();
const count = z.int().min(1);
const samples = z.array(positive).min(1);

const kernelTime = z.strictObject({
  kernel: z.string(),
  calls: count,
  ms: z.number().nonnegative(),
  share: z.number().min(0).max(1),
});

const check = z.strictObject({
  name: z.string(),
  against: z.string(),
  error: z.number().nonnegative(),
  tolerance: z.number().nonnegative(),
});

const timedPeer = z.strictObject({
  workload: z.string(),
  state: z.literal('timed'),
  checks: z.array(check).min(1),
  /** Loading and the first run. */
  firstRunMs: positive,
  medianMs: positive,
  minMs: positive,
  samplesMs: samples,
  cpuMs: z.number().nonnegative(),
  /** Our medians over the rounds that the peer took part in. */
  oursMs: positive,
  oursCpuMs: z.number().nonnegative(),
  /** medianMs / oursMs */
  ratio: positive,
});

/** Not timed: its numbers are not ours, or it ended with an error. */
const untimedPeer = z.strictObject({
  workload: z.string(),
  state: z.enum(['wrong', 'failed']),
  reason: z.string(),
});

const peersSchema = z.strictObject({
  skipped: z.array(z.strictObject({ name: z.string(), reason: z.string(), remedy: z.string() })),
  peers: z.array(
    z.strictObject({
      name: z.string(),
      description: z.string(),
      versions: z.record(z.string(), z.string()),
      /** Of peers that use WebGPU. */
      adapter: z.string().optional(),
      workloads: z.array(z.discriminatedUnion('state', [timedPeer, untimedPeer])),
    }),
  ),
});

/** What `npm run bench` writes; times in ms, to completion on the device. */
export const benchResultSchema = z.strictObject({
  format: z.literal('coordwise-bench-1'),
  date: z.iso.datetime(),
  adapter: z.strictObject({
    description: z.string().min(1),
    vendor: z.string(),
    architecture: z.string(),
    kind: z.enum(['gpu', 'software']),
    subgroupMinSize: z.number(),
    subgroupMaxSize: z.number(),
    storageTextureReads: z.boolean(),
  }),
  versions: z.strictObject({
    coordwise: z.string(),
    node: z.string(),
    webgpu: z.string().optional(),
    mesa: z.string().optional(),
  }),
  /** With `+` where files differ from it; absent outside a git checkout. */
  commit: z.string().optional(),
  machine: z.strictObject({
    processor: z.string(),
    threads: count,
    /** Of the minute before the bench began. */
    loadAverage: z.number().nonnegative(),
    /** Share of the machine's processor time that other processes took during the timed runs. */
    othersShare: z.number().min(0).max(1),
  }),
  /** Timed runs of each, after the first. */
  runs: count,
  checks: z.array(check),
  rates: z.array(
    z.strictObject({
      name: z.enum(RATES),
      unit: z.enum(['GFLOP/s', 'GB/s']),
      description: z.string(),
      /** FLOP or bytes of one run. */
      amount: positive,
      median: positive,
      best: positive,
      /** The median over that of a rate of the same arithmetic; absent where there is none. */
      ratio: z.strictObject({ of: z.enum(RATES), value: positive }).optional(),
      firstRunMs: positive,
      samplesMs: samples,
      /** Median processor time of a run. */
      cpuMs: z.number().nonnegative(),
    }),
  ),
  workloads: z.array(
    z.strictObject({
      name: z.string(),
      description: z.string(),
      coordinateSteps: count,
      /** Useful FLOP of one run; what is computed twice counts once. */
      flop: positive,
      bytes: count,
      dispatches: count,
      submits: count,
      firstRunMs: positive,
      medianMs: positive,
      minMs: positive,
      samplesMs: samples,
      /** Median processor time of a run, all threads together: on a software adapter, its own work. */
      cpuMs: z.number().nonnegative(),
      /** From the median. */
      coordinateStepsPerSecond: positive,
      gflops: positive,
      percentOfFma: positive,
    }),
  ),
  /** W3 over W3-QUARTER, four times the coordinates, and the most it may be; absent where one was not run. */
  growth: z.strictObject({ ratio: positive, most: positive }).optional(),
  /** Other implementations, run between our own runs; absent where none was asked for. */
  peers: peersSchema.optional(),
  /** Of W1's unroll; null where it was not measured. */
  profile: z
    .strictObject({
      runs: count,
      kernelMs: z.number().nonnegative(),
      spanMs: z.number().nonnegative(),
      kernels: z.array(kernelTime).min(1),
    })
    .nullable(),
  /** Why there is no profile. */
  noProfile: z.string().optional(),
});

export type BenchResult = z.infer<typeof benchResultSchema>;
