import { ConfigError, FileFormatError } from '../errors.ts';
import type { GpuContext } from '../gpu/context.ts';
import { readTensors, submit, writeTensor } from '../gpu/readback.ts';
import { TensorPool } from '../gpu/tensor.ts';
import { requireTensor, type SafeTensorsFile } from '../io/safetensors.ts';
import { ACTIVATIONS } from '../ops/activation.ts';
import type { Preprocess } from '../ops/preprocess.ts';
import { createGivenSource } from '../optimizees/examples.ts';
import { createMlp } from '../optimizees/mlp.ts';
import type { Optimizee, TaskTensors } from '../optimizees/optimizee.ts';
import { createQuadratic } from '../optimizees/quadratic.ts';
import { createL2l } from '../optimizers/l2l/l2l.ts';
import type { NamedWeights } from '../optimizers/optimizer.ts';
import { Unroll } from './unroll.ts';

/** How one tensor of a case compares: ||ours - expected|| / ||expected||. */
export interface CaseResult {
  readonly name: string;
  readonly relativeError: number;
}

export const CASE_FORMAT = 'coordwise-gradient-case-1';

/**
 * Recomputes a gradient case of another framework through the same unroll as training: losses [T + 1], theta
 * and the meta-gradient for every weight.
 * @throws FileFormatError when the file is not such a case; ConfigError when it asks for what is not built.
 */
export async function runGradientCase(
  context: GpuContext,
  file: SafeTensorsFile,
  source: string,
): Promise<CaseResult[]> {
  const meta = new CaseMetadata(file, source);
  meta.oneOf('format', [CASE_FORMAT]);
  meta.oneOf('optimizer', ['l2l']);
  meta.oneOf('second_derivatives', ['false']);
  meta.oneOf('meta_loss', ['sum']);
  const steps = meta.integer('unroll', 1);
  const tasks = meta.integer('tasks', 1);
  const pool = new TensorPool(context);
  const optimizer = createL2l(pool, {
    layers: meta.integer('layers', 0),
    hidden: meta.integer('hidden', 1),
    preprocess: preprocessOf(meta),
    outputScale: meta.number('output_scale'),
  });
  const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
  const unroll = new Unroll({
    pool,
    tasks,
    steps,
    optimizer,
    createOptimizee: optimizeeOf(pool, file, source, meta, tasks, steps),
    lossWeights: new Array<number>(steps + 1).fill(1),
    metaGradient,
  });
  await pool.allocate();
  try {
    writeTensor(context, optimizer.phi, optimizer.fromNamed(namedWeights(file, 'optimizer.'), source));
    await unroll.prepare();
    unroll.setTasks(new Uint32Array(2 * tasks), 0);
    submit(context, (encoder) => unroll.encode(encoder, 'reset'));
    const read = await readTensors(context, [unroll.losses, unroll.theta, metaGradient]);
    const [losses = new Float32Array(), theta = new Float32Array(), gradient = new Float32Array()] = read;
    const expected = (name: string) => requireTensor(file, `expect.${name}`, source).data;
    const results = [
      compare('losses', meanOverTasks(losses, tasks), expected('losses')),
      compare('theta', theta.subarray(0, tasks * unroll.optimizee.parameters), expected('theta')),
    ];
    for (const [name, { data }] of optimizer.gradientToNamed(gradient)) {
      results.push(compare(`grad.${name}`, data, expected(`grad.${name}`)));
    }
    return results;
  } finally {
    pool.destroy();
  }
}

function optimizeeOf(
  pool: TensorPool,
  file: SafeTensorsFile,
  source: string,
  meta: CaseMetadata,
  tasks: number,
  steps: number,
): (tensors: TaskTensors) => Optimizee {
  const problem = meta.oneOf('problem', ['quadratic', 'mlp']);
  const floats = (name: string, shape: readonly number[]) =>
    Float32Array.from(requireTensor(file, name, source, shape).data as Float32Array);
  if (problem === 'quadratic') {
    const dimension = meta.integer('dim', 1);
    const given = {
      W: floats('W', [tasks, dimension, dimension]),
      y: floats('y', [tasks, dimension]),
      theta0: floats('theta0', [tasks, dimension]),
    };
    const settings = { dimension, distribution: 'uniform', initialScale: 0 } as const;
    return (tensors) => createQuadratic(pool, tasks, settings, tensors, given);
  }
  if (tasks !== 1)
    throw new ConfigError(`${source}: an mlp case has one task, not ${tasks}`, 'write one case a task');
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
  const x = floats('x', [steps + 1, batch, features]);
  const labels = Int32Array.from(
    requireTensor(file, 'labels', source, [steps + 1, batch]).data as Int32Array,
  );
  if (labels.some((label) => label < 0 || label >= classes)) {
    throw new FileFormatError(
      `${source}: a label is outside 0 .. ${classes - 1}`,
      'write labels as class numbers',
    );
  }
  const theta0 = Float32Array.from(requireTensor(file, 'theta0', source).data as Float32Array);
  const examples = createGivenSource(pool, { x, labels, steps: steps + 1, batch, features, classes });
  const settings = { hidden: sizes.slice(1, -1), activation, initial: { kind: 'pytorch' } } as const;
  return (tensors) => {
    const mlp = createMlp(pool, tasks, settings, examples, tensors, theta0);
    if (theta0.length !== mlp.parameters) {
      throw new FileFormatError(
        `${source}: theta0 has ${theta0.length} values, and sizes ${sizes.join(',')} need ${mlp.parameters}`,
        'write theta0 layer by layer: weight [in, out], then bias [out]',
      );
    }
    return mlp;
  };
}

function preprocessOf(meta: CaseMetadata): Preprocess {
  const kind = meta.oneOf('preprocess', ['identity', 'log-sign']);
  return kind === 'identity' ? { kind: 'none' } : { kind: 'log-sign', p: meta.number('p') };
}

/** All tensors whose names start with `prefix`, without it. */
function namedWeights(file: SafeTensorsFile, prefix: string): Map<string, NamedWeights> {
  const named = new Map<string, NamedWeights>();
  for (const [name, { shape, data }] of file.tensors) {
    if (name.startsWith(prefix)) {
      named.set(name.slice(prefix.length), { shape, data: Float32Array.from(data as Float32Array) });
    }
  }
  return named;
}

function meanOverTasks(losses: Float32Array, tasks: number): Float64Array {
  const mean = new Float64Array(losses.length / tasks);
  for (const [index, loss] of losses.entries()) {
    const step = Math.floor(index / tasks);
    mean[step] = (mean[step] ?? 0) + loss / tasks;
  }
  return mean;
}

function compare(name: string, ours: ArrayLike<number>, expected: ArrayLike<number | bigint>): CaseResult {
  if (ours.length !== expected.length) {
    throw new FileFormatError(
      `expect.${name} has ${expected.length} values, and ${ours.length} were computed`,
      'write the case with the sizes its metadata states',
    );
  }
  let difference = 0;
  let size = 0;
  for (let i = 0; i < ours.length; i++) {
    const target = Number(expected[i]);
    difference += ((ours[i] ?? Number.NaN) - target) ** 2;
    size += target ** 2;
  }
  return { name, relativeError: Math.sqrt(difference) / Math.max(Math.sqrt(size), 1e-30) };
}

/** The settings of a case: strings that must be there and make sense. */
class CaseMetadata {
  readonly #file: SafeTensorsFile;
  readonly #source: string;

  constructor(file: SafeTensorsFile, source: string) {
    this.#file = file;
    this.#source = source;
  }

  text(name: string): string {
    const value = this.#file.metadata[name];
    if (value === undefined) {
      throw new FileFormatError(
        `${this.#source}: the metadata lack ${name}`,
        `write a case of format ${CASE_FORMAT}, as docs/gradientCases.md describes it`,
      );
    }
    return value;
  }

  number(name: string): number {
    const value = Number(this.text(name));
    if (!Number.isFinite(value)) {
      throw new FileFormatError(
        `${this.#source}: ${name} is ${this.text(name)}, not a number`,
        'write a number',
      );
    }
    return value;
  }

  integer(name: string, least: number): number {
    const value = this.number(name);
    if (!Number.isInteger(value) || value < least) {
      throw new FileFormatError(
        `${this.#source}: ${name} is ${value}`,
        `write a whole number of at least ${least}`,
      );
    }
    return value;
  }

  oneOf<const T extends string>(name: string, known: readonly T[]): T {
    const value = this.text(name);
    const found = known.find((choice) => choice === value);
    if (!found) {
      throw new ConfigError(
        `${this.#source} asks for ${name} ${JSON.stringify(value)}, which is not built`,
        `this version knows ${name}: ${known.join(', ')}`,
      );
    }
    return found;
  }
}
