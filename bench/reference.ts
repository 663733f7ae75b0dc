import type { L2lConfig, LearnedOptimizer } from '../src/host/index.ts';
import type { NamedTensors } from '../src/reference/lstm.ts';
import type { Preprocess } from '../src/reference/preprocess.ts';

/** Weights under PyTorch's names, as the float64 reference takes them. */
export function namedTensors(named: ReturnType<LearnedOptimizer['toNamed']>): NamedTensors {
  return Object.fromEntries([...named].map(([name, { data }]) => [name, data]));
}

/** The engine's setting under the reference's name. */
export function referencePreprocess(setting: L2lConfig['preprocess']): Preprocess {
  return setting.kind === 'none' ? { kind: 'identity' } : setting;
}
