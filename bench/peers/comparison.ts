import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Check, holds } from '../check.ts';
import { checkLine } from '../lines.ts';
import { type Sampled, type Samples, timeMs } from '../measure.ts';
import type { BenchResult } from '../result.ts';
import { median } from '../statistics.ts';
import type { Workload } from '../workload.ts';
import type { FoundPeers, InstalledPeer } from './find.ts';
import { compareNumbers, encodeCase, type PeerCase } from './peerCase.ts';
import { PeerProcess } from './peerProcess.ts';
import { greetingSchema, loadedSchema, PeerError, runSchema } from './protocol.ts';

type PeersResult = NonNullable<BenchResult['peers']>;
type PeerResult = PeersResult['peers'][number];
type WorkloadOutcome = PeerResult['workloads'][number];

/** A peer whose first run takes longer is timed in SLOW_ROUNDS rounds alone. */
const SLOW_MS = 5000;
const SLOW_ROUNDS = 3;
const [START_MS, LOAD_MS, RUN_MS] = [60_000, 120_000, 300_000];

/** One peer's part in the bench. */
class ComparedPeer {
  readonly peer: InstalledPeer;
  readonly #process: PeerProcess;
  #greeting: Pick<PeerResult, 'versions' | 'adapter'> = { versions: {} };
  /** Workloads that agree, and what their timed runs need. */
  readonly #agreed = new Map<string, { readonly checks: Check[]; readonly firstRunMs: number }>();
  /** Workloads that do not take part, or no longer. */
  readonly #dropped = new Map<string, Exclude<WorkloadOutcome, { state: 'timed' }>>();

  constructor(peer: InstalledPeer) {
    this.peer = peer;
    this.#process = new PeerProcess(peer);
  }

  /** Reads the greeting, then loads and runs every case once; what does not agree or fails is dropped. */
  async prepare(files: ReadonlyMap<string, string>, cases: ReadonlyMap<string, PeerCase>, adapter: string) {
    try {
      const { versions, adapter: theirs } = await this.#process.answer(greetingSchema, START_MS);
      this.#greeting = { versions, ...(theirs !== undefined && { adapter: theirs }) };
      if (theirs !== undefined && theirs !== adapter) throw new PeerError(`it opened the adapter ${theirs}`);
    } catch (error) {
      for (const workload of cases.keys()) this.#drop(workload, error);
      return;
    }
    for (const [workload, { expected }] of cases) {
      try {
        await this.#first(workload, files.get(workload) ?? '', expected);
      } catch (error) {
        this.#drop(workload, error);
      }
    }
  }

  /** What became of the checks, a line each. */
  lines(): string[] {
    const agreed = [...this.#agreed.values()].flatMap(({ checks }) => checks);
    const dropped = [...this.#dropped.values()].map(
      ({ workload, state, reason }) => `  ${workload} ${state}: ${reason}`,
    );
    return [
      `${this.peer.name} (${this.peer.description}), relative to this run:`,
      ...agreed.map(checkLine),
      ...dropped,
    ];
  }

  sampled(workload: string): Sampled[] {
    const agreed = this.#agreed.get(workload);
    if (!agreed) return [];
    return [
      {
        name: this.#key(workload),
        rounds: agreed.firstRunMs > SLOW_MS ? SLOW_ROUNDS : undefined,
        sample: async () => {
          if (this.#dropped.has(workload)) return undefined;
          try {
            return await this.#process.answer(runSchema, RUN_MS, { request: 'run', workload });
          } catch (error) {
            this.#drop(workload, error);
            return undefined;
          }
        },
      },
    ];
  }

  result(workloads: readonly string[], samples: ReadonlyMap<string, Samples>): PeerResult {
    const { name, description } = this.peer;
    return {
      name,
      description,
      ...this.#greeting,
      workloads: workloads.flatMap((workload) => this.#outcome(workload, samples) ?? []),
    };
  }

  cpuMs(workloads: readonly string[], samples: ReadonlyMap<string, Samples>): number {
    const times = workloads.flatMap((workload) => samples.get(this.#key(workload))?.cpuMs ?? []);
    return times.reduce((sum, time) => sum + time, 0);
  }

  close(): void {
    this.#process.close();
  }

  async #first(workload: string, file: string, expected: PeerCase['expected']): Promise<void> {
    let checks: Check[] = [];
    const firstRunMs = await timeMs(async () => {
      await this.#process.answer(loadedSchema, LOAD_MS, { request: 'load', workload, file });
      const { numbers } = await this.#process.answer(runSchema, RUN_MS, { request: 'run', workload });
      checks = compareNumbers(workload, expected, numbers);
    });
    const wrong = checks.filter((check) => !holds(check));
    if (wrong.length === 0) this.#agreed.set(workload, { checks, firstRunMs });
    else {
      const reason = wrong.map((check) => checkLine(check).trim()).join('; ');
      this.#dropped.set(workload, { workload, state: 'wrong', reason });
    }
  }

  #key(workload: string): string {
    return `${workload} ${this.peer.name}`;
  }

  #drop(workload: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#dropped.set(workload, { workload, state: 'failed', reason });
  }

  #outcome(workload: string, samples: ReadonlyMap<string, Samples>): WorkloadOutcome | undefined {
    const dropped = this.#dropped.get(workload);
    if (dropped) return dropped;
    const agreed = this.#agreed.get(workload);
    const theirs = samples.get(this.#key(workload));
    const ours = samples.get(workload);
    if (!agreed || !theirs || !ours) return undefined;
    const [medianMs, oursMs] = [median(theirs.ms), median(ours.ms.slice(0, theirs.ms.length))];
    const [cpuMs, oursCpuMs] = [median(theirs.cpuMs), median(ours.cpuMs.slice(0, theirs.cpuMs.length))];
    return {
      workload,
      state: 'timed',
      ...agreed,
      medianMs,
      minMs: Math.min(...theirs.ms),
      samplesMs: theirs.ms,
      cpuMs,
      oursMs,
      oursCpuMs,
      ratio: medianMs / oursMs,
    };
  }
}

/** Other implementations of the same work, run between our own runs. */
export class Comparison {
  readonly #peers: readonly ComparedPeer[];
  readonly #skipped: FoundPeers['skipped'];
  readonly #workloads: readonly string[];

  private constructor(peers: readonly ComparedPeer[], found: FoundPeers, workloads: readonly string[]) {
    this.#peers = peers;
    this.#skipped = found.skipped;
    this.#workloads = workloads;
  }

  /** Starts the peers, gives them our first runs to repeat, and keeps those whose numbers agree. */
  static async start(
    found: FoundPeers,
    workloads: readonly Pick<Workload, 'name' | 'peerCase'>[],
    adapter: string,
    say: (line: string) => void,
  ): Promise<Comparison> {
    for (const { name, reason, remedy } of found.skipped)
      say(`${name} is skipped: ${reason}; to install: ${remedy}`);
    const folder = mkdtempSync(join(tmpdir(), 'coordwise-peers-'));
    const peers: ComparedPeer[] = [];
    try {
      const cases = new Map<string, PeerCase>();
      for (const workload of workloads) cases.set(workload.name, await workload.peerCase());
      const files = new Map([...cases.keys()].map((name) => [name, join(folder, `${name}.safetensors`)]));
      for (const [name, file] of files) {
        const written = cases.get(name);
        if (written) writeFileSync(file, encodeCase(written));
      }
      // One after the other: a first run has the machine to itself.
      for (const installed of found.installed) {
        const peer = new ComparedPeer(installed);
        peers.push(peer);
        await peer.prepare(files, cases, adapter);
        for (const line of peer.lines()) say(line);
      }
      return new Comparison(peers, found, [...cases.keys()]);
    } catch (error) {
      for (const peer of peers) peer.close();
      throw error;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** The peers' runs of a workload. */
  sampled(workload: string): Sampled[] {
    return this.#peers.flatMap((peer) => peer.sampled(workload));
  }

  /** Processor time of all timed runs. */
  cpuMs(samples: ReadonlyMap<string, Samples>): number {
    return this.#peers.reduce((sum, peer) => sum + peer.cpuMs(this.#workloads, samples), 0);
  }

  result(samples: ReadonlyMap<string, Samples>): PeersResult {
    return {
      skipped: this.#skipped.map((skipped) => ({ ...skipped })),
      peers: this.#peers.map((peer) => peer.result(this.#workloads, samples)),
    };
  }

  close(): void {
    for (const peer of this.#peers) peer.close();
  }
}
