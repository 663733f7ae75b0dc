import type { TrainConfig } from '../config.ts';
import type { Best, StageStart } from '../io/checkpoint.ts';

/** A part of a run with one length of episodes. Without a curriculum a run is one stage. */
export interface Stage {
  readonly index: number;
  /** Stages of the run. */
  readonly count: number;
  /** Steps of an episode in meta-training. */
  readonly horizon: number;
  /** Steps that weights are selected on: the next stage's horizon, the last stage's own. */
  readonly selection: number;
  /** Unrolls, and so meta-steps, of an episode. */
  readonly unrolls: number;
  /** Meta-steps between two validations: whole episodes. */
  readonly validateEvery: number;
}

/** Which episode of the run a meta-step belongs to, and which of its unrolls it is. */
export interface EpisodePart {
  readonly episode: number;
  readonly part: number;
}

export const FIRST_STAGE: StageStart = { index: 0, iteration: 0, episodes: 0 };

/** All stages of a run, in order. */
export function stagesOf(config: TrainConfig): Stage[] {
  const { curriculum, horizon, unroll, validation } = config;
  const horizons = curriculum?.horizons ?? [horizon];
  return horizons.map((steps, index) => {
    const unrolls = steps / unroll;
    const validateEvery = Math.max(1, Math.round(validation.every / unrolls)) * unrolls;
    const selection = horizons[index + 1] ?? steps;
    return { index, count: horizons.length, horizon: steps, selection, unrolls, validateEvery };
  });
}

/**
 * The meta-step before which a stage ends at the latest: it has an equal share of what is left of the run's
 * `iterations`, in whole episodes, and the last stage all of it.
 */
export function stageEnd(stage: Stage, start: StageStart, iterations: number): number {
  const left = stage.count - stage.index;
  if (left === 1) return iterations;
  const share = Math.floor((iterations - start.iteration) / left / stage.unrolls);
  return start.iteration + Math.max(1, share) * stage.unrolls;
}

/** Validations since the best one of this stage, or since its start. */
export function validationsSinceBest(stage: Stage, start: StageStart, best: Best, iteration: number): number {
  return Math.floor((iteration - Math.max(best.iteration, start.iteration)) / stage.validateEvery);
}

/** The place of meta-step `iteration` in a stage that began at `start`. */
export function episodePart(unrolls: number, iteration: number, start = FIRST_STAGE): EpisodePart {
  const done = iteration - start.iteration;
  const part = done % unrolls;
  return { episode: start.episodes + (done - part) / unrolls, part };
}
