import {
  type Best,
  ConfigError,
  createLearned,
  decodeWeights,
  encodeWeights,
  type GpuContext,
  type OptimizerConfig,
  TensorPool,
  type TrainConfig,
  type WeightsFile,
  withFixedGates,
} from '../../host/index.ts';
import type { HeldGates, LearnedChoice, WeightsInfo } from '../protocol.ts';
import { loadFile } from './load.ts';

declare const __DEFAULT_WEIGHTS__: string;

/** Addresses of the weights that the page was built with; not those that hold a theta_0 and so fit one network only. */
const SHIPPED = import.meta.glob<string>(
  ['../../../pretrained/*.safetensors', '!../../../pretrained/*few-shot*'],
  {
    query: '?url',
    import: 'default',
    eager: true,
  },
);

/** A learned optimizer, ready to be put on a device. */
export interface Ready {
  readonly optimizer: OptimizerConfig;
  /** phi in the kernels' layout. */
  readonly phi: Float32Array;
}

interface Entry {
  readonly info: WeightsInfo;
  readonly file: WeightsFile;
}

/** All weights at hand. Shipped ones are fetched when they are first asked for. */
export class Library {
  readonly #entries = new Map<string, Entry>();
  #shipped: Promise<void> | undefined;

  /** Takes up what was just trained, in place of what was before. */
  keepTrained(context: GpuContext, config: TrainConfig, { phi, iteration }: Best): void {
    const { task, optimizer, seed, horizon, unroll, secondDerivatives } = config;
    const weights = createLearned(new TensorPool(context), optimizer).toNamed(phi);
    const training = { seed, iteration, horizon, unroll, secondDerivatives };
    this.#add('trained', 'trained', `${optimizer.kind}, trained here`, {
      optimizer,
      task,
      training,
      weights,
    });
  }

  /** Takes up a file. @throws FileFormatError when the bytes are no weights file, or hold other weights than they say */
  takeFile(context: GpuContext, name: string, bytes: Uint8Array): WeightsInfo {
    const file = decodeWeights(bytes, name);
    phiOf(context, file.optimizer, file.weights, name);
    return this.#add(`file ${name}`, 'file', name, file);
  }

  /** The default first, then the others that were shipped, by name. */
  async list(): Promise<readonly WeightsInfo[]> {
    this.#shipped ??= this.#fetchShipped().catch((error: unknown) => {
      this.#shipped = undefined;
      throw error;
    });
    await this.#shipped;
    return [...this.#entries.values()].map(({ info }) => info);
  }

  async #fetchShipped(): Promise<void> {
    const rank = ({ name }: { name: string }) => (name === __DEFAULT_WEIGHTS__ ? `0${name}` : `1${name}`);
    const files = Object.entries(SHIPPED)
      .map(([path, url]) => ({ name: path.replace(/^.*\//, '').replace(/\.safetensors$/, ''), url }))
      .sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
    const loaded = await Promise.all(
      files.map(async ({ name, url }) => ({ name, bytes: await loadFile(url, `the weights ${name}`) })),
    );
    for (const { name, bytes } of loaded) {
      this.#add(`shipped ${name}`, 'shipped', name, decodeWeights(bytes, name));
    }
  }

  #add(id: string, origin: WeightsInfo['origin'], label: string, file: WeightsFile): WeightsInfo {
    const { optimizer, task, training } = file;
    const { iteration, horizon } = training;
    const info = { id, origin, label, optimizer, task, iteration, horizon };
    this.#entries.set(id, { info, file });
    return info;
  }

  encode(id: string): Uint8Array {
    return encodeWeights(this.#get(id).file);
  }

  ready(context: GpuContext, choice: LearnedChoice): Ready {
    if (choice.kind === 'settings') {
      const { optimizer } = choice;
      return { optimizer, phi: phiOf(context, optimizer, new Map(), 'settings without weights') };
    }
    const { file, info } = this.#get(choice.id);
    const { optimizer, weights } = held(file, choice.held ?? {});
    return { optimizer, phi: phiOf(context, optimizer, weights, info.label) };
  }

  #get(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry) return entry;
    throw new ConfigError('these weights are not at hand any more', 'load or train them again');
  }
}

function phiOf(
  context: GpuContext,
  optimizer: OptimizerConfig,
  weights: WeightsFile['weights'],
  source: string,
): Float32Array {
  return createLearned(new TensorPool(context), optimizer).fromNamed(weights, source);
}

function held(
  { optimizer, weights }: WeightsFile,
  gates: HeldGates,
): { optimizer: OptimizerConfig; weights: WeightsFile['weights'] } {
  if (Object.keys(gates).length === 0) return { optimizer, weights };
  if (!('gates' in optimizer)) {
    throw new ConfigError(
      `${optimizer.kind} has no gates between it and the parameters`,
      'let them be learned',
    );
  }
  const changed = withFixedGates(optimizer, weights, gates);
  return { optimizer: changed.settings, weights: changed.weights };
}
