import type { TensorPool } from '../../gpu/tensor.ts';
import { GATE_FEEDBACKS } from '../../ops/gated.ts';
import type { Preprocess } from '../../ops/preprocess.ts';
import { createGated } from '../../optimizers/gated/gated.ts';
import { CONTROLLERS, gatedSettings } from '../../optimizers/gated/settings.ts';
import { createL2l } from '../../optimizers/l2l/l2l.ts';
import type { LearnedOptimizer } from '../../optimizers/optimizer.ts';
import { createRnnprop } from '../../optimizers/rnnprop/rnnprop.ts';
import type { CaseMetadata } from './metadata.ts';

/** The learned optimizers a case can be about. */
export const CASE_OPTIMIZERS = ['l2l', 'rnnprop', 'meta-lstm', 'momentum-lstm'] as const;

/**
 * The learned optimizer that a case describes; `theta0Parameters` where theta_0 is learned with it.
 * @throws ConfigError when a setting is not built; FileFormatError when one is missing or makes no sense.
 */
export function createCaseOptimizer(
  pool: TensorPool,
  meta: CaseMetadata,
  theta0Parameters: number | undefined,
): LearnedOptimizer {
  const optimizer = meta.oneOf('optimizer', CASE_OPTIMIZERS);
  if (optimizer === 'rnnprop') {
    return createRnnprop(pool, {
      layers: meta.integer('layers', 1),
      hidden: meta.integer('hidden', 1),
      beta1: meta.number('beta1'),
      beta2: meta.number('beta2'),
      outputScale: meta.number('output_scale'),
    });
  }
  const preprocess = preprocessOf(meta);
  if (optimizer === 'l2l') {
    const layers = meta.integer('layers', 0);
    return createL2l(pool, {
      layers,
      hidden: layers > 0 ? meta.integer('hidden', 1) : 1,
      preprocess,
      outputScale: meta.number('output_scale'),
    });
  }
  const controller = meta.oneOf('controller', CONTROLLERS);
  const gateFeedback = meta.oneOf('gate_feedback', GATE_FEEDBACKS);
  const hidden = controller === 'lstm' ? meta.integer('hidden', 1) : 1;
  const settings = { controller, hidden, gateFeedback, preprocess, theta0Parameters };
  return createGated(pool, gatedSettings(optimizer, settings));
}

function preprocessOf(meta: CaseMetadata): Preprocess {
  const kind = meta.oneOf('preprocess', ['identity', 'log-sign']);
  return kind === 'identity' ? { kind: 'none' } : { kind: 'log-sign', p: meta.number('p') };
}
