import type { OptimizerConfig } from '../config.ts';
import type { TensorPool } from '../gpu/tensor.ts';
import { createGated } from './gated/gated.ts';
import { createL2l } from './l2l/l2l.ts';
import type { LearnedOptimizer } from './optimizer.ts';

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
