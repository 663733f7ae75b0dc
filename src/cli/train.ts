import {
  ConfigError,
  type HandDesignedName,
  parseStoredConfig,
  type TrainConfig,
  trainSchema,
} from '../host/index.ts';
import { type AdapterChoice, RunFolder } from '../node/index.ts';
import { formatSeconds } from '../report/terminal.ts';
import { compare } from './compare.ts';
import { learnedOf } from './contenders.ts';
import { loadTaskData } from './data.ts';
import { gateEpisodesFrom, gatesOfRun } from './gates.ts';
import { groupSettings } from './groups.ts';
import { taskOptions, trainOptions, type Values } from './options.ts';
import { Output } from './output.ts';
import { describeTasks, flatten, makeReport, resultOf, saveResults, sayCurves } from './reporting.ts';
import { adapterFrom, withDevice } from './session.ts';
import { readSessions } from './sessions.ts';
import {
  baselinesFrom,
  defaultBaselines,
  defaultTestTasks,
  testTasksFrom,
  text,
  trainConfigFrom,
} from './settings.ts';
import { taskFrom } from './taskSettings.ts';
import { goOnWith, trainRun } from './trainRun.ts';
import { EXIT } from './usage.ts';

/** How a run is carried out: nothing that changes what it learns. */
interface RunOptions {
  readonly adapter: AdapterChoice;
  /** Absent where the task's own defaults are meant. */
  readonly baselines: readonly HandDesignedName[] | undefined;
  readonly testTasks: number | undefined;
  readonly evaluate: boolean;
  readonly gateEpisodes: number;
}

function runOptionsFrom(values: Values): RunOptions {
  return {
    adapter: adapterFrom(values),
    baselines: baselinesFrom(values),
    testTasks: testTasksFrom(values),
    evaluate: values['evaluate'] !== false,
    gateEpisodes: gateEpisodesFrom(values),
  };
}

/**
 * Trains into a new run folder or goes on with an earlier one, then compares with tuned baselines and writes the
 * report. Returns the exit code.
 */
export async function train(name: string | undefined, values: Values): Promise<number> {
  const resume = text(values, 'resume');
  if (resume !== undefined) return trainOn(resume, name, values);
  if (name === undefined) {
    throw new ConfigError('no task was named', 'for example: coordwise train mnist --iterations 1000');
  }
  const config = trainConfigFrom(taskFrom(name, values), values);
  return trainInto(text(values, 'out') || `runs/${name}-${timeStamp()}`, config, values);
}

/** The time to the second, for the name of a run folder. */
export function timeStamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(':', '');
}

/** Goes on with the run in `path`. */
async function trainOn(path: string, task: string | undefined, values: Values): Promise<number> {
  const settings = ['out', ...Object.keys(taskOptions), ...Object.keys(trainOptions)];
  const given = settings.find((option) => values[option] !== undefined);
  const clash = task === undefined ? given && `--${given}` : `the task ${JSON.stringify(task)}`;
  if (clash !== undefined) {
    throw new ConfigError(
      `--resume goes on with the settings in ${path}/config.json, so ${clash} cannot be given too`,
      'leave it out, or start a new run without --resume',
    );
  }
  const options = runOptionsFrom(values);
  const folder = RunFolder.open(path, { lock: true });
  try {
    const config = parseStoredConfig(trainSchema, folder.config, `${path}/config.json`);
    return await trainAndReport(config, folder, options, new Output(values['json'] === true), true);
  } finally {
    folder.close();
  }
}

/** Trains with this configuration into a folder that must not hold anything yet. Returns the exit code. */
export async function trainInto(out: string, config: TrainConfig, values: Values): Promise<number> {
  const options = runOptionsFrom(values);
  const folder = RunFolder.create(out, config);
  try {
    const output = new Output(values['json'] === true);
    const code = await trainAndReport(config, folder, options, output, false);
    folder.close();
    return code;
  } catch (error) {
    folder.discard();
    throw error;
  }
}

/** After a failure: says how to go on where there is something to go on with. */
function sayHowToGoOn(folder: RunFolder, output: Output): void {
  if (folder.loadCheckpoint('checkpoint')) {
    output.say(`What was learned up to the last checkpoint is kept; ${goOnWith(folder.path)}`);
  }
}

async function trainAndReport(
  config: TrainConfig,
  folder: RunFolder,
  options: RunOptions,
  output: Output,
  resume: boolean,
): Promise<number> {
  const data = await loadTaskData(config.task);
  // A resumed run goes on with its own kernels, hence to the same bits.
  const lstm = resume ? readSessions(folder.path).at(-1)?.lstmKernels : undefined;
  return withDevice(
    options.adapter,
    output,
    async (context) => {
      const start = performance.now();
      const run = await trainRun(context, config, data, folder, output, resume).catch((error: unknown) => {
        sayHowToGoOn(folder, output);
        throw error;
      });
      const { iteration, skipped, stopped, best } = run.result;
      const facts = { folder: folder.path, iteration, skipped, stopped: stopped ?? null };
      output.say(
        `Best weights: after ${best.iteration} meta-iterations, in ${folder.path}/best.safetensors (${formatSeconds(run.seconds)})`,
      );
      if (stopped === 'asked') {
        output.say(`Interrupted after ${iteration} meta-iterations; ${goOnWith(folder.path)}`);
      }
      const exit =
        stopped === 'asked' ? EXIT.interrupted : stopped === 'not-finite' ? EXIT.failed : EXIT.done;
      if (!options.evaluate || stopped === 'asked') {
        const { iteration: bestIteration, score } = best;
        output.result({ ...facts, best: { iteration: bestIteration, score } });
        return exit;
      }
      const { task, seed, horizon, optimizer } = config;
      const learned = { config: optimizer, phi: best.phi };
      const episodes = options.gateEpisodes;
      const testTasks = options.testTasks ?? defaultTestTasks(config.task);
      const comparison = await compare(
        context,
        {
          task: config.task,
          data,
          seed: config.seed,
          tasks: testTasks,
          tuningTasks: config.validation.tasks,
          horizon: config.horizon,
          learned: learnedOf(config.optimizer, best.phi, { ...config, iteration: best.iteration }),
          others: [],
          baselines: options.baselines ?? defaultBaselines(config.task),
        },
        output,
      );
      sayCurves(output, comparison);
      const gates = await gatesOfRun(context, { task, data, seed, horizon, learned, episodes }, output);
      const wallSeconds = (performance.now() - start) / 1000;
      const html = await makeReport({
        context,
        title: `${config.optimizer.kind} learns to optimise: ${comparison.optimizeeDescription}`,
        seed: config.seed,
        settings: { ...flatten(config), ...groupSettings(config.optimizer, config.task) },
        tasks: describeTasks(config.task, config.seed, testTasks),
        testTasks,
        training: run.training,
        validation: run.validation,
        comparison,
        unroll: config.unroll,
        horizon: config.horizon,
        wallSeconds,
        bytes: run.bytes,
        gates,
      });
      saveResults(folder, comparison, wallSeconds, html, gates);
      output.say(`Report: ${folder.path}/report.html (${formatSeconds(wallSeconds)} in all)`);
      output.result({ ...facts, ...resultOf(comparison, wallSeconds) });
      return exit;
    },
    lstm,
  );
}
