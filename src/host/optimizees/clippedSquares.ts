import { STREAMS } from '../data/threefry.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import {
  recordClippedSquares,
  recordClippedSquaresBackward,
  recordClippedSquaresRBackward,
} from '../ops/clippedSquares.ts';
import { recordUniform } from '../ops/random.ts';
import { recordReduceRows } from '../ops/reduce.ts';
import type { Optimizee, TaskTensors } from './optimizee.ts';

/**
 * loss_b = mean over D of min((x - a_b)^2, 10), a_b ~ U(-1, 1), from x = 0: the convex function that Lv, Jiang & Li
 * (2017) train beside the main problem, as their code has it.
 */
export function createClippedSquares(
  pool: TensorPool,
  tasks: number,
  dimension: number,
  { keys }: TaskTensors,
): Optimizee {
  const a = pool.tensor('helper a', [tasks, dimension]);
  const value = pool.tensor('helper squares', [tasks, dimension]);
  return {
    description: `helper of ${dimension} dimensions`,
    tasks,
    parameters: dimension,
    groups: [{ name: 'helper', kind: 'helper', offset: 0, count: dimension }],
    upload() {},
    recordReset(program, theta) {
      const span = { count: dimension, stride: dimension, offset: 0, low: -1, high: 1 };
      recordUniform(program, keys, a, { ...span, stream: STREAMS.helperTarget });
      program.clear(theta);
    },
    recordSample() {},
    recordLoss(program, theta, losses, slot) {
      recordClippedSquares(program, { x: theta, a, value });
      const mean = { tasks, slot, scale: 1 / dimension };
      recordReduceRows(program, { value, target: losses }, mean);
    },
    recordGradient(program, theta, gradient) {
      recordClippedSquaresBackward(program, { x: theta, a, gradient }, dimension);
    },
    recordHessianVector(program: Program, theta: Tensor, v: Tensor, product: Tensor) {
      recordClippedSquaresRBackward(program, { x: theta, a, v, product }, dimension);
    },
  };
}
