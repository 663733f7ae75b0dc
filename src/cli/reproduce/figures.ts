import { lossAtStep } from '../../host/index.ts';
import type { ExtraFigure, LossCurve } from '../../report/data.ts';
import type { RecipeTest } from './recipe.ts';
import { type Contestant, figureCurve } from './rows.ts';

/** The figure of a test: once for the page, and as files for light and dark paper. None where nothing has a curve. */
export interface TestFigure {
  readonly page: ExtraFigure;
  readonly light: string;
  readonly dark: string;
}

/**
 * Loss against step on a log axis, as the papers draw it.
 * @param trainedHorizon steps that meta-training saw, which are marked where the test goes on
 */
export async function testFigure(
  test: RecipeTest,
  contestants: readonly Contestant[],
  trainedHorizon: number,
): Promise<TestFigure | undefined> {
  const curves = contestants.flatMap(figureCurve).map(asInTables);
  if (curves.length === 0) return undefined;
  const { lossCurvesSvg } = await import('../../report/svg.ts');
  const several = contestants.some(({ kind, curves: own }) => kind === 'learned' && own.length > 1);
  const drawn = several
    ? curves.map((curve) => (curve.kind === 'learned' ? curve : withoutBand(curve)))
    : curves;
  const bands = several
    ? 'Band of the learned optimizer: from the best to the worst meta-seed.'
    : 'Bands: one standard deviation over tasks.';
  const shared = { horizon: trainedHorizon };
  const page = { theme: 'page', ...shared } as const;
  const file = { background: true, title: test.title, ...shared } as const;
  return {
    page: {
      title: test.title,
      caption: `Loss against step, mean over ${test.tasks} held-out tasks${test.horizon < 200 ? '' : ' and the last hundredth of the steps so far'}, on a log axis. ${bands}`,
      svg: lossCurvesSvg(drawn, { ...page, width: 840, height: 450, id: `${test.name}-wide` }),
      narrow: lossCurvesSvg(drawn, { ...page, width: 380, height: 340, id: `${test.name}-narrow` }),
    },
    light: `${lossCurvesSvg(drawn, { ...file, theme: 'light' })}\n`,
    dark: `${lossCurvesSvg(drawn, { ...file, theme: 'dark' })}\n`,
  };
}

/** Losses as the tables have them: in a long run one minibatch says little, and draws a line that jumps. */
function asInTables(curve: LossCurve): LossCurve {
  const smooth = (values: readonly number[]) => values.map((_, step) => lossAtStep(values, step));
  const mean = smooth(curve.mean);
  return {
    ...curve,
    mean,
    low: smooth(curve.low),
    high: smooth(curve.high),
    finalMean: mean.at(-1) ?? Number.NaN,
  };
}

function withoutBand<T extends { readonly mean: readonly number[] }>(curve: T): T {
  return { ...curve, low: curve.mean, high: curve.mean };
}
