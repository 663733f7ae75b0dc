import { FileFormatError } from '../../host/index.ts';

/** A meta-step as the log has it; what was not finite is NaN. */
export interface StepRecord {
  readonly iteration: number;
  readonly metaLoss: number;
  readonly gradientNorm: number;
  readonly skipped: boolean;
  readonly stepsBefore: number;
  /** By block of the optimizer's weights; absent from the logs of versions that did not write it. */
  readonly blockNorms?: readonly number[];
}

/** A validation as the log has it; infinite where a task diverged. */
export interface ValidationRecord {
  /** Meta-steps done. */
  readonly done: number;
  readonly score: number;
  readonly isBest: boolean;
  /** Mean over tasks of the loss at the horizon, and of the sum of losses. */
  readonly finalMean: number;
  readonly sumMean: number;
  /** Of a curriculum; only scores of one stage are at one horizon. */
  readonly stage?: { readonly number: number; readonly horizon: number };
}

export interface RunRecords {
  readonly steps: readonly StepRecord[];
  readonly validations: readonly ValidationRecord[];
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The log's records, checked. Records of other types than steps and validations are passed over.
 *
 * @param blocks how many blocks the optimizer's weights have
 * @param source the file's name, for messages
 * @throws FileFormatError naming the first record that lacks a number or has another kind of value in its place
 */
export function readRecords(records: readonly unknown[], blocks: number, source: string): RunRecords {
  const steps: StepRecord[] = [];
  const validations: ValidationRecord[] = [];
  for (const record of records as readonly Fields[]) {
    const { type } = record;
    const refuse = (field: string): never => {
      const what = `${source}: the ${String(type)} record of iteration ${String(record['iteration'])}`;
      throw new FileFormatError(
        `${what} has ${field in record ? 'an unusable' : 'no'} ${field}`,
        'restore the file from a backup, or delete the line',
      );
    };
    const number = (field: string, missing: number): number => {
      const value = record[field];
      return value === null ? missing : typeof value === 'number' ? value : refuse(field);
    };
    const flag = (field: string): boolean => {
      const value = record[field];
      return typeof value === 'boolean' ? value : refuse(field);
    };
    if (type === 'step') {
      const norms = record['blockNorms'];
      const usable =
        Array.isArray(norms) &&
        norms.length === blocks &&
        norms.every((norm: unknown) => norm === null || typeof norm === 'number');
      if (norms !== undefined && !usable) refuse('blockNorms');
      steps.push({
        iteration: number('iteration', Number.NaN),
        metaLoss: number('metaLoss', Number.NaN),
        gradientNorm: number('gradientNorm', Number.NaN),
        skipped: flag('skipped'),
        stepsBefore: number('stepsBefore', Number.NaN),
        ...(usable && { blockNorms: norms.map((norm: number | null) => norm ?? Number.NaN) }),
      });
    } else if (type === 'validation') {
      validations.push({
        done: number('done', Number.NaN),
        score: number('score', Number.POSITIVE_INFINITY),
        isBest: flag('isBest'),
        finalMean: number('finalMean', Number.POSITIVE_INFINITY),
        sumMean: number('sumMean', Number.POSITIVE_INFINITY),
        ...('stage' in record && {
          stage: { number: number('stage', Number.NaN), horizon: number('horizon', Number.NaN) },
        }),
      });
    }
  }
  return { steps, validations };
}
