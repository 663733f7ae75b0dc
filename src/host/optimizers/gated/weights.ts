import { FileFormatError } from '../../errors.ts';
import { GATES, type GateName } from '../../ops/gated.ts';
import { lstmNamedBlocks, lstmWeightBlocks } from '../lstmBlock.ts';
import { contiguousBlock, fillUniform, type NamedBlock, namedBlock } from '../namedBlocks.ts';
import type { NamedWeights, WeightBlock } from '../optimizer.ts';
import type { GatedLayout } from './layout.ts';

/** What a gate's tensors are called in weight files. */
const TENSOR_NAMES: Readonly<Record<GateName, string>> = {
  forget: 'forget_gate',
  input: 'input_gate',
  momentumForget: 'momentum_forget_gate',
  momentumInput: 'momentum_input_gate',
};

/** The name under which a learned theta_0 [N] is kept with the weights. */
export const THETA0 = 'theta0';

/**
 * The weights without a theta_0 that these settings do not use.
 * @param parameters of the theta_0 that they do use
 * @throws FileFormatError when theta_0 is of another architecture.
 */
export function checkTheta0(
  weights: ReadonlyMap<string, NamedWeights>,
  parameters: number | undefined,
  source: string,
): ReadonlyMap<string, NamedWeights> {
  if (parameters === undefined) {
    const { [THETA0]: _, ...shared } = Object.fromEntries(weights);
    return new Map(Object.entries(shared));
  }
  const given = weights.get(THETA0);
  if (given && given.data.length !== parameters) {
    throw new FileFormatError(
      `${source}: theta_0 was learned for ${given.data.length} parameters, and ${parameters} are asked for`,
      'use it on the architecture it was learned on, or run without the learned theta_0: the shared weights fit any number of parameters',
    );
  }
  return weights;
}

/**
 * Where the gates start. Forget near 1 and input near 0.01 (Ravi & Larochelle 2017): near gradient descent. The
 * second cell's forget gate at .73 to .88 and its input gate at .5 to .73: near heavy-ball momentum.
 */
const INITIAL_BIASES: Readonly<Record<GateName, readonly [number, number]>> = {
  forget: [4, 5],
  input: [-5, -4],
  momentumForget: [1, 2],
  momentumInput: [0, 1],
};

/** Fresh weights: U(-0.01, 0.01), and the biases of the gates as above; theta_0, where learned, is left at zero. */
export function initialPhi(layout: GatedLayout, seed: number): Float32Array {
  const phi = new Float32Array(layout.length);
  const { controller } = layout;
  if (controller) {
    const places = Array.from({ length: controller.length }, (_, i) => controller.offset + i);
    fillUniform(phi, seed, places, -0.01, 0.01);
  }
  for (const gate of layout.learned) {
    const places = Array.from({ length: layout.features + 2 }, (_, row) => gatePlace(layout, gate, row));
    fillUniform(phi, seed, places, -0.01, 0.01);
    fillUniform(phi, seed, [gatePlace(layout, gate, layout.features + 2)], ...INITIAL_BIASES[gate]);
  }
  return phi;
}

/** The tensors of a weight file of this layout; a fixed gate has none. */
export function namedBlocks(layout: GatedLayout): NamedBlock[] {
  const { controller, learned, features, theta0 } = layout;
  const blocks = controller ? lstmNamedBlocks(controller) : [];
  for (const gate of learned) {
    const name = TENSOR_NAMES[gate];
    blocks.push(
      namedBlock(`${name}.weight`, [1, features + 2], (row) => gatePlace(layout, gate, row)),
      namedBlock(`${name}.bias`, [1], () => gatePlace(layout, gate, features + 2)),
    );
  }
  if (theta0) blocks.push(namedBlock(THETA0, [theta0.parameters], (n) => theta0.offset + n));
  return blocks;
}

/** The blocks whose meta-gradients are judged one by one; a gate's weights are one component of the gates' vec4f. */
export function weightBlocks(layout: GatedLayout): WeightBlock[] {
  const { controller, learned, features, theta0 } = layout;
  const gates = learned.flatMap((gate): WeightBlock[] => {
    const name = TENSOR_NAMES[gate];
    const offset = gatePlace(layout, gate, 0);
    return [
      { name: `${name}.weight`, offset, length: 1, runs: features + 2, stride: 4 },
      contiguousBlock(`${name}.bias`, gatePlace(layout, gate, features + 2), 1),
    ];
  });
  return [
    ...(controller ? lstmWeightBlocks(controller) : []),
    ...gates,
    ...(theta0 ? [contiguousBlock(THETA0, theta0.offset, theta0.parameters)] : []),
  ];
}

/** Index in phi of a gate's weight for a[row], then for its cell, for itself, and its bias. */
function gatePlace({ gateBlock }: GatedLayout, gate: GateName, row: number): number {
  return gateBlock.offset + 4 * row + GATES.indexOf(gate);
}
