/** What a part of a diagnosis comes to: nothing to do, worth a look, something is wrong, or nothing to judge. */
export type Status = 'healthy' | 'look' | 'wrong' | 'unknown';

/** The word that stands before a part's sentence. */
export const STATUS_WORDS: Readonly<Record<Status, string>> = {
  healthy: 'Healthy',
  look: 'Worth a look',
  wrong: 'Wrong',
  unknown: 'Not judged',
};

/** One thing that was looked at, in one sentence, with the numbers it was derived from. */
export interface DiagnosisPart {
  /** For machines: 'blockNorms'. */
  readonly id: string;
  readonly title: string;
  readonly status: Status;
  /** What the numbers tell and, where something is wrong, what to try. */
  readonly sentence: string;
  readonly table?: { readonly heads: readonly string[]; readonly rows: readonly (readonly string[])[] };
  /** The numbers for machines; what is not finite is written as null. */
  readonly numbers: object;
}

/** A named line of a figure: its values at `x`, NaN where there is none. */
export interface NamedLine {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
}
