import type { LossSummary } from '../../host/index.ts';
import type { LossBand } from '../protocol.ts';

/** Mean and one standard deviation over tasks to either side; a loss has no negative values to show. */
export function band({ mean, deviation }: Pick<LossSummary, 'mean' | 'deviation'>): LossBand {
  const at = (sign: number) => mean.map((value, step) => Math.max(0, value + sign * (deviation[step] ?? 0)));
  return { mean, low: at(-1), high: at(1) };
}
