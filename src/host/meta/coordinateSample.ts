import { STREAMS } from '../data/threefry.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { recordCoordinateSample, recordSampleGather } from '../ops/coordinateSample.ts';
import { type Coordinates, coordinatesOf, coordinateTensor } from '../ops/coordinates.ts';
import type { BoundOptimizer, Optimizer } from '../optimizers/optimizer.ts';

export interface CoordinateSampleOptions {
  readonly pool: TensorPool;
  readonly coordinates: Coordinates;
  /** Share of the coordinates that go backward, above 0 and below 1. */
  readonly share: number;
  readonly steps: number;
  readonly optimizer: Optimizer;
  /** The optimizer on all coordinates, whose states the sample starts from. */
  readonly bound: BoundOptimizer;
  readonly keys: Tensor;
  readonly clock: Tensor;
}

/**
 * A random share of the coordinates, drawn anew for every unroll. With gradients taken as constants coordinates meet
 * only in the optimizee, so the meta-gradient is a sum over coordinates, and the sum over a sample, each coordinate
 * counted for its stratum, is an unbiased estimate of it. All coordinates go forward and keep no states; the sampled
 * ones go forward once more, from the gradients that were seen, keep theirs, and go backward.
 */
export class CoordinateSample {
  /** The sampled coordinates of every task. */
  readonly coordinates: Coordinates;
  /** A slot for each of the T + 1 steps; only where the way back reads theta is there anything in them but the first. */
  readonly theta: readonly Tensor[];
  readonly gradients: readonly Tensor[];
  readonly bound: BoundOptimizer;
  /** [M']: how many coordinates each of them stands for. */
  readonly sizes: Tensor;
  readonly #indices: Tensor;
  readonly #options: CoordinateSampleOptions;

  constructor(options: CoordinateSampleOptions) {
    const { pool, share, steps, optimizer, clock } = options;
    const { tasks, parameters } = options.coordinates;
    this.#options = options;
    this.coordinates = coordinatesOf(tasks, Math.min(parameters, Math.ceil(share * parameters)));
    const rows = (label: string) =>
      Array.from({ length: steps + 1 }, (_, t) => coordinateTensor(pool, `${label} ${t}`, this.coordinates));
    this.theta = rows('sampled theta');
    this.gradients = rows('sampled gradient');
    this.sizes = pool.tensor('sizes of strata', [this.coordinates.count]);
    this.#indices = pool.tensor('sampled coordinates', [this.coordinates.count], 'u32');
    this.bound = optimizer.bind({ pool, coordinates: this.coordinates, steps, training: true, clock });
  }

  /** Before the first step: which coordinates, their theta and the optimizer's states there. */
  recordBegin(program: Program, theta: Tensor): void {
    const { keys, clock, coordinates, bound } = this.#options;
    const tensors = { keys, clock, indices: this.#indices, sizes: this.sizes };
    recordCoordinateSample(program, tensors, {
      samples: this.coordinates.parameters,
      parameters: coordinates.parameters,
      stream: STREAMS.coordinateSample,
    });
    const [target] = this.theta;
    if (!target) throw new RangeError('an unroll has at least one slot');
    this.recordGather(program, theta, target);
    for (const [index, state] of bound.carried.entries()) {
      const sampled = this.bound.carried[index];
      if (!sampled) throw new RangeError('two bindings of an optimizer carry different states');
      this.recordGather(program, state, sampled);
    }
  }

  /** After the gradient of step t was computed on all coordinates. */
  recordGradient(program: Program, t: number, gradient: Tensor): void {
    const target = this.gradients[t];
    if (!target) throw new RangeError(`an unroll has no step ${t}`);
    this.recordGather(program, gradient, target);
  }

  /** The steps of the sample again, with their states kept, and theta where a step's way back reads it. */
  recordReplay(program: Program, losses: Tensor): void {
    for (let t = 0; t < this.#options.steps; t++) {
      const [theta, next, gradient] = [this.theta[t], this.theta[t + 1], this.gradients[t]];
      if (!theta || !next || !gradient) continue;
      if (this.bound.recordStates) this.bound.recordStates(program, t, gradient);
      else this.bound.recordStep(program, t, { theta, gradient, losses, next });
    }
  }

  /** Rows of all coordinates as rows of the sample's. */
  recordGather(program: Program, source: Tensor, target: Tensor): void {
    const tensors = { indices: this.#indices, source, target };
    recordSampleGather(program, tensors, this.#options.coordinates, this.coordinates);
  }
}
