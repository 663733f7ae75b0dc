import {
  CoordwiseError,
  compareSteps,
  FileFormatError,
  type GpuContext,
  parseStoredConfig,
  type TrainConfig,
  taskKeys,
  trainSchema,
  type WeightBlock,
  weightBlocksOf,
} from '../host/index.ts';
import { RunFolder } from '../node/index.ts';
import type { DiagnosisPart } from '../report/diagnosisData.ts';
import { linesPlot, partText } from '../report/diagnosisTerminal.ts';
import { formatCount } from '../report/terminal.ts';
import { loadTaskData } from './data.ts';
import { blockLines, diagnoseBlocks } from './diagnosis/blockNorms.ts';
import { diagnoseGates } from './diagnosis/gates.ts';
import { diagnoseBest, diagnoseTrend, trendNumbers } from './diagnosis/losses.ts';
import { diagnosisHtml, type Facts, type Measured, POINTS } from './diagnosis/page.ts';
import { type RunRecords, readRecords } from './diagnosis/records.ts';
import { diagnoseNorms, diagnoseSkips } from './diagnosis/steps.ts';
import { diagnoseUpdates } from './diagnosis/updates.ts';
import { verdictOf } from './diagnosis/verdict.ts';
import { gateEpisodesFrom, gatesOfRun } from './gates.ts';
import type { Values } from './options.ts';
import { Output } from './output.ts';
import { adapterFrom, requireMemory, withDevice } from './session.ts';
import { text } from './settings.ts';
import { phiOf } from './trainRun.ts';
import { EXIT } from './usage.ts';
import { type ReadWeights, readWeights } from './weights.ts';

/** A training run as its folder has it. */
interface Run {
  readonly path: string;
  readonly config: TrainConfig;
  readonly blocks: readonly WeightBlock[];
  readonly records: RunRecords;
  readonly weights: ReadWeights;
}

/**
 * Says of a run folder, finished or not, why it learns or does not, from its log and its best weights; with --out
 * also writes report.html and diagnosis.json. Nothing in the run folder is changed. Returns the exit code.
 */
export async function diagnose(path: string, values: Values): Promise<number> {
  const output = new Output(values['json'] === true);
  const adapter = adapterFrom(values);
  const episodes = gateEpisodesFrom(values);
  const run = openRun(path);
  const out = text(values, 'out') || undefined;
  // Taken before the work, so that a folder that cannot be used costs nobody the measurements.
  const target =
    out === undefined ? undefined : RunFolder.create(out, { diagnosed: path, gateEpisodes: episodes });
  let isWritten = false;
  try {
    const measured =
      episodes === 0
        ? undefined
        : await withDevice(adapter, output, (context) => measure(context, run, episodes, output));
    const parts = partsOf(run, measured);
    say(output, run, parts);
    const result = { run: path, verdict: verdictOf(parts), ...factsOf(run), parts };
    if (target) {
      const { records, blocks } = run;
      const facts = factsOf(run);
      const html = await diagnosisHtml({ path, facts, records, blocks, parts, measured });
      target.writeText('diagnosis.json', `${JSON.stringify(result, null, 1)}\n`);
      target.writeText('report.html', html);
      isWritten = true;
      output.say(`\nReport: ${target.path}/report.html`);
    }
    output.result(result);
    return EXIT.done;
  } finally {
    if (isWritten) target?.close();
    else target?.discard();
  }
}

/** @throws CoordwiseError where the folder holds no run with a log and weights. */
function openRun(path: string): Run {
  const folder = RunFolder.open(path);
  const stored = folder.config;
  if (typeof stored === 'object' && stored !== null && ('evaluated' in stored || 'diagnosed' in stored)) {
    throw new CoordwiseError(
      `${path} is not the folder of a training run: it has no log`,
      'give the folder of a `coordwise train`',
    );
  }
  const config = parseStoredConfig(trainSchema, stored, `${path}/config.json`);
  const blocks = weightBlocksOf(config.optimizer);
  const records = readRecords(folder.readLog(), blocks.length, `${path}/log.jsonl`);
  if (records.steps.length === 0) {
    throw new CoordwiseError(
      `${path} holds no log of meta-steps yet (log.jsonl)`,
      'let the training run get further, or restore the log from a backup',
    );
  }
  const weights = readWeights(path, true);
  if (weights.file.optimizer.kind !== config.optimizer.kind) {
    throw new FileFormatError(
      `${weights.source} holds a ${weights.file.optimizer.kind}, and config.json says ${config.optimizer.kind}`,
      "restore the run's own files",
    );
  }
  return { path, config, blocks, records, weights };
}

async function measure(context: GpuContext, run: Run, episodes: number, output: Output): Promise<Measured> {
  const { task, seed, horizon } = run.config;
  const { file, source } = run.weights;
  const data = await loadTaskData(task);
  const learned = { config: file.optimizer, phi: phiOf(context, file, source) };
  const gates = await gatesOfRun(context, { task, data, seed, horizon, learned, episodes }, output);
  if (!gates) throw new RangeError('no episode was asked for');
  const keys = taskKeys(seed, 'test', 0, episodes);
  const about = { task, data, list: 'test', keys, horizon, reference: 'adam' } as const;
  const updates = await compareSteps(
    context,
    { ...about, optimizer: learned.config, phi: learned.phi },
    (bytes) => requireMemory(context, bytes, 'measuring the updates'),
  );
  return { gates, updates };
}

function partsOf({ config, blocks, records }: Run, measured: Measured | undefined): DiagnosisPart[] {
  const { steps, validations } = records;
  return [
    diagnoseTrend(steps),
    diagnoseBest(validations, trendNumbers(steps).heading),
    diagnoseSkips(steps),
    diagnoseNorms(steps, config.clip),
    diagnoseBlocks(steps, blocks),
    ...(measured
      ? [
          diagnoseGates(measured.gates, config.optimizer.kind),
          diagnoseUpdates(measured.updates, config.optimizer.kind),
        ]
      : []),
  ];
}

function factsOf({ config, records, weights }: Run): Facts {
  return {
    optimizer: config.optimizer.kind,
    task: config.task.kind,
    seed: config.seed,
    iterations: records.steps.length,
    iterationsAsked: config.iterations,
    bestIteration: weights.file.training.iteration,
  };
}

function say(output: Output, run: Run, parts: readonly DiagnosisPart[]): void {
  const { steps } = run.records;
  const { iterations, iterationsAsked, bestIteration } = factsOf(run);
  const width = Math.min(100, process.stdout.columns ?? 80);
  const color = process.stdout.isTTY === true && !process.env['NO_COLOR'];
  output.say(
    `Run: ${run.path}; ${formatCount(iterations)} of ${formatCount(iterationsAsked)} meta-iterations, best weights after ${formatCount(bestIteration)}`,
  );
  for (const part of parts) {
    output.say(`\n${partText(part)}`);
    if (part.id !== 'blockNorms' || part.status === 'unknown') continue;
    output.say('\n  norm by meta-iteration');
    output.say(linesPlot(blockLines(steps, run.blocks, POINTS), width, color));
  }
  output.say(`\n${verdictOf(parts)}`);
}
