import type { TrainConfig } from '../config.ts';
import { STREAMS } from '../data/threefry.ts';
import type { TensorPool } from '../gpu/tensor.ts';
import { createClippedSquares } from '../optimizees/clippedSquares.ts';
import type { Optimizee, TaskTensors } from '../optimizees/optimizee.ts';
import { scaleRandomly } from '../optimizees/randomScaling.ts';
import { sumOptimizees } from '../optimizees/sum.ts';

/** How far the helper's parameters are scaled, as Lv, Jiang & Li (2017) have it. */
const HELPER_RANGE = 1;

/** The tasks that meta-training runs on where it is to generalise: randomly scaled, and beside a convex problem. */
export function trainingTasks(
  pool: TensorPool,
  { randomScaling, helperTask }: Pick<TrainConfig, 'randomScaling' | 'helperTask'>,
  create: (tensors: TaskTensors) => Optimizee,
): (tensors: TaskTensors) => Optimizee {
  return (tensors) => {
    const given = create(tensors);
    const scaling = { range: randomScaling, stream: STREAMS.randomScaling };
    const main = randomScaling > 0 ? scaleRandomly(pool, given, tensors, scaling) : given;
    if (helperTask === undefined) return main;
    const convex = createClippedSquares(pool, given.tasks, helperTask, tensors);
    const helperScaling = { range: HELPER_RANGE, stream: STREAMS.helperScaling };
    return sumOptimizees(pool, main, scaleRandomly(pool, convex, tensors, helperScaling));
  };
}
