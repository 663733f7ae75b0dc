/**
 * Results as files: what `coordwise reproduce` and `coordwise transfer` leave in results.json, small enough to be kept
 * beside the documents that are made from them. Losses that are not finite are null.
 */
export interface Provenance {
  readonly format: 'coordwise-results-1';
  /** The command that makes them again. */
  readonly command: string;
  readonly version: string;
  /** Of the source; empty where it is not known. */
  readonly commit: string;
  readonly adapter: string;
  readonly software: boolean;
  /** ISO 8601, to the day. */
  readonly made: string;
}

/** One meta-seed of a learned optimizer. */
export interface SeedFacts {
  readonly seed: number;
  /** Meta-steps that led to the weights, the best on the validation tasks. */
  readonly iteration: number;
  /** Their score there; absent where the weights came without their training's log. */
  readonly validation?: number | null;
  /** Of training, in all its sessions; absent where it was not noted. */
  readonly seconds?: number;
  /** Taken as it comes with the package, while others of the same training were trained here. */
  readonly pretrained?: true;
}

/** A learned optimizer of a table. */
export interface LearnedFacts {
  /** Its training's name. */
  readonly name: string;
  readonly label: string;
  /** In words: 'l2l 2x20, log-sign p=10, scale 0.1'. */
  readonly description: string;
  /** Taken as they come with the package, none trained here. */
  readonly pretrained: boolean;
  readonly seeds: readonly SeedFacts[];
}

/** One optimizer on the tasks of one test; of a learned one with several meta-seeds, means over them. */
export interface ResultRow {
  readonly label: string;
  readonly kind: 'learned' | 'baseline';
  /** The training's name, or the baseline's. */
  readonly name: string;
  readonly setting: string;
  /** Mean losses at the steps of the test's `steps`. */
  readonly losses: readonly (number | null)[];
  /** Losses at those steps of every meta-seed; absent for baselines. */
  readonly seeds?: readonly (readonly (number | null)[])[];
  /** At the last step, over tasks: standard deviation, and standard error of the mean. */
  readonly spread: number | null;
  readonly error: number | null;
  /** Of all losses of a run, mean over tasks. */
  readonly sum: number | null;
  /** Tasks with a loss that is not finite; tasks that ended above where they began. */
  readonly diverged: number;
  readonly risen: number;
  /** Share of the query set classified right, with half its 95 % confidence interval. */
  readonly accuracy?: { readonly mean: number; readonly interval: number };
  /** The loss of the published figure, at its step. */
  readonly published?: number;
}

/** A value held against a band. */
export interface CheckResult {
  /** The training whose optimizer was judged. */
  readonly of: string;
  /** 'l2l at step 99' */
  readonly what: string;
  /** 'at most 0.255' */
  readonly band: string;
  /** As people read it; 'not finite' where it is not. */
  readonly value: string;
  /** The published value, where there is one. */
  readonly published?: string;
  /** Absent where the value is reported and not judged. */
  readonly reached?: boolean;
  /** By how much not: '0.021 (8 %) above'. */
  readonly missedBy?: string;
}

export interface TestResult {
  readonly name: string;
  readonly title: string;
  /** The task in words. */
  readonly task: string;
  readonly tasks: number;
  readonly tuningTasks: number;
  readonly horizon: number;
  readonly steps: readonly number[];
  /** The step of the published values. */
  readonly publishedStep?: number;
  readonly rows: readonly ResultRow[];
  readonly checks: readonly CheckResult[];
}

export interface RecipeResult extends Provenance {
  readonly kind: 'recipe';
  readonly name: string;
  readonly title: string;
  readonly source: string;
  readonly about: string;
  /** Of the task lists. */
  readonly seed: number;
  readonly learned: readonly LearnedFacts[];
  readonly tests: readonly TestResult[];
}

/** One cell of a transfer matrix: one optimizer on one task. */
export interface TransferCell {
  readonly final: number | null;
  readonly error: number | null;
  /** `final` over that of tuned Adam on the same tasks; null where the optimizer diverged. */
  readonly ratio: number | null;
  readonly diverged: number;
}

export interface TransferColumn {
  /** 'width', or 'trained' for the task that the first weights were trained on. */
  readonly axis: string;
  readonly value: string;
  /** The task in words, with its horizon. */
  readonly task: string;
  readonly adam: { readonly final: number | null; readonly setting: string };
}

export interface TransferResult extends Provenance {
  readonly kind: 'transfer';
  readonly title: string;
  readonly seed: number;
  readonly tasks: number;
  readonly tuningTasks: number;
  readonly columns: readonly TransferColumn[];
  readonly rows: readonly {
    readonly label: string;
    /** What it was trained on, in words. */
    readonly trained: string;
    readonly cells: readonly TransferCell[];
  }[];
}

/** Whether all that was judged was reached, and how much of it. */
export function countReached(tests: readonly TestResult[]): { reached: number; judged: number } {
  const checks = tests.flatMap((test) => test.checks).filter(({ reached }) => reached !== undefined);
  return { reached: checks.filter(({ reached }) => reached).length, judged: checks.length };
}
