import {
  ConfigError,
  CoordwiseError,
  decodeSafeTensors,
  decodeWeights,
  type GpuContext,
  HAND_DESIGNED,
  type HandDesignedName,
  parseConfig,
  runGradientCase,
  type TrainConfig,
  trainSchema,
} from '../host/index.ts';
import {
  type AdapterChoice,
  adapterFromEnvironment,
  adapterLine,
  openNodeContext,
  RunFolder,
  readFileChecked,
} from '../node/index.ts';
import { formatSeconds } from '../report/terminal.ts';
import { type ComparisonResult, compare } from './compare.ts';
import { loadTaskData } from './data.ts';
import { taskFrom, trainConfigFrom, type Values } from './options.ts';
import { Output } from './output.ts';
import { flatten, makeReport, sayCurves, VERSION } from './reporting.ts';
import { phiOf, trainRun } from './trainRun.ts';

/** Opens the adapter, says which, runs `work` and closes it. */
async function withDevice<T>(
  values: Values,
  output: Output,
  work: (context: GpuContext) => Promise<T>,
): Promise<T> {
  const choice = (values['adapter'] as AdapterChoice | undefined) ?? adapterFromEnvironment();
  const context = await openNodeContext(choice);
  output.say(adapterLine(context));
  try {
    return await work(context);
  } finally {
    context.destroy();
  }
}

function wholeOption(values: Values, name: string, least: number, otherwise: number): number {
  const value = values[name] ?? otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least) {
    throw new ConfigError(
      `--${name} must be a whole number of at least ${least}`,
      `for example --${name} ${otherwise}`,
    );
  }
  return value;
}

export async function info(values: Values): Promise<void> {
  const output = new Output(values['json'] === true);
  await withDevice(values, output, async ({ adapter, device }) => {
    const names = [
      'maxBufferSize',
      'maxStorageBufferBindingSize',
      'maxUniformBufferBindingSize',
      'maxStorageBuffersPerShaderStage',
      'maxComputeInvocationsPerWorkgroup',
      'maxComputeWorkgroupStorageSize',
    ] as const;
    const limits = Object.fromEntries(names.map((name) => [name, device.limits[name]]));
    const features = [...device.features].sort();
    output.say(
      `Kind: ${adapter.kind}; vendor ${adapter.vendor || 'unknown'}, architecture ${adapter.architecture || 'unknown'}`,
    );
    output.say(`Subgroups: ${adapter.subgroupMinSize} to ${adapter.subgroupMaxSize} lanes`);
    output.say(`Features: ${features.join(', ')}`);
    for (const [name, value] of Object.entries(limits)) output.say(`${name}: ${value}`);
    output.say(`coordwise ${VERSION}, Node ${process.version}, ${process.platform} ${process.arch}`);
    output.result({ version: VERSION, node: process.version, adapter, features, limits });
  });
}

export async function gradient(path: string, values: Values): Promise<number> {
  const output = new Output(values['json'] === true);
  const tolerance = values['tolerance'];
  if (typeof tolerance !== 'number' || !(tolerance > 0)) {
    throw new ConfigError('--tolerance must be a positive number', 'for example --tolerance 1e-3');
  }
  const file = decodeSafeTensors(readFileChecked(path, 'the gradient case'), path);
  return withDevice(values, output, async (context) => {
    const results = await runGradientCase(context, file, path);
    const width = Math.max(...results.map(({ name }) => name.length));
    for (const { name, relativeError } of results) {
      const mark = relativeError <= tolerance ? '' : '  ABOVE THE TOLERANCE';
      output.say(`${name.padEnd(width)}  ${relativeError.toExponential(2)}${mark}`);
    }
    const holds = results.every(({ relativeError }) => relativeError <= tolerance);
    output.say(`${path}: ${holds ? 'holds' : 'does not hold'} to ${tolerance}`);
    output.result({ case: path, tolerance, holds, results });
    return holds ? 0 : 1;
  });
}

function baselinesFrom(values: Values): HandDesignedName[] {
  const list = values['baselines'];
  if (list === undefined) return [...HAND_DESIGNED];
  if (typeof list !== 'string') throw new ConfigError('--baselines was given more than once', 'give it once');
  if (list === '') return [];
  return list.split(',').map((name) => {
    const known = HAND_DESIGNED.find((candidate) => candidate === name.trim());
    if (!known) {
      throw new ConfigError(
        `there is no baseline ${JSON.stringify(name)}`,
        `choose from: ${HAND_DESIGNED.join(', ')}`,
      );
    }
    return known;
  });
}

/** How many tasks, and which, in words. */
function describeTasks(config: Pick<TrainConfig, 'task' | 'seed'>, tasks: number): string {
  const images = config.task.kind === 'quadratic' ? 'new problems' : 'images of the test set';
  return `${tasks} held-out tasks of seed ${config.seed}: ${images} and starting points that neither training nor tuning saw`;
}

/** Evaluates trained weights beside tuned baselines; writes report.html where `folder` is given. */
export async function evaluate(path: string, name: string | undefined, values: Values): Promise<void> {
  const output = new Output(values['json'] === true);
  const folder = path.endsWith('.safetensors') ? undefined : RunFolder.open(path);
  const source = folder ? `${path}/best.safetensors` : path;
  const bytes = folder ? folder.loadCheckpoint('best') : readFileChecked(path, 'the weights');
  if (!bytes) throw new CoordwiseError(`${path} holds no best.safetensors yet`, 'train it first, or longer');
  const file = decodeWeights(bytes, source);
  const task = taskFrom(name, values, file.task);
  const seed = wholeOption(values, 'seed', 0, file.training.seed);
  const horizon = wholeOption(values, 'horizon', 1, file.training.horizon || 100);
  const tasks = wholeOption(values, 'tasks', 1, 100);
  const tuningTasks = wholeOption(values, 'tuning-tasks', 1, 16);
  const baselines = baselinesFrom(values);
  const out = values['out'];
  const data = await loadTaskData(task);
  await withDevice(values, output, async (context) => {
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
    if (typeof out === 'string' && out !== '') {
      const target = RunFolder.create(out, {
        evaluated: source,
        task,
        seed,
        horizon,
        tasks,
        tuningTasks,
        baselines,
      });
      try {
        const html = await makeReport({
          context,
          title: `Evaluation of ${file.optimizer.kind} on ${comparison.optimizeeDescription}`,
          seed,
          settings: flatten({ task, optimizer: file.optimizer }),
          tasks: describeTasks({ task, seed }, tasks),
          training: [],
          validation: [],
          comparison,
          unroll: file.training.unroll,
          horizon: file.training.horizon,
          wallSeconds,
          bytes: comparison.bytes,
          command: `npx coordwise evaluate ${path} --out ${out}`,
        });
        saveResults(target, comparison, html);
        output.say(`Report: ${target.path}/report.html`);
      } finally {
        target.close();
      }
    }
    output.result(resultOf(comparison, wallSeconds));
  });
}

function resultOf(comparison: ComparisonResult, wallSeconds: number): object {
  const { curves, verdict, learnedWins, tuning } = comparison;
  return { verdict, learnedWins, wallSeconds, curves, tuning };
}

function saveResults(folder: RunFolder, comparison: ComparisonResult, html: string): void {
  folder.writeText('results.json', `${JSON.stringify(resultOf(comparison, 0), null, 1)}\n`);
  folder.writeText('report.html', html);
}

/** Trains into a new run folder, then compares with tuned baselines and writes the report. */
export async function train(name: string | undefined, values: Values): Promise<void> {
  const output = new Output(values['json'] === true);
  const resume = values['resume'];
  if (typeof resume === 'string') {
    const folder = RunFolder.open(resume, { lock: true });
    try {
      const config = parseConfig(trainSchema, folder.config, `${resume}/config.json`);
      await trainAndReport(config, folder, values, output, true);
    } finally {
      folder.close();
    }
    return;
  }
  if (name === undefined)
    throw new ConfigError('no task was named', 'for example: coordwise train mnist --iterations 1000');
  const config = trainConfigFrom(taskFrom(name, values), values);
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '');
  const out =
    typeof values['out'] === 'string' && values['out'] !== '' ? values['out'] : `runs/${name}-${stamp}`;
  await trainInto(out, config, values, output);
}

/** Trains with this configuration into a folder that must not exist yet. */
export async function trainInto(
  out: string,
  config: TrainConfig,
  values: Values,
  output: Output,
): Promise<void> {
  const folder = RunFolder.create(out, config);
  try {
    await trainAndReport(config, folder, values, output, false);
  } finally {
    folder.close();
  }
}

async function trainAndReport(
  config: TrainConfig,
  folder: RunFolder,
  values: Values,
  output: Output,
  resume: boolean,
): Promise<void> {
  const data = await loadTaskData(config.task);
  const tasks = wholeOption(values, 'test-tasks', 1, 100);
  const baselines = baselinesFrom(values);
  await withDevice(values, output, async (context) => {
    const start = performance.now();
    const run = await trainRun(context, config, data, folder, output, resume);
    const { phi } = run.result.best;
    output.say(
      `Best weights: after ${run.result.best.iteration} meta-iterations, in ${folder.path}/best.safetensors (${formatSeconds(run.seconds)})`,
    );
    if (values['evaluate'] === false || run.result.stopped === 'asked') {
      output.result({ folder: folder.path, ...run.result, best: { ...run.result.best, phi: undefined } });
      return;
    }
    const comparison = await compare(
      context,
      {
        task: config.task,
        data,
        seed: config.seed,
        tasks,
        tuningTasks: config.validation.tasks,
        horizon: config.horizon,
        learned: { config: config.optimizer, phi },
        baselines,
      },
      output,
    );
    sayCurves(output, comparison.curves, comparison.verdict);
    const wallSeconds = (performance.now() - start) / 1000;
    const html = await makeReport({
      context,
      title: `${config.optimizer.kind} learns to optimise: ${comparison.optimizeeDescription}`,
      seed: config.seed,
      settings: flatten(config),
      tasks: describeTasks(config, tasks),
      training: run.training,
      validation: run.validation,
      comparison,
      unroll: config.unroll,
      horizon: config.horizon,
      wallSeconds,
      bytes: run.bytes,
      command: `npx coordwise ${process.argv.slice(2).join(' ')}`,
    });
    saveResults(folder, comparison, html);
    output.say(`Report: ${folder.path}/report.html (${formatSeconds(wallSeconds)} in all)`);
    const { iteration, skipped, stopped } = run.result;
    output.result({ folder: folder.path, iteration, skipped, stopped, ...resultOf(comparison, wallSeconds) });
  });
}
