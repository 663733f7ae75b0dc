import type { Activation } from '../../ops/activation.ts';
import type { Padding } from '../../ops/conv2dSizes.ts';

export interface Conv2dSettings {
  readonly channels: number;
  /** Side of the square kernel. */
  readonly kernel: number;
  readonly stride: number;
  readonly padding: Padding;
}

export interface PoolSettings {
  readonly kind: 'max-pool' | 'average-pool';
  /** Side of a window. */
  readonly size: number;
  readonly stride: number;
}

export interface BatchNormSettings {
  /**
   * What the query set of an episode is normalised with: the statistics of its own examples, or running averages of
   * those of the support sets. Everything else is always normalised with the batch at hand.
   */
  readonly statistics: 'batch' | 'running';
  /** Share of the running statistics that a step keeps: Keras's momentum, 1 - PyTorch's. */
  readonly momentum: number;
}

/** As MAML's networks have it. */
export const BATCH_NORM: BatchNormSettings = { statistics: 'batch', momentum: 0.9 };

/** One layer as plain data; what it takes in follows from the layers before it. */
export type LayerSettings =
  | { readonly kind: 'dense'; readonly units: number }
  | ({ readonly kind: 'conv' } & Conv2dSettings)
  | PoolSettings
  | ({ readonly kind: 'batch-norm' } & BatchNormSettings)
  | { readonly kind: 'activation'; readonly function: Activation };

/** A layer of a multilayer perceptron. */
export type MlpLayerSettings =
  | { kind: 'dense'; units: number }
  | { kind: 'activation'; function: Activation };

/** A multilayer perceptron: a dense layer of each width, each followed by the activation. */
export function denseLayers(widths: readonly number[], activation: Activation): MlpLayerSettings[] {
  return widths.flatMap((units): MlpLayerSettings[] => [
    { kind: 'dense', units },
    { kind: 'activation', function: activation },
  ]);
}

/** Widths and activation of layers that `denseLayers` made, or that are none at all; undefined for other networks. */
export function asMlp(
  layers: readonly LayerSettings[],
): { readonly hidden: number[]; readonly activation: Activation | undefined } | undefined {
  const hidden: number[] = [];
  let activation: Activation | undefined;
  for (const [index, layer] of layers.entries()) {
    if (layer.kind === 'dense' && index % 2 === 0) hidden.push(layer.units);
    else if (layer.kind === 'activation' && index % 2 === 1) {
      if (layer.function !== (activation ?? layer.function)) return undefined;
      activation = layer.function;
    } else return undefined;
  }
  return layers.length % 2 === 0 ? { hidden, activation } : undefined;
}

/** The same layers with another activation in the place of every one. */
export function withActivation<L extends LayerSettings>(layers: readonly L[], activation: Activation): L[] {
  return layers.map((layer) => (layer.kind === 'activation' ? { ...layer, function: activation } : layer));
}

/** Networks by name, for images of a given side. */
export const NETWORKS = ['convnet', 'conv4'] as const;
export type NetworkName = (typeof NETWORKS)[number];

/**
 * The layers of a named network. `convnet`: two blocks of conv 3x3, relu and max-pool with 8 and 16 channels. `conv4`:
 * the few-shot learner of Vinyals et al. 2016, four blocks of conv 3x3 with 32 channels (as Ravi & Larochelle 2017),
 * batch normalisation, relu and, while there is anything left to halve, max-pool.
 */
export function networkLayers(name: NetworkName, side: number): LayerSettings[] {
  const channels = { convnet: [8, 16], conv4: [32, 32, 32, 32] }[name];
  let left = side;
  return channels.flatMap((count): LayerSettings[] => {
    const pools = left >= 2;
    if (pools) left = Math.floor(left / 2);
    return [
      { kind: 'conv', channels: count, kernel: 3, stride: 1, padding: 'same' },
      ...(name === 'conv4' ? [{ kind: 'batch-norm', ...BATCH_NORM } as const] : []),
      { kind: 'activation', function: 'relu' },
      ...(pools ? [{ kind: 'max-pool', size: 2, stride: 2 } as const] : []),
    ];
  });
}
