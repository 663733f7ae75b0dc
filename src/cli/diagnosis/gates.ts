import { type GateRecording, isGated, type OptimizerConfig } from '../../host/index.ts';
import type { DiagnosisPart, Status } from '../../report/diagnosisData.ts';
import { formatLoss } from '../../report/format.ts';
import { listed } from './numbers.ts';
import { THRESHOLDS } from './thresholds.ts';

type Recorded = GateRecording['recorded'][number];

/** How one gate's values are spread, over all parameters, units, steps and episodes. */
export interface GateNumbers {
  readonly name: string;
  /** The value of a gate that is a constant; the shares are then those of that one value. */
  readonly fixed?: number;
  /** Share of the finite values below 0.05, and above 0.95. */
  readonly below: number;
  readonly above: number;
  /** Share of the values that were not finite. */
  readonly lost: number;
}

const percent = (share: number) => `${formatLoss(100 * share, 2)} %`;
const logit = (value: number) => Math.log(value / (1 - value));

/** Shares from the histograms of a recording; inside a bin, values count as evenly spread along its axis. */
export function gateNumbers({ recorded, groups, episodes, steps }: GateRecording): GateNumbers[] {
  const values = groups.reduce((sum, { count }) => sum + count, 0) * episodes * steps;
  const { low, high } = THRESHOLDS.gates;
  return recorded
    .filter(({ kind }) => kind === 'gate')
    .map(({ name, fixed, rows, axis, groups: own }) => {
      if (fixed !== undefined) {
        return { name, fixed, below: Number(fixed < low), above: Number(fixed > high), lost: 0 };
      }
      let [counted, below, above] = [0, 0, 0];
      for (const { first, counts } of own.flatMap(({ histogram }) => histogram)) {
        for (const [index, count] of counts.entries()) {
          const start = axis.low + (first + index) * axis.width;
          const shareUnder = (value: number) => Math.min(1, Math.max(0, (logit(value) - start) / axis.width));
          counted += count;
          below += count * shareUnder(low);
          above += count * (1 - shareUnder(high));
        }
      }
      return { name, below: below / counted, above: above / counted, lost: 1 - counted / (values * rows) };
    });
}

/**
 * The share of a gate's values that are stuck. Near 1 is where a forget gate of the gated family begins and near 0 an
 * input gate, which is gradient descent: only the other end counts there.
 */
function stuck({ name, below, above }: GateNumbers, kind: OptimizerConfig['kind']): number {
  if (isGated(kind) && name === 'forget gate') return below;
  if (isGated(kind) && name === 'input gate') return above;
  return below + above;
}

/** Saturation of the gates, from a recording with the run's best weights. */
export function diagnoseGates(recording: GateRecording, kind: OptimizerConfig['kind']): DiagnosisPart {
  const gates = gateNumbers(recording);
  return {
    id: 'gates',
    title: 'Saturation of the gates',
    ...judge(gates, kind),
    ...(gates.length > 0 && {
      table: {
        heads: ['gate', 'below 0.05', 'above 0.95', 'not finite', 'fixed at'],
        rows: gates.map(({ name, below, above, lost, fixed }) => [
          name,
          percent(below),
          percent(above),
          percent(lost),
          fixed === undefined ? '' : String(fixed),
        ]),
      },
    }),
    numbers: { gates },
  };
}

function judge(
  gates: readonly GateNumbers[],
  kind: OptimizerConfig['kind'],
): { status: Status; sentence: string } {
  const { look, wrong } = THRESHOLDS.gates;
  const learned = gates.filter(({ fixed }) => fixed === undefined);
  if (learned.length === 0) {
    return { status: 'unknown', sentence: 'This optimizer has no learned gates.' };
  }
  const lost = learned.filter((gate) => gate.lost > 0);
  if (lost.length > 0) {
    return {
      status: 'wrong',
      sentence: `Values of the ${named(lost)} were not finite: the optimizer diverges on held-out tasks; try a smaller --learning-rate or --output-scale.`,
    };
  }
  const share = (gate: GateNumbers) => stuck(gate, kind);
  const worst = Math.max(...learned.map(share));
  if (worst > look) {
    const who = learned.filter((gate) => share(gate) > look);
    return {
      status: worst > wrong ? 'wrong' : 'look',
      sentence: `The ${named(who)} ${who.length > 1 ? 'are' : 'is'} saturated for up to ${percent(worst)} of all values, and hardly a meta-gradient passes there: try a smaller --learning-rate, --clip, or --preprocess log-sign for inputs near 1.`,
    };
  }
  const [forget, input] = ['forget gate', 'input gate'].map((name) =>
    learned.find((gate) => gate.name === name),
  );
  if (isGated(kind) && forget && input && forget.above > wrong && input.below > wrong) {
    return {
      status: 'healthy',
      sentence: `The gates stand where gradient descent has them: the forget gate is above 0.95 for ${percent(forget.above)} of all values, the input gate, the learning rate, below 0.05 for ${percent(input.below)}.`,
    };
  }
  return {
    status: 'healthy',
    sentence: `No gate is stuck: at most ${percent(worst)} of a gate's values (${learned.find((gate) => share(gate) === worst)?.name}) are saturated.`,
  };
}

function named(gates: readonly Pick<Recorded, 'name'>[]): string {
  return listed(gates.map(({ name }) => name));
}
