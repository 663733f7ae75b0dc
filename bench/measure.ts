import type { Timed } from './workload.ts';

/** Calls counted at the WebGPU interface. */
export interface Calls {
  readonly dispatches: number;
  readonly submits: number;
}

export interface FirstRun extends Calls {
  /** Allocation, uploads, compiling what nothing before it has compiled, and one run. */
  readonly firstRunMs: number;
}

/** Milliseconds until the promise of `work` is resolved, which is when the device has completed it. */
export async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Prepares and runs once; the calls are those of the run alone. */
export async function firstRun(bench: Timed): Promise<FirstRun> {
  let calls: Calls = { dispatches: 0, submits: 0 };
  const firstRunMs = await timeMs(async () => {
    await bench.prepare();
    calls = await countCalls(() => bench.run());
  });
  return { ...calls, firstRunMs };
}

/** One array each, a value a run. */
export interface Samples {
  readonly ms: number[];
  /** Processor time of this process, all its threads together: a software adapter's own work is in it. */
  readonly cpuMs: number[];
}

/** One run of each in turn, `rounds` times, so that drift of the machine hits all alike. */
export async function interleave(benches: readonly Timed[], rounds: number): Promise<Map<string, Samples>> {
  const samples = new Map<string, Samples>(benches.map(({ name }) => [name, { ms: [], cpuMs: [] }]));
  for (let round = 0; round < rounds; round++) {
    for (const bench of benches) {
      const before = process.cpuUsage();
      const ms = await timeMs(() => bench.run());
      const { user, system } = process.cpuUsage(before);
      samples.get(bench.name)?.ms.push(ms);
      samples.get(bench.name)?.cpuMs.push((user + system) / 1000);
    }
  }
  return samples;
}

/** Counts dispatches and submits while `work` runs; nothing else may use WebGPU meanwhile. */
export async function countCalls(work: () => Promise<unknown>): Promise<Calls> {
  const pass = GPUComputePassEncoder.prototype;
  const queue = GPUQueue.prototype;
  const { dispatchWorkgroups } = pass;
  const { submit } = queue;
  let dispatches = 0;
  let submits = 0;
  pass.dispatchWorkgroups = function (...groups) {
    dispatches++;
    return dispatchWorkgroups.apply(this, groups);
  };
  queue.submit = function (...buffers) {
    submits++;
    return submit.apply(this, buffers);
  };
  try {
    await work();
  } finally {
    pass.dispatchWorkgroups = dispatchWorkgroups;
    queue.submit = submit;
  }
  return { dispatches, submits };
}
