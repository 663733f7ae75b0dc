import type { Check } from './check.ts';
import type { PeerCase } from './peers/peerCase.ts';

/** Something that is run again and again and timed until the device has completed it. */
export interface Timed {
  readonly name: string;
  /** Takes memory, compiles and uploads; once. */
  prepare(): Promise<void>;
  /** One run; resolves when the device has completed it. */
  run(): Promise<void>;
  /** Compares what the first run left on the device with an independent source. */
  check(): Promise<Check[]>;
  destroy(): void;
}

/** A piece of the learned optimizer's work. */
export interface Workload extends Timed {
  readonly description: string;
  /** Coordinates times steps in one run. */
  readonly coordinateSteps: number;
  /** Useful work of one run; counts.ts says what counts. */
  readonly flop: number;
  /** Device memory announced before it is taken. */
  readonly bytes: number;
  /** The first run as a peer can repeat it; after that run, before the second. */
  peerCase(): Promise<PeerCase>;
}
