import type { LossCurve, ReportData } from '../src/report/data.ts';

/** A curve of 101 steps that falls from 2.5 to `end` along a straight line on a log axis. */
export function curve(
  label: string,
  kind: LossCurve['kind'],
  end: number,
  change: Partial<LossCurve> = {},
): LossCurve {
  const steps = 100;
  const mean = Array.from({ length: steps + 1 }, (_, t) => 2.5 * (end / 2.5) ** (t / steps));
  return {
    label,
    kind,
    mean,
    low: mean.map((loss) => loss * 0.8),
    high: mean.map((loss) => loss * 1.2),
    finalMean: end,
    finalSpread: end * 0.2,
    finalError: end * 0.02,
    sumMean: mean.reduce((sum, loss) => sum + loss, 0),
    setting: 'lr 0.0316 (tuned)',
    diverged: 0,
    ...change,
  };
}

export const learned = curve('Learned', 'learned', 0.0421, { setting: '5,141 weights' });
export const adam = curve('Adam', 'baseline', 0.0563);
export const sgd = curve('SGD', 'baseline', 0.221);
export const exploding = curve('Hot SGD', 'baseline', 0.1, {
  mean: Array.from({ length: 101 }, (_, t) => (t < 20 ? 2.5 : t < 60 ? 1e30 : Number.NaN)),
  finalMean: Number.NaN,
  finalError: Number.NaN,
  finalSpread: Number.NaN,
  sumMean: Number.POSITIVE_INFINITY,
  diverged: 3,
});

/** A small run with every part of a report. */
export function report(change: Partial<ReportData> = {}): ReportData {
  return {
    title: 'Quadratics',
    verdict: 'The learned optimizer ends a quarter below Adam.',
    createdAt: '2025-06-01T14:03:00Z',
    command: 'coordwise train --seed 7 \\\n  --horizon 50',
    version: '0.1.0',
    adapter: { description: 'llvmpipe', kind: 'software', driver: 'Mesa 25.0.7' },
    seed: 7,
    settings: { hidden: 20, 'second derivatives': false, optimizer: 'l2l' },
    tasks: '128 unseen quadratics.',
    training: Array.from({ length: 60 }, (_, i) => ({
      iteration: i,
      metaLoss: i === 30 ? Number.NaN : 100 / (1 + i),
      gradientNorm: 1 + i / 100,
      skipped: i === 30,
    })),
    validation: [10, 20, 30].map((iteration) => ({
      iteration,
      finalLoss: 1 / iteration,
      sumLoss: 100 / iteration,
      best: iteration === 20,
    })),
    curves: [learned, adam, sgd],
    unrollLength: 20,
    horizon: 50,
    wallSeconds: 200,
    bytes: 1536,
    ...change,
  };
}
