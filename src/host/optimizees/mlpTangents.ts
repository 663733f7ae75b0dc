import type { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import {
  type Activation,
  recordActivationBackward,
  recordActivationRBackward,
  recordActivationRForward,
} from '../ops/activation.ts';
import {
  type DenseSizes,
  recordDenseBackwardInput,
  recordDenseRBackwardInput,
  recordDenseRBackwardWeights,
  recordDenseRForward,
} from '../ops/dense.ts';
import {
  recordSoftmaxCrossEntropyBackward,
  recordSoftmaxCrossEntropyRBackward,
  type SoftmaxSizes,
} from '../ops/softmaxCrossEntropy.ts';

/** One dense layer's tensors: its sizes, its input, z = W^T x + b, y = activation(z), and their adjoints. */
export interface MlpLayer {
  readonly sizes: DenseSizes;
  readonly x: Tensor;
  readonly z: Tensor;
  /** Absent in the last layer, whose z are the logits. */
  readonly y: Tensor | undefined;
  readonly dz: Tensor;
  readonly dy: Tensor | undefined;
}

/** A network's layers and its loss, with what the forward pass left in them. */
export interface MlpNetwork {
  readonly layers: readonly MlpLayer[];
  readonly activation: Activation;
  readonly labels: Tensor;
  readonly softmax: SoftmaxSizes;
}

/** Tangents (Pearlmutter's R{}) of a layer's tensors. */
interface LayerTangents {
  readonly rz: Tensor;
  readonly ry: Tensor | undefined;
  readonly rdz: Tensor;
  readonly rdy: Tensor | undefined;
}

/** Plans the tensors of a Hessian-vector product: as many again as the network itself has. */
export function planTangents(pool: TensorPool, layers: readonly MlpLayer[]): LayerTangents[] {
  return layers.map(({ z, y }, index) => {
    const plan = (name: string) => pool.tensor(`mlp ${name} ${index}`, z.shape);
    return {
      rz: plan('rz'),
      ry: y ? plan('ry') : undefined,
      rdz: plan('rdz'),
      rdy: y ? plan('rdy') : undefined,
    };
  });
}

/**
 * product [B, N] = H v for the loss last recorded, exactly (Pearlmutter 1994): the adjoints of the activations,
 * then the tangents of the forward pass along v, then the tangents of the backward pass.
 */
export function recordMlpHessianVector(
  program: Program,
  network: MlpNetwork,
  tangents: readonly LayerTangents[],
  { theta, v, product }: { readonly theta: Tensor; readonly v: Tensor; readonly product: Tensor },
): void {
  recordAdjoints(program, network, theta);
  recordRForward(program, network, tangents, theta, v);
  const { layers, activation, softmax } = network;
  for (const [index, { rz, ry, rdz, rdy }] of [...tangents.entries()].reverse()) {
    const layer = layers[index];
    if (!layer) throw new RangeError(`the network has no layer ${index}`);
    const { sizes, x, z, y, dz, dy } = layer;
    if (y && ry && dy && rdy) recordActivationRBackward(program, { y, ry, dy, rdy, rdx: rdz }, activation);
    else recordSoftmaxCrossEntropyRBackward(program, { logits: z, rlogits: rz, rdlogits: rdz }, softmax);
    const below = tangents[index - 1];
    recordDenseRBackwardWeights(program, { x, rx: below?.ry, dy: dz, rdy: rdz, product }, sizes);
    if (below?.rdy) {
      recordDenseRBackwardInput(program, { theta, v, dy: dz, rdy: rdz, rdx: below.rdy }, sizes);
    }
  }
}

/** dz and dy of every layer, without the weights' gradients. */
function recordAdjoints(program: Program, network: MlpNetwork, theta: Tensor): void {
  const { layers, activation, labels, softmax } = network;
  for (const [index, { sizes, z, y, dz, dy }] of [...layers.entries()].reverse()) {
    if (y && dy) recordActivationBackward(program, { y, dy, dx: dz }, activation);
    else recordSoftmaxCrossEntropyBackward(program, { logits: z, labels, dlogits: dz }, softmax);
    const below = layers[index - 1]?.dy;
    if (below) recordDenseBackwardInput(program, { theta, dy: dz, dx: below }, sizes);
  }
}

function recordRForward(
  program: Program,
  { layers, activation }: MlpNetwork,
  tangents: readonly LayerTangents[],
  theta: Tensor,
  v: Tensor,
): void {
  let rx: Tensor | undefined;
  for (const [index, { sizes, x, y }] of layers.entries()) {
    const tangent = tangents[index];
    if (!tangent) throw new RangeError(`no tangents were planned for layer ${index}`);
    const { rz, ry } = tangent;
    recordDenseRForward(program, { theta, v, x, rx, ry: rz }, sizes);
    if (y && ry) recordActivationRForward(program, { y, rx: rz, ry }, activation);
    rx = ry;
  }
}
