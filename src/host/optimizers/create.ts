import type { OptimizerConfig } from '../config.ts';
import type { TensorPool } from '../gpu/tensor.ts';
import { createGated } from './gated/gated.ts';
import { gatedLayout } from './gated/layout.ts';
import { weightBlocks as gatedBlocks } from './gated/weights.ts';
import { createL2l } from './l2l/l2l.ts';
import { l2lLayout } from './l2l/layout.ts';
import { weightBlocks as l2lBlocks } from './l2l/weights.ts';
import type { LearnedOptimizer, WeightBlock } from './optimizer.ts';

/** The learned optimizer these settings describe; its weights are planned in `pool`. */
export function createLearned(pool: TensorPool, config: OptimizerConfig): LearnedOptimizer {
  switch (config.kind) {
    case 'l2l':
      return createL2l(pool, config);
    case 'gradient-descent-lstm':
    case 'meta-lstm':
    case 'momentum-lstm':
      return createGated(pool, config);
  }
}

/** Its `blocks` alone, which need no device. */
export function weightBlocksOf(config: OptimizerConfig): WeightBlock[] {
  return config.kind === 'l2l' ? l2lBlocks(l2lLayout(config)) : gatedBlocks(gatedLayout(config));
}
