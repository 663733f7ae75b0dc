import { ConfigError } from '../../errors.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import {
  batchNormMoments,
  batchNormPartials,
  recordBatchNormBackward,
  recordBatchNormForward,
  recordBatchNormRBackward,
  recordBatchNormRForward,
  recordBatchNormStatistics,
} from '../../ops/batchNorm.ts';
import { recordUniform } from '../../ops/random.ts';
import type { Layer, Shape } from './layer.ts';

/**
 * Batch normalisation of every channel over the examples and positions of the batch at hand (Ioffe & Szegedy 2015), as
 * MAML's networks have it: statistics are of the batch, so an episode leaves nothing behind for the next. Parameters:
 * gamma [channels], which starts at 1, then beta [channels], which starts at 0.
 */
export function batchNormLayer(input: Shape): Layer {
  const { channels, height, width } = input;
  const parameters = 2 * channels;
  return {
    name: `batch-norm ${channels}`,
    output: input,
    parameters,
    recordStart(program, keys, theta, { stride, offset, stream }) {
      const fill = (from: number, value: number) =>
        recordUniform(program, keys, theta, {
          ...{ count: channels, stride, offset: from, stream },
          ...{ low: value, high: value },
        });
      fill(offset, 1);
      fill(offset + channels, 0);
    },
    bind(pool, { tasks, batch, rows }, { stride: taskStride, offset }) {
      const sizes = { tasks, rows, batch, channels, positions: height * width, taskStride, offset };
      const moments = pool.tensor('batch-norm moments', [tasks, batchNormMoments(sizes)]);
      const partials = pool.tensor('batch-norm partials', [tasks, batchNormPartials(sizes)]);
      return {
        recordForward(program, { theta, x, y }) {
          recordBatchNormStatistics(program, { x, partials, moments }, sizes);
          recordBatchNormForward(program, { theta, x, moments, y }, sizes);
        },
        recordBackward(program, { theta, x, dy, dx, gradient }) {
          const tensors = { theta, x, dy, partials, moments, dx: below(dx), gradient };
          recordBatchNormBackward(program, tensors, sizes);
        },
        recordRForward(program, { theta, v, x, rx, ry }) {
          recordBatchNormRForward(program, { theta, v, x, rx: below(rx), partials, moments, ry }, sizes);
        },
        recordRBackward(program, { theta, v, x, rx, dy, rdy, rdx, product }) {
          const tensors = { theta, v, x, rx: below(rx), dy, rdy, rdx: below(rdx), product };
          recordBatchNormRBackward(program, { ...tensors, partials, moments }, sizes);
        },
      };
    },
  };
}

/** What only a network that begins with batch normalisation lacks. */
function below(tensor: Tensor | undefined): Tensor {
  if (tensor) return tensor;
  throw new ConfigError(
    'batch normalisation needs a layer with parameters before it',
    'put it after a conv or a dense layer',
  );
}
