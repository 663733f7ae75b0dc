import {
  type Checkpoint,
  createLearned,
  decodeCheckpoint,
  encodeCheckpoint,
  encodeWeights,
  type GpuContext,
  lossWeightsOf,
  lstmVariant,
  MetaTraining,
  type MetaTrainResult,
  type Stage,
  type TaskData,
  TensorPool,
  type TrainConfig,
} from '../host/index.ts';
import type { RunFolder } from '../node/index.ts';
import type { TrainingPoint, ValidationPoint } from '../report/data.ts';
import { formatBytes } from '../report/terminal.ts';
import { describeGroups } from './groups.ts';
import type { Output } from './output.ts';
import { requireMemory } from './session.ts';
import { startSession } from './sessions.ts';
import { EXIT } from './usage.ts';

export interface TrainedRun {
  readonly result: MetaTrainResult;
  readonly training: readonly TrainingPoint[];
  readonly validation: readonly ValidationPoint[];
  readonly bytes: number;
  readonly seconds: number;
}

/** Meta-trains into a run folder, from its start or from its checkpoint. */
export async function trainRun(
  context: GpuContext,
  config: TrainConfig,
  data: TaskData | undefined,
  folder: RunFolder,
  output: Output,
  resume: boolean,
): Promise<TrainedRun> {
  const start = performance.now();
  const run = new MetaTraining(context, config, data);
  const { optimizer, unroll } = run.trainer;
  output.say(
    `Task: ${unroll.optimizee.description}; ${unroll.optimizee.parameters} parameters, ${config.tasks} at once`,
  );
  output.say(`Optimizer: ${optimizer.description}; ${optimizer.weightCount} weights`);
  const groups = describeGroups(config.optimizer, unroll.optimizee.groups);
  if (groups !== undefined) output.say(`Groups: ${groups}`);
  output.say(
    `Memory: ${formatBytes(run.bytes)} on the device (${run.bytes} bytes in tensors and readback; 256 more a kernel dispatch)`,
  );
  requireMemory(context, run.bytes, 'the run');
  const checkpoint = resume ? loadCheckpoint(folder, optimizer.phi.length) : undefined;
  if (resume) {
    const done = checkpoint?.iteration ?? 0;
    folder.truncateLog(done);
    output.say(
      done > 0 ? `Resuming after meta-iteration ${done}` : 'No checkpoint yet: starting from the beginning',
    );
  }
  const noteSession = startSession(
    folder,
    { adapter: context.adapter.description, lstmKernels: lstmVariant(context) },
    checkpoint?.iteration ?? 0,
  );
  const progress = output.progress('meta-training');
  let validationText = '';
  const lossWeight = lossWeightsOf(config).reduce((sum, weight) => sum + weight, 0);
  const elsewhere = config.validation.activation ? ` (${config.validation.activation})` : '';
  const stop = catchInterrupt(output);
  const at = ({ index, count, horizon }: Stage) =>
    count === 1 ? '' : `stage ${index + 1}/${count} (${horizon} steps) | `;
  const staged = ({ index, count, horizon, selection }: Stage) =>
    count === 1 ? {} : { stage: index + 1, horizon, selection };
  try {
    const result = await run.run(
      {
        onPretraining: (share) => progress.update(0, `pre-training theta_0, ${Math.round(100 * share)} %`),
        onStage(stage, iteration) {
          if (stage.count === 1) return;
          folder.appendLog({
            type: 'stage',
            iteration: Math.max(0, iteration - 1),
            done: iteration,
            ...staged(stage),
          });
          output.say(
            `Stage ${stage.index + 1} of ${stage.count}, after ${iteration} meta-iterations: trains on ${stage.horizon} steps, selects on ${stage.selection}`,
          );
        },
        onStep(step, stage) {
          const { imitates, ...record } = step;
          folder.appendLog({ ...record, type: imitates ? 'imitation' : 'step' });
          const loss = imitates
            ? `imitation ${(step.metaLoss / config.unroll).toPrecision(3)}`
            : `loss ${(step.metaLoss / lossWeight).toPrecision(3)}`;
          const text = `${at(stage)}${loss}${validationText}`;
          progress.update((step.iteration + 1) / config.iterations, text);
        },
        onValidation({ iteration, summary, score, isBest, stage }) {
          const { finalMean, sumMean, accuracy } = summary;
          // A validation belongs to the step before it, so that resuming keeps or drops both.
          const at = Math.max(0, iteration - 1);
          folder.appendLog({
            type: 'validation',
            iteration: at,
            done: iteration,
            finalMean,
            sumMean,
            score,
            isBest,
            ...(accuracy && { accuracy: accuracy.final, accuracyInterval: accuracy.interval }),
            ...staged(stage),
          });
          const right = accuracy ? `, ${(100 * accuracy.final).toFixed(1)} % right` : '';
          validationText = ` | validation${elsewhere} ${score.toPrecision(3)}${right}${isBest ? ' (best)' : ''}`;
          if (!process.stderr.isTTY) {
            output.say(
              `  after ${iteration} meta-iterations: validation loss${elsewhere} ${score.toPrecision(4)}${right}${isBest ? ', the best so far' : ''}`,
            );
          }
        },
        onBest({ phi, iteration }, { horizon, index }) {
          const { task, optimizer: settings, seed, unroll: steps, secondDerivatives } = config;
          const curriculum = config.curriculum && {
            curriculum: config.curriculum.horizons.slice(0, index + 1),
          };
          const training = { seed, iteration, horizon, ...curriculum, unroll: steps, secondDerivatives };
          const weights = optimizer.toNamed(phi);
          folder.saveCheckpoint('best', encodeWeights({ optimizer: settings, task, training, weights }));
        },
        onCheckpoint(state) {
          folder.saveCheckpoint('checkpoint', encodeCheckpoint(state));
          noteSession(state.iteration);
        },
        shouldStop: stop.asked,
      },
      checkpoint,
    );
    progress.stop();
    sayEnd(output, result, config);
    const seconds = (performance.now() - start) / 1000;
    return { result, ...readTraining(folder), bytes: run.bytes, seconds };
  } finally {
    progress.stop();
    stop.release();
    run.destroy();
  }
}

function sayEnd(output: Output, result: MetaTrainResult, config: TrainConfig): void {
  if (result.stopped === 'not-finite') {
    output.say(
      `Stopped after ${result.iteration} of ${config.iterations} meta-iterations: ${config.patience} meta-steps in a row were not finite. ` +
        `The best weights, of iteration ${result.best.iteration}, are kept; try a smaller --learning-rate or a --clip.`,
    );
  }
  if (result.skipped > 0) output.say(`${result.skipped} meta-steps were not finite and were skipped`);
}

function loadCheckpoint(folder: RunFolder, phiLength: number): Checkpoint | undefined {
  const bytes = folder.loadCheckpoint('checkpoint');
  return bytes && decodeCheckpoint(bytes, `${folder.path}/checkpoint.safetensors`, phiLength);
}

/** The curves a report draws, from the run's own log. */
function readTraining(folder: RunFolder): { training: TrainingPoint[]; validation: ValidationPoint[] } {
  const number = (value: unknown) => (typeof value === 'number' ? value : Number.NaN);
  const training: TrainingPoint[] = [];
  const validation: ValidationPoint[] = [];
  for (const record of folder.readLog() as Record<string, unknown>[]) {
    const iteration = number(record['iteration']);
    if (record['type'] === 'step') {
      const gradientNorm = number(record['gradientNorm']);
      training.push({
        iteration,
        metaLoss: number(record['metaLoss']),
        gradientNorm,
        skipped: record['skipped'] === true,
      });
    } else if (record['type'] === 'validation') {
      const [finalLoss, sumLoss] = [number(record['finalMean']), number(record['sumMean'])];
      validation.push({
        iteration: number(record['done']),
        finalLoss,
        sumLoss,
        best: record['isBest'] === true,
        ...(typeof record['stage'] === 'number' && {
          stage: { number: record['stage'], horizon: number(record['horizon']) },
        }),
      });
    }
  }
  return { training, validation };
}

/** The first Ctrl-C, or SIGTERM, asks the run to stop at the next end of an episode; the second one kills it. */
function catchInterrupt(output: Output): { asked: () => boolean; release: () => void } {
  let asked = false;
  const handler = () => {
    if (asked) process.exit(EXIT.interrupted);
    asked = true;
    output.say('Stopping at the end of this episode (Ctrl-C again to stop at once)');
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, handler);
  return {
    asked: () => asked,
    release: () => {
      for (const signal of signals) process.off(signal, handler);
    },
  };
}

/** "go on with: ..." for people, the path quoted for their shell where it must be. */
export function goOnWith(path: string): string {
  const quoted = /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
  return `go on with: npx coordwise train --resume ${quoted}`;
}

/** phi in the kernels' layout from a weights file's tensors, checked against its settings. */
export function phiOf(
  context: GpuContext,
  file: {
    readonly optimizer: TrainConfig['optimizer'];
    readonly weights: Parameters<ReturnType<typeof createLearned>['fromNamed']>[0];
  },
  source: string,
): Float32Array {
  return createLearned(new TensorPool(context), file.optimizer).fromNamed(file.weights, source);
}
