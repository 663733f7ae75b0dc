/** One optimizer's losses on the held-out tasks, as every figure and table of a report shows them. */
export interface LossCurve {
  readonly label: string;
  readonly kind: 'learned' | 'baseline';
  /** Loss at steps 0..T (T + 1 numbers), mean over tasks. */
  readonly mean: readonly number[];
  /** Mean minus one standard deviation over tasks, clipped above 0; as long as `mean`. */
  readonly low: readonly number[];
  /** Mean plus one standard deviation over tasks; as long as `mean`. */
  readonly high: readonly number[];
  /** Mean over tasks of the loss at the last step. */
  readonly finalMean: number;
  /** Standard deviation over tasks of the loss at the last step. */
  readonly finalSpread: number;
  /** Standard error of `finalMean`. */
  readonly finalError: number;
  /** Sum of the losses of a run, mean over tasks. */
  readonly sumMean: number;
  /** What the optimizer was run with, such as 'lr 0.0316 (tuned)'. */
  readonly setting: string;
  /** Number of tasks whose loss was not finite. */
  readonly diverged: number;
  /** Number of tasks whose last loss was above the first, those that diverged among them. */
  readonly risen?: number;
  readonly stepsPerSecond?: number;
}

/** How much of the query sets of held-out episodes one contender classifies right. */
export interface AccuracyRow {
  readonly label: string;
  readonly kind: 'learned' | 'baseline';
  /** Share between 0 and 1, mean over episodes. */
  readonly mean: number;
  /** Half the width of the 95 % confidence interval of `mean`. */
  readonly interval: number;
  readonly setting: string;
}

/** One meta-iteration: the meta-loss of its unroll and the norm of its meta-gradient before clipping. */
export interface TrainingPoint {
  readonly iteration: number;
  readonly metaLoss: number;
  readonly gradientNorm: number;
  /** True when the step was not applied, its loss or gradient not being finite. */
  readonly skipped: boolean;
}

/** One validation during meta-training, on tasks that are neither trained on nor reported. */
export interface ValidationPoint {
  readonly iteration: number;
  readonly finalLoss: number;
  readonly sumLoss: number;
  /** True when these weights were the best so far; the last such point is the one kept. */
  readonly best: boolean;
  /** Of a curriculum: the stage's number and the steps of its training episodes. */
  readonly stage?: { readonly number: number; readonly horizon: number };
}

/** A figure made elsewhere. `svg` is one `<svg>` element without script and without outside references. */
export interface ExtraFigure {
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
  /** The same for narrow pages; without it `svg` serves both. */
  readonly narrow?: string;
}

/** Everything a report shows. */
export interface ReportData {
  readonly title: string;
  /** The result in one sentence. */
  readonly verdict: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** The command that makes this run again. */
  readonly command: string;
  readonly version: string;
  readonly adapter: {
    readonly description: string;
    readonly kind: 'gpu' | 'software';
    readonly driver: string;
  };
  readonly seed: number;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** How many held-out tasks there are and where they come from. */
  readonly tasks: string;
  readonly training: readonly TrainingPoint[];
  readonly validation: readonly ValidationPoint[];
  readonly curves: readonly LossCurve[];
  /** Of few-shot classification; absent or empty elsewhere. */
  readonly accuracies?: readonly AccuracyRow[];
  /** T: updates between two truncations of the meta-gradient. */
  readonly unrollLength: number;
  /** Updates of a whole run in meta-training; the losses beyond it are extrapolation. */
  readonly horizon: number;
  readonly wallSeconds: number;
  /** Bytes of GPU buffers, all of them allocated before the run. */
  readonly bytes: number;
  readonly extraFigures?: readonly ExtraFigure[];
}
