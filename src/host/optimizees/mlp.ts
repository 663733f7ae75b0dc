import { STREAMS } from '../data/threefry.ts';
import type { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { type Activation, recordActivationBackward, recordActivationForward } from '../ops/activation.ts';
import { recordDenseBackwardInput, recordDenseBackwardWeights, recordDenseForward } from '../ops/dense.ts';
import { recordNormal, recordUniform } from '../ops/random.ts';
import { recordReduceRows } from '../ops/reduce.ts';
import {
  recordSoftmaxCrossEntropyBackward,
  recordSoftmaxCrossEntropyForward,
} from '../ops/softmaxCrossEntropy.ts';
import type { ExampleSource } from './examples.ts';
import { type MlpLayer, planTangents, recordMlpHessianVector } from './mlpTangents.ts';
import type { Optimizee, TaskTensors } from './optimizee.ts';

/** Starting values: N(0, scale^2) for weights and biases, or U(-1/sqrt(in), 1/sqrt(in)) as torch.nn.Linear. */
export type InitialValues =
  | { readonly kind: 'normal'; readonly scale: number }
  | { readonly kind: 'pytorch' };

export interface MlpSettings {
  /** Widths of the hidden layers; empty for softmax regression. */
  readonly hidden: readonly number[];
  readonly activation: Activation;
  readonly initial: InitialValues;
}

/** Parameters of a dense network of these widths: a weight [in, out] and a bias [out] a layer. */
export function mlpParameters(widths: readonly number[]): number {
  return widths.slice(1).reduce((sum, out, layer) => sum + ((widths[layer] ?? 0) + 1) * out, 0);
}

/**
 * A dense classifier a task: mean softmax cross-entropy over a minibatch. Parameters of a task lie in a row,
 * layer by layer: weight [in, out] row-major, then bias [out].
 */
export function createMlp(
  pool: TensorPool,
  tasks: number,
  settings: MlpSettings,
  source: ExampleSource,
  { keys, secondDerivatives = false }: TaskTensors,
  givenTheta0?: Float32Array,
): Optimizee {
  const widths = [source.features, ...settings.hidden, source.classes];
  const parameters = mlpParameters(widths);
  const layers = planLayers(pool, tasks, widths, parameters, source);
  const last = layers.at(-1);
  if (!last) throw new RangeError('a network needs at least one layer');
  const softmax = { tasks, classes: source.classes, batch: source.batch, rows: source.rows };
  const rowLoss = pool.tensor('row loss', [tasks, source.rows]);
  const network = { layers, activation: settings.activation, labels: source.labels, softmax };
  const tangents = secondDerivatives ? planTangents(pool, layers) : undefined;
  const theta0 = givenTheta0 ? pool.tensor('given theta0', [tasks, parameters]) : undefined;

  return {
    description: `MLP ${widths.join('-')}, ${settings.activation}, batch ${source.batch}, ${source.description}`,
    tasks,
    parameters,
    groups: layers.map(({ sizes: { inputs, outputs, offset } }) => ({
      name: `dense ${inputs}-${outputs}`,
      offset,
      count: (inputs + 1) * outputs,
    })),
    upload() {
      source.upload();
      if (theta0 && givenTheta0) writeTensor(pool.context, theta0, givenTheta0);
    },
    recordReset(program, theta) {
      if (theta0) program.copy(theta0, theta.view('theta', 0, theta0.shape));
      else recordStart(program, keys, theta, layers, settings.initial);
    },
    recordSample: (program, step) => source.recordSample(program, step),
    recordLoss(program, theta, losses, slot) {
      for (const { sizes, x, z, y } of layers) {
        recordDenseForward(program, { theta, x, y: z }, sizes);
        if (y) recordActivationForward(program, { x: z, y }, settings.activation);
      }
      recordSoftmaxCrossEntropyForward(program, { logits: last.z, labels: source.labels, rowLoss }, softmax);
      const numbers = { tasks, slot, square: false, scale: 1 / source.batch };
      recordReduceRows(program, { value: rowLoss, target: losses }, numbers);
    },
    recordGradient(program, theta, gradient) {
      const tensors = { logits: last.z, labels: source.labels, dlogits: last.dz };
      recordSoftmaxCrossEntropyBackward(program, tensors, softmax);
      for (const [index, { sizes, x, y, dz, dy }] of [...layers.entries()].reverse()) {
        if (y && dy) recordActivationBackward(program, { y, dy, dx: dz }, settings.activation);
        recordDenseBackwardWeights(program, { x, dy: dz, gradient }, sizes);
        const below = layers[index - 1]?.dy;
        if (below) recordDenseBackwardInput(program, { theta, dy: dz, dx: below }, sizes);
      }
    },
    ...(tangents && {
      recordHessianVector(program: Program, theta: Tensor, v: Tensor, product: Tensor) {
        recordMlpHessianVector(program, network, tangents, { theta, v, product });
      },
    }),
  };
}

function planLayers(
  pool: TensorPool,
  tasks: number,
  widths: readonly number[],
  stride: number,
  source: ExampleSource,
): MlpLayer[] {
  const { rows } = source;
  const layers: MlpLayer[] = [];
  let offset = 0;
  let x = source.x;
  for (const [index, outputs] of widths.slice(1).entries()) {
    const inputs = widths[index] ?? 0;
    const isLast = index === widths.length - 2;
    const plan = (name: string) => pool.tensor(`mlp ${name} ${index}`, [tasks, outputs, rows]);
    const y = isLast ? undefined : plan('y');
    const dy = isLast ? undefined : plan('dy');
    const sizes = { tasks, inputs, outputs, rows, stride, offset };
    layers.push({ sizes, x, z: plan('z'), y, dz: plan('dz'), dy });
    offset += (inputs + 1) * outputs;
    if (y) x = y;
  }
  return layers;
}

function recordStart(
  program: Program,
  keys: Tensor,
  theta: Tensor,
  layers: readonly MlpLayer[],
  initial: InitialValues,
): void {
  for (const [index, { sizes }] of layers.entries()) {
    const count = (sizes.inputs + 1) * sizes.outputs;
    const span = { count, stride: sizes.stride, offset: sizes.offset, stream: STREAMS.start + index };
    if (initial.kind === 'normal') {
      recordNormal(program, keys, theta, { ...span, scale: initial.scale });
    } else {
      const bound = 1 / Math.sqrt(sizes.inputs);
      recordUniform(program, keys, theta, { ...span, low: -bound, high: bound });
    }
  }
}
