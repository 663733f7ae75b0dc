import type { GpuContext } from '../../src/host/gpu/context.ts';
import { readTensors, submit, writeTensor } from '../../src/host/gpu/readback.ts';
import { TensorPool } from '../../src/host/gpu/tensor.ts';
import { GateTables, type RecordedSummary } from '../../src/host/meta/gateTables.ts';
import { Unroll } from '../../src/host/meta/unroll.ts';
import { createGated } from '../../src/host/optimizers/gated/gated.ts';
import type { GatedSettings } from '../../src/host/optimizers/gated/settings.ts';
import { createL2l } from '../../src/host/optimizers/l2l/l2l.ts';
import type { L2lSettings } from '../../src/host/optimizers/l2l/layout.ts';
import type { RnnpropSettings } from '../../src/host/optimizers/rnnprop/layout.ts';
import { createRnnprop } from '../../src/host/optimizers/rnnprop/rnnprop.ts';
import { randomValues } from './compare.ts';
import type { SmallProblem } from './smallProblems.ts';

export interface GateRun {
  /** The weights that were used, by tensor name. */
  readonly phi: Readonly<Record<string, Float32Array>>;
  readonly summaries: readonly RecordedSummary[];
  /** Losses, theta and, in training, the meta-gradient after the last unroll. */
  readonly left: readonly Float32Array[];
}

/** Runs a learned optimizer with random weights for some unrolls of an episode, and records its gates. */
export async function runGatesOf(
  context: GpuContext,
  problem: SmallProblem,
  given:
    | { readonly kind: 'rnnprop'; readonly settings: RnnpropSettings }
    | { readonly kind: 'gated'; readonly settings: GatedSettings }
    | { readonly kind: 'l2l'; readonly settings: L2lSettings },
  options: {
    readonly steps: number;
    readonly unrolls: number;
    readonly recordGates?: boolean;
    readonly lossWeights?: readonly number[];
  },
): Promise<GateRun> {
  const { steps, unrolls, recordGates = true, lossWeights } = options;
  const { tasks } = problem;
  const pool = new TensorPool(context);
  const create = () => {
    if (given.kind === 'gated') return createGated(pool, given.settings);
    return given.kind === 'l2l' ? createL2l(pool, given.settings) : createRnnprop(pool, given.settings);
  };
  const optimizer = create();
  const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
  const unroll = new Unroll({
    ...{ pool, tasks, steps, optimizer, recordGates, createOptimizee: problem.create(pool) },
    ...(lossWeights && { lossWeights, metaGradient }),
  });
  const { recorder } = unroll;
  await pool.allocate();
  try {
    const fresh = optimizer.initialPhi(5);
    const noise = randomValues(fresh.length, 51, -0.4, 0.4);
    const phi = fresh.map((value, i) => (value === 0 ? 0 : 0.5 * value + (noise[i] ?? 0)));
    writeTensor(context, optimizer.phi, phi);
    await unroll.prepare();
    const tables = recorder && new GateTables(recorder, tasks, steps * unrolls);
    for (let part = 0; part < unrolls; part++) {
      unroll.setTasks(problem.keys, part * steps);
      submit(context, (encoder) => unroll.encode(encoder, part === 0 ? 'reset' : 'carry'));
      if (!recorder) continue;
      const read = await readTensors(context, [recorder.counts, recorder.moments]);
      const [counts = new Float32Array(), moments = new Float32Array()] = read;
      const place = { firstStep: part * steps, firstEpisode: 0, episodes: tasks };
      tables?.add({ counts: new Uint32Array(counts.buffer), moments }, place);
    }
    const left = await readTensors(context, [unroll.losses, unroll.theta, metaGradient]);
    const named = [...optimizer.toNamed(phi)].map(([name, { data }]) => [name, data] as const);
    return { phi: Object.fromEntries(named), summaries: tables?.summaries() ?? [], left };
  } finally {
    pool.destroy();
  }
}
