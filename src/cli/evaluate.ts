import { existsSync, statSync } from 'node:fs';
import {
  ConfigError,
  CoordwiseError,
  decodeWeights,
  type TaskConfig,
  taskParameters,
  type WeightsFile,
} from '../host/index.ts';
import { RunFolder, readFileChecked } from '../node/index.ts';
import { compare } from './compare.ts';
import { loadTaskData } from './data.ts';
import type { Values } from './options.ts';
import { Output } from './output.ts';
import { describeTasks, flatten, makeReport, resultOf, saveResults, sayCurves } from './reporting.ts';
import { adapterFrom, withDevice } from './session.ts';
import { baselinesFrom, evaluationFrom, taskFrom, text } from './settings.ts';
import { phiOf } from './trainRun.ts';
import { EXIT } from './usage.ts';

/** The weights of a file, or the best ones of a run folder. */
function readWeights(path: string): { file: WeightsFile; source: string } {
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    return { file: decodeWeights(readFileChecked(path, 'the weights'), path), source: path };
  }
  const source = `${path}/best.safetensors`;
  const bytes = RunFolder.open(path).loadCheckpoint('best');
  if (!bytes) {
    throw new CoordwiseError(`${path} holds no best.safetensors yet`, 'let the training run get further');
  }
  return { file: decodeWeights(bytes, source), source };
}

/** The weights that all coordinates share, without the starting point that belongs to one architecture. */
function withoutTheta0(file: WeightsFile): WeightsFile {
  const { optimizer } = file;
  if (optimizer.kind === 'l2l') return file;
  const { theta0Parameters: _, ...shared } = optimizer;
  return { ...file, optimizer: shared };
}

/**
 * A learned theta_0 is a starting point for one architecture.
 * @throws ConfigError where the task has another number of parameters.
 */
function requireSameArchitecture({ optimizer }: WeightsFile, task: TaskConfig, source: string): void {
  const learned = 'theta0Parameters' in optimizer ? optimizer.theta0Parameters : undefined;
  const parameters = taskParameters(task);
  if (learned === undefined || learned === parameters) return;
  throw new ConfigError(
    `${source} holds a starting point theta_0 for ${learned} parameters, and this task has ${parameters}`,
    'add --no-theta0 to use the shared weights alone, or evaluate on the architecture it was trained on',
  );
}

/**
 * Evaluates trained weights beside tuned baselines; with --out also writes report.html and results.json. Returns
 * the exit code.
 */
export async function evaluate(path: string, name: string | undefined, values: Values): Promise<number> {
  const output = new Output(values['json'] === true);
  const adapter = adapterFrom(values);
  const baselines = baselinesFrom(values);
  const { file: read, source } = readWeights(path);
  const file = values['theta0'] === false ? withoutTheta0(read) : read;
  const task = taskFrom(name, values, file.task);
  requireSameArchitecture(file, task, source);
  const evaluation = evaluationFrom(values, file.training);
  const { seed, horizon, tasks, tuningTasks } = evaluation;
  const out = text(values, 'out') || undefined;
  // Taken before the work, so that a folder that cannot be used costs nobody an evaluation.
  const settings = { evaluated: source, task, ...evaluation, baselines };
  const target = out === undefined ? undefined : RunFolder.create(out, settings);
  let isWritten = false;
  try {
    const data = await loadTaskData(task);
    return await withDevice(adapter, output, async (context) => {
      const start = performance.now();
      const learned = { config: file.optimizer, phi: phiOf(context, file, source) };
      const comparison = await compare(
        context,
        { task, data, seed, tasks, tuningTasks, horizon, learned, baselines },
        output,
      );
      output.say(`Task: ${comparison.optimizeeDescription}`);
      sayCurves(output, comparison.curves, comparison.verdict);
      const wallSeconds = (performance.now() - start) / 1000;
      if (target) {
        const html = await makeReport({
          context,
          title: `Evaluation of ${file.optimizer.kind} on ${comparison.optimizeeDescription}`,
          seed,
          settings: flatten({ task, optimizer: file.optimizer }),
          tasks: describeTasks(task, seed, tasks),
          training: [],
          validation: [],
          comparison,
          unroll: file.training.unroll,
          horizon: file.training.horizon,
          wallSeconds,
          bytes: comparison.bytes,
        });
        isWritten = true;
        saveResults(target, comparison, wallSeconds, html);
        output.say(`Report: ${target.path}/report.html`);
      }
      output.result({ weights: source, task, ...evaluation, ...resultOf(comparison, wallSeconds) });
      return EXIT.done;
    });
  } finally {
    if (isWritten) target?.close();
    else target?.discard();
  }
}
