import type { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { coordinateTensor, groupsOf64 } from '../ops/coordinates.ts';
import { HAND_DESIGNED_KERNELS } from '../ops/handDesigned.ts';
import { recordFill } from '../ops/vector.ts';
import type { Binding, BoundOptimizer, Optimizer } from './optimizer.ts';

/** The hand-designed optimizers, weakest idea first. */
export const HAND_DESIGNED = ['sgd', 'momentum', 'nesterov', 'rmsprop', 'adam'] as const;
export type HandDesignedName = (typeof HAND_DESIGNED)[number];

/** Everything but the learning rate: (second, third, fourth) component of the kernels' `hyper`. */
const FIXED: Record<HandDesignedName, readonly [number, number, number]> = {
  sgd: [0, 0, 0],
  momentum: [0.9, 0, 0],
  nesterov: [0.9, 0, 0],
  rmsprop: [0.99, 0, 1e-8],
  adam: [0.9, 0.999, 1e-8],
};

/** For reports: what is fixed beside the learning rate, PyTorch's defaults. */
export const HAND_DESIGNED_SETTINGS: Record<HandDesignedName, string> = {
  sgd: '',
  momentum: 'beta 0.9',
  nesterov: 'beta 0.9',
  rmsprop: 'alpha 0.99',
  adam: 'betas 0.9, 0.999',
};

/** A hand-designed optimizer whose learning rate can differ from task to task, so that a grid is one batch. */
export interface HandDesigned extends Optimizer {
  readonly name: HandDesignedName;
  /** Learning rates, one a task; after the pool is allocated. */
  setLearningRates(rates: readonly number[]): void;
}

/** Where an optimizer starts every task, in a pool of its own run. */
export interface GivenStart {
  readonly pool: TensorPool;
  /** theta_0 [N] */
  readonly values: Float32Array;
}

/**
 * SGD, heavy-ball momentum, Nesterov, RMSprop or Adam; formulas in src/shaders/handDesigned.
 * @param start a theta_0 for all tasks, instead of where each would start
 */
export function createHandDesigned(name: HandDesignedName, start?: GivenStart): HandDesigned {
  let bound: { hyper: Tensor; binding: Binding } | undefined;
  const theta0 = start && {
    tensor: start.pool.tensor('given theta_0', [start.values.length]),
    offset: 0,
    parameters: start.values.length,
  };
  return {
    name,
    description: name,
    ...(start &&
      theta0 && {
        theta0,
        upload: () => writeTensor(start.pool.context, theta0.tensor, start.values),
      }),
    bind(binding) {
      const hyper = binding.pool.tensor(`${name} hyper`, [binding.coordinates.tasks, 4]);
      bound = { hyper, binding };
      return bindHandDesigned(name, binding, hyper);
    },
    setLearningRates(rates) {
      if (!bound) throw new RangeError(`${name} must be bound before its learning rates are set`);
      writeTensor(
        bound.binding.pool.context,
        bound.hyper,
        Float32Array.from(rates.flatMap((rate) => [rate, ...FIXED[name]])),
      );
    },
  };
}

function bindHandDesigned(name: HandDesignedName, binding: Binding, hyper: Tensor): BoundOptimizer {
  const { pool, coordinates, clock } = binding;
  const kernel = HAND_DESIGNED_KERNELS[name];
  const state = (label: string) => coordinateTensor(pool, `${name} ${label}`, coordinates);
  const states: Record<string, Tensor> = {};
  for (const label of ['m', 'v'] as const) {
    if (label in kernel.tensors) states[label] = state(label);
  }
  const usesClock = name === 'adam';
  return {
    carried: Object.values(states),
    recordReset(program: Program) {
      for (const tensor of Object.values(states)) recordFill(program, tensor);
    },
    recordCarry() {},
    recordStep(program, step, { theta, gradient, next }) {
      const { count, parameters } = coordinates;
      program.run(kernel, {
        tensors: { hyper, ...(usesClock ? { clock } : {}), theta, g: gradient, next, ...states },
        params: { count, parameters, ...(usesClock ? { step } : {}) },
        workgroups: [groupsOf64(count)],
      });
    },
  };
}
