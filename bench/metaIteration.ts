import {
  asMlp,
  CoordwiseError,
  type GpuContext,
  type ImageSet,
  type ImageSplits,
  type MetaStep,
  readTensors,
  type TaskConfig,
  type TrainConfig,
  Trainer,
  taskKeys,
  taskParameters,
} from '../src/host/index.ts';
import type { MlpShape } from '../src/reference/mlp.ts';
import type { Check } from './check.ts';
import { l2lFlop, l2lOf, mlpFlop, quadraticFlop } from './counts.ts';
import { drawQuadratics, redrawTheta0 } from './draw.ts';
import { checkMlpLosses, checkQuadratics } from './metaChecks.ts';
import { unrollCase } from './peers/unrollCase.ts';
import { namedTensors, referencePreprocess } from './reference.ts';
import type { Workload } from './workload.ts';

/** A workload that goes through the trainer; its unroll can be profiled. */
export interface MetaIteration extends Workload {
  readonly trainer: Trainer;
}

/** A Hessian-vector product takes about twice the work of a gradient (Pearlmutter 1994). */
const HESSIAN_VECTOR = 2;

/**
 * One whole meta-iteration through the trainer of meta-training: fresh tasks, an unroll forward and backward,
 * Adam on phi, and the losses read back. One episode is one unroll, so every run does the same work.
 */
export function createMetaIteration(
  context: GpuContext,
  name: string,
  config: TrainConfig,
  data?: ImageSplits,
): MetaIteration {
  const trainer = new Trainer(context, config, data);
  const { task, tasks, unroll: steps } = config;
  const optimizer = l2lOf(config.optimizer);
  const sizes = { inputs: optimizer.preprocess.kind === 'none' ? 1 : 2, ...optimizer };
  const coordinateSteps = tasks * taskParameters(task) * steps;
  const { forward, backward } = l2lFlop(sizes);
  let iteration = 0;
  let first: MetaStep | undefined;
  return {
    name,
    trainer,
    description: `one meta-iteration of ${tasks} x ${trainer.unroll.optimizee.description}, T=${steps}, by ${trainer.optimizer.description}${variantOf(config)}`,
    coordinateSteps,
    flop:
      coordinateSteps * (forward + config.coordinateSample * backward) +
      tasks * (steps + 1 + (config.secondDerivatives ? HESSIAN_VECTOR * steps : 0)) * lossFlop(config),
    bytes: trainer.bytes,
    prepare: () => trainer.prepare(),
    async run() {
      const step = await trainer.submit(iteration).read();
      const { metaLoss, skipped } = step;
      if (skipped || !Number.isFinite(metaLoss)) {
        throw new CoordwiseError(
          `${name}: meta-iteration ${iteration} gave the meta-loss ${metaLoss} and was not taken`,
          'its numbers are wrong: run `npm test`, which says where',
        );
      }
      first ??= step;
      iteration++;
    },
    check: () => checkFirstRun(context, name, trainer, config, data),
    async peerCase() {
      if (!first || iteration !== 1) throw new RangeError(`${name}: a peer repeats the first run, after it`);
      return unrollCase(context, trainer, config, data, first);
    },
    destroy: () => trainer.destroy(),
  };
}

/** What sets a workload apart from plain first order on all coordinates. */
function variantOf({ coordinateSample, secondDerivatives }: TrainConfig): string {
  if (secondDerivatives) return ', second order';
  return coordinateSample < 1 ? `, ${100 * coordinateSample} % of the coordinates backward` : '';
}

/** The network of a workload as the reference takes it: widths from the pixels to the ten digits. */
export function mlpShape(task: Extract<TaskConfig, { kind: 'images' }>): MlpShape {
  const mlp = asMlp(task.layers);
  if (!mlp) throw new RangeError('workloads on images are multilayer perceptrons');
  return { sizes: [task.resolution ** 2, ...mlp.hidden, 10], activation: mlp.activation ?? 'sigmoid' };
}

/** FLOP of one loss and gradient of one task. */
function lossFlop({ task }: TrainConfig): number {
  if (task.kind === 'quadratic') return quadraticFlop(task.dimension);
  if (task.kind === 'images') return mlpFlop(mlpShape(task).sizes, task.batch);
  throw new RangeError(`no workload is made of ${task.kind}`);
}

/** Compares what the first meta-iteration left in the trainer's unroll with the float64 reference. */
async function checkFirstRun(
  context: GpuContext,
  name: string,
  trainer: Trainer,
  config: TrainConfig,
  data: ImageSplits | undefined,
): Promise<Check[]> {
  const { task, tasks, unroll: steps, seed } = config;
  const settings = l2lOf(config.optimizer);
  const keys = taskKeys(seed, 'train', 0, tasks);
  const count = tasks * taskParameters(task);
  const tensors = [trainer.unroll.losses, trainer.unroll.theta];
  const [losses = new Float32Array(), thetaT = new Float32Array()] = await readTensors(context, tensors);
  const unrolled = { name, tasks, steps, losses, thetaT: thetaT.subarray(0, count) };
  if (task.kind === 'images') {
    if (!data) throw new RangeError(`${name} needs images`);
    const theta0 = await redrawTheta0(context, trainer);
    const images: ImageSet = data.train;
    const shape = mlpShape(task);
    return checkMlpLosses({ ...unrolled, theta0, keys, images, batch: task.batch, shape });
  }
  if (task.kind !== 'quadratic') throw new RangeError(`no workload is made of ${task.kind}`);
  const problems = await drawQuadratics(context, task, keys);
  const { m } = await trainer.readState();
  return checkQuadratics({
    ...unrolled,
    ...problems,
    dimension: task.dimension,
    phi: namedTensors(trainer.optimizer.toNamed(trainer.optimizer.initialPhi(seed))),
    // After one step of meta-Adam without a clip, m is 1 - beta1 = 0.1 of the meta-gradient.
    gradient: namedTensors(trainer.optimizer.gradientToNamed(m.map((value) => value / 0.1))),
    preprocess: referencePreprocess(settings.preprocess),
    outputScale: settings.outputScale,
  });
}
