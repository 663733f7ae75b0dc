import { cpus } from 'node:os';
import type { Timed } from './workload.ts';

/** Calls counted at the WebGPU interface. */
export interface Calls {
  readonly dispatches: number;
  readonly submits: number;
}

export interface FirstRun extends Calls {
  /** Allocation, uploads, compiling what nothing before it has compiled, and one run. */
  readonly firstRunMs: number;
  /** Taken for tensors, texels and readback; parameters of dispatches are not counted. */
  readonly bytesTaken: number;
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
  let bytesTaken = 0;
  const firstRunMs = await timeMs(async () => {
    bytesTaken = await countBytes(() => bench.prepare());
    calls = await countCalls(() => bench.run());
  });
  return { ...calls, firstRunMs, bytesTaken };
}

/** One array each, a value a run. */
export interface Samples {
  readonly ms: number[];
  readonly cpuMs: number[];
}

export interface Sample {
  readonly ms: number;
  /** Processor time, all threads together: a software adapter's own work is in it. */
  readonly cpuMs: number;
}

/** Something that can be timed again and again. */
export interface Sampled {
  readonly name: string;
  /** The most rounds it takes part in; all where absent. */
  readonly rounds?: number | undefined;
  /** One run; undefined where there is nothing to add. */
  sample(): Promise<Sample | undefined>;
}

/** A bench of this process, timed by this process's clock. */
export function sampled({ name, run }: Timed): Sampled {
  return {
    name,
    async sample() {
      const before = process.cpuUsage();
      const ms = await timeMs(run);
      const { user, system } = process.cpuUsage(before);
      return { ms, cpuMs: (user + system) / 1000 };
    },
  };
}

/** One run of each in turn, `rounds` times, so that drift of the machine hits all alike. */
export async function interleave(benches: readonly Sampled[], rounds: number): Promise<Map<string, Samples>> {
  const samples = new Map<string, Samples>(benches.map(({ name }) => [name, { ms: [], cpuMs: [] }]));
  for (let round = 0; round < rounds; round++) {
    for (const bench of benches) {
      if (round >= (bench.rounds ?? rounds)) continue;
      const sample = await bench.sample();
      if (!sample) continue;
      samples.get(bench.name)?.ms.push(sample.ms);
      samples.get(bench.name)?.cpuMs.push(sample.cpuMs);
    }
  }
  return samples;
}

/**
 * Begins to watch the machine; the function it returns says which share of its processor time since then went to
 * other processes, 0 to 1. `peersMs` is what peers took, which count as our own.
 */
export function watchOthers(): (peersMs: number) => number {
  const start = machineTime();
  const own = process.cpuUsage();
  return (peersMs) => {
    const { busy, all } = machineTime();
    const { user, system } = process.cpuUsage(own);
    const others = busy - start.busy - (user + system) / 1000 - peersMs;
    return Math.min(1, Math.max(0, others / Math.max(1, all - start.all)));
  };
}

/** Milliseconds since the machine started, summed over its hardware threads. */
function machineTime(): { busy: number; all: number } {
  let [busy, all] = [0, 0];
  for (const { times } of cpus()) {
    busy += times.user + times.nice + times.sys + times.irq;
    all += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { busy, all };
}

/** Bytes of the buffers and textures made while `work` runs, but for buffers that are uniform and nothing else: parameters. */
async function countBytes(work: () => Promise<unknown>): Promise<number> {
  const device = GPUDevice.prototype;
  const { createBuffer, createTexture } = device;
  let bytes = 0;
  device.createBuffer = function (descriptor) {
    if ((descriptor.usage & (GPUBufferUsage.STORAGE | GPUBufferUsage.MAP_READ)) !== 0)
      bytes += descriptor.size;
    return createBuffer.call(this, descriptor);
  };
  device.createTexture = function (descriptor) {
    const texture = createTexture.call(this, descriptor);
    // Texels of tensors, the only textures there are, hold a vec4f each.
    bytes += 16 * texture.width * texture.height;
    return texture;
  };
  try {
    await work();
  } finally {
    device.createBuffer = createBuffer;
    device.createTexture = createTexture;
  }
  return bytes;
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
