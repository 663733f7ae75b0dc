import type { GpuContext } from '../../src/host/gpu/context.ts';
import { readTensors, submit, writeTensor } from '../../src/host/gpu/readback.ts';
import { TensorPool } from '../../src/host/gpu/tensor.ts';
import { Unroll } from '../../src/host/meta/unroll.ts';
import { createGated } from '../../src/host/optimizers/gated/gated.ts';
import type { GatedSettings } from '../../src/host/optimizers/gated/settings.ts';
import { THETA0 } from '../../src/host/optimizers/gated/weights.ts';
import type { LearnedOptimizer, NamedWeights } from '../../src/host/optimizers/optimizer.ts';
import type { GatedForm } from '../../src/reference/gated.ts';
import { randomValues } from './compare.ts';
import type { SmallProblem } from './smallProblems.ts';

/** What one unroll left on the device. */
export interface UnrollOutcome {
  /** [T + 1, B] */
  readonly losses: Float32Array;
  /** theta_T [B, N] */
  readonly theta: Float32Array;
  /** By tensor name, theta0's included where it is learned. */
  readonly gradient: Readonly<Record<string, Float32Array>>;
  /** dL/dtheta_0 [B, N] */
  readonly startGradient: Float32Array;
}

export interface GatedRun {
  readonly optimizer: LearnedOptimizer;
  /** The weights that were used, by tensor name. */
  readonly phi: Readonly<Record<string, Float32Array>>;
  readonly outcomes: readonly UnrollOutcome[];
}

/** The settings as the reference takes them. */
export function formOf({ gates, gateFeedback, preprocess }: GatedSettings): GatedForm {
  const entries = Object.entries(gates).filter(([, gate]) => gate !== undefined);
  const value = (gate: 'learned' | { fixed: number } | undefined) =>
    gate === 'learned' ? 'learned' : Math.fround(gate?.fixed ?? Number.NaN);
  return {
    gates: Object.fromEntries(entries.map(([name, gate]) => [name, value(gate)])),
    feedback: gateFeedback,
    preprocess: preprocess.kind === 'none' ? { kind: 'identity' } : preprocess,
  };
}

/** Fresh weights moved far enough from zero that every path through the gates matters; theta_0 = `start`. */
function randomPhi(optimizer: LearnedOptimizer, start: Float32Array): Float32Array {
  const fresh = optimizer.initialPhi(5);
  const noise = randomValues(fresh.length, 51, -0.4, 0.4);
  const phi = fresh.map((value, i) => (value === 0 ? 0 : 0.5 * value + (noise[i] ?? 0)));
  if (optimizer.theta0) phi.set(start.subarray(0, optimizer.theta0.parameters), optimizer.theta0.offset);
  return phi;
}

/** Runs as many unrolls as there are `lossWeights`-long parts of an episode: the first from fresh tasks. */
export async function runGated(
  context: GpuContext,
  problem: SmallProblem,
  settings: GatedSettings,
  options: {
    readonly steps: number;
    readonly lossWeights: readonly number[];
    readonly secondDerivatives?: boolean;
    readonly unrolls?: number;
  },
): Promise<GatedRun> {
  const { steps, lossWeights, secondDerivatives = false, unrolls = 1 } = options;
  const { tasks, parameters } = problem;
  const pool = new TensorPool(context);
  const optimizer = createGated(pool, settings);
  const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
  const unroll = new Unroll({
    ...{ pool, tasks, steps, optimizer, lossWeights, metaGradient, secondDerivatives },
    createOptimizee: problem.create(pool),
    startAdjoint: true,
  });
  await pool.allocate();
  try {
    const phi = randomPhi(optimizer, problem.theta0);
    writeTensor(context, optimizer.phi, phi);
    await unroll.prepare();
    const outcomes: UnrollOutcome[] = [];
    for (let part = 0; part < unrolls; part++) {
      unroll.setTasks(problem.keys, part * steps);
      submit(context, (encoder) => unroll.encode(encoder, part === 0 ? 'reset' : 'carry'));
      const start = unroll.startAdjoint ?? metaGradient;
      const read = await readTensors(context, [unroll.losses, unroll.theta, metaGradient, start]);
      const [losses, theta, gradient, startGradient] = read;
      if (!losses || !theta || !gradient || !startGradient) throw new Error('nothing was read');
      outcomes.push({
        losses,
        theta: theta.subarray(0, tasks * parameters),
        gradient: dataOf(optimizer.gradientToNamed(gradient)),
        startGradient: startGradient.subarray(0, tasks * parameters),
      });
    }
    const { [THETA0]: _, ...shared } = dataOf(optimizer.toNamed(phi));
    return { optimizer, phi: shared, outcomes };
  } finally {
    pool.destroy();
  }
}

function dataOf(named: ReadonlyMap<string, NamedWeights>): Record<string, Float32Array> {
  return Object.fromEntries([...named].map(([name, { data }]) => [name, data]));
}
