import { existsSync } from 'node:fs';
import {
  ConfigError,
  denseLayers,
  type LayerSettings,
  layersSchema,
  NETWORKS,
  type NetworkTask,
  networkLayers,
  parseConfig,
  type SettingName,
  withActivation,
} from '../host/index.ts';
import { readFileChecked } from '../node/index.ts';
import type { Values } from './options.ts';
import { numbers, text } from './settings.ts';
import { suggestion } from './suggest.ts';

const EXAMPLE = 'docs/networks.md shows a network file';

/** "layer 2: kernel" of the second layer's kernel. */
const layerSetting: SettingName = ([layer, ...path]) =>
  layer === undefined ? '' : [`layer ${Number(layer) + 1}`, ...path.map(String)].join(': ');

/** The layers that a JSON file lists. */
function readNetwork(path: string): LayerSettings[] {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(readFileChecked(path, 'the network')));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ConfigError(`${path} is not JSON: ${error.message}`, EXAMPLE);
  }
  try {
    return parseConfig(layersSchema, value, path, layerSetting);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.message, EXAMPLE, { cause: error });
  }
}

/** A network by its name, or out of a file. */
function namedNetwork(name: string, side: number): LayerSettings[] {
  const known = NETWORKS.find((candidate) => candidate === name);
  if (known) return networkLayers(known, side);
  if (existsSync(name) || /[./\\]/.test(name)) return readNetwork(name);
  throw new ConfigError(
    `there is no network ${JSON.stringify(name)}${suggestion(name, NETWORKS)}, and no file of that name`,
    `choose ${NETWORKS.join(' or ')}, or name a JSON file with its layers (docs/networks.md)`,
  );
}

/**
 * The layers that --network, --widths and --activation ask for, starting from those of `base`; undefined where none is
 * given. --activation alone replaces every activation.
 * @param side of the images, for the networks that have a name
 */
export function layersFrom(
  values: Values,
  base: Pick<NetworkTask, 'layers'>,
  side: number,
): LayerSettings[] | undefined {
  const network = text(values, 'network');
  const widths = text(values, 'widths');
  const activation = text(values, 'activation');
  if (network !== undefined && widths !== undefined) {
    throw new ConfigError('--network and --widths both describe the network', 'give one of them');
  }
  if (network === undefined && widths === undefined && activation === undefined) return undefined;
  const first = base.layers.find((layer) => layer.kind === 'activation')?.function ?? 'relu';
  const layers =
    network !== undefined
      ? namedNetwork(network, side)
      : widths === undefined
        ? base.layers
        : denseLayers(numbers(widths, 'widths'), first);
  if (activation === undefined) return [...layers];
  // Checked with the rest of the settings: what is no activation is refused by its name there.
  return withActivation(layers, activation as typeof first);
}
