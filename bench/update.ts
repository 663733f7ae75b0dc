import {
  coordinatesOf,
  createLearned,
  type GpuContext,
  type L2lConfig,
  Program,
  readTensors,
  submit,
  TensorPool,
  writeTensor,
} from '../src/host/index.ts';
import { l2lWeights, type NamedTensors, stackedLstm } from '../src/reference/lstm.ts';
import { type Preprocess, preprocess } from '../src/reference/preprocess.ts';
import { numbers } from '../src/reference/scalar.ts';
import { type Check, relativeError } from './check.ts';
import { l2lFlop } from './counts.ts';
import { caseSettings, f32, phiTensors, thetaNumbers } from './peers/peerCase.ts';
import { namedTensors, referencePreprocess } from './reference.ts';
import type { Workload } from './workload.ts';

/** Coordinates whose update is compared with the reference. */
const SAMPLED = 100;

/**
 * One update of `coordinates` coordinates by a learned optimizer: the work of a training step in an application,
 * without its gradient. The LSTM states it reads are those after one earlier update from zeros, which new tensors hold.
 */
export function createUpdate(
  context: GpuContext,
  name: string,
  coordinates: number,
  config: L2lConfig,
): Workload {
  const pool = new TensorPool(context);
  const optimizer = createLearned(pool, config);
  const shape = coordinatesOf(1, coordinates);
  const plan = (label: string) => pool.tensor(label, [4 * shape.mp4]);
  const theta = [plan('theta 0'), plan('theta 1'), plan('theta 2')] as const;
  const gradients = [plan('gradient 0'), plan('gradient 1')] as const;
  const clock = pool.tensor('clock', [4], 'u32');
  const bound = optimizer.bind({ pool, coordinates: shape, steps: 2, training: false, clock });
  const earlier = new Program(context, 'earlier update');
  const update = new Program(context, 'update');
  const phi = optimizer.initialPhi(1);
  const values = [0, 0.5].map((shift) => spreadGradients(coordinates, gradients[0].length, shift));
  const sizes = { inputs: config.preprocess.kind === 'none' ? 1 : 2, ...config };
  return {
    name,
    description: `one update of ${coordinates.toLocaleString('en-US')} coordinates by ${optimizer.description}`,
    coordinateSteps: coordinates,
    flop: coordinates * l2lFlop(sizes).forward,
    bytes: pool.bytes,
    async prepare() {
      await pool.allocate();
      bound.recordStep(earlier, 0, { theta: theta[0], gradient: gradients[0], next: theta[1] });
      bound.recordStep(update, 1, { theta: theta[1], gradient: gradients[1], next: theta[2] });
      await Promise.all([earlier.prepare(), update.prepare()]);
      writeTensor(context, optimizer.phi, phi);
      for (const [t, gradient] of gradients.entries()) {
        writeTensor(context, gradient, values[t] ?? new Float32Array());
      }
      submit(context, (encoder) => earlier.encode(encoder));
      await context.idle();
    },
    async run() {
      submit(context, (encoder) => update.encode(encoder));
      await context.idle();
    },
    async check() {
      const [moved = new Float32Array()] = await readTensors(context, [theta[2]]);
      const weights = namedTensors(optimizer.toNamed(phi));
      const how = { preprocess: referencePreprocess(config.preprocess), scale: config.outputScale };
      return checkUpdates(name, moved.subarray(0, coordinates), values, weights, how);
    },
    async peerCase() {
      const [moved = new Float32Array()] = await readTensors(context, [theta[2]]);
      const [first = new Float32Array(), second = new Float32Array()] = values;
      return {
        metadata: caseSettings('update', config, 1),
        tensors: new Map([
          ...phiTensors(optimizer.toNamed(phi)),
          ['gradient0', f32(first.subarray(0, coordinates))],
          ['gradient1', f32(second.subarray(0, coordinates))],
        ]),
        expected: thetaNumbers(moved.subarray(0, coordinates)),
      };
    },
    destroy: () => pool.destroy(),
  };
}

/**
 * Compares theta after two updates from zero, with these gradients, on sampled coordinates with the float64
 * reference: the first, the last, and others spread between them.
 */
export function checkUpdates(
  name: string,
  theta: Float32Array,
  gradients: readonly Float32Array[],
  weights: NamedTensors,
  how: { readonly preprocess: Preprocess; readonly scale: number },
): Check[] {
  const count = Math.min(SAMPLED, theta.length);
  const indices = Array.from({ length: count }, (_, i) =>
    Math.round((i * (theta.length - 1)) / Math.max(1, count - 1)),
  );
  const lstm = l2lWeights(weights);
  const expected = indices.map((index) => {
    let state = lstm.layers.map(({ biasHh }) => {
      const zero = new Float64Array(biasHh.length / 4);
      return { h: zero as ArrayLike<number>, c: zero as ArrayLike<number> };
    });
    let at = 0;
    for (const gradient of gradients) {
      const u = preprocess(numbers, how.preprocess, gradient[index] ?? Number.NaN);
      const step = stackedLstm(numbers, lstm, u, state);
      at += how.scale * step.output;
      state = step.state;
    }
    return at;
  });
  const ours = indices.map((index) => theta[index] ?? Number.NaN);
  return [
    {
      name: `${name}: theta of ${count} coordinates`,
      against: 'float64 reference LSTM',
      error: relativeError(ours, expected),
      tolerance: 1e-5,
    },
  ];
}

/**
 * [length]: `count` gradients of either sign with magnitudes spread evenly over 1e-8 .. 10 in the logarithm (multiples
 * of the golden ratio, modulo 1), so on both branches of the preprocessing; then zeros, as padding is.
 */
function spreadGradients(count: number, length: number, shift: number): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < count; i++) {
    const position = (i * 0.6180339887498949 + shift) % 1;
    values[i] = (i % 3 === 0 ? -1 : 1) * 10 ** (9 * position - 8);
  }
  return values;
}
