import { ConfigError, FileFormatError } from '../../errors.ts';
import type { TensorPool } from '../../gpu/tensor.ts';
import { requireTensor, type SafeTensorsFile } from '../../io/safetensors.ts';
import { ACTIVATIONS } from '../../ops/activation.ts';
import { createGivenSource } from '../../optimizees/examples.ts';
import { buildLayers } from '../../optimizees/layers/build.ts';
import { vectorShape } from '../../optimizees/layers/layer.ts';
import { denseLayers } from '../../optimizees/layers/settings.ts';
import { createNetwork } from '../../optimizees/network.ts';
import type { Optimizee, TaskTensors } from '../../optimizees/optimizee.ts';
import { createQuadratic } from '../../optimizees/quadratic.ts';
import type { CaseMetadata } from './metadata.ts';

/** The problem of a case: B tasks of N parameters. */
export interface CaseProblem {
  readonly tasks: number;
  readonly parameters: number;
  /** [B, N], a row each task, or [N], one start for all. */
  readonly theta0: Float32Array;
  create(pool: TensorPool): (tensors: TaskTensors) => Optimizee;
}

/**
 * Reads the problem and theta_0.
 * @throws FileFormatError when tensors and metadata do not fit; ConfigError when a setting is not built.
 */
export function readProblem(file: SafeTensorsFile, meta: CaseMetadata, steps: number): CaseProblem {
  const problem = meta.oneOf('problem', ['quadratic', 'mlp']);
  return problem === 'quadratic' ? readQuadratic(file, meta) : readMlp(file, meta, steps);
}

function floats(
  file: SafeTensorsFile,
  name: string,
  { source }: CaseMetadata,
  shape?: readonly number[],
): Float32Array {
  return Float32Array.from(requireTensor(file, name, source, shape).data, Number);
}

function readTheta0(
  file: SafeTensorsFile,
  meta: CaseMetadata,
  tasks: number,
  parameters: number,
): Float32Array {
  const theta0 = floats(file, 'theta0', meta);
  if (theta0.length !== parameters && theta0.length !== tasks * parameters) {
    throw new FileFormatError(
      `${meta.source}: theta0 has ${theta0.length} values, and ${tasks} tasks of ${parameters} parameters are described`,
      'write theta0 as [tasks, parameters] or as [parameters]; of a network layer by layer: weight [in, out], then bias [out]',
    );
  }
  return theta0;
}

/** A row for each task, whichever form theta_0 has. */
function rowsOf(theta0: Float32Array, tasks: number, parameters: number): Float32Array {
  return Float32Array.from({ length: tasks * parameters }, (_, i) => theta0[i % theta0.length] ?? Number.NaN);
}

function readQuadratic(file: SafeTensorsFile, meta: CaseMetadata): CaseProblem {
  const tasks = meta.integer('tasks', 1);
  const dimension = meta.integer('dim', 1);
  const W = floats(file, 'W', meta, [tasks, dimension, dimension]);
  const y = floats(file, 'y', meta, [tasks, dimension]);
  const theta0 = readTheta0(file, meta, tasks, dimension);
  const given = { W, y, theta0: rowsOf(theta0, tasks, dimension) };
  const settings = { dimension, distribution: 'uniform', initialScale: 0 } as const;
  return {
    tasks,
    parameters: dimension,
    theta0,
    create: (pool) => (tensors) => createQuadratic(pool, tasks, settings, tensors, given),
  };
}

function readMlp(file: SafeTensorsFile, meta: CaseMetadata, steps: number): CaseProblem {
  const { source } = meta;
  const tasks = meta.integer('tasks', 1);
  if (tasks !== 1) {
    throw new ConfigError(`${source}: an mlp case has one task, not ${tasks}`, 'write one case a task');
  }
  const sizes = meta.text('sizes').split(',').map(Number);
  const [features = 0] = sizes;
  const classes = sizes.at(-1) ?? 0;
  if (sizes.length < 2 || !sizes.every((size) => Number.isInteger(size) && size > 0)) {
    throw new FileFormatError(
      `${source}: sizes is ${meta.text('sizes')}`,
      'list the widths, such as 784,20,10',
    );
  }
  const batch = meta.integer('batch', 1);
  const activation = meta.oneOf('activation', ACTIVATIONS);
  const x = floats(file, 'x', meta, [steps + 1, batch, features]);
  const labels = Int32Array.from(
    requireTensor(file, 'labels', source, [steps + 1, batch]).data as Int32Array,
    Number,
  );
  if (labels.some((label) => label < 0 || label >= classes)) {
    throw new FileFormatError(
      `${source}: a label is outside 0 .. ${classes - 1}`,
      'write labels as class numbers',
    );
  }
  const layers = denseLayers(sizes.slice(1, -1), activation);
  const initial = { kind: 'pytorch' } as const;
  const parameters = buildLayers(layers, vectorShape(features), classes, initial).reduce(
    (sum, layer) => sum + layer.parameters,
    0,
  );
  const theta0 = readTheta0(file, meta, tasks, parameters);
  const examples = { x, labels, steps: steps + 1, batch, features, classes };
  return {
    tasks,
    parameters,
    theta0,
    create: (pool) => {
      const source = createGivenSource(pool, examples);
      const settings = { layers, initial };
      return (tensors) => createNetwork({ pool, tasks, settings, source, tensors, givenTheta0: theta0 });
    },
  };
}
