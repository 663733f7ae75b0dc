import { minibatchIndices, taskKeys } from '../../src/host/data/threefry.ts';
import type { TensorPool } from '../../src/host/gpu/tensor.ts';
import type { Activation } from '../../src/host/ops/activation.ts';
import { createDeviceImages, createImageSource } from '../../src/host/optimizees/examples.ts';
import { denseLayers } from '../../src/host/optimizees/layers/settings.ts';
import { createNetwork } from '../../src/host/optimizees/network.ts';
import type { Optimizee, TaskTensors } from '../../src/host/optimizees/optimizee.ts';
import { createQuadratic } from '../../src/host/optimizees/quadratic.ts';
import { mlpParameterCount } from '../../src/reference/mlp.ts';
import { mlpProblem, type Problem, quadraticProblem } from '../../src/reference/problems.ts';
import { randomValues } from './compare.ts';

/** The same tasks for the device and for the float64 reference. */
export interface SmallProblem {
  readonly name: string;
  readonly tasks: number;
  readonly parameters: number;
  /** [B, 2]: what the device draws the minibatches from. */
  readonly keys: Uint32Array;
  /** [B, N] */
  readonly theta0: Float32Array;
  /** Valid for `steps` updates. */
  readonly reference: Problem;
  create(pool: TensorPool): (tensors: TaskTensors) => Optimizee;
}

/** B quadratics of D dimensions, W and y in (0, 1) / D, so that steps of order 1 do not diverge. */
export function smallQuadratic(tasks: number, dimension: number): SmallProblem {
  const W = randomValues(tasks * dimension * dimension, 11, 0, 2 / dimension);
  const y = randomValues(tasks * dimension, 12, 0, 1);
  const theta0 = randomValues(tasks * dimension, 13);
  const settings = { dimension, distribution: 'uniform', initialScale: 1 } as const;
  return {
    name: `${tasks} quadratics of ${dimension} dimensions`,
    tasks,
    parameters: dimension,
    keys: taskKeys(1, 'train', 0, tasks),
    theta0,
    reference: quadraticProblem(tasks, dimension, W, y),
    create: (pool) => (tensors) => createQuadratic(pool, tasks, settings, tensors, { W, y, theta0 }),
  };
}

export interface SmallMlpSettings {
  readonly tasks: number;
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly batch: number;
  /** Minibatches the reference is given: steps + 1. */
  readonly minibatches: number;
}

/** B networks on 3x3 pictures of noise in 3 classes, each with minibatches of its own. */
export function smallMlp({ tasks, hidden, activation, batch, minibatches }: SmallMlpSettings): SmallProblem {
  const [count, features, classes] = [23, 9, 3];
  const pixels = Uint8Array.from(randomValues(count * features, 21, 0, 255.99));
  const labels = Uint8Array.from(randomValues(count, 22, 0, classes - 0.01));
  const set = { name: 'noise', count, height: 3, width: 3, classes, pixels, labels };
  const sizes = [features, ...hidden, classes];
  const parameters = mlpParameterCount(sizes);
  const keys = taskKeys(2, 'train', 0, tasks);
  const theta0 = randomValues(tasks * parameters, 23, -0.7, 0.7);
  const drawn = Array.from({ length: minibatches * tasks }, (_, i) => {
    const task = i % tasks;
    const key = [keys[2 * task] ?? 0, keys[2 * task + 1] ?? 0] as const;
    return minibatchIndices(key, Math.floor(i / tasks), batch, count);
  });
  const examples = drawn.flatMap((indices) => [...indices]);
  const x = examples.flatMap((image) =>
    Array.from(pixels.subarray(image * features, (image + 1) * features), (pixel) => pixel / 255),
  );
  const y = examples.map((image) => labels[image] ?? Number.NaN);
  const settings = {
    layers: denseLayers(hidden, activation),
    initial: { kind: 'pytorch' },
  } as const;
  return {
    name: `${tasks} MLP ${sizes.join('-')} ${activation}, batch ${batch}`,
    tasks,
    parameters,
    keys,
    theta0,
    reference: mlpProblem({ sizes, activation }, tasks, batch, x, y),
    create: (pool) => {
      const images = createDeviceImages(pool, set);
      return (tensors) => {
        const source = createImageSource(pool, tasks, images, batch, tensors);
        return createNetwork({ pool, tasks, settings, source, tensors, givenTheta0: theta0 });
      };
    },
  };
}
