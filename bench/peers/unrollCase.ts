import {
  asMlp,
  type GpuContext,
  type ImageSplits,
  type MetaStep,
  type TrainConfig,
  type Trainer,
  taskKeys,
} from '../../src/host/index.ts';
import { l2lOf } from '../counts.ts';
import { drawQuadratics, redrawTheta0 } from '../draw.ts';
import { drawMinibatch } from '../metaChecks.ts';
import { caseSettings, f32, i32, type PeerCase, phiTensors } from './peerCase.ts';

/**
 * The first meta-iteration as a peer can repeat it: fresh weights of the run's seed, theta_0, and the problems or the
 * minibatches of every step, drawn once more; `first` holds our numbers.
 * @throws RangeError for work that the peers do not have.
 */
export async function unrollCase(
  context: GpuContext,
  trainer: Trainer,
  config: TrainConfig,
  images: ImageSplits | undefined,
  { metaLoss, gradientNorm }: MetaStep,
): Promise<PeerCase> {
  const { task, tasks, unroll: steps, seed } = config;
  const settings = l2lOf(config.optimizer);
  const keys = taskKeys(seed, 'train', 0, tasks);
  const phi = phiTensors(trainer.optimizer.toNamed(trainer.optimizer.initialPhi(seed)));
  const expected = { metaLoss, gradientNorm };
  if (task.kind === 'quadratic') {
    const { W, y, theta0 } = await drawQuadratics(context, task, keys);
    const D = task.dimension;
    const problem = [
      ['W', f32(W, [tasks, D, D])],
      ['y', f32(y, [tasks, D])],
      ['theta0', f32(theta0, [tasks, D])],
    ] as const;
    return {
      metadata: caseSettings('quadratic', settings, steps),
      tensors: new Map([...phi, ...problem]),
      expected,
    };
  }
  const mlp = task.kind === 'images' ? asMlp(task.layers) : undefined;
  if (task.kind !== 'images' || !images || tasks !== 1 || mlp?.activation !== 'sigmoid') {
    throw new RangeError('the peers have quadratics, and one MLP with sigmoids on images');
  }
  const { train } = images;
  const pixels = train.height * train.width;
  const x = new Float32Array((steps + 1) * task.batch * pixels);
  const labels = new Int32Array((steps + 1) * task.batch);
  for (let step = 0; step <= steps; step++) {
    const drawn = drawMinibatch(train, [keys[0] ?? 0, keys[1] ?? 0], step, task.batch);
    x.set(drawn.x, step * task.batch * pixels);
    labels.set(drawn.labels, step * task.batch);
  }
  const sizes = [pixels, ...mlp.hidden, train.classes].join(',');
  return {
    metadata: { ...caseSettings('mlp', settings, steps), sizes },
    tensors: new Map([
      ...phi,
      ['theta0', f32(await redrawTheta0(context, trainer))],
      ['x', f32(x, [steps + 1, task.batch, pixels])],
      ['labels', i32(labels, [steps + 1, task.batch])],
    ]),
    expected,
  };
}
