import type { Commands } from '../gpu/commands.ts';
import { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { recordSampleAxpy } from '../ops/coordinateSample.ts';
import { type Coordinates, coordinateTensor } from '../ops/coordinates.ts';
import { recordImitationDifference } from '../ops/imitation.ts';
import { recordAxpy } from '../ops/vector.ts';
import type { Optimizee } from '../optimizees/optimizee.ts';
import { createHandDesigned, type HandDesigned } from '../optimizers/handDesigned.ts';
import type { BackwardFace, BoundOptimizer, Optimizer } from '../optimizers/optimizer.ts';
import { pick } from '../optimizers/ring.ts';
import type { TeacherName } from '../optimizers/teachers.ts';
import type { CoordinateSample } from './coordinateSample.ts';

/** Who is imitated. */
export interface Teacher {
  readonly name: TeacherName;
  readonly learningRate: number;
}

export interface ImitationOptions {
  readonly pool: TensorPool;
  readonly teacher: Teacher;
  readonly coordinates: Coordinates;
  readonly steps: number;
  readonly clock: Tensor;
  readonly optimizer: Optimizer;
  readonly optimizee: Optimizee;
  /** The optimizer on all coordinates. */
  readonly bound: BoundOptimizer;
  readonly theta: readonly Tensor[];
  readonly gradients: readonly Tensor[];
  readonly losses: Tensor;
  /** Where only a share of the coordinates goes backward. */
  readonly sample: CoordinateSample | undefined;
  readonly metaGradient: Tensor;
}

/**
 * An unroll along a teacher's trajectory. At every theta_t that the teacher reaches, the learned optimizer is given the
 * same gradient and proposes an update of its own, which moves nothing but its states; the loss is half the mean square
 * of the difference d_t between the two updates, summed over steps, mean over tasks. theta_t and g_t do not depend on
 * phi, so the meta-gradient is exact: the optimizer's way back with the adjoint d_t / (B N) at every step. It works on the
 * tensors of the unroll that it belongs to.
 */
export class Imitation {
  /** [T, B]: half the mean square of d_t over the coordinates of every task. */
  readonly losses: Tensor;
  readonly #options: ImitationOptions;
  readonly #teacher: HandDesigned;
  readonly #moves: BoundOptimizer;
  /** What goes backward: all coordinates or the sampled ones. */
  readonly #face: BackwardFace;
  /** [M] each: d_t of every step. */
  readonly #differences: readonly Tensor[];
  /** [M] each, with a sample: the update on all coordinates, and theta_{t+1} of the sample's second run. */
  readonly #scratch: { readonly all: Tensor; readonly sampled: Tensor } | undefined;
  readonly #adjoint: Tensor;
  readonly #reset: Program;
  readonly #carry: Program;
  readonly #run: Program;

  constructor(options: ImitationOptions) {
    const { pool, teacher, coordinates, steps, clock, sample } = options;
    const { backward } = (sample ?? options).bound;
    if (!backward) throw new RangeError('the optimizer is not bound for training');
    this.#options = options;
    this.#face = backward;
    this.#teacher = createHandDesigned(teacher.name);
    this.#moves = this.#teacher.bind({ pool, coordinates, steps, training: false, clock });
    const own = sample?.coordinates ?? coordinates;
    this.#differences = Array.from({ length: steps }, (_, t) =>
      coordinateTensor(pool, `difference of updates ${t}`, own),
    );
    this.#scratch = sample && {
      all: coordinateTensor(pool, 'update beside the teacher', coordinates),
      sampled: coordinateTensor(pool, 'update of the sample', own),
    };
    this.#adjoint = coordinateTensor(pool, 'adjoint of the update', own);
    this.losses = pool.tensor('imitation losses', [steps, coordinates.tasks]);
    this.#reset = new Program(pool.context, 'reset of the teacher');
    this.#carry = new Program(pool.context, 'carry of the teacher');
    this.#run = new Program(pool.context, 'imitation');
  }

  /** Records and compiles; after the pool is allocated. */
  async prepare(): Promise<void> {
    this.#teacher.set({ learningRate: this.#options.teacher.learningRate });
    this.#moves.recordReset(this.#reset);
    this.#moves.recordCarry(this.#carry);
    this.#recordForward();
    this.#recordBackward();
    await Promise.all([this.#reset.prepare(), this.#carry.prepare(), this.#run.prepare()]);
  }

  /** Writes one unroll into `encoder`, after the reset or the carry of the unroll that it belongs to. */
  encode(encoder: Commands, start: 'reset' | 'carry'): void {
    (start === 'reset' ? this.#reset : this.#carry).encode(encoder);
    this.#run.encode(encoder);
  }

  #recordForward(): void {
    const { steps, losses, optimizee, bound, coordinates, sample } = this.#options;
    const program = this.#run;
    const theta = (t: number) => pick(this.#options.theta, t);
    sample?.recordBegin(program, theta(0));
    for (let t = 0; t <= steps; t++) {
      optimizee.recordSample(program, t);
      optimizee.recordLoss(program, theta(t), losses, t);
      if (t === steps) break;
      const gradient = pick(this.#options.gradients, t);
      optimizee.recordGradient(program, theta(t), gradient);
      const inputs = { theta: theta(t), gradient, losses };
      this.#moves.recordStep(program, t, { ...inputs, next: theta(t + 1) });
      const next = this.#scratch?.all ?? pick(this.#differences, t);
      bound.recordStep(program, t, { ...inputs, next });
      const tensors = { target: theta(t + 1), next, losses: this.losses };
      recordImitationDifference(program, tensors, coordinates, t);
      if (!sample || !this.#scratch) continue;
      if (t > 0) sample.recordGather(program, theta(t), pick(sample.theta, t));
      sample.recordGather(program, gradient, pick(sample.gradients, t));
      sample.recordGather(program, next, pick(this.#differences, t));
      const again = { theta: pick(sample.theta, t), gradient: pick(sample.gradients, t), losses };
      sample.bound.recordStep(program, t, { ...again, next: this.#scratch.sampled });
    }
  }

  #recordBackward(): void {
    const { steps, losses, optimizer, coordinates, sample, metaGradient } = this.#options;
    const program = this.#run;
    const adjoint = this.#adjoint;
    const weight = 1 / (coordinates.tasks * coordinates.parameters);
    const { theta, gradients } = sample ?? this.#options;
    this.#face.recordBegin(program);
    for (let t = steps - 1; t >= 0; t--) {
      const tensors = { x: pick(this.#differences, t), y: adjoint };
      if (sample) {
        const { sizes } = sample;
        recordSampleAxpy(program, { ...tensors, sizes }, sample.coordinates.count, weight, 0);
      } else recordAxpy(program, tensors, weight, 0);
      const inputs = { theta: pick(theta, t), gradient: pick(gradients, t), losses };
      this.#face.recordStep(program, t, { ...inputs, adjoint });
    }
    this.#face.recordFinish(program, metaGradient);
    if (!optimizer.theta0) return;
    const { offset, parameters } = optimizer.theta0;
    program.clear(metaGradient.view('no gradient of theta_0', offset, [parameters]));
  }
}
