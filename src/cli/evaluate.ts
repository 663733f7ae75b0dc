import { RunFolder } from '../node/index.ts';
import { compare } from './compare.ts';
import { learnedOf } from './contenders.ts';
import { loadTaskData } from './data.ts';
import { gateEpisodesFrom, gatesOfRun } from './gates.ts';
import { groupSettings } from './groups.ts';
import type { Values } from './options.ts';
import { Output } from './output.ts';
import { describeTasks, flatten, makeReport, resultOf, saveResults, sayCurves } from './reporting.ts';
import { adapterFrom, withDevice } from './session.ts';
import { baselinesFrom, defaultBaselines, evaluationFrom, listFrom, text } from './settings.ts';
import { taskFrom } from './taskSettings.ts';
import { phiOf } from './trainRun.ts';
import { EXIT } from './usage.ts';
import { type ReadWeights, readWeights, requireSameArchitecture } from './weights.ts';

/**
 * Evaluates trained weights beside tuned baselines; with --out also writes report.html and results.json. Returns
 * the exit code.
 */
export async function evaluate(path: string, name: string | undefined, values: Values): Promise<number> {
  const output = new Output(values['json'] === true);
  const adapter = adapterFrom(values);
  const gateEpisodes = gateEpisodesFrom(values);
  const keepTheta0 = values['theta0'] !== false;
  const { file, source } = readWeights(path, keepTheta0);
  const task = taskFrom(name, values, file.task);
  const others = listFrom(values, 'against').map((other) => readWeights(other, keepTheta0));
  for (const read of [{ file, source }, ...others]) requireSameArchitecture(read, task);
  const evaluation = evaluationFrom(values, task, file.training);
  const baselines = baselinesFrom(values) ?? defaultBaselines(task);
  const { seed, horizon, list, tasks, tuningTasks, schedule, randomScaling, scaledFrom } = evaluation;
  const out = text(values, 'out') || undefined;
  // Taken before the work, so that a folder that cannot be used costs nobody an evaluation.
  const against = others.map((other) => other.source);
  const settings = { evaluated: source, against, task, ...evaluation, baselines };
  const target = out === undefined ? undefined : RunFolder.create(out, settings);
  let isWritten = false;
  try {
    const data = await loadTaskData(task);
    return await withDevice(adapter, output, async (context) => {
      const start = performance.now();
      const entrant = (read: ReadWeights) => {
        const label = others.length > 0 ? `${read.file.optimizer.kind} (${read.path})` : undefined;
        const phi = phiOf(context, read.file, read.source);
        return { ...learnedOf(read.file.optimizer, phi, read.file.training, label), schedule };
      };
      const learned = entrant({ file, source, path });
      // Gates are recorded on test tasks as they are, and would be those of another run.
      const episodes = target && randomScaling === 0 && list === 'test' ? gateEpisodes : 0;
      const comparison = await compare(
        context,
        {
          ...{ task, data, seed, list, tasks, tuningTasks, randomScaling, scaledFrom, horizon, baselines },
          ...{ learned, others: others.map(entrant) },
        },
        output,
      );
      output.say(`Task: ${comparison.optimizeeDescription}`);
      sayCurves(output, comparison);
      const gates = await gatesOfRun(context, { task, data, seed, horizon, learned, episodes }, output);
      const wallSeconds = (performance.now() - start) / 1000;
      if (target) {
        const html = await makeReport({
          context,
          title: `Evaluation of ${file.optimizer.kind} on ${comparison.optimizeeDescription}`,
          seed,
          settings: {
            ...flatten({ task, optimizer: file.optimizer }),
            ...groupSettings(file.optimizer, task),
          },
          tasks: describeTasks(task, seed, tasks, list),
          testTasks: tasks,
          training: [],
          validation: [],
          comparison,
          unroll: file.training.unroll,
          horizon: file.training.horizon,
          wallSeconds,
          bytes: comparison.bytes,
          gates,
        });
        isWritten = true;
        saveResults(target, comparison, wallSeconds, html, gates);
        output.say(`Report: ${target.path}/report.html`);
      }
      output.result({ weights: source, against, task, ...evaluation, ...resultOf(comparison, wallSeconds) });
      return EXIT.done;
    });
  } finally {
    if (isWritten) target?.close();
    else target?.discard();
  }
}
