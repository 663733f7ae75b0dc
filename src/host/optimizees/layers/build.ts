import { ConfigError } from '../../errors.ts';
import { activationLayer } from './activation.ts';
import { batchNormLayer } from './batchNorm.ts';
import { conv2dLayer } from './conv2d.ts';
import { denseLayer } from './dense.ts';
import { featuresOf, type InitialValues, type Layer, type Shape } from './layer.ts';
import { poolLayer } from './pool.ts';
import { asMlp, type LayerSettings } from './settings.ts';

/**
 * The layers of a network with their shapes, and after them a dense one to the outputs. Nothing is allocated.
 * @throws ConfigError that names the first layer that does not fit what comes before it
 */
export function buildLayers(
  settings: readonly LayerSettings[],
  input: Shape,
  outputs: number,
  initial: InitialValues,
): Layer[] {
  const layers: Layer[] = [];
  let shape = input;
  for (const [index, layer] of settings.entries()) {
    try {
      if (layer.kind === 'batch-norm' && layers.every(({ parameters }) => parameters === 0)) {
        const remedy = 'put it after a conv or a dense layer';
        throw new ConfigError('batch normalisation needs a layer with parameters before it', remedy);
      }
      layers.push(buildLayer(layer, shape, initial));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const size = `${shape.channels}x${shape.height}x${shape.width}`;
      const where = `layer ${index + 1} of ${settings.length} (${layer.kind}), which is given ${size}`;
      throw new ConfigError(`${where}: ${error.message}`, error.remedy, { cause: error });
    }
    shape = layers.at(-1)?.output ?? shape;
  }
  layers.push(denseLayer(shape, outputs, initial));
  return layers;
}

function buildLayer(layer: LayerSettings, input: Shape, initial: InitialValues): Layer {
  switch (layer.kind) {
    case 'dense':
      return denseLayer(input, layer.units, initial);
    case 'conv':
      return conv2dLayer(input, layer, initial);
    case 'max-pool':
    case 'average-pool':
      return poolLayer(input, layer);
    case 'batch-norm':
      return batchNormLayer(input, layer);
    case 'activation':
      return activationLayer(input, layer.function);
  }
}

/** A network in a few words: 'MLP 784-20-10, sigmoid', or its layers one after the other. */
export function describeLayers(settings: readonly LayerSettings[], input: Shape, outputs: number): string {
  const mlp = asMlp(settings);
  if (mlp) {
    const widths = [featuresOf(input), ...mlp.hidden, outputs].join('-');
    return mlp.activation ? `MLP ${widths}, ${mlp.activation}` : `MLP ${widths}`;
  }
  const parts = settings.map((layer) => {
    switch (layer.kind) {
      case 'dense':
        return `dense ${layer.units}`;
      case 'conv':
        return `conv ${layer.channels} (${layer.kernel}x${layer.kernel}${layer.stride === 1 ? '' : `, stride ${layer.stride}`})`;
      case 'activation':
        return layer.function;
      case 'batch-norm':
        return layer.statistics === 'batch' ? layer.kind : `${layer.kind} (${layer.statistics})`;
      default:
        return `${layer.kind} ${layer.size}`;
    }
  });
  return `network ${[...parts, `dense ${outputs}`].join(' > ')}`;
}
