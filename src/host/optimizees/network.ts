import { STREAMS } from '../data/threefry.ts';
import type { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import type { ParameterGroup } from '../ops/coordinates.ts';
import { recordReduceRows } from '../ops/reduce.ts';
import type { ExampleBatch, ExampleSource } from './examples.ts';
import { buildLayers, describeLayers } from './layers/build.ts';
import type { InitialValues, Layer } from './layers/layer.ts';
import type { LayerSettings } from './layers/settings.ts';
import { NetworkPass } from './networkPass.ts';
import type { Optimizee, QueryFace, TaskTensors } from './optimizee.ts';

export interface NetworkSettings {
  /** The layers before the one that gives the outputs. */
  readonly layers: readonly LayerSettings[];
  readonly initial: InitialValues;
}

export interface NetworkOptions {
  readonly pool: TensorPool;
  readonly tasks: number;
  readonly settings: NetworkSettings;
  readonly source: ExampleSource;
  readonly tensors: TaskTensors;
  /** [B, N]: where the tasks start, instead of values drawn from their keys. */
  readonly givenTheta0?: Float32Array;
}

/** Groups of parameters, one a layer that has any, in the order of their places in a task's row. */
export function parameterGroups(layers: readonly Layer[]): ParameterGroup[] {
  let offset = 0;
  return layers
    .filter(({ parameters }) => parameters > 0)
    .map(({ kind, name, parameters }, index) => {
      const group = { name: `${index + 1}. ${name}`, kind, offset, count: parameters };
      offset += parameters;
      return group;
    });
}

/**
 * A network a task: layers, and the mean loss of the source's objective over a batch. Parameters of a task lie in a
 * row, layer by layer. Every batch of the source has tensors of its own, so that support and query sets of different
 * sizes cost what they hold.
 *
 * @throws ConfigError that names the first layer that does not fit what comes before it
 */
export function createNetwork(options: NetworkOptions): Optimizee {
  const { pool, tasks, settings, source, givenTheta0 } = options;
  const { shape, objective } = source;
  const layers = buildLayers(settings.layers, shape, objective.outputs, settings.initial);
  const { keys, secondDerivatives = false } = options.tensors;
  const groups = parameterGroups(layers);
  const parameters = groups.reduce((sum, { count }) => sum + count, 0);
  const { query } = source;
  const states = query ? planStates(pool, layers, tasks) : new Map<Layer, Tensor>();
  const passes = new Map(
    source.batches.map((batch) => {
      const role = batch === query ? 'query' : 'support';
      const plan = { pool, tasks, layers, states, batch, role, objective, secondDerivatives } as const;
      return [batch, new NetworkPass({ ...plan, stride: parameters })];
    }),
  );
  const passOf = (batch: ExampleBatch): NetworkPass => {
    const pass = passes.get(batch);
    if (!pass) throw new RangeError('the source sampled a batch that it did not announce');
    return pass;
  };
  const [first] = source.batches;
  if (!first) throw new RangeError('the source has no batch');
  /** The batch that was sampled last, in the order of recording. */
  let current = passOf(first);
  const theta0 = givenTheta0 ? pool.tensor('given theta0', [tasks, parameters]) : undefined;
  const recordMeanLoss = (program: Program, pass: NetworkPass, losses: Tensor, slot: number) => {
    const numbers = { tasks, slot, scale: 1 / pass.batch.batch };
    recordReduceRows(program, { value: pass.rowLoss, target: losses }, numbers);
  };
  const queryFace = (batch: ExampleBatch): QueryFace => {
    const pass = passOf(batch);
    return {
      classifies: objective.kind === 'classification',
      record(program, theta, { losses, accuracy }, slot) {
        pass.recordForward(program, theta);
        recordMeanLoss(program, pass, losses, slot);
        if (accuracy) pass.recordAccuracy(program, accuracy, slot);
      },
    };
  };

  return {
    description: `${describeLayers(settings.layers, shape, objective.outputs)}, ${source.description}`,
    tasks,
    parameters,
    groups,
    upload() {
      source.upload();
      if (theta0 && givenTheta0) writeTensor(pool.context, theta0, givenTheta0);
    },
    recordReset(program, theta) {
      if (theta0) program.copy(theta0, theta.view('theta', 0, theta0.shape));
      else recordStart(program, keys, theta, layers, parameters);
      for (const [layer, state] of states) layer.state?.recordReset(program, state, tasks);
    },
    recordSample(program, step) {
      current = passOf(source.recordSample(program, step));
    },
    recordLoss(program, theta, losses, slot) {
      current.recordForward(program, theta);
      recordMeanLoss(program, current, losses, slot);
    },
    recordGradient: (program, theta, gradient) => current.recordBackward(program, theta, gradient),
    ...(secondDerivatives && {
      recordHessianVector(program: Program, theta: Tensor, v: Tensor, product: Tensor) {
        current.recordHessianVector(program, { theta, v, product });
      },
    }),
    ...(query && { query: queryFace(query) }),
  };
}

function planStates(pool: TensorPool, layers: readonly Layer[], tasks: number): Map<Layer, Tensor> {
  const states = new Map<Layer, Tensor>();
  for (const layer of layers) if (layer.state) states.set(layer, layer.state.plan(pool, tasks));
  return states;
}

function recordStart(
  program: Program,
  keys: Tensor,
  theta: Tensor,
  layers: readonly Layer[],
  stride: number,
): void {
  let offset = 0;
  const drawn = layers.filter(({ parameters }) => parameters > 0);
  for (const [index, layer] of drawn.entries()) {
    layer.recordStart(program, keys, theta, { stride, offset, stream: STREAMS.start + index });
    offset += layer.parameters;
  }
}
