import type { L2lConfig, OptimizerConfig } from '../src/host/index.ts';

/**
 * Useful work, counted by hand and the same for every implementation: 1 multiply-add = 2 FLOP. Biases,
 * transcendental functions, preprocessing and the loss's softmax are left out. What an implementation computes
 * twice, such as gates recomputed in the backward pass (9,920 FLOP a coordinate-step of l2l 2x20), is left out too.
 */

/** Sizes of the coordinate-wise LSTM: `inputs` numbers a coordinate into `layers` LSTM layers of `hidden` units. */
export interface L2lSizes {
  readonly inputs: number;
  readonly hidden: number;
  readonly layers: number;
}

/** FLOP of one coordinate-step: the update, and its share of the meta-gradient (dX and dW). */
export interface StepFlop {
  readonly forward: number;
  readonly backward: number;
}

/** With 2 inputs and 2 layers of 20: forward 9,960, backward 19,600 (dX 9,640 and dW 9,960). */
export function l2lFlop({ inputs, hidden, layers }: L2lSizes): StepFlop {
  let weights = hidden;
  let adjoints = hidden;
  for (let layer = 0; layer < layers; layer++) {
    const below = layer === 0 ? inputs : hidden;
    weights += 4 * hidden * (below + hidden);
    // The adjoint of the lowest layer's input is not needed in first order.
    adjoints += 4 * hidden * ((layer === 0 ? 0 : below) + hidden);
  }
  return { forward: 2 * weights, backward: 2 * adjoints + 2 * weights };
}

/** FLOP of one loss and gradient of a dense network of these widths on a minibatch. */
export function mlpFlop(widths: readonly number[], batch: number): number {
  let flop = 0;
  for (const [layer, out] of widths.slice(1).entries()) {
    const products = layer === 0 ? 2 : 3;
    flop += products * 2 * batch * (widths[layer] ?? 0) * out;
  }
  return flop;
}

/** FLOP of one loss and gradient of one quadratic: W theta, and W^T times the residual. */
export function quadraticFlop(dimension: number): number {
  return 4 * dimension * dimension;
}

/** The benches measure l2l; their counts hold for nothing else. */
export function l2lOf(config: OptimizerConfig): L2lConfig {
  if (config.kind !== 'l2l') throw new RangeError(`the benches have no counts for ${config.kind}`);
  return config;
}
