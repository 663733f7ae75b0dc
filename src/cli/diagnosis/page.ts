import type { GateRecording, StepComparison, WeightBlock } from '../../host/index.ts';
import type { DiagnosisPart } from '../../report/diagnosisData.ts';
import { formatCount } from '../../report/terminal.ts';
import { VERSION } from '../reporting.ts';
import { blockLines } from './blockNorms.ts';
import type { RunRecords } from './records.ts';
import { updateLines, updateNumbers } from './updates.ts';
import { verdictOf } from './verdict.ts';

/** Medians along a run, in the terminal and in figures. */
export const POINTS = 120;

/** What the best weights did on held-out tasks. */
export interface Measured {
  readonly gates: GateRecording;
  readonly updates: StepComparison;
}

/** Which run it is, and how far it got. */
export interface Facts {
  readonly optimizer: string;
  readonly task: string;
  readonly seed: number;
  /** Meta-steps in the log, and how many the run was to have. */
  readonly iterations: number;
  readonly iterationsAsked: number;
  readonly bestIteration: number;
}

export interface PageInput {
  readonly path: string;
  readonly facts: Facts;
  readonly records: RunRecords;
  readonly blocks: readonly WeightBlock[];
  readonly parts: readonly DiagnosisPart[];
  readonly measured: Measured | undefined;
}

/** report.html as text. The chart library is loaded only here: it takes a quarter of a second. */
export async function diagnosisHtml(input: PageInput): Promise<string> {
  const { path, facts, records, blocks, parts, measured } = input;
  const { renderDiagnosis } = await import('../../report/diagnosisPage.ts');
  const { gatesFigure } = await import('../../report/gateFigure.ts');
  const { linesFigure, lossesFigure } = await import('../../report/diagnosisFigure.ts');
  const norms = blockLines(records.steps, blocks, POINTS);
  const medians = norms[0]?.x.length ?? 0;
  const blockFigure = () =>
    linesFigure(
      norms,
      { xName: 'meta-iteration', yName: 'norm' },
      {
        id: 'blocks',
        title: 'Norm of the meta-gradient, block by block',
        caption: `Medians of ${formatCount(medians)} parts of the run, before the clip, on a log axis.`,
      },
    );
  const validations = records.validations.map(({ done, finalMean, sumMean, isBest, stage }) => ({
    iteration: done,
    finalLoss: finalMean,
    sumLoss: sumMean,
    best: isBest,
    ...(stage && { stage }),
  }));
  return renderDiagnosis({
    title: `Diagnosis of ${path}`,
    version: VERSION,
    verdict: verdictOf(parts),
    parts,
    figures: {
      trend: [lossesFigure(records.steps, validations)],
      blockNorms: medians > 0 ? [blockFigure()] : [],
      gates: measured ? [gatesFigure(measured.gates)] : [],
      updates: measured ? await updateFigures(measured.updates) : [],
    },
    facts: [
      ['Optimizer', measured?.gates.optimizer ?? facts.optimizer],
      ['Task', measured?.gates.task ?? facts.task],
      ['Seed', String(facts.seed)],
      ['Meta-iterations', `${formatCount(facts.iterations)} of ${formatCount(facts.iterationsAsked)}`],
      ['Best weights', `after ${formatCount(facts.bestIteration)} meta-iterations`],
      ['Held-out episodes measured', formatCount(measured?.gates.episodes ?? 0)],
      ['Command', `npx coordwise ${process.argv.slice(2).join(' ')}`],
      ['Version', VERSION],
    ],
  });
}

async function updateFigures(updates: StepComparison) {
  const { COSINE_SCALE, linesFigure } = await import('../../report/diagnosisFigure.ts');
  const { sizes, cosine } = updateLines(updateNumbers(updates));
  const over = `Means over ${formatCount(updates.episodes)} held-out episodes`;
  return [
    linesFigure(
      sizes,
      { xName: 'step', yName: 'ratio of norms' },
      {
        id: 'sizes',
        title: 'Size of the updates',
        caption: `${over}. The second line is the learning rate at which Adam's steps would be as long.`,
      },
    ),
    linesFigure(
      cosine,
      { xName: 'step', yName: 'cosine', scale: COSINE_SCALE },
      {
        id: 'cosine',
        title: "Direction of the updates against Adam's",
        caption: `${over}. At 1 the optimizer goes where Adam would, at 0 at a right angle to it, below 0 against it.`,
      },
    ),
  ];
}
