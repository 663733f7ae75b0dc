import type { TrainConfig } from '../config.ts';
import { STREAMS } from '../data/threefry.ts';
import type { TensorPool } from '../gpu/tensor.ts';
import { createClippedSquares } from '../optimizees/clippedSquares.ts';
import type { Optimizee, TaskTensors } from '../optimizees/optimizee.ts';
import { type RandomScaling, scaleRandomly } from '../optimizees/randomScaling.ts';
import { sumOptimizees } from '../optimizees/sum.ts';

/** How far the helper's parameters are scaled, as Lv, Jiang & Li (2017) have it. */
const HELPER_RANGE = 1;

/** Tasks whose parameters, from layer `from` on, are each scaled by factor exp(U(-range, range)); as they are where the range is 0. */
export function scaledTasks(
  pool: TensorPool,
  { range, factor, from }: Omit<RandomScaling, 'stream'>,
  create: (tensors: TaskTensors) => Optimizee,
): (tensors: TaskTensors) => Optimizee {
  if (range === 0) return create;
  const scaling = { range, factor, from, stream: STREAMS.randomScaling };
  return (tensors) => scaleRandomly(pool, create(tensors), tensors, scaling);
}

/** The tasks that meta-training runs on where it is to generalise: randomly scaled, and beside a convex problem. */
export function trainingTasks(
  pool: TensorPool,
  { randomScaling, helperTask }: Pick<TrainConfig, 'randomScaling' | 'helperTask'>,
  create: (tensors: TaskTensors) => Optimizee,
): (tensors: TaskTensors) => Optimizee {
  const scaled = scaledTasks(pool, { range: randomScaling, factor: 1, from: 1 }, create);
  if (helperTask === undefined) return scaled;
  return (tensors) => {
    const main = scaled(tensors);
    const convex = createClippedSquares(pool, main.tasks, helperTask, tensors);
    const helperScaling = { range: HELPER_RANGE, factor: 1, from: 1, stream: STREAMS.helperScaling };
    return sumOptimizees(pool, main, scaleRandomly(pool, convex, tensors, helperScaling));
  };
}
