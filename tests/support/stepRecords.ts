import type { StepRecord } from '../../src/cli/diagnosis/records.ts';

/** A run of `count` meta-steps, `perEpisode` unrolls of 5 steps an episode, changed step by step. */
export function run(
  count: number,
  change: (i: number) => Partial<StepRecord> = () => ({}),
  perEpisode = 1,
): StepRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    iteration: i,
    metaLoss: 1,
    gradientNorm: 1,
    skipped: false,
    stepsBefore: 5 * (i % perEpisode),
    ...change(i),
  }));
}
