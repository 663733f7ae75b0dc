import { ConfigError } from '../../errors.ts';
import type { Program } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import {
  recordBatchNormBackward,
  recordBatchNormForward,
  recordBatchNormRBackward,
  recordBatchNormRForward,
  recordBatchNormStatistics,
} from '../../ops/batchNorm.ts';
import {
  recordBatchNormResetRunning,
  recordBatchNormRunningBackward,
  recordBatchNormRunningRBackward,
  recordBatchNormRunningRForward,
  recordBatchNormUpdateRunning,
  requireVariance,
} from '../../ops/batchNormRunning.ts';
import { type BatchNormSizes, batchNormMoments, batchNormPartials } from '../../ops/batchNormSizes.ts';
import { recordUniform } from '../../ops/random.ts';
import type { BoundLayer, Layer, LayerState, Shape } from './layer.ts';
import type { BatchNormSettings } from './settings.ts';

/**
 * Batch normalisation of every channel over the examples and positions of the batch at hand (Ioffe & Szegedy 2015), as
 * MAML's networks have it: an episode leaves nothing behind for the next. With running statistics the query set alone
 * is normalised with the averages that the support steps of its own episode have left. Parameters: gamma [channels],
 * which starts at 1, then beta [channels], which starts at 0.
 */
export function batchNormLayer(input: Shape, { statistics, momentum }: BatchNormSettings): Layer {
  const { channels, height, width } = input;
  const parameters = 2 * channels;
  const positions = height * width;
  return {
    kind: 'batch-norm',
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
    ...(statistics === 'running' && { state: runningState(channels) }),
    bind(pool, { tasks, batch, rows, role }, { stride: taskStride, offset }, running) {
      const sizes = { tasks, rows, batch, channels, positions, taskStride, offset };
      const moments = pool.tensor('batch-norm moments', [tasks, batchNormMoments(sizes)]);
      const partials = pool.tensor('batch-norm partials', [tasks, batchNormPartials(sizes)]);
      if (!running) return ofBatch({ moments, partials }, sizes);
      if (role === 'query') return ofRunning({ running, sums: moments, partials }, sizes);
      requireVariance(sizes);
      return ofBatch({ moments, partials }, sizes, (program) =>
        recordBatchNormUpdateRunning(program, { moments, running }, sizes, momentum),
      );
    },
  };
}

/** Running mean and variance of every channel of every task: 0 and 1 when an episode begins. */
function runningState(channels: number): LayerState {
  return {
    plan: (pool, tasks) =>
      pool.tensor('batch-norm running statistics', [tasks, batchNormMoments({ channels })]),
    recordReset: (program, running, tasks) =>
      recordBatchNormResetRunning(program, running, { tasks, channels }),
  };
}

/** With the statistics of the batch; `recordStep` is what a step of learning does beside. */
function ofBatch(
  { moments, partials }: { readonly moments: Tensor; readonly partials: Tensor },
  sizes: BatchNormSizes,
  recordStep?: (program: Program) => void,
): BoundLayer {
  return {
    recordForward(program, { theta, x, y }) {
      recordBatchNormStatistics(program, { x, partials, moments }, sizes);
      recordBatchNormForward(program, { theta, x, moments, y }, sizes);
    },
    recordBackward(program, { theta, x, dy, dx, gradient }) {
      if (gradient) recordStep?.(program);
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
}

/** With running statistics, as constants. */
function ofRunning(
  own: { readonly running: Tensor; readonly sums: Tensor; readonly partials: Tensor },
  sizes: BatchNormSizes,
): BoundLayer {
  const { running } = own;
  return {
    recordForward: (program, { theta, x, y }) =>
      recordBatchNormForward(program, { theta, x, moments: running, y }, sizes),
    recordBackward(program, { theta, x, dy, dx, gradient }) {
      recordBatchNormRunningBackward(program, { ...own, theta, x, dy, dx: below(dx), gradient }, sizes);
    },
    recordRForward(program, { theta, v, x, rx, ry }) {
      recordBatchNormRunningRForward(program, { theta, v, x, rx: below(rx), running, ry }, sizes);
    },
    recordRBackward(program, { theta, v, x, rx, dy, rdy, rdx, product }) {
      const tensors = { theta, v, x, rx: below(rx), dy, rdy, rdx: below(rdx), product };
      recordBatchNormRunningRBackward(program, { ...own, ...tensors }, sizes);
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
