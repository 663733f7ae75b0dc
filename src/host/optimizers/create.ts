import type { OptimizerConfig } from '../config.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { createGated } from './gated/gated.ts';
import { gatedLayout } from './gated/layout.ts';
import { weightBlocks as gatedBlocks } from './gated/weights.ts';
import { createGrouped } from './grouped/grouped.ts';
import { groupedBlocks } from './grouped/weights.ts';
import { createL2l } from './l2l/l2l.ts';
import { l2lLayout } from './l2l/layout.ts';
import { weightBlocks as l2lBlocks } from './l2l/weights.ts';
import type { LearnedOptimizer, WeightBlock } from './optimizer.ts';
import { rnnpropLayout } from './rnnprop/layout.ts';
import { createRnnprop } from './rnnprop/rnnprop.ts';
import { weightBlocks as rnnpropBlocks } from './rnnprop/weights.ts';

/** The learned optimizer these settings describe; its weights are `phi`, or planned in `pool`. */
export function createLearned(pool: TensorPool, config: OptimizerConfig, phi?: Tensor): LearnedOptimizer {
  if (!config.groups) return createOne(pool, config, phi);
  const { shared, theta0Parameters } = sharedPart(config);
  const { length } = layoutOf(shared);
  const group = { length, create: (own: Tensor) => createOne(pool, shared, own) };
  return createGrouped(pool, config.groups, group, theta0Parameters, phi);
}

/** Its `blocks` alone, which need no device. */
export function weightBlocksOf(config: OptimizerConfig): WeightBlock[] {
  if (!config.groups) return layoutOf(config).blocks;
  const { shared, theta0Parameters } = sharedPart(config);
  const { length, blocks } = layoutOf(shared);
  return groupedBlocks(config.groups.names, length, blocks, theta0Parameters);
}

/** What the groups have each, and the theta_0 that all tasks have together. */
function sharedPart(config: OptimizerConfig): {
  readonly shared: OptimizerConfig;
  readonly theta0Parameters: number | undefined;
} {
  if (!('gates' in config)) return { shared: config, theta0Parameters: undefined };
  const { theta0Parameters, ...shared } = config;
  return { shared, theta0Parameters };
}

/** With one set of weights, at `phi` where that is given. */
function createOne(pool: TensorPool, config: OptimizerConfig, phi?: Tensor): LearnedOptimizer {
  switch (config.kind) {
    case 'l2l':
      return createL2l(pool, config, phi);
    case 'rnnprop':
      return createRnnprop(pool, config, phi);
    case 'gradient-descent-lstm':
    case 'meta-lstm':
    case 'momentum-lstm':
      return createGated(pool, config, phi);
  }
}

/** Of one set of weights: f32 of phi, and its blocks. */
function layoutOf(config: OptimizerConfig): { readonly length: number; readonly blocks: WeightBlock[] } {
  switch (config.kind) {
    case 'l2l': {
      const layout = l2lLayout(config);
      return { length: layout.length, blocks: l2lBlocks(layout) };
    }
    case 'rnnprop': {
      const layout = rnnpropLayout(config);
      return { length: layout.length, blocks: rnnpropBlocks(layout) };
    }
    default: {
      const layout = gatedLayout(config);
      return { length: layout.length, blocks: gatedBlocks(layout) };
    }
  }
}
