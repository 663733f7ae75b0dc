import { ConfigError } from '../errors.ts';
import type { GpuContext } from '../gpu/context.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { TEXEL_ROW } from '../gpu/texels.ts';
import type { LstmSizes } from './lstmSizes.ts';
import {
  chunksOfSteps,
  chunksOfSums,
  mostCoordinates,
  SUBGROUP_LANES,
  type SubgroupLanes,
  storesGates,
} from './lstmSubgroups.ts';

/**
 * `plain`: a thread makes a register tile, weights come from uniform memory; right everywhere. `subgroups`: the 4 or 8
 * lanes of a subgroup load different data and hand it round.
 */
export const LSTM_VARIANTS = ['plain', 'subgroups'] as const;
export type LstmVariant = (typeof LSTM_VARIANTS)[number];

/** Inputs and units up to which a lane keeps its unit's weights (lib/lstmUnits.wgsl). */
const MOST_ROWS = 24;

/** Chunks of the plain kernels, a thread each. */
const PLAIN_CHUNKS = 64;

/** Name of the group in `GpuContext.choose`. */
const GROUP = 'lstm';

/** What the choice depends on. */
export type LstmChoice = Pick<GpuContext, 'adapter' | 'subgroupLanes' | 'chosen'>;

/** The variants that run on a device. */
export function lstmCandidates(context: LstmChoice): readonly LstmVariant[] {
  return runnableLanes(context) ? LSTM_VARIANTS : ['plain'];
}

/** Lanes of the device's subgroups where the subgroup kernels run on it. */
function runnableLanes({ adapter, subgroupLanes }: LstmChoice): SubgroupLanes | undefined {
  return adapter.storageTextureReads ? SUBGROUP_LANES.find((lanes) => lanes === subgroupLanes) : undefined;
}

/** Lanes of the subgroup kernels that programs on this device take; undefined where they take the plain ones. */
export function lstmLanes(context: LstmChoice): SubgroupLanes | undefined {
  return lstmVariant(context) === 'subgroups' ? runnableLanes(context) : undefined;
}

/**
 * Which of the LSTM's kernels programs on this device take: what was chosen (`chooseLstmVariant`), else the subgroup kernels
 * on software adapters that run them. Those load lane by lane, which the subgroup kernels save; a GPU reads uniform memory cheaply.
 */
export function lstmVariant(context: LstmChoice): LstmVariant {
  const candidates = lstmCandidates(context);
  const chosen = candidates.find((variant) => variant === context.chosen(GROUP));
  if (chosen) return chosen;
  return context.adapter.kind === 'software' && candidates.includes('subgroups') ? 'subgroups' : 'plain';
}

/**
 * For programs recorded from now on.
 * @throws ConfigError where the device does not run that variant
 */
export function chooseLstmVariant(context: GpuContext, variant: LstmVariant): void {
  const candidates = lstmCandidates(context);
  if (!candidates.includes(variant)) {
    throw new ConfigError(
      `${context.adapter.description} does not run the LSTM kernels ${JSON.stringify(variant)}`,
      `choose from: ${candidates.join(', ')}`,
    );
  }
  context.choose(GROUP, variant);
}

/**
 * Gives weights, or the slots of a ring of inputs or states, the texels from which the subgroup kernels read them; the plain kernels read
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

/**
 * Gives what a layer reads texels of its own, where the LSTM takes subgroup kernels and a texture has room: the layer's subgroup kernels then
 * run. What was chosen for the LSTM depends on the same thing, how dear a load by every lane is.
 */
export function planLayerTexels(pool: TensorPool, tensor: Tensor): void {
  const rows = Math.ceil(tensor.length / 4 / TEXEL_ROW);
  if (rows <= pool.context.device.limits.maxTextureDimension2D) planLstmTexels(pool, [tensor], 1);
}

/** In how many chunks of coordinates the shares of a gradient are summed apart, then added in order, by kernels that only sum. */
export function sumChunks(context: LstmChoice, mp4: number): number {
  return lstmVariant(context) === 'subgroups' ? chunksOfSums(mp4) : PLAIN_CHUNKS;
}

/** The same of kernels among which are those of LSTM layers of these sizes. */
export function lstmChunks(context: GpuContext, sizes: Omit<LstmSizes, 'window'>): number {
  const longest = longestChunk(context, sizes);
  return Number.isFinite(longest) ? chunksOfSteps(sizes.mp4, longest) : sumChunks(context, sizes.mp4);
}

/** vec4f of coordinates that a subgroup takes at most on a step back through a layer whose gates' adjoints it keeps; else infinity. */
export function longestChunk(context: GpuContext, sizes: Pick<LstmSizes, 'inputs' | 'hidden'>): number {
  if (lstmStoresGates(context, sizes)) return Number.POSITIVE_INFINITY;
  return mostCoordinates(sizes.hidden, context.device.limits.maxComputeWorkgroupStorageSize);
}

/** Whether a step back through a layer leaves the adjoints of its gates in a tensor. */
export function lstmStoresGates(context: LstmChoice, sizes: Pick<LstmSizes, 'inputs' | 'hidden'>): boolean {
  const lanes = lstmLanes(context);
  return !lanes || !lanesHoldUnits(sizes) || storesGates(lanes);
}

/** Rows of dGates to plan for a layer: one where the adjoints of its gates are not left there. */
export function dGatesRows(context: LstmChoice, sizes: Pick<LstmSizes, 'inputs' | 'hidden'>): number {
  return lstmStoresGates(context, sizes) ? 4 * sizes.hidden : 1;
}

/** Whether a layer is small enough for the kernels whose lanes are units; a larger one takes the plain kernels. */
export function lanesHoldUnits({ inputs, hidden }: Pick<LstmSizes, 'inputs' | 'hidden'>): boolean {
  return inputs <= MOST_ROWS && hidden <= MOST_ROWS;
}
