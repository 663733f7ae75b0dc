import { ConfigError } from '../errors.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { coordinatesOf, coordinateTensor } from '../ops/coordinates.ts';
import { recordRandomScales, recordScaled } from '../ops/randomScaling.ts';
import type { Optimizee, QueryFace, TaskTensors } from './optimizee.ts';

export interface RandomScaling {
  /** R: parameters are scaled by factor exp(U(-R, R)). */
  readonly range: number;
  readonly factor: number;
  /** The first layer (with parameters) whose parameters are scaled, counted from 1; those before it stay as they are. */
  readonly from: number;
  /** The stream of random numbers that the scales are drawn from. */
  readonly stream: number;
}

/**
 * An optimizee whose parameters have units of their own: with c ~ factor exp(U(-R, R)), drawn anew for every coordinate of every
 * task, its loss at theta is the other's at c theta, and it starts at theta_0 / c (Lv, Jiang & Li 2017, section 4.3). An
 * optimizer that is trained on it cannot count on one scale of parameters and gradients.
 * @throws ConfigError when there is no layer `from`.
 */
export function scaleRandomly(
  pool: TensorPool,
  inner: Optimizee,
  { keys }: TaskTensors,
  { range, factor, from, stream }: RandomScaling,
): Optimizee {
  const { tasks, parameters, groups } = inner;
  const first = groups[from - 1]?.offset;
  if (first === undefined) {
    throw new ConfigError(
      `random scaling is to begin with layer ${from}, but ${inner.description} has ${groups.length} with parameters`,
      'begin with one of them, such as 1 for all',
    );
  }
  const coordinates = coordinatesOf(tasks, parameters);
  const shownFactor = factor === 1 ? '' : `${factor.toPrecision(3)} `;
  const row = (label: string) => coordinateTensor(pool, `${label} of ${inner.description}`, coordinates);
  const scales = pool.tensor(`random scales of ${inner.description}`, [tasks, parameters]);
  const [own, ownGradient] = [row('scaled theta'), row('unscaled gradient')];
  // That would make the gradient of the other's parameters.
  const { recordLossAndGradient: _, ...others } = inner;
  return {
    ...others,
    description: `${inner.description}, ${from > 1 ? `from layer ${from} on ` : ''}scaled by ${shownFactor}exp U(-${range}, ${range})`,
    recordReset(program, theta) {
      recordRandomScales(program, { keys, scales }, { parameters, first, stream, range, factor });
      inner.recordReset(program, own);
      recordScaled(program, { scales, x: own, y: theta }, 'divided');
    },
    recordLoss(program, theta, losses, slot) {
      recordScaled(program, { scales, x: theta, y: own }, 'times');
      inner.recordLoss(program, own, losses, slot);
    },
    recordGradient(program, _theta, gradient) {
      inner.recordGradient(program, own, ownGradient);
      recordScaled(program, { scales, x: ownGradient, y: gradient }, 'times');
    },
    ...(inner.recordHessianVector && { recordHessianVector: hessian(inner, row, own, scales) }),
    ...(inner.query && { query: queryOf(inner.query, row('scaled theta of the query set'), scales) }),
  };
}

/** c H(c theta) c v, after `recordLoss` at the same theta. */
function hessian(
  inner: Optimizee,
  row: (label: string) => Tensor,
  own: Tensor,
  scales: Tensor,
): (program: Program, theta: Tensor, v: Tensor, product: Tensor) => void {
  const [ownV, ownProduct] = [row('scaled v'), row('unscaled product')];
  return (program, _theta, v, product) => {
    recordScaled(program, { scales, x: v, y: ownV }, 'times');
    inner.recordHessianVector?.(program, own, ownV, ownProduct);
    recordScaled(program, { scales, x: ownProduct, y: product }, 'times');
  };
}

/** On a tensor of its own: what `recordLoss` left behind stays. */
function queryOf(query: QueryFace, own: Tensor, scales: Tensor): QueryFace {
  return {
    ...query,
    record(program, theta, tensors, slot) {
      recordScaled(program, { scales, x: theta, y: own }, 'times');
      query.record(program, own, tensors, slot);
    },
  };
}
