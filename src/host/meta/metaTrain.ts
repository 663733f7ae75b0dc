import type { TrainConfig } from '../config.ts';
import { taskKeys } from '../data/threefry.ts';
import { FileFormatError } from '../errors.ts';
import type { GpuContext } from '../gpu/context.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Best, Checkpoint } from '../io/checkpoint.ts';
import { createLearned } from '../optimizers/create.ts';
import type { LearnedOptimizer } from '../optimizers/optimizer.ts';
import { Evaluator } from './evaluator.ts';
import { type LossSummary, summarise } from './statistics.ts';
import type { TaskData } from './tasks.ts';
import { type MetaStep, Trainer } from './trainer.ts';

/** One validation of the weights so far. */
export interface Validation {
  /** Meta-steps done. */
  readonly iteration: number;
  readonly summary: LossSummary;
  /** What is compared: the loss at the horizon or the sum of losses, infinite when a task diverged. */
  readonly score: number;
  readonly isBest: boolean;
}

export interface MetaTrainHooks {
  /** How much of the pre-training of theta_0 is done; only where the run starts with it. */
  onPretraining?(share: number): void;
  onStep?(step: MetaStep): void;
  onValidation?(validation: Validation): void;
  /** The best weights changed. */
  onBest?(best: Best): void;
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

/** A meta-training run: planned on creation, so that its memory is known; `run` takes it and trains. */
export class MetaTraining {
  readonly trainer: Trainer;
  readonly #context: GpuContext;
  readonly #config: TrainConfig;
  readonly #validator: Evaluator<LearnedOptimizer>;

  constructor(context: GpuContext, config: TrainConfig, data: TaskData | undefined) {
    const { task, horizon, validation } = config;
    this.#context = context;
    this.#config = config;
    this.trainer = new Trainer(context, config, data);
    const options = { task, data, list: 'validation', tasks: validation.tasks, horizon } as const;
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
    const { iterations, validation, patience } = this.#config;
    if (from && from.iteration < iterations && from.iteration % trainer.unrollsPerEpisode !== 0) {
      throw new FileFormatError(
        `the checkpoint was made after ${from.iteration} meta-steps, inside an episode of ${trainer.unrollsPerEpisode}`,
        "restore the run's own config.json, or start a new run",
      );
    }
    await trainer.prepare(from?.state, hooks.onPretraining);
    await this.#validator.prepare();
    let best = from?.best;
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
      hooks.onStep?.(step);
    };
    if (!best) best = await this.#validate(iteration, undefined, hooks);

    while (iteration < iterations && !stopped) {
      const queued = trainer.submit(iteration);
      await settle();
      late = queued;
      iteration++;
      if (iteration % trainer.unrollsPerEpisode !== 0 && iteration < iterations) continue;
      const due = iteration % validation.every === 0 || iteration === iterations;
      const slow = performance.now() - checkpointed > CHECKPOINT_MS;
      // Judged before the step under way is read, so that it does not depend on when checkpoints are written.
      const failing = skippedInRow >= patience;
      if (!due && !slow && !failing && !hooks.shouldStop?.()) continue;
      await settle();
      if (due) best = await this.#validate(iteration, best, hooks);
      if (failing) stopped = 'not-finite';
      else if (iteration < iterations && hooks.shouldStop?.()) stopped = 'asked';
      const state = await trainer.readState();
      hooks.onCheckpoint?.({ iteration, state, best, skippedInRow });
      checkpointed = performance.now();
    }
    await settle();
    const { status } = await trainer.readState();
    return { iteration, best, skipped: status[3] ?? 0, stopped };
  }

  async #validate(iteration: number, best: Best | undefined, hooks: MetaTrainHooks): Promise<Best> {
    const { seed, validation } = this.#config;
    const { phi } = await this.trainer.readState();
    writeTensor(this.#context, this.#validator.optimizer.phi, phi);
    const keys = taskKeys(seed, 'validation', 0, validation.tasks);
    const summary = summarise(await this.#validator.run(keys));
    const value = validation.select === 'final' ? summary.finalMean : summary.sumMean;
    const score = summary.diverged > 0 || !Number.isFinite(value) ? Number.POSITIVE_INFINITY : value;
    const isBest = !best || score < best.score;
    hooks.onValidation?.({ iteration, summary, score, isBest });
    if (!isBest) return best;
    const kept = { iteration, score, phi };
    hooks.onBest?.(kept);
    return kept;
  }

  destroy(): void {
    this.trainer.destroy();
    this.#validator.destroy();
  }
}
