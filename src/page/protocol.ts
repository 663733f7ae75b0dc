import type {
  AdapterSummary,
  Box,
  GateRecording,
  HandDesignedName,
  OptimizerConfig,
  Surface,
  TaskConfig,
  TrainInput,
} from '../host/index.ts';
import type { LearnSettings } from './presets.ts';

/**
 * What page and engine say to each other. The page calls a method of the engine, which answers with any number of events
 * and then with a result or a failure; a call can be cancelled, and then ends as soon as nothing is lost by it.
 */
export interface Methods {
  /** Opens the device. */
  open: Method<null, never, EngineInfo>;
  /** Meta-trains; cancelled, it ends at the next end of an episode with everything kept. */
  train: Method<TrainArgs, TrainEvent, TrainOutcome>;
  /** Hand-designed optimizers at their best settings, on the tasks that training validates on. */
  baselines: Method<BaselineArgs, BaselineCurve, null>;
  /** The run that was kept when the page was last left, if there is one. */
  saved: Method<null, never, SavedRun | null>;
  /** Forgets it. */
  forget: Method<null, never, null>;
  /** All weights at hand: shipped ones, dropped files, and what was just trained. */
  weights: Method<null, never, readonly WeightsInfo[]>;
  /** Takes up a weights file. */
  load: Method<{ readonly name: string; readonly bytes: Uint8Array }, never, WeightsInfo>;
  /** Weights as a file. */
  export: Method<{ readonly id: string }, never, Uint8Array>;
  /** Optimizers side by side on the same tasks, step by step. */
  race: Method<RaceArgs, RaceEvent, null>;
  /** Gates of a learned optimizer over whole episodes. */
  gates: Method<GatesArgs, DataEvent, GateRecording>;
  /** Heights of a surface over its box, [size, size], rows from low to high y. */
  landscape: Method<{ readonly surface: Surface; readonly size: number }, never, Landscape>;
}

interface Method<Args, Event, Result> {
  readonly args: Args;
  readonly event: Event;
  readonly result: Result;
}
export type MethodName = keyof Methods;

export interface EngineInfo {
  readonly adapter: AdapterSummary;
}

/** Losses by step, mean and spread (one standard deviation) over tasks. */
export interface LossBand {
  readonly mean: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** The share of a dataset that is loaded. */
export interface DataEvent {
  readonly kind: 'data';
  readonly share: number;
}

export interface TrainArgs {
  readonly settings: LearnSettings;
  readonly input: TrainInput;
  /** Go on with the kept run, which has these settings. */
  readonly resume: boolean;
}

/** One validation of the weights of that moment. */
export interface ValidationPoint extends LossBand {
  /** Meta-iterations done. */
  readonly iteration: number;
  readonly isBest: boolean;
}

export type TrainEvent =
  | DataEvent
  | {
      readonly kind: 'plan';
      readonly task: string;
      readonly optimizer: string;
      readonly parameters: number;
      readonly weights: number;
      /** Device memory in tensors and readback. */
      readonly bytes: number;
      readonly iterations: number;
    }
  /** Meta-losses of meta-iterations `first` and after, as a mean over the losses of an unroll. */
  | { readonly kind: 'steps'; readonly first: number; readonly losses: readonly number[] }
  | { readonly kind: 'validation'; readonly point: ValidationPoint }
  /** Everything up to this meta-iteration is kept on this device. */
  | { readonly kind: 'kept'; readonly iteration: number }
  /** The browser refused: it is kept for as long as the page is open. */
  | { readonly kind: 'not-kept'; readonly iteration: number; readonly why: string }
  /** The GPU went away and came back, or its memory ran out; the run goes on from here. */
  | { readonly kind: 'recovered'; readonly iteration: number; readonly from: 'loss' | 'memory' };

export interface TrainOutcome {
  readonly iteration: number;
  readonly stopped: 'asked' | 'not-finite' | 'done';
  readonly bestIteration: number;
}

export interface BaselineArgs {
  readonly input: TrainInput;
  readonly names: readonly ('sgd' | 'adam')[];
}

export interface BaselineCurve extends LossBand {
  readonly name: 'sgd' | 'adam';
  readonly learningRate: number;
}

/** A kept run, as far as the page shows it. */
export interface SavedRun {
  readonly settings: LearnSettings;
  readonly iteration: number;
  readonly iterations: number;
  /** Meta-losses from meta-iteration 0 on. */
  readonly losses: readonly number[];
  readonly validations: readonly ValidationPoint[];
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/** Weights that are at hand. */
export interface WeightsInfo {
  readonly id: string;
  readonly origin: 'trained' | 'shipped' | 'file';
  readonly label: string;
  readonly optimizer: OptimizerConfig;
  /** What they were trained on. */
  readonly task: TaskConfig;
  readonly iteration: number;
  readonly horizon: number;
}

export type GateName = 'forget' | 'input' | 'momentumForget' | 'momentumInput';
export type HeldGates = Readonly<Partial<Record<GateName, number>>>;

/** A learned optimizer: trained weights, or settings that need none. Some of its gates can be held at numbers. */
export type LearnedChoice =
  | { readonly kind: 'weights'; readonly id: string; readonly held?: HeldGates }
  | { readonly kind: 'settings'; readonly optimizer: OptimizerConfig };

export type Entrant = { readonly key: string } & (
  | LearnedChoice
  /** Tuned on other tasks where no learning rate is given. */
  | {
      readonly kind: 'hand';
      readonly name: HandDesignedName;
      readonly learningRate: number | undefined;
      /** As `HandDesignedSetting` has it. */
      readonly beta?: number;
    }
);

export interface RaceArgs {
  readonly task: TrainInput['task'];
  readonly seed: number;
  readonly tasks: number;
  readonly horizon: number;
  readonly entrants: readonly Entrant[];
}

export type RaceEvent =
  | DataEvent
  | { readonly kind: 'plan'; readonly task: string }
  /** The share of an entrant's tuning that is done. */
  | { readonly kind: 'tuning'; readonly key: string; readonly share: number }
  /** What an entrant runs with: 'lr 0.0316 (tuned)'. */
  | { readonly kind: 'setting'; readonly key: string; readonly text: string }
  | {
      readonly kind: 'part';
      readonly key: string;
      /** From step 0 up to the last one that is done. */
      readonly band: LossBand;
      /** theta of the first tasks, [tasks][steps] pairs; on surfaces only. */
      readonly paths?: readonly (readonly (readonly [number, number])[])[];
    }
  | {
      readonly kind: 'end';
      readonly key: string;
      readonly final: number;
      readonly error: number;
      readonly diverged: number;
    }
  | { readonly kind: 'failed'; readonly key: string; readonly failure: Failure };

export interface GatesArgs {
  readonly learned: LearnedChoice;
  readonly task: TrainInput['task'];
  readonly seed: number;
  readonly episodes: number;
  readonly horizon: number;
}

export interface Landscape extends Box {
  readonly minimum: readonly [number, number];
  readonly heights: Float32Array;
}

/** An error that crossed over: one sentence, and what to do. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly remedy: string | undefined;
}

export type Request =
  | {
      [Name in MethodName]: {
        readonly id: number;
        readonly method: Name;
        readonly args: Methods[Name]['args'];
      };
    }[MethodName]
  | { readonly id: number; readonly method: 'cancel' };

export type Reply =
  | { readonly id: number; readonly kind: 'event'; readonly event: unknown }
  | { readonly id: number; readonly kind: 'result'; readonly result: unknown }
  | { readonly id: number; readonly kind: 'failure'; readonly failure: Failure };
