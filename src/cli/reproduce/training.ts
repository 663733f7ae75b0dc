import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  CoordwiseError,
  createLearned,
  type GpuContext,
  parseStoredConfig,
  TensorPool,
  type TrainConfig,
  trainSchema,
  type WeightsFile,
} from '../../host/index.ts';
import { RunFolder } from '../../node/index.ts';
import type { SeedFacts } from '../../report/results.ts';
import { formatCount, formatSeconds } from '../../report/terminal.ts';
import type { Learned } from '../contenders.ts';
import { learnedOf } from '../contenders.ts';
import type { DataOf } from '../data.ts';
import type { Output } from '../output.ts';
import { readSessions } from '../sessions.ts';
import { shippedWeights } from '../shipped.ts';
import { phiOf, trainRun } from '../trainRun.ts';
import { readWeights } from '../weights.ts';
import { digestOf } from './kept.ts';
import type { Training } from './recipe.ts';

/** Trained weights of one meta-seed, ready to be compared. */
export interface TrainedSeed {
  readonly training: Training;
  readonly learned: Learned;
  readonly file: WeightsFile;
  readonly facts: SeedFacts;
  readonly pretrained: boolean;
  /** Of the weights, so that what was measured of others is not taken for theirs. */
  readonly digest: string;
}

/** A training was stopped by Ctrl-C: what is done is kept. */
export class Interrupted extends Error {}

/** Where the runs of a training lie below the folder of all reproductions. */
export function runPath(base: string, training: Training, seed: number): string {
  return join(base, 'trainings', training.name, `seed-${seed}`);
}

/** Whether a run has got to its last meta-step, by its log. */
export function isFinished(folder: RunFolder, { iterations }: TrainConfig): boolean {
  return logOf(folder).some(({ type, done }) => type === 'validation' && done === iterations);
}

function logOf(folder: RunFolder): Readonly<Record<string, unknown>>[] {
  return folder.readLog() as Record<string, unknown>[];
}

/**
 * Trains one meta-seed, goes on with a run that was interrupted, or takes one that is finished.
 * @throws CoordwiseError where the folder holds a run with other settings
 * @throws Interrupted after Ctrl-C
 */
export async function ensureTrained(
  context: GpuContext,
  base: string,
  training: Training,
  seed: number,
  dataOf: DataOf,
  output: Output,
): Promise<TrainedSeed> {
  const path = runPath(base, training, seed);
  const config = training.config(seed);
  const title = `${training.name}, meta-seed ${seed}`;
  const exists = existsSync(join(path, 'config.json'));
  const folder = exists ? RunFolder.open(path) : RunFolder.create(path, config);
  if (exists) requireSameSettings(folder, config);
  if (exists && isFinished(folder, config)) {
    output.say(`${title}: trained before, in ${path}`);
  } else {
    output.say(`${title}: ${formatCount(config.iterations)} meta-iterations, into ${path}`);
    const resumable = exists ? RunFolder.open(path, { lock: true }) : folder;
    const data = await dataOf(config.task);
    try {
      const { result } = await trainRun(context, config, data, resumable, output, exists);
      if (result.stopped === 'asked') throw new Interrupted();
    } finally {
      resumable.close();
    }
  }
  const { file, source } = readWeights(path, true);
  return trainedSeed(context, training, seed, file, source, false, factsOf(folder, file));
}

/** The weights of a training that come with the package. */
export function pretrainedSeed(context: GpuContext, training: Training): TrainedSeed {
  const shipped = shippedWeights(training.name);
  if (!shipped) {
    throw new CoordwiseError(
      `the package holds no weights of ${training.name}`,
      'train them: leave out --pretrained, or their name in --shipped',
    );
  }
  const { file, source } = readWeights(training.name, true);
  const { seed } = file.training;
  const { validation, seconds } = shipped.facts;
  const facts = {
    seed,
    iteration: file.training.iteration,
    validation: validation.score,
    ...(seconds !== undefined && { seconds }),
  };
  return trainedSeed(context, training, seed, file, source, true, facts);
}

function trainedSeed(
  context: GpuContext,
  training: Training,
  seed: number,
  file: WeightsFile,
  source: string,
  pretrained: boolean,
  facts: SeedFacts,
): TrainedSeed {
  const phi = phiOf(context, file, source);
  const learned = learnedOf(file.optimizer, phi, file.training, `${training.name}, seed ${seed}`);
  return { training, learned, file, facts, pretrained, digest: digestOf(phi) };
}

/** What a learned optimizer is, in words. */
export function descriptionOf(context: GpuContext, { file }: TrainedSeed): string {
  return createLearned(new TensorPool(context), file.optimizer).description;
}

/** Seconds that a run took in all its sessions; undefined where they were not noted. */
export function trainingSeconds(path: string): number | undefined {
  const sessions = readSessions(path);
  return sessions.length === 0 ? undefined : sessions.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** The validation score of a run's best weights; NaN where its log does not have it. */
export function bestScore(folder: RunFolder, { training }: WeightsFile): number {
  const best = logOf(folder).find(({ type, done }) => type === 'validation' && done === training.iteration);
  const score = best?.['score'];
  return typeof score === 'number' ? score : Number.NaN;
}

function factsOf(folder: RunFolder, file: WeightsFile): SeedFacts {
  const { seed, iteration } = file.training;
  const score = bestScore(folder, file);
  const seconds = trainingSeconds(folder.path);
  return {
    seed,
    iteration,
    ...(Number.isFinite(score) && { validation: score }),
    ...(seconds !== undefined && { seconds }),
  };
}

/**
 * A run folder that is taken for a training's must have been trained as it says.
 * @throws CoordwiseError naming what differs
 */
export function requireSameSettings(folder: RunFolder, config: TrainConfig): void {
  const { path } = folder;
  const own = parseStoredConfig(trainSchema, folder.config, `${path}/config.json`);
  const different = (Object.keys(config) as (keyof TrainConfig)[]).filter(
    (key) => JSON.stringify(own[key]) !== JSON.stringify(config[key]),
  );
  if (different.length === 0) return;
  throw new CoordwiseError(
    `${path} holds a run with other settings than the recipe's: ${different.join(', ')}`,
    'choose another --out, or move that folder away',
  );
}

/** "2 meta-seeds, 12 min" */
export function describeSeeds(seeds: readonly SeedFacts[]): string {
  const times = seeds.flatMap(({ seconds }) => seconds ?? []);
  const text = `${seeds.length} meta-seed${seeds.length === 1 ? '' : 's'}`;
  if (times.length < seeds.length) return text;
  return `${text}, trained in ${formatSeconds(times.reduce((sum, one) => sum + one, 0))}`;
}
