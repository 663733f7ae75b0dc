import { type TrainConfig, validationTask } from '../config.ts';
import { taskKeys } from '../data/threefry.ts';
import { FileFormatError } from '../errors.ts';
import type { GpuContext } from '../gpu/context.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Best, Checkpoint, StageStart } from '../io/checkpoint.ts';
import { createLearned } from '../optimizers/create.ts';
import type { LearnedOptimizer } from '../optimizers/optimizer.ts';
import {
  episodePart,
  FIRST_STAGE,
  type Stage,
  stageEnd,
  stagesOf,
  validationsSinceBest,
} from './curriculum.ts';
import { Evaluator } from './evaluator.ts';
import { type LossSummary, summarise } from './statistics.ts';
import type { TaskData } from './tasks.ts';
import { type MetaStep, Trainer } from './trainer.ts';

/** One validation of the weights so far. */
export interface Validation {
  /** Meta-steps done. */
  readonly iteration: number;
  readonly summary: LossSummary;
  /** What is compared: the loss at the stage's last step or the sum of losses, infinite when a task diverged. */
  readonly score: number;
  /** Whether these weights are the best of the stage so far; a stage begins with the best of the one before. */
  readonly isBest: boolean;
  readonly stage: Stage;
}

export interface MetaTrainHooks {
  /** How much of the pre-training of theta_0 is done; only where the run starts with it. */
  onPretraining?(share: number): void;
  /** A stage of a curriculum begins, after `iteration` meta-steps. */
  onStage?(stage: Stage, iteration: number): void;
  onStep?(step: MetaStep, stage: Stage): void;
  onValidation?(validation: Validation): void;
  /** The best weights changed: they were trained in `stage`. */
  onBest?(best: Best, stage: Stage): void;
  /** Called at ends of episodes, after a validation and every few seconds: keep what it is given. */
  onCheckpoint?(checkpoint: Checkpoint): void;
  /** Asked at ends of episodes; true ends the run there, after a checkpoint. */
  shouldStop?(): boolean;
}

export interface MetaTrainResult {
  /** Meta-steps done. */
  readonly iteration: number;
  readonly best: Best;
  /** Meta-steps that were not finite and were not taken. */
  readonly skipped: number;
  /** Why the run ended before its last iteration, if it did. */
  readonly stopped: 'not-finite' | 'asked' | undefined;
}

const CHECKPOINT_MS = 10_000;
const RESTORE = "restore the run's own config.json, or start a new run";

/** A meta-training run: planned on creation, so that its memory is known; `run` takes it and trains. */
export class MetaTraining {
  readonly trainer: Trainer;
  readonly #context: GpuContext;
  readonly #config: TrainConfig;
  readonly #stages: readonly Stage[];
  readonly #validator: Evaluator<LearnedOptimizer>;

  constructor(context: GpuContext, config: TrainConfig, data: TaskData | undefined) {
    const { validation } = config;
    const task = validationTask(config);
    this.#context = context;
    this.#config = config;
    this.#stages = stagesOf(config);
    const horizons = this.#stages.map(({ selection }) => selection);
    const horizon = Math.max(...horizons);
    this.trainer = new Trainer(context, config, data);
    const lengths = { horizon, shorter: horizons };
    const options = { task, data, list: 'validation', tasks: validation.tasks, ...lengths } as const;
    this.#validator = new Evaluator(context, options, (pool) => createLearned(pool, config.optimizer));
  }

  /**
   * Bytes of device memory that `run` takes: all tensors, and the staging buffers of every readback in a meta-step
   * or a validation. Not in it: 256 bytes of parameters a kernel dispatch, the compiled kernels, and the copies of
   * phi and meta-Adam's averages that exist while a checkpoint is read.
   */
  get bytes(): number {
    return this.trainer.bytes + this.#validator.bytes;
  }

  /**
   * Trains from the start or from a checkpoint. The same configuration and adapter give the same bits, with or
   * without interruptions: everything random is a function of seed and iteration.
   * @throws FileFormatError when the checkpoint was not made at the end of an episode of this configuration.
   */
  async run(hooks: MetaTrainHooks, from?: Checkpoint): Promise<MetaTrainResult> {
    const { trainer } = this;
    const { iterations, patience, curriculum } = this.#config;
    let start = from?.stage ?? FIRST_STAGE;
    let stage = this.#stage(start);
    const partDone =
      from && from.iteration < iterations && (from.iteration - start.iteration) % stage.unrolls;
    if (from && partDone) {
      throw new FileFormatError(
        `the checkpoint was made after ${from.iteration} meta-steps, inside an episode of ${stage.unrolls}`,
        RESTORE,
      );
    }
    await trainer.prepare(from?.state, hooks.onPretraining);
    await this.#validator.prepare();
    let skippedInRow = from?.skippedInRow ?? 0;
    let stopped: MetaTrainResult['stopped'];
    let iteration = from?.iteration ?? 0;
    let checkpointed = performance.now();
    let late: { read(): Promise<MetaStep> } | undefined;
    const settle = async () => {
      const step = await late?.read();
      late = undefined;
      if (!step) return;
      skippedInRow = step.skipped ? skippedInRow + 1 : 0;
      hooks.onStep?.(step, stage);
    };
    if (!from) hooks.onStage?.(stage, 0);
    let best = from?.best ?? (await this.#validate(stage, iteration, undefined, hooks));

    while (iteration < iterations && !stopped) {
      const queued = trainer.submit(iteration, episodePart(stage.unrolls, iteration, start));
      await settle();
      late = queued;
      iteration++;
      const inStage = iteration - start.iteration;
      if (inStage % stage.unrolls !== 0 && iteration < iterations) continue;
      let over = iteration >= stageEnd(stage, start, iterations);
      const due = inStage % stage.validateEvery === 0 || over;
      const slow = performance.now() - checkpointed > CHECKPOINT_MS;
      // Judged before the step under way is read, so that it does not depend on when checkpoints are written.
      const failing = skippedInRow >= patience;
      if (!due && !slow && !failing && !hooks.shouldStop?.()) continue;
      await settle();
      if (due) best = await this.#validate(stage, iteration, best, hooks);
      const isLast = stage.index === stage.count - 1;
      over ||=
        due && !isLast && validationsSinceBest(stage, start, best, iteration) >= (curriculum?.patience ?? 0);
      if (failing) stopped = 'not-finite';
      else if (over && !isLast) {
        const episodes = start.episodes + inStage / stage.unrolls;
        start = { index: start.index + 1, iteration, episodes };
        stage = this.#stage(start);
        best = await this.#begin(stage, iteration, best, hooks);
        skippedInRow = 0;
      }
      if (!stopped && iteration < iterations && hooks.shouldStop?.()) stopped = 'asked';
      const state = await trainer.readState();
      hooks.onCheckpoint?.({ iteration, state, best, skippedInRow, stage: start });
      checkpointed = performance.now();
    }
    await settle();
    const { status, imitation } = await trainer.readState();
    const skipped = (status[3] ?? 0) + (imitation?.status[3] ?? 0);
    return { iteration, best, skipped, stopped };
  }

  /** @throws FileFormatError when the run has no such stage. */
  #stage({ index }: StageStart): Stage {
    const stage = this.#stages[index];
    if (stage) return stage;
    throw new FileFormatError(
      `the checkpoint was made in stage ${index + 1}, and the run has ${this.#stages.length}`,
      RESTORE,
    );
  }

  async #validate(
    stage: Stage,
    iteration: number,
    best: Best | undefined,
    hooks: MetaTrainHooks,
  ): Promise<Best> {
    const { phi: last, average: phi = last } = await this.trainer.readState();
    const { summary, score } = await this.#score(phi, stage);
    const isBest = !best || score < best.score;
    hooks.onValidation?.({ iteration, summary, score, isBest, stage });
    if (!isBest) return best;
    const kept = { iteration, score, phi };
    hooks.onBest?.(kept, stage);
    return kept;
  }

  /** Goes on from the best weights of the stage before, which are this one's best until others score better. */
  async #begin(stage: Stage, iteration: number, best: Best, hooks: MetaTrainHooks): Promise<Best> {
    hooks.onStage?.(stage, iteration);
    await this.trainer.restart(best.phi);
    const { summary, score } = await this.#score(best.phi, stage);
    hooks.onValidation?.({ iteration, summary, score, isBest: true, stage });
    return { ...best, score };
  }

  async #score(phi: Float32Array, stage: Stage): Promise<{ summary: LossSummary; score: number }> {
    const { seed, validation } = this.#config;
    writeTensor(this.#context, this.#validator.optimizer.phi, phi);
    const keys = taskKeys(seed, 'validation', 0, validation.tasks);
    const summary = summarise(await this.#validator.run(keys, undefined, undefined, stage.selection));
    const value = validation.select === 'final' ? summary.finalMean : summary.sumMean;
    const diverged = summary.diverged > 0 || !Number.isFinite(value);
    return { summary, score: diverged ? Number.POSITIVE_INFINITY : value };
  }

  destroy(): void {
    this.trainer.destroy();
    this.#validator.destroy();
  }
}
