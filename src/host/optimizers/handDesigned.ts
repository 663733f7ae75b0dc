import type { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { coordinateTensor, groupsOf64 } from '../ops/coordinates.ts';
import { HAND_DESIGNED_KERNELS } from '../ops/handDesigned.ts';
import type { Binding, BoundOptimizer, Optimizer } from './optimizer.ts';

/** The hand-designed optimizers, weakest idea first. */
export const HAND_DESIGNED = ['sgd', 'momentum', 'nesterov', 'rmsprop', 'adam', 'adamw'] as const;
export type HandDesignedName = (typeof HAND_DESIGNED)[number];

/** The second component of the kernels' `hyper`: how much of its moving average an optimizer keeps. */
export interface Beta {
  /** As its paper writes it. */
  readonly symbol: string;
  /** PyTorch's default, or what papers use. */
  readonly usual: number;
  readonly grid: readonly number[];
  /** The average is a sum, so that the learning rate that suits it shrinks as 1 - beta. */
  readonly sums: boolean;
}

interface Rule {
  readonly beta?: Beta;
  /** Third and fourth component of `hyper`. */
  readonly fixed: readonly [number, number];
  /** For reports: what is not tuned. */
  readonly text: string;
}

const GRID = [0.5, 0.8, 0.9, 0.95, 0.99];
const HEAVY_BALL: Beta = { symbol: 'beta', usual: 0.9, grid: GRID, sums: true };
const ADAM: Beta = { symbol: 'beta1', usual: 0.9, grid: GRID, sums: false };
/** AdamW's weight decay, PyTorch's default. */
const DECAY = 0.01;

const RULES: Record<HandDesignedName, Rule> = {
  sgd: { fixed: [0, 0], text: '' },
  momentum: { beta: HEAVY_BALL, fixed: [0, 0], text: '' },
  nesterov: { beta: HEAVY_BALL, fixed: [0, 0], text: '' },
  rmsprop: {
    beta: { symbol: 'alpha', usual: 0.99, grid: [0.8, 0.9, 0.95, 0.99, 0.999], sums: false },
    fixed: [0, 1e-8],
    text: '',
  },
  adam: { beta: ADAM, fixed: [0.999, 1e-8], text: 'beta2 0.999' },
  adamw: { beta: ADAM, fixed: [0.999, 1e-8], text: `beta2 0.999, decay ${DECAY}, cosine to 0` },
};

/** What is tuned of a hand-designed optimizer; beta, where it has one, is the usual unless told. */
export interface HandDesignedSetting {
  readonly learningRate: number;
  readonly beta?: number;
}

/** The beta that an optimizer has, if it has one. */
export function betaOf(name: HandDesignedName): Beta | undefined {
  return RULES[name].beta;
}

/** 'lr 0.0316, beta1 0.9 (tuned), beta2 0.999' */
export function describeTuned(name: HandDesignedName, { learningRate, beta }: HandDesignedSetting): string {
  const rule = RULES[name];
  const rate = `lr ${Number(learningRate.toPrecision(3))}`;
  const tuned = rule.beta ? `${rate}, ${rule.beta.symbol} ${beta ?? rule.beta.usual}` : rate;
  return [`${tuned} (tuned)`, rule.text].filter((part) => part !== '').join(', ');
}

/** A hand-designed optimizer whose settings can differ from task to task, so that a grid is one batch. */
export interface HandDesigned extends Optimizer {
  readonly name: HandDesignedName;
  /** One setting for all tasks, or one a task; after the pool is allocated. */
  set(settings: HandDesignedSetting | readonly HandDesignedSetting[]): void;
}

/** Where an optimizer starts every task, in a pool of its own run. */
export interface GivenStart {
  readonly pool: TensorPool;
  /** theta_0 [N] */
  readonly values: Float32Array;
}

/**
 * SGD, heavy-ball momentum, Nesterov, RMSprop, Adam, or AdamW with a cosine schedule; formulas in src/shaders/handDesigned.
 * @param options.start a theta_0 for all tasks, instead of where each would start
 * @param options.horizon steps of a run, which a schedule ends with
 * @throws RangeError where the optimizer has a schedule and no horizon is given
 */
export function createHandDesigned(
  name: HandDesignedName,
  options: { readonly start?: GivenStart | undefined; readonly horizon?: number } = {},
): HandDesigned {
  const { start, horizon } = options;
  if (name === 'adamw' && horizon === undefined) throw new RangeError('adamw needs a horizon');
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
      return bindHandDesigned(name, binding, hyper, horizon);
    },
    set(settings) {
      if (!bound) throw new RangeError(`${name} must be bound before it is set`);
      const { beta: own, fixed } = RULES[name];
      const { hyper, binding } = bound;
      const row = ({ learningRate, beta = own?.usual ?? 0 }: HandDesignedSetting) => [
        learningRate,
        beta,
        ...fixed,
      ];
      const rows =
        'learningRate' in settings
          ? Array.from({ length: binding.coordinates.tasks }, () => row(settings))
          : settings.map(row);
      writeTensor(binding.pool.context, hyper, Float32Array.from(rows.flat()));
    },
  };
}

function bindHandDesigned(
  name: HandDesignedName,
  binding: Binding,
  hyper: Tensor,
  horizon = 0,
): BoundOptimizer {
  const { pool, coordinates, clock } = binding;
  const kernel = HAND_DESIGNED_KERNELS[name];
  const state = (label: string) => coordinateTensor(pool, `${name} ${label}`, coordinates);
  const states: Record<string, Tensor> = {};
  for (const label of ['m', 'v'] as const) {
    if (label in kernel.tensors) states[label] = state(label);
  }
  const usesClock = 'clock' in kernel.tensors;
  const schedule = name === 'adamw' ? { horizon, decay: DECAY } : {};
  return {
    carried: Object.values(states),
    recordReset(program: Program) {
      for (const tensor of Object.values(states)) program.clear(tensor);
    },
    recordCarry() {},
    recordStep(program, step, { theta, gradient, next }) {
      const { count, parameters } = coordinates;
      program.run(kernel, {
        tensors: { hyper, ...(usesClock ? { clock } : {}), theta, g: gradient, next, ...states },
        params: { count, parameters, ...(usesClock ? { step } : {}), ...schedule },
        workgroups: [groupsOf64(count)],
      });
    },
  };
}
