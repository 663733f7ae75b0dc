import type { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { type Coordinates, coordinateTensor, type ParameterGroup } from '../ops/coordinates.ts';
import { recordSummary, SUMMARY_AXES, SUMMARY_CHUNKS, type SummaryKind } from '../ops/summary.ts';
import { recordAxpy } from '../ops/vector.ts';
import type { BoundOptimizer, GateRows, Observable } from '../optimizers/optimizer.ts';

/** What is recorded of every group of parameters: a gate, or the size of the updates. */
export interface Recorded extends Observable {
  readonly kind: SummaryKind;
}

export interface GateRecorderOptions {
  readonly pool: TensorPool;
  readonly coordinates: Coordinates;
  readonly steps: number;
  readonly groups: readonly ParameterGroup[];
  /** Bound with `observe`; without an observer the sizes of its updates alone are recorded. */
  readonly bound: BoundOptimizer;
}

/**
 * Summaries of an optimizer's gates, and of the sizes |theta_{t+1} - theta_t| of its updates, at every step of an unroll,
 * made on the device for every group of parameters of every task. Slot `step * seen.length + i` belongs to `seen[i]`.
 */
export class GateRecorder {
  /** The optimizer's gates in its own order, then the update size. */
  readonly recorded: readonly Recorded[];
  /** Those of them that are not constants, and so have slots. */
  readonly seen: readonly Recorded[];
  readonly groups: readonly ParameterGroup[];
  /** [T * seen, B, G, bins] u32 */
  readonly counts: Tensor;
  /** [T * seen, B, G] vec4f: sum, least, largest, 0; of values that are finite. */
  readonly moments: Tensor;
  readonly #options: GateRecorderOptions;
  readonly #spans: Tensor;
  readonly #partials: Tensor;
  readonly #moved: Tensor;

  constructor(options: GateRecorderOptions) {
    const { pool, coordinates, steps, groups, bound } = options;
    const gates = bound.observer?.observables ?? [];
    this.recorded = [
      ...gates.map((gate): Recorded => ({ ...gate, kind: 'gate' })),
      { name: 'update size', kind: 'size', rows: 1 },
    ];
    this.seen = this.recorded.filter(({ fixed }) => fixed === undefined);
    this.groups = groups;
    this.#options = options;
    const cells = coordinates.tasks * groups.length;
    const slots = steps * this.seen.length;
    const bins = Math.max(...Object.values(SUMMARY_AXES).map((axis) => axis.bins));
    this.counts = pool.tensor('gate histograms', [slots, cells, bins], 'u32');
    this.moments = pool.tensor('gate moments', [slots, cells, 4]);
    this.#spans = pool.tensor('groups of parameters', [groups.length, 2], 'u32');
    this.#partials = pool.tensor('partial gate moments', [cells, SUMMARY_CHUNKS, 4]);
    this.#moved = coordinateTensor(pool, 'update', coordinates);
  }

  /** After the pool is allocated. */
  upload(): void {
    const spans = this.groups.flatMap(({ offset, count }) => [offset, count]);
    writeTensor(this.#options.pool.context, this.#spans, Uint32Array.from(spans));
  }

  /** Before the first step of an unroll. */
  recordBegin(program: Program): void {
    program.clear(this.counts);
  }

  /** Right after the optimizer's own `recordStep`. */
  recordStep(program: Program, step: number, { theta, next }: { theta: Tensor; next: Tensor }): void {
    const { observer } = this.#options.bound;
    observer?.recordStep(program, step, (index, rows) => {
      const gate = this.recorded[index];
      if (gate) this.#summarise(program, step, gate, rows);
    });
    program.copy(next, this.#moved);
    recordAxpy(program, { x: theta, y: this.#moved }, -1, 1);
    const size = this.recorded.at(-1);
    if (size) this.#summarise(program, step, size, { values: this.#moved, firstRow: 0 });
  }

  #summarise(program: Program, step: number, what: Recorded, { values, firstRow }: GateRows): void {
    const { tasks, parameters, mp4 } = this.#options.coordinates;
    const slot = step * this.seen.length + this.seen.indexOf(what);
    const { counts, moments } = this;
    recordSummary(
      program,
      { spans: this.#spans, values, counts, partials: this.#partials, moments },
      { tasks, parameters, spans: this.groups.length },
      { kind: what.kind, slot, stride: 4 * mp4, firstRow, rows: what.rows },
    );
  }
}
