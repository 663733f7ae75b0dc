import type { GpuContext } from '../gpu/context.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import type { LstmSizes } from './lstmSizes.ts';

/**
 * `plain`: a thread makes a register tile, weights come from uniform memory; right everywhere. `subgroups`: the 8
 * lanes of a subgroup load different data and hand it round.
 */
export const LSTM_VARIANTS = ['plain', 'subgroups'] as const;
export type LstmVariant = (typeof LSTM_VARIANTS)[number];

/** Lanes the subgroup kernels are written for. */
const LANES = 8;

/** Inputs and units up to which a lane can keep its unit's weights in registers (lib/lstmUnits.wgsl). */
const MOST_ROWS = 24;

/**
 * The one place that chooses between the LSTM's kernels. Software adapters with subgroups of 8 load lane by lane,
 * which is what the subgroup kernels save; a GPU reads uniform memory cheaply, and none has been measured.
 * `context.subgroupLanes` is 0 where the caller of `openContext` asked for no subgroups.
 */
export function lstmVariant({ adapter, subgroupLanes }: LstmChoice): LstmVariant {
  const gains = adapter.kind === 'software' && subgroupLanes === LANES && adapter.storageTextureReads;
  return gains ? 'subgroups' : 'plain';
}

/**
 * Gives the slots of a ring of inputs or states the texels from which the subgroup kernels read them; the plain kernels read
 * the tensors. `alive` slots in a row are read at the same step.
 */
export function planLstmTexels(pool: TensorPool, ring: readonly Tensor[], alive: 1 | 2): void {
  const [first] = ring;
  if (!first || lstmVariant(pool.context) !== 'subgroups') return;
  const texels = Array.from({ length: alive }, (_, i) =>
    pool.texels(`${first.label} as texels, ${i}`, first.length / 4),
  );
  for (const [slot, tensor] of ring.entries()) {
    const own = texels[slot % alive];
    if (own) tensor.useTexels(own);
  }
}

/** What the choice depends on. */
export type LstmChoice = Pick<GpuContext, 'adapter' | 'subgroupLanes'>;

/** Whether a layer is small enough for the kernels whose lanes are units; a larger one takes the plain kernels. */
export function lanesHoldUnits({ inputs, hidden }: Pick<LstmSizes, 'inputs' | 'hidden'>): boolean {
  return inputs <= MOST_ROWS && hidden <= MOST_ROWS;
}
