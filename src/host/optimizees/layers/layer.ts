import type { Program } from '../../gpu/program.ts';
import type { Tensor, TensorPool } from '../../gpu/tensor.ts';
import type { LayerSettings } from './settings.ts';

/** What one example is between two layers: feature (c, y, x) is number (c * height + y) * width + x. */
export interface Shape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

export function featuresOf({ channels, height, width }: Shape): number {
  return channels * height * width;
}

/** A vector of features as a shape. */
export function vectorShape(features: number): Shape {
  return { channels: features, height: 1, width: 1 };
}

/** Starting values: N(0, scale^2) for weights and biases, or U(-1/sqrt(in), 1/sqrt(in)) as torch.nn.Linear. */
export type InitialValues =
  | { readonly kind: 'normal'; readonly scale: number }
  | { readonly kind: 'pytorch' };

/** Where in each task's row of theta a layer's parameters lie. */
export interface ParameterPlace {
  /** N: parameters of the whole network. */
  readonly stride: number;
  /** Of the layer's first parameter. */
  readonly offset: number;
}

/** What a batch is for: to learn from (minibatches too), or to be judged on. */
export type BatchRole = 'support' | 'query';

/** A batch of examples of every task that a layer works on; `rows` is `batch` rounded up to a multiple of 4. */
export interface LayerBatch {
  readonly tasks: number;
  readonly batch: number;
  readonly rows: number;
  readonly role: BatchRole;
}

/**
 * What a layer keeps from step to step of an episode beside its parameters: one tensor a network, which its passes
 * share. It depends on the tasks' own examples alone, and derivatives take it as a constant.
 */
export interface LayerState {
  plan(pool: TensorPool, tasks: number): Tensor;
  /** At the start of an episode, so that nothing is left of the last one. */
  recordReset(program: Program, state: Tensor, tasks: number): void;
}

/** x and y: a layer's input [B, features in, rows] and output [B, features out, rows]; theta [B, N]. */
export interface ForwardTensors {
  readonly theta: Tensor;
  readonly x: Tensor;
  readonly y: Tensor;
}

export interface BackwardTensors extends ForwardTensors {
  readonly dy: Tensor;
  /** Absent where nothing below the layer has parameters. */
  readonly dx: Tensor | undefined;
  /** [B, N], of which the layer writes its own part; absent where only dx is wanted. */
  readonly gradient: Tensor | undefined;
}

/** Tangents along v [B, N]; rx is absent where x does not depend on theta. */
export interface RForwardTensors extends ForwardTensors {
  readonly v: Tensor;
  readonly rx: Tensor | undefined;
  readonly ry: Tensor;
}

/** The tangents of what `recordBackward` makes; rdx is absent where dx is. */
export interface RBackwardTensors extends RForwardTensors {
  readonly dy: Tensor;
  readonly rdy: Tensor;
  readonly rdx: Tensor | undefined;
  /** [B, N], of which the layer writes its own part. */
  readonly product: Tensor;
}

/**
 * A layer at work on one batch. `recordBackward` with a gradient is a step of learning, once a step, and may change the
 * layer's state; the other faces never do, so that a step can be made again for second order. A layer without parameters
 * is only asked for tangents when rx is there.
 */
export interface BoundLayer {
  recordForward(program: Program, tensors: ForwardTensors): void;
  recordBackward(program: Program, tensors: BackwardTensors): void;
  recordRForward(program: Program, tensors: RForwardTensors): void;
  recordRBackward(program: Program, tensors: RBackwardTensors): void;
}

/** One layer of a network, its shapes inferred from what comes before it. */
export interface Layer {
  readonly kind: LayerSettings['kind'];
  /** For people: 'dense 784-20'. */
  readonly name: string;
  readonly output: Shape;
  readonly parameters: number;
  /** Draws the layer's parameters in theta [B, N] from the tasks' keys; `stream` is the layer's own. */
  recordStart(
    program: Program,
    keys: Tensor,
    theta: Tensor,
    place: ParameterPlace & { readonly stream: number },
  ): void;
  /** Absent where there is nothing to keep. */
  readonly state?: LayerState;
  /** Plans how the layer reads x and dy of one batch, where it does so in a way of its own; `wantsInputAdjoint`: whether dx is asked for. */
  planReads?(pool: TensorPool, tensors: Pick<BackwardTensors, 'x' | 'dy'>, wantsInputAdjoint: boolean): void;
  /**
   * Plans what the layer needs beside its inputs and outputs.
   * @param state the network's, where the layer has any and the network has a query set; absent otherwise
   */
  bind(pool: TensorPool, batch: LayerBatch, place: ParameterPlace, state: Tensor | undefined): BoundLayer;
}
