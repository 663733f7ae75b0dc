import { ConfigError, FileFormatError } from '../errors.ts';
import type { GpuContext } from '../gpu/context.ts';
import { readTensors, submit, writeTensor } from '../gpu/readback.ts';
import { TensorPool } from '../gpu/tensor.ts';
import { requireTensor, type SafeTensorsFile } from '../io/safetensors.ts';
import { isGated } from '../optimizers/gated/settings.ts';
import { THETA0 } from '../optimizers/gated/weights.ts';
import type { NamedWeights } from '../optimizers/optimizer.ts';
import { CASE_FORMAT, CaseMetadata } from './gradientCase/metadata.ts';
import { CASE_OPTIMIZERS, createCaseOptimizer } from './gradientCase/optimizer.ts';
import { readProblem } from './gradientCase/problem.ts';
import { Unroll } from './unroll.ts';

/**
 * How one tensor of a case compares: ||ours - expected|| / ||expected||. Where a block of the meta-gradient is zero but
 * for rounding (below RESOLUTION of the whole meta-gradient's norm), that much of the whole is divided by instead.
 */
export interface CaseResult {
  readonly name: string;
  readonly relativeError: number;
}

/**
 * At a tolerance of 1e-3, differences of 1e-6 of the whole meta-gradient pass. A sum that cancels to exactly zero (the
 * output bias of l2l on softmax regression) is seen to leave 1e-7 of the whole in float32.
 */
const RESOLUTION = 1e-3;

/**
 * Recomputes a gradient case of another framework through the same unroll as training: losses [T + 1], theta
 * and the meta-gradient for every weight, and for theta_0 where the case has it.
 * @throws FileFormatError when the file is not such a case; ConfigError when it asks for what is not built.
 */
export async function runGradientCase(
  context: GpuContext,
  file: SafeTensorsFile,
  source: string,
): Promise<CaseResult[]> {
  const meta = new CaseMetadata(file, source);
  meta.oneOf('format', [CASE_FORMAT]);
  const learnsStart = isGated(meta.oneOf('optimizer', CASE_OPTIMIZERS));
  const secondDerivatives = meta.oneOf('second_derivatives', ['false', 'true']) === 'true';
  const sumsLosses = meta.oneOf('meta_loss', ['sum', 'final']) === 'sum';
  const steps = meta.integer('unroll', 1);
  const problem = readProblem(file, meta, steps);
  const { tasks, parameters, theta0 } = problem;
  const wantsTheta0 = file.tensors.has(`expect.grad.${THETA0}`);
  const learnsTheta0 = wantsTheta0 && learnsStart && theta0.length === parameters;
  const pool = new TensorPool(context);
  const optimizer = createCaseOptimizer(pool, meta, learnsTheta0 ? parameters : undefined);
  const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
  const unroll = new Unroll({
    pool,
    tasks,
    steps,
    optimizer,
    createOptimizee: problem.create(pool),
    lossWeights: Array.from({ length: steps + 1 }, (_, t) => (sumsLosses || t === steps ? 1 : 0)),
    metaGradient,
    secondDerivatives,
    startAdjoint: wantsTheta0,
  });
  await pool.allocate();
  try {
    const weights = namedWeights(file, 'optimizer.');
    if (learnsTheta0) weights.set(THETA0, { shape: [parameters], data: theta0 });
    writeTensor(context, optimizer.phi, optimizer.fromNamed(weights, source));
    await unroll.prepare();
    unroll.setTasks(new Uint32Array(2 * tasks), 0);
    submit(context, (encoder) => unroll.encode(encoder, 'reset'));
    const tensors = [unroll.losses, unroll.theta, metaGradient];
    if (unroll.startAdjoint) tensors.push(unroll.startAdjoint);
    const empty = new Float32Array();
    const [losses = empty, theta = empty, gradient = empty, start = empty] = await readTensors(
      context,
      tensors,
    );
    const ours = new Map<string, ArrayLike<number>>([
      ['losses', meanOverTasks(losses, tasks)],
      ['theta', theta.subarray(0, tasks * parameters)],
    ]);
    for (const [name, { data }] of optimizer.gradientToNamed(gradient)) ours.set(`grad.${name}`, data);
    if (wantsTheta0 && !learnsTheta0) {
      ours.set(`grad.${THETA0}`, sumRows(start.subarray(0, tasks * parameters), theta0.length));
    }
    return compareAll(ours, file, source);
  } finally {
    pool.destroy();
  }
}

/** All tensors whose names start with `prefix`, without it. */
function namedWeights(file: SafeTensorsFile, prefix: string): Map<string, NamedWeights> {
  const named = new Map<string, NamedWeights>();
  for (const [name, { shape, data }] of file.tensors) {
    if (name.startsWith(prefix)) {
      named.set(name.slice(prefix.length), { shape, data: Float32Array.from(data, Number) });
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

/** Rows of `length` values, added up; what it was given when there is only one. */
function sumRows(values: Float32Array, length: number): Float64Array {
  const sum = new Float64Array(length);
  for (const [index, value] of values.entries()) sum[index % length] = (sum[index % length] ?? 0) + value;
  return sum;
}

/** @throws ConfigError when the case expects what was not computed; FileFormatError when it lacks what was. */
function compareAll(
  ours: ReadonlyMap<string, ArrayLike<number>>,
  file: SafeTensorsFile,
  source: string,
): CaseResult[] {
  for (const name of file.tensors.keys()) {
    if (name.startsWith('expect.') && !ours.has(name.slice('expect.'.length))) {
      throw new ConfigError(`${source} holds ${name}, which is not computed`, 'leave it out of the case');
    }
  }
  const pairs = [...ours].map(([name, values]) => {
    const expected = Float64Array.from(requireTensor(file, `expect.${name}`, source).data, Number);
    return { name, values, expected };
  });
  const isGradient = (name: string) => name.startsWith('grad.');
  const gradients = pairs.filter(({ name }) => isGradient(name));
  const whole = Math.hypot(...gradients.map(({ expected }) => norm(expected)));
  return pairs.map(({ name, values, expected }) => {
    const least = isGradient(name) ? RESOLUTION * whole : 0;
    return { name, relativeError: relativeError(name, values, expected, least, source) };
  });
}

function norm(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
}

function relativeError(
  name: string,
  ours: ArrayLike<number>,
  expected: Float64Array,
  leastSize: number,
  source: string,
): number {
  if (ours.length !== expected.length) {
    throw new FileFormatError(
      `${source}: expect.${name} has ${expected.length} values, and ${ours.length} were computed`,
      'write the case with the sizes its metadata states',
    );
  }
  const difference = norm(expected.map((target, i) => (ours[i] ?? Number.NaN) - target));
  return difference / Math.max(norm(expected), leastSize, 1e-30);
}
