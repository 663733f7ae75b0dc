import {
  type Checkpoint,
  createLearned,
  DeviceLostError,
  decodeCheckpoint,
  encodeCheckpoint,
  type GpuContext,
  lossWeightsOf,
  type MetaTrainHooks,
  MetaTraining,
  type MetaTrainResult,
  type OutOfMemoryError,
  TensorPool,
  type TrainConfig,
  type Validation,
} from '../../host/index.ts';
import { trainInput } from '../presets.ts';
import type { SavedRun, TrainArgs, TrainEvent, TrainOutcome, ValidationPoint } from '../protocol.ts';
import { band } from './bands.ts';
import { parseRun } from './config.ts';
import { taskData } from './data.ts';
import { keepRun, keptRun } from './keep.ts';
import type { Library } from './library.ts';
import { asFailure } from './serve.ts';
import { type Resumable, type Session, survive } from './session.ts';

/** The page hears of meta-iterations this often. */
const REPORT_MS = 100;

/** Meta-trains until done or asked to stop, through losses of the device, and keeps what it has in this browser. */
export async function train(
  session: Session,
  library: Library,
  args: TrainArgs,
  emit: (event: TrainEvent) => void,
  signal: AbortSignal,
): Promise<TrainOutcome> {
  const config = parseRun(args.input);
  const data = await taskData(config.task, (share) => emit({ kind: 'data', share }));
  const run = new Run(config, args, emit, library);
  if (args.resume) await run.restore();
  const result = await survive(session, (context) => run.go(context, data, signal), run);
  return {
    iteration: result.iteration,
    stopped: result.stopped ?? 'done',
    bestIteration: result.best.iteration,
  };
}

/** The run that this browser kept, whose best weights are then at hand again. */
export async function savedRun(session: Session, library: Library): Promise<SavedRun | null> {
  const kept = await keptRun();
  if (!kept) return null;
  const { checkpoint: bytes, format: _, ...shown } = kept;
  const config = parseRun(trainInput(kept.settings));
  const context = await session.context();
  const { phi } = createLearned(new TensorPool(context), config.optimizer);
  const { best } = decodeCheckpoint(bytes, 'the kept run', phi.length);
  if (best) library.keepTrained(context, config, best);
  return shown;
}

/** One run and its history, across pauses and devices. */
class Run implements Resumable {
  readonly #config: TrainConfig;
  readonly #args: TrainArgs;
  readonly #emit: (event: TrainEvent) => void;
  readonly #library: Library;
  readonly #lossWeight: number;
  #losses: number[] = [];
  #validations: ValidationPoint[] = [];
  #bytes: Uint8Array | undefined;
  #checkpoint: Checkpoint | undefined;
  /** The meta-iteration that it was last taken back to. */
  #wentBackTo = 0;
  #reported = 0;
  #reportedAt = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(config: TrainConfig, args: TrainArgs, emit: (event: TrainEvent) => void, library: Library) {
    this.#config = config;
    this.#args = args;
    this.#emit = emit;
    this.#library = library;
    this.#lossWeight = lossWeightsOf(config).reduce((sum, weight) => sum + weight, 0);
  }

  /** Takes up the run that this browser kept. */
  async restore(): Promise<void> {
    const kept = await keptRun();
    if (!kept) return;
    this.#losses = [...kept.losses];
    this.#validations = [...kept.validations];
    this.#bytes = kept.checkpoint;
    this.#wentBackTo = kept.iteration;
    this.#reported = kept.losses.length;
  }

  async go(
    context: GpuContext,
    data: Awaited<ReturnType<typeof taskData>>,
    signal: AbortSignal,
  ): Promise<MetaTrainResult> {
    const run = new MetaTraining(context, this.#config, data);
    const { optimizer, unroll } = run.trainer;
    this.#emit({
      kind: 'plan',
      task: unroll.optimizee.description,
      optimizer: optimizer.description,
      parameters: unroll.optimizee.parameters,
      weights: optimizer.weightCount,
      bytes: run.bytes,
      iterations: this.#config.iterations,
    });
    if (this.#bytes) {
      this.#checkpoint = decodeCheckpoint(this.#bytes, 'the kept run', optimizer.phi.length);
      if (this.#checkpoint.best) this.#library.keepTrained(context, this.#config, this.#checkpoint.best);
    }
    try {
      const result = await run.run(this.#hooks(context, signal), this.#checkpoint);
      await this.#writing;
      return result;
    } finally {
      this.#report(true);
      run.destroy();
    }
  }

  #hooks(context: GpuContext, signal: AbortSignal): MetaTrainHooks {
    return {
      onStep: ({ metaLoss, skipped }) => {
        this.#losses.push(skipped ? Number.NaN : metaLoss / this.#lossWeight);
        this.#report(false);
      },
      onValidation: (validation) => this.#validated(validation),
      onBest: (best) => this.#library.keepTrained(context, this.#config, best),
      onCheckpoint: (checkpoint) => this.#keep(checkpoint),
      shouldStop: () => signal.aborted,
    };
  }

  #validated({ iteration, summary, isBest }: Validation): void {
    const point: ValidationPoint = { iteration, isBest, ...band(summary) };
    this.#validations.push(point);
    this.#report(true);
    this.#emit({ kind: 'validation', point });
  }

  #report(now: boolean): void {
    const time = performance.now();
    if (this.#losses.length === this.#reported || (!now && time - this.#reportedAt < REPORT_MS)) return;
    this.#emit({ kind: 'steps', first: this.#reported, losses: this.#losses.slice(this.#reported) });
    this.#reported = this.#losses.length;
    this.#reportedAt = time;
  }

  #keep(checkpoint: Checkpoint): void {
    this.#checkpoint = checkpoint;
    this.#bytes = encodeCheckpoint(checkpoint);
    const run = {
      format: 1,
      settings: this.#args.settings,
      losses: this.#losses.slice(0, checkpoint.iteration),
      validations: [...this.#validations],
      iteration: checkpoint.iteration,
      iterations: this.#config.iterations,
      checkpoint: this.#bytes,
      savedAt: Date.now(),
    } as const;
    this.#writing = this.#writing
      .then(() => keepRun(run))
      .then(
        () => this.#emit({ kind: 'kept', iteration: checkpoint.iteration }),
        (error: unknown) => {
          this.#emit({ kind: 'not-kept', iteration: checkpoint.iteration, why: asFailure(error).message });
        },
      );
  }

  gotFurther(): boolean {
    return (this.#checkpoint?.iteration ?? 0) > this.#wentBackTo;
  }

  goBack(error: DeviceLostError | OutOfMemoryError): void {
    const iteration = this.#checkpoint?.iteration ?? 0;
    this.#wentBackTo = iteration;
    this.#losses.length = Math.min(this.#losses.length, iteration);
    this.#validations = this.#validations.filter((point) => this.#checkpoint && point.iteration <= iteration);
    this.#reported = this.#losses.length;
    this.#emit({ kind: 'recovered', iteration, from: error instanceof DeviceLostError ? 'loss' : 'memory' });
  }
}
