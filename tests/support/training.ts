import { parseConfig, type TrainConfig, type TrainInput, trainSchema } from '../../src/host/config.ts';
import type { ImageSet } from '../../src/host/data/images.ts';
import type { GpuContext } from '../../src/host/gpu/context.ts';
import { readTensors, submit, writeTensor } from '../../src/host/gpu/readback.ts';
import { type DType, type Tensor, TensorPool } from '../../src/host/gpu/tensor.ts';
import type { Best, Checkpoint } from '../../src/host/io/checkpoint.ts';
import { MetaTraining, type MetaTrainResult, type Validation } from '../../src/host/meta/metaTrain.ts';
import type { ImageSplits, TaskData } from '../../src/host/meta/tasks.ts';
import type { MetaStep } from '../../src/host/meta/trainer.ts';
import { Unroll } from '../../src/host/meta/unroll.ts';
import { denseLayers } from '../../src/host/optimizees/layers/settings.ts';
import type { Optimizee, TaskTensors } from '../../src/host/optimizees/optimizee.ts';
import { createQuadratic, type GivenQuadratics } from '../../src/host/optimizees/quadratic.ts';
import { createLearned } from '../../src/host/optimizers/create.ts';
import type { LearnedOptimizer } from '../../src/host/optimizers/optimizer.ts';
import { randomValues } from './compare.ts';

/** A training run that takes milliseconds a meta-step: quadratics of 3 dimensions, an LSTM of 1x4. */
export function smallConfig(changes: Partial<TrainInput> = {}): TrainConfig {
  const input: TrainInput = {
    task: { kind: 'quadratic', dimension: 3 },
    optimizer: { kind: 'l2l', layers: 1, hidden: 4 },
    tasks: 2,
    unroll: 5,
    horizon: 10,
    iterations: 8,
    metaLearningRate: 0.01,
    validation: { tasks: 3, every: 2 },
    ...changes,
  };
  return parseConfig(trainSchema, input, 'test');
}

/** As `smallConfig` on images of 7x7: a 49-5-10 network, an LSTM of 2x5. */
export function smallMlpConfig(changes: Partial<TrainInput> = {}): TrainConfig {
  return smallConfig({
    task: { kind: 'images', resolution: 7, layers: denseLayers([5], 'sigmoid'), batch: 10 },
    optimizer: { kind: 'l2l', layers: 2, hidden: 5 },
    ...changes,
  });
}

/** Made-up images of 7x7 in ten classes, another lot for each list of tasks. */
export function smallImages(): ImageSplits {
  return { train: images(1, 50), validation: images(2, 40), test: images(3, 30) };
}

function images(seed: number, count: number): ImageSet {
  return {
    name: 'made-up',
    count,
    height: 7,
    width: 7,
    classes: 10,
    pixels: Uint8Array.from(randomValues(count * 49, seed, 0, 255.99)),
    labels: Uint8Array.from(randomValues(count, seed + 100, 0, 9.99)),
  };
}

/** Quadratics with W and y from U(0, 1) and starting points from U(-1, 1). */
export function givenQuadratics(tasks: number, dimension: number, seed = 1): GivenQuadratics {
  return {
    W: randomValues(tasks * dimension * dimension, seed, 0, 1),
    y: randomValues(tasks * dimension, seed + 1, 0, 1),
    theta0: randomValues(tasks * dimension, seed + 2),
  };
}

/** Makes the optimizee of given quadratics. */
export function quadraticsOf(
  given: GivenQuadratics,
  tasks: number,
): (pool: TensorPool) => (tensors: TaskTensors) => Optimizee {
  const settings = { dimension: given.y.length / tasks, distribution: 'uniform', initialScale: 0 } as const;
  return (pool) => (tensors) => createQuadratic(pool, tasks, settings, tensors, given);
}

/** A pool whose tensors can be found by their labels. */
export class LabelledPool extends TensorPool {
  readonly byLabel = new Map<string, Tensor>();

  override tensor(label: string, shape: readonly number[], dtype?: DType): Tensor {
    const tensor = super.tensor(label, shape, dtype);
    this.byLabel.set(label, tensor);
    return tensor;
  }

  named(label: string): Tensor {
    const tensor = this.byLabel.get(label);
    if (!tensor) throw new Error(`there is no tensor ${label}: ${[...this.byLabel.keys()].join(', ')}`);
    return tensor;
  }
}

/** One unroll's results: losses [T + 1, B], theta_T [B, N] and the meta-gradient in phi's layout. */
export interface UnrollResults {
  readonly losses: Float32Array;
  readonly theta: Float32Array;
  readonly gradient: Float32Array;
  /** Other tensors that were asked for, by label. */
  readonly read: ReadonlyMap<string, Float32Array>;
}

export interface EpisodeOptions {
  readonly optimizer: TrainConfig['optimizer'];
  readonly tasks: number;
  readonly unroll: number;
  readonly horizon: number;
  readonly lossWeights: readonly number[];
  readonly createOptimizee: (pool: TensorPool) => (tensors: TaskTensors) => Optimizee;
  readonly keys?: Uint32Array;
  /** Labels of more tensors to read after each unroll. */
  readonly read?: readonly string[];
}

/** Runs the unrolls of one episode with fixed weights phi (fresh ones of a seed where a number is given). */
export async function runEpisode(
  context: GpuContext,
  options: EpisodeOptions,
  phi: Float32Array | number,
): Promise<{ optimizer: LearnedOptimizer; phi: Float32Array; unrolls: UnrollResults[] }> {
  const { tasks, horizon, lossWeights, createOptimizee } = options;
  const pool = new LabelledPool(context);
  const optimizer = createLearned(pool, options.optimizer);
  const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
  const unroll = new Unroll({
    pool,
    tasks,
    steps: options.unroll,
    optimizer,
    createOptimizee: createOptimizee(pool),
    lossWeights,
    metaGradient,
  });
  await pool.allocate();
  try {
    const values = typeof phi === 'number' ? optimizer.initialPhi(phi) : phi;
    writeTensor(context, optimizer.phi, values);
    await unroll.prepare();
    const unrolls: UnrollResults[] = [];
    for (let before = 0; before < horizon; before += options.unroll) {
      unroll.setTasks(options.keys ?? new Uint32Array(2 * tasks), before);
      submit(context, (encoder) => unroll.encode(encoder, before === 0 ? 'reset' : 'carry'));
      const labels = options.read ?? [];
      const tensors = [
        unroll.losses,
        unroll.theta,
        metaGradient,
        ...labels.map((label) => pool.named(label)),
      ];
      const [losses, theta, gradient, ...others] = await readTensors(context, tensors);
      if (!losses || !theta || !gradient) throw new Error('a tensor was not read');
      unrolls.push({
        losses,
        theta: theta.subarray(0, tasks * unroll.optimizee.parameters),
        gradient,
        read: new Map(labels.map((label, i) => [label, others[i] ?? new Float32Array()])),
      });
    }
    return { optimizer, phi: values, unrolls };
  } finally {
    pool.destroy();
  }
}

/** Everything a run of `MetaTraining` says. */
export interface Recording {
  readonly steps: MetaStep[];
  readonly validations: Validation[];
  readonly bests: Best[];
  readonly checkpoints: Checkpoint[];
  readonly result: MetaTrainResult;
  readonly bytes: number;
}

/** Meta-trains and records, from the start or from a checkpoint; `stopAfter` asks it to stop after so many steps. */
export async function recordRun(
  context: GpuContext,
  config: TrainConfig,
  options: { readonly data?: TaskData; readonly from?: Checkpoint; readonly stopAfter?: number } = {},
): Promise<Recording> {
  const run = new MetaTraining(context, config, options.data);
  const heard: Omit<Recording, 'result' | 'bytes'> = {
    steps: [],
    validations: [],
    bests: [],
    checkpoints: [],
  };
  try {
    const result = await run.run(
      {
        onStep: (step) => void heard.steps.push(step),
        onValidation: (validation) => void heard.validations.push(validation),
        onBest: (best) => void heard.bests.push(best),
        onCheckpoint: (checkpoint) => void heard.checkpoints.push(checkpoint),
        shouldStop: () => heard.steps.length >= (options.stopAfter ?? Number.POSITIVE_INFINITY),
      },
      options.from,
    );
    return { ...heard, result, bytes: run.bytes };
  } finally {
    run.destroy();
  }
}

/** The last of a list. */
export function last<T>(values: readonly T[]): T {
  const value = values.at(-1);
  if (value === undefined) throw new Error('the list is empty');
  return value;
}

/** The bits of f32 values: equal only when every bit is. */
export function bits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.slice().buffer);
}
