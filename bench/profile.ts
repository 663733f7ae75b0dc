import type { GpuContext, Unroll } from '../src/host/index.ts';
import { median } from './statistics.ts';

/** One kernel's part of an unroll. */
export interface KernelTime {
  readonly kernel: string;
  readonly calls: number;
  /** Median over the profiled unrolls of the sum over the calls. */
  readonly ms: number;
  /** Of the sum over all kernels. */
  readonly share: number;
}

export interface Profile {
  readonly runs: number;
  /** Sum over the kernels; the time between them is not in it. */
  readonly kernelMs: number;
  /** From the beginning of the first kernel to the end of the last. */
  readonly spanMs: number;
  readonly kernels: readonly KernelTime[];
}

/** Timestamps a query set may hold in WebGPU. */
const MOST_QUERIES = 4096;

/** Why an unroll cannot be profiled on this adapter; undefined where it can. */
export function whyNoProfile({ device }: GpuContext, unroll: Unroll): string | undefined {
  if (!device.features.has('timestamp-query')) return 'this adapter has no timestamp-query';
  const queries = 2 * unroll.dispatches;
  if (queries <= MOST_QUERIES) return undefined;
  return `its ${unroll.dispatches} dispatches need ${queries} timestamps, and a query set holds ${MOST_QUERIES}`;
}

/** Runs an unroll `runs` times with a timestamp around every dispatch, and adds up per kernel. */
export async function profileUnroll(context: GpuContext, unroll: Unroll, runs: number): Promise<Profile> {
  const { device } = context;
  const count = 2 * unroll.dispatches;
  const size = 8 * count;
  const querySet = device.createQuerySet({ type: 'timestamp', count });
  const resolved = device.createBuffer({
    size,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const staging = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const perKernel = new Map<string, { calls: number; ms: number[] }>();
  const spans: number[] = [];
  try {
    for (let run = 0; run < runs; run++) {
      const names: string[] = [];
      const encoder = device.createCommandEncoder();
      unroll.encodeTimed(encoder, querySet, (name) => 2 * (names.push(name) - 1));
      encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
      device.queue.submit([encoder.finish()]);
      await context.wait(staging.mapAsync(GPUMapMode.READ));
      context.check();
      const times = new BigUint64Array(staging.getMappedRange().slice(0));
      staging.unmap();
      addRun(perKernel, names, times);
      spans.push(milliseconds(times, 0, count - 1));
    }
  } finally {
    querySet.destroy();
    resolved.destroy();
    staging.destroy();
  }
  return summarise(perKernel, spans);
}

function addRun(
  perKernel: Map<string, { calls: number; ms: number[] }>,
  names: readonly string[],
  times: BigUint64Array,
): void {
  const run = new Map<string, { calls: number; ms: number }>();
  for (const [index, name] of names.entries()) {
    const { calls, ms } = run.get(name) ?? { calls: 0, ms: 0 };
    run.set(name, { calls: calls + 1, ms: ms + milliseconds(times, 2 * index, 2 * index + 1) });
  }
  for (const [name, { calls, ms }] of run) {
    const known = perKernel.get(name);
    perKernel.set(name, { calls, ms: [...(known?.ms ?? []), ms] });
  }
}

/** Timestamps are in nanoseconds; WebGPU allows them to run backwards, which counts as no time. */
function milliseconds(times: BigUint64Array, from: number, to: number): number {
  return Math.max(0, Number((times[to] ?? 0n) - (times[from] ?? 0n)) / 1e6);
}

function summarise(
  perKernel: ReadonlyMap<string, { calls: number; ms: number[] }>,
  spans: readonly number[],
): Profile {
  const kernels = [...perKernel].map(([kernel, { calls, ms }]) => ({ kernel, calls, ms: median(ms) }));
  const kernelMs = kernels.reduce((sum, { ms }) => sum + ms, 0);
  return {
    runs: spans.length,
    kernelMs,
    spanMs: median(spans),
    kernels: kernels
      .map((time) => ({ ...time, share: kernelMs > 0 ? time.ms / kernelMs : 0 }))
      .sort((a, b) => b.ms - a.ms || a.kernel.localeCompare(b.kernel)),
  };
}
