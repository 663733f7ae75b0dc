import type { Tensor } from '../gpu/tensor.ts';
import { coordinateTensor } from '../ops/coordinates.ts';
import { recordUpdateProducts, UPDATE_CHUNKS } from '../ops/updates.ts';
import type { HandDesigned } from './handDesigned.ts';
import type { Binding, BoundOptimizer, Optimizer } from './optimizer.ts';
import { pick } from './ring.ts';

/** f32 that the products of one step begin at a multiple of, so that each step's can be bound on their own. */
const ALIGNMENT = 64;

/** An optimizer whose updates are compared, step by step, with those that another one would make. */
export interface ComparedOptimizer extends Optimizer {
  /** Products of the steps of an unroll; once bound. */
  readonly products: StepProducts;
}

/** Dot products on the device, (|u|^2, |g|^2, |r|^2, u . r) for every step and task. */
export interface StepProducts {
  /** [T, stride] f32: the four of task b at step t begin at t * stride + 4 b. */
  readonly tensor: Tensor;
  readonly stride: number;
}

/**
 * `optimizer` at work as ever, and beside it `reference` with learning rate 1, which sees the same gradients and moves
 * nothing: its steps r go to a tensor of their own. After every step the products of the update u = theta_{t+1} -
 * theta_t, the gradient g and r are summed on the device.
 */
export function createCompared(optimizer: Optimizer, reference: HandDesigned): ComparedOptimizer {
  let bound: { products: StepProducts; tasks: number } | undefined;
  const use = () => {
    if (!bound) throw new RangeError('the compared optimizer must be bound first');
    return bound;
  };
  return {
    description: `${optimizer.description} beside ${reference.description}`,
    ...(optimizer.theta0 && { theta0: optimizer.theta0 }),
    get products() {
      return use().products;
    },
    bind(binding) {
      const { pool, coordinates, steps } = binding;
      const { tasks } = coordinates;
      const stride = ALIGNMENT * Math.ceil((4 * tasks) / ALIGNMENT);
      bound = { tasks, products: { tensor: pool.tensor('step products', [steps, stride]), stride } };
      return bindCompared(binding, optimizer.bind(binding), reference, bound.products);
    },
    upload() {
      optimizer.upload?.();
      reference.set({ learningRate: 1 });
    },
  };
}

function bindCompared(
  binding: Binding,
  own: BoundOptimizer,
  reference: HandDesigned,
  { tensor, stride }: StepProducts,
): BoundOptimizer {
  const { pool, coordinates, steps } = binding;
  const { tasks } = coordinates;
  const beside = reference.bind({ ...binding, training: false, observe: false });
  // From the origin, so that what the reference arrives at is its step and no rounding of theta is in it.
  const origin = coordinateTensor(pool, 'origin', coordinates);
  const r = coordinateTensor(pool, 'step of the reference', coordinates);
  const partials = pool.tensor('partial step products', [UPDATE_CHUNKS, tasks, 4]);
  const products = Array.from({ length: steps }, (_, step) =>
    tensor.view(`products of step ${step}`, step * stride, [4 * tasks]),
  );
  return {
    ...own,
    recordReset(program) {
      own.recordReset(program);
      beside.recordReset(program);
    },
    recordCarry(program) {
      own.recordCarry(program);
      beside.recordCarry(program);
    },
    recordStep(program, step, tensors) {
      own.recordStep(program, step, tensors);
      beside.recordStep(program, step, { ...tensors, theta: origin, next: r });
      const { theta, next, gradient: g } = tensors;
      const summed = { theta, next, g, r, partials, products: pick(products, step) };
      recordUpdateProducts(program, summed, coordinates);
    },
  };
}
