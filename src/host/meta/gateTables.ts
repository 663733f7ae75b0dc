import type { ParameterGroup } from '../ops/coordinates.ts';
import { SUMMARY_AXES, type SummaryAxis, type SummaryKind } from '../ops/summary.ts';
import type { GateRecorder } from './gateRecorder.ts';

/** Shares of the values that lie below the recorded quantiles. */
export const QUANTILE_LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95] as const;

/** One step's histogram over the bins of its axis, empty bins on either side left out. */
export interface TrimmedHistogram {
  /** The first bin counted. */
  readonly first: number;
  readonly counts: readonly number[];
}

/** One gate, or the update size, over one group of parameters; for a gate of an LSTM layer over its units too. */
export interface GroupSummary {
  readonly group: string;
  /** [episodes][steps]; NaN where a value was not finite. Sizes: the mean of |theta_{t+1} - theta_t|. */
  readonly mean: readonly (readonly number[])[];
  readonly min: readonly (readonly number[])[];
  readonly max: readonly (readonly number[])[];
  /** [levels][steps], over all episodes; exact to a bin. NaN where nothing was finite. */
  readonly quantiles: readonly (readonly number[])[];
  /** [steps], over all episodes; values that are not finite are missing. Empty for a gate that is a constant. */
  readonly histogram: readonly TrimmedHistogram[];
}

/** One gate, or the update size, as it was recorded. */
export interface RecordedSummary {
  readonly name: string;
  readonly kind: SummaryKind;
  /** The value of a gate that is a constant. */
  readonly fixed?: number;
  /** Values of a coordinate: the units of an LSTM layer, else 1. */
  readonly rows: number;
  readonly axis: SummaryAxis;
  /** In the order of the optimizee's groups. */
  readonly groups: readonly GroupSummary[];
}

/** Where a quantity of one group is collected: rows of steps, a row an episode. */
interface Table {
  readonly group: ParameterGroup;
  readonly mean: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  /** [steps, bins] over the episodes so far. */
  readonly counts: Uint32Array;
}

/** What tables need to know of what is recorded. */
export type RecorderLayout = Pick<GateRecorder, 'recorded' | 'seen' | 'groups' | 'counts'>;

/** What a recorder leaves on the device, collected unroll by unroll. */
export class GateTables {
  readonly #episodes: number;
  readonly #steps: number;
  readonly #recorder: RecorderLayout;
  /** By quantity that is not constant, then by group. */
  readonly #tables: readonly (readonly Table[])[];

  constructor(recorder: RecorderLayout, episodes: number, steps: number) {
    this.#recorder = recorder;
    this.#episodes = episodes;
    this.#steps = steps;
    const row = () => new Float64Array(episodes * steps).fill(Number.NaN);
    this.#tables = recorder.seen.map(({ kind }) =>
      recorder.groups.map((group) => {
        const counts = new Uint32Array(steps * SUMMARY_AXES[kind].bins);
        return { group, mean: row(), min: row(), max: row(), counts };
      }),
    );
  }

  /**
   * Takes up one unroll of a batch: its counts and moments, the first step it ran, its tasks' first episode, and how many
   * of them count.
   */
  add(
    { counts, moments }: { readonly counts: Uint32Array; readonly moments: Float32Array },
    at: { readonly firstStep: number; readonly firstEpisode: number; readonly episodes: number },
  ): void {
    const { seen, groups, counts: tensor } = this.#recorder;
    const [slots = 0, cells = 0, bins = 0] = tensor.shape;
    for (let slot = 0; slot < slots; slot++) {
      const step = at.firstStep + Math.floor(slot / seen.length);
      const tables = this.#tables[slot % seen.length] ?? [];
      const rows = seen[slot % seen.length]?.rows ?? 1;
      for (let episode = 0; episode < at.episodes; episode++) {
        for (const [index, table] of tables.entries()) {
          const cell = slot * cells + episode * groups.length + index;
          const own = counts.subarray(cell * bins, (cell + 1) * bins);
          const place = (at.firstEpisode + episode) * this.#steps + step;
          take(table, own, moments.subarray(4 * cell, 4 * cell + 3), rows * table.group.count, step, place);
        }
      }
    }
  }

  /** Everything taken up so far, in the order in which the recorder lists it. */
  summaries(): RecordedSummary[] {
    const { recorded, seen, groups } = this.#recorder;
    return recorded.map((what) => {
      const tables = this.#tables[seen.indexOf(what)] ?? [];
      const { name, kind, fixed, rows } = what;
      const axis = SUMMARY_AXES[kind];
      const own =
        fixed === undefined
          ? tables.map((table) => this.#summary(table, kind))
          : groups.map(({ name: group }) => this.#constant(group, fixed));
      return { name, kind, ...(fixed !== undefined && { fixed }), rows, axis, groups: own };
    });
  }

  #constant(group: string, value: number): GroupSummary {
    const rows = (count: number) =>
      Array.from({ length: count }, () => new Array<number>(this.#steps).fill(value));
    const [mean, min, max] = [rows(this.#episodes), rows(this.#episodes), rows(this.#episodes)];
    return { group, mean, min, max, quantiles: rows(QUANTILE_LEVELS.length), histogram: [] };
  }

  #summary({ group, mean, min, max, counts }: Table, kind: SummaryKind): GroupSummary {
    const { bins } = SUMMARY_AXES[kind];
    const histograms = Array.from({ length: this.#steps }, (_, step) =>
      counts.subarray(step * bins, (step + 1) * bins),
    );
    return {
      group: group.name,
      mean: this.#rows(mean),
      min: this.#rows(min),
      max: this.#rows(max),
      quantiles: QUANTILE_LEVELS.map((level) =>
        histograms.map((histogram, step) => {
          const inside = quantile(histogram, level, kind);
          // Where all episodes are sound their extremes are known exactly: no quantile lies beyond them.
          const least = this.#extreme(min, step, Math.min);
          const largest = this.#extreme(max, step, Math.max);
          return inside < least ? least : inside > largest ? largest : inside;
        }),
      ),
      histogram: histograms.map(trim),
    };
  }

  #rows(values: Float64Array): number[][] {
    return Array.from({ length: this.#episodes }, (_, episode) => [
      ...values.subarray(episode * this.#steps, (episode + 1) * this.#steps),
    ]);
  }

  #extreme(values: Float64Array, step: number, choose: (a: number, b: number) => number): number {
    let found = values[step] ?? Number.NaN;
    for (let episode = 1; episode < this.#episodes; episode++) {
      found = choose(found, values[episode * this.#steps + step] ?? Number.NaN);
    }
    return found;
  }
}

function take(
  table: Table,
  counts: Uint32Array,
  moments: Float32Array,
  values: number,
  step: number,
  place: number,
): void {
  const first = step * counts.length;
  let counted = 0;
  for (const [bin, count] of counts.entries()) {
    if (count === 0) continue;
    counted += count;
    table.counts[first + bin] = (table.counts[first + bin] ?? 0) + count;
  }
  if (counted !== values) return;
  const [sum = Number.NaN, least = Number.NaN, largest = Number.NaN] = moments;
  table.mean[place] = sum / values;
  table.min[place] = least;
  table.max[place] = largest;
}

/**
 * The value below which a share `level` of those counted lies, by linear interpolation inside its bin along the axis:
 * off by at most a bin. NaN when nothing was counted.
 */
export function quantile(counts: ArrayLike<number>, level: number, kind: SummaryKind): number {
  const { low, width, of } = SUMMARY_AXES[kind];
  const total = Array.from(counts).reduce((sum, count) => sum + count, 0);
  const wanted = level * total;
  let before = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin] ?? 0;
    if (count > 0 && before + count >= wanted) {
      const place = low + (bin + (wanted - before) / count) * width;
      return of === 'logit' ? 1 / (1 + Math.exp(-place)) : 10 ** place;
    }
    before += count;
  }
  return Number.NaN;
}

function trim(counts: Uint32Array): TrimmedHistogram {
  const first = counts.findIndex((count) => count > 0);
  if (first < 0) return { first: 0, counts: [] };
  return { first, counts: [...counts.subarray(first, counts.findLastIndex((count) => count > 0) + 1)] };
}
