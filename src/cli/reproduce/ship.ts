import {
  CoordwiseError,
  createLearned,
  decodeWeights,
  Evaluator,
  type GpuContext,
  summarise,
  taskKeys,
  type WeightsFile,
  writeTensor,
} from '../../host/index.ts';
import { packageFile, type RunFolder } from '../../node/index.ts';
import { loadTaskData } from '../data.ts';
import { TASK_NAMES } from '../options.ts';
import { readSessions } from '../sessions.ts';
import type { ShippedFacts } from '../shipped.ts';
import { phiOf } from '../trainRun.ts';
import { loadTraining } from './recipe.ts';
import { finite } from './rows.ts';
import { bestScore, isFinished, requireSameSettings, trainingSeconds } from './training.ts';

/** Tasks and steps on which shipped weights are checked: small enough for every test run. */
const CHECK = { seed: 7, tasks: 4, horizon: 20 };

/**
 * What is put down of weights that the package is to have.
 * @throws CoordwiseError where the run is not a finished one of the training
 */
export async function shippedFacts(
  context: GpuContext,
  folder: RunFolder,
  name: string,
): Promise<{ facts: ShippedFacts; bytes: Uint8Array }> {
  if (TASK_NAMES.some((task) => task === name)) {
    throw new CoordwiseError(`${name} is the name of a task`, 'give the weights another name');
  }
  const training = loadTraining(name, packageFile('recipes', 'trainings'));
  const bytes = folder.loadCheckpoint('best');
  if (!bytes) throw new CoordwiseError(`${folder.path} holds no weights yet`, 'let the run get further');
  const file = decodeWeights(bytes, `${folder.path}/best.safetensors`);
  const config = training.config(file.training.seed);
  requireSameSettings(folder, config);
  if (!isFinished(folder, config)) {
    throw new CoordwiseError(
      `${folder.path} is not finished`,
      `go on with: npx coordwise train --resume ${folder.path}`,
    );
  }
  const score = bestScore(folder, file);
  const last = readSessions(folder.path).at(-1);
  const seconds = trainingSeconds(folder.path);
  const horizon = Math.min(CHECK.horizon, file.training.horizon);
  const steps = [4, 2, 1].map((part) => Math.ceil(horizon / part));
  const losses = await checkLosses(context, file, { ...CHECK, horizon }, steps);
  const facts: ShippedFacts = {
    training: name,
    label: training.label,
    seed: file.training.seed,
    iteration: file.training.iteration,
    iterations: config.iterations,
    validation: {
      tasks: config.validation.tasks,
      horizon: config.horizon,
      select: config.validation.select,
      activation: config.validation.activation,
      score: finite(score) ?? Number.NaN,
    },
    adapter: last?.adapter ?? '',
    version: last?.version ?? '',
    commit: last?.commit ?? '',
    ...(seconds !== undefined && { seconds: Math.round(seconds) }),
    check: { ...CHECK, horizon, steps, losses, adapter: context.adapter.description },
  };
  return { facts, bytes };
}

/** Mean losses at some steps over a few held-out tasks of what the weights were trained on. */
export async function checkLosses(
  context: GpuContext,
  file: WeightsFile,
  { seed, tasks, horizon }: { readonly seed: number; readonly tasks: number; readonly horizon: number },
  steps: readonly number[],
): Promise<number[]> {
  const { task, optimizer } = file;
  const options = { task, data: await loadTaskData(task), list: 'test', tasks, horizon } as const;
  const evaluator = new Evaluator(context, options, (pool) => createLearned(pool, optimizer));
  try {
    await evaluator.prepare();
    writeTensor(context, evaluator.optimizer.phi, phiOf(context, file, 'the weights'));
    const { mean } = summarise(await evaluator.run(taskKeys(seed, 'test', 0, tasks)));
    return steps.map((step) => finite(mean[step] ?? Number.NaN) ?? Number.NaN);
  } finally {
    evaluator.destroy();
  }
}
