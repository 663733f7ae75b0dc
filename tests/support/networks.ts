import { minibatchIndices, taskKeys } from '../../src/host/data/threefry.ts';
import { createDeviceImages, createImageSource } from '../../src/host/optimizees/examples.ts';
import type { LayerSettings } from '../../src/host/optimizees/layers/settings.ts';
import { createNetwork } from '../../src/host/optimizees/network.ts';
import {
  averagePool,
  channelStatistics,
  conv2d,
  type ImageShape,
  maxPool,
  normalize,
  type Statistics,
} from '../../src/reference/layers.ts';
import { softmaxCrossEntropy } from '../../src/reference/mlp.ts';
import { type Algebra, at } from '../../src/reference/scalar.ts';
import { randomValues } from './compare.ts';
import type { SmallProblem } from './smallProblems.ts';

/** A network as plain data, for one task. */
export interface NetworkShape {
  readonly layers: readonly LayerSettings[];
  readonly input: ImageShape;
  readonly outputs: number;
}

export interface LabelledExample {
  readonly x: readonly number[];
  readonly target: number;
}

/** What batch normalisation sees and uses: a row of channels for each of its layers, first to last. */
export interface BatchNormHooks {
  /** Given, and taken as constants, instead of the batch's own. */
  readonly statistics?: readonly (readonly Statistics<number>[])[];
  /** Told the statistics of the batch at hand and how many values they are of. */
  readonly seen?: (layer: number, channel: number, statistics: Statistics<number>, count: number) => void;
}

/** Values of all examples between two layers. */
interface Activations<S> {
  readonly shape: ImageShape;
  readonly examples: readonly (readonly S[])[];
}

/** Sizes along one axis, and the zeros before the first element, as TensorFlow has them. */
function along(length: number, kernel: number, stride: number, padding: 'same' | 'valid') {
  if (padding === 'valid') return { out: Math.floor((length - kernel) / stride) + 1, pad: 0 };
  const out = Math.ceil(length / stride);
  return { out, pad: Math.floor(Math.max(0, (out - 1) * stride + kernel - length) / 2) };
}

/**
 * Mean cross-entropy of a network on a batch in any algebra, written from docs/networks.md and not from the host's
 * layers. Parameters lie layer by layer: weights, then bias; gamma, then beta.
 */
export function networkLoss<S>(
  A: Algebra<S>,
  { layers, input, outputs }: NetworkShape,
  theta: readonly S[],
  batch: readonly LabelledExample[],
  hooks: BatchNormHooks = {},
): S {
  let offset = 0;
  let normalised = 0;
  let now: Activations<S> = {
    shape: input,
    examples: batch.map(({ x }) => x.map((value) => A.constant(value))),
  };
  const dense = (units: number) => {
    const { channels, height, width } = now.shape;
    const start = offset;
    const bias = start + channels * height * width * units;
    offset = bias + units;
    const examples = now.examples.map((x) =>
      Array.from({ length: units }, (_, o) => A.affine(at(theta, bias + o), theta, start + o, units, x)),
    );
    now = { shape: { channels: units, height: 1, width: 1 }, examples };
  };
  for (const layer of layers) {
    const { shape, examples } = now;
    if (layer.kind === 'dense') dense(layer.units);
    else if (layer.kind === 'activation') {
      now = { shape, examples: examples.map((x) => x.map((value) => A[layer.function](value))) };
    } else if (layer.kind === 'batch-norm') {
      now = { shape, examples: normalisedBatch(A, now, theta, offset, normalised++, hooks) };
      offset += 2 * shape.channels;
    } else {
      const isConv = layer.kind === 'conv';
      const kernel = isConv ? layer.kernel : layer.size;
      const padding = isConv ? layer.padding : 'valid';
      const [y, x] = [shape.height, shape.width].map((side) => along(side, kernel, layer.stride, padding));
      const channels = isConv ? layer.channels : shape.channels;
      const output = { channels, height: y?.out ?? 0, width: x?.out ?? 0 };
      const form = { input: shape, output, kernel, stride: layer.stride };
      const start = offset;
      if (isConv) offset += (shape.channels * kernel * kernel + 1) * channels;
      const one = (example: readonly S[]) => {
        if (isConv) {
          return conv2d(A, { ...form, padTop: y?.pad ?? 0, padLeft: x?.pad ?? 0 }, theta, start, example);
        }
        return layer.kind === 'max-pool' ? maxPool(A, form, example) : averagePool(A, form, example);
      };
      now = { shape: output, examples: examples.map(one) };
    }
  }
  dense(outputs);
  if (offset !== theta.length) throw new RangeError(`the network has ${offset} parameters`);
  const sum = now.examples.reduce(
    (total, logits, i) => A.add(total, softmaxCrossEntropy(A, [...logits], at(batch, i).target)),
    A.constant(0),
  );
  return A.div(sum, A.constant(batch.length));
}

/** Every example normalised, channel by channel over all examples and positions. */
function normalisedBatch<S>(
  A: Algebra<S>,
  { shape, examples }: Activations<S>,
  theta: readonly S[],
  offset: number,
  layer: number,
  { statistics, seen }: BatchNormHooks,
): S[][] {
  const positions = shape.height * shape.width;
  const results = examples.map((x) => [...x]);
  for (let c = 0; c < shape.channels; c++) {
    const values = examples.flatMap((x) => x.slice(c * positions, (c + 1) * positions));
    const own = channelStatistics(A, values);
    seen?.(layer, c, { mean: A.value(own.mean), variance: A.value(own.variance) }, values.length);
    const given = statistics && at(at(statistics, layer), c);
    const used = given ? { mean: A.constant(given.mean), variance: A.constant(given.variance) } : own;
    const y = normalize(A, values, used, at(theta, offset + c), at(theta, offset + shape.channels + c));
    for (const [i, value] of y.entries()) {
      const example = at(results, Math.floor(i / positions));
      example[c * positions + (i % positions)] = value;
    }
  }
  return results;
}

export interface SmallNetworkSettings {
  readonly layers: readonly LayerSettings[];
  /** Parameters of a task, counted by hand. */
  readonly parameters: number;
  readonly tasks: number;
  readonly side: number;
  readonly batch: number;
  /** Minibatches the reference is given: steps + 1. */
  readonly minibatches: number;
}

/** B networks on pictures of noise in 3 classes, each with minibatches of its own. */
export function smallNetwork(name: string, settings: SmallNetworkSettings): SmallProblem {
  const { layers, parameters, tasks, side, batch, minibatches } = settings;
  const [count, features, classes] = [23, side * side, 3];
  const pixels = Uint8Array.from(randomValues(count * features, 81, 0, 255.99));
  const labels = Uint8Array.from(randomValues(count, 82, 0, classes - 0.01));
  const set = { name: 'noise', count, height: side, width: side, classes, pixels, labels };
  const keys = taskKeys(4, 'train', 0, tasks);
  const theta0 = randomValues(tasks * parameters, 83, -0.7, 0.7);
  const drawn = Array.from({ length: tasks }, (_, task) => {
    const key = [keys[2 * task] ?? 0, keys[2 * task + 1] ?? 0] as const;
    return Array.from({ length: minibatches }, (_, step) =>
      Array.from(minibatchIndices(key, step, batch, count), (image) => ({
        x: Array.from(pixels.subarray(image * features, (image + 1) * features), (pixel) => pixel / 255),
        target: at(labels, image),
      })),
    );
  });
  const shape = { layers, input: { channels: 1, height: side, width: side }, outputs: classes };
  return {
    name,
    tasks,
    parameters,
    keys,
    theta0,
    reference: {
      tasks,
      coordinates: parameters,
      loss: (A, theta, task, step) => networkLoss(A, shape, theta, at(at(drawn, task), step)),
    },
    create: (pool) => {
      const images = createDeviceImages(pool, set);
      return (tensors) => {
        const source = createImageSource(pool, tasks, images, batch, tensors);
        const plan = { layers, initial: { kind: 'pytorch' } } as const;
        return createNetwork({ pool, tasks, settings: plan, source, tensors, givenTheta0: theta0 });
      };
    },
  };
}
