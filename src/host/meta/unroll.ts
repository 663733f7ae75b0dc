import { ConfigError } from '../errors.ts';
import type { Commands } from '../gpu/commands.ts';
import { Program } from '../gpu/program.ts';
import { writeTensor } from '../gpu/readback.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { coordinatesOf, coordinateTensor } from '../ops/coordinates.ts';
import { recordBroadcastRow } from '../ops/taskRows.ts';
import type { Optimizee, TaskTensors } from '../optimizees/optimizee.ts';
import {
  type BoundOptimizer,
  type LearnedStart,
  type Optimizer,
  startFits,
} from '../optimizers/optimizer.ts';
import { CoordinateSample } from './coordinateSample.ts';
import { GateRecorder } from './gateRecorder.ts';
import { Imitation, type Teacher } from './imitation.ts';
import { UnrollBackward } from './unrollBackward.ts';

/** f32 that a row of `path` begins at a multiple of: what a part of a tensor must. */
const PATH_ALIGNMENT = 64;

export interface UnrollOptions {
  readonly pool: TensorPool;
  readonly tasks: number;
  /** T: updates an unroll; T + 1 losses. */
  readonly steps: number;
  readonly optimizer: Optimizer;
  readonly createOptimizee: (tensors: TaskTensors) => Optimizee;
  /**
   * Weight of each of the T + 1 losses in the meta-loss (mean over tasks). Given, the unroll also goes
   * backward and leaves the meta-gradient; absent, it only runs forward: the same kernels, fewer states kept.
   */
  readonly lossWeights?: readonly number[];
  /** [P] f32: where the meta-gradient goes; needed with lossWeights. */
  readonly metaGradient?: Tensor;
  /**
   * Whether the meta-gradient also goes through the gradients g_t and losses f_t that the optimizer reads, by one
   * exact Hessian-vector product a step. Without it (the default, first order) they count as constants.
   */
  readonly secondDerivatives?: boolean;
  /**
   * Share of the coordinates that go backward, drawn anew every unroll: an unbiased estimate of the meta-gradient in
   * about this share of the time and memory of the backward pass. 1, the default, takes all. First order only, and not
   * with a learned theta_0, which every coordinate adds to, or with groups of parameters.
   */
  readonly coordinateSample?: number;
  /** Also plan unrolls that imitate a hand-designed optimizer: `encodeImitation`; only with lossWeights. */
  readonly teacher?: Teacher | undefined;
  /** Also measure every theta_t, or the last one alone, on the query set, where tasks have one: `query`. */
  readonly measureQuery?: 'every step' | 'last step';
  /** Also summarise the optimizer's gates and updates at every step: `recorder`. */
  readonly recordGates?: boolean;
  /** Also keep theta_0 .. theta_T: `path`. */
  readonly recordPath?: boolean;
  /** Leave dL/dtheta_0 of every task in `startAdjoint` even where no theta_0 is learned. */
  readonly startAdjoint?: boolean;
}

/**
 * T steps of an optimizer on B tasks as one sequence of kernels: training and evaluation both run through
 * here. An episode longer than T is several unrolls; parameters and states are carried, the graph is cut.
 */
export class Unroll {
  readonly optimizee: Optimizee;
  readonly steps: number;
  readonly tasks: number;
  /** [T + 1, B]: the loss of every task before every step and after the last. */
  readonly losses: Tensor;
  /** [T + 1, B] each, zero where not measured; no accuracy where there are no classes. */
  readonly query: { readonly losses: Tensor; readonly accuracy?: Tensor } | undefined;
  /** Holds the summaries after an unroll; only with `recordGates`. */
  readonly recorder: GateRecorder | undefined;
  /** With a `teacher`. */
  readonly imitation: Imitation | undefined;
  /** [T + 1, stride]: theta_t of all tasks, a row a step; only with `recordPath`. */
  readonly path: Tensor | undefined;
  readonly #pool: TensorPool;
  readonly #tensors: TaskTensors;
  readonly #theta: readonly Tensor[];
  readonly #gradients: readonly Tensor[];
  /** The first step whose theta is measured on the query set. */
  readonly #firstMeasured: number;
  readonly #optimizer: Optimizer;
  readonly #bound: BoundOptimizer;
  readonly #theta0: LearnedStart | undefined;
  /** [N]: a learned theta_0, and zeros in the last layer where that is not learned; only with a learned theta_0. */
  readonly #start: Tensor | undefined;
  readonly #sample: CoordinateSample | undefined;
  readonly #backward: UnrollBackward | undefined;
  readonly #draw: Program;
  readonly #reset: Program;
  readonly #carry: Program;
  readonly #run: Program;
  #isRecorded = false;

  /**
   * @throws ConfigError when the optimizer has nothing to learn, when second derivatives are asked of an optimizee
   * or optimizer without them, when theta_0 was learned for another number of parameters, or when coordinates cannot
   * be sampled.
   */
  constructor(options: UnrollOptions) {
    const { pool, tasks, steps, optimizer } = options;
    const training = options.lossWeights !== undefined;
    const secondDerivatives = training && options.secondDerivatives === true;
    this.#pool = pool;
    this.tasks = tasks;
    this.steps = steps;
    this.#tensors = {
      keys: pool.tensor('task keys', [tasks, 2], 'u32'),
      clock: pool.tensor('clock', [4], 'u32'),
      steps,
      secondDerivatives,
    };
    this.optimizee = options.createOptimizee(this.#tensors);
    const coordinates = coordinatesOf(tasks, this.optimizee.parameters);
    const share = options.coordinateSample ?? 1;
    const samples = training && share < 1;
    /** Whether all coordinates keep what a backward pass needs. */
    const keeps = training && !samples;
    if (samples) requireSampling(options);
    const rows = (label: string, slots: number) =>
      Array.from({ length: slots }, (_, slot) => coordinateTensor(pool, `${label} ${slot}`, coordinates));
    this.#theta = rows('theta', keeps ? steps + 1 : 2);
    this.#gradients = rows('gradient', keeps ? steps + 1 : 1);
    const stride = PATH_ALIGNMENT * Math.ceil(coordinates.count / PATH_ALIGNMENT);
    this.path = options.recordPath ? pool.tensor('path', [steps + 1, stride]) : undefined;
    const perStep = (label: string) => pool.tensor(label, [steps + 1, tasks]);
    this.losses = perStep('losses');
    const query = options.measureQuery ? this.optimizee.query : undefined;
    this.#firstMeasured = options.measureQuery === 'last step' ? steps : 0;
    this.query = query && {
      losses: perStep('query losses'),
      ...(query.classifies && { accuracy: perStep('query accuracy') }),
    };
    const { clock } = this.#tensors;
    const observe = options.recordGates === true;
    this.#bound = optimizer.bind({
      pool,
      coordinates,
      groups: this.optimizee.groups,
      steps,
      training: keeps,
      secondDerivatives,
      clock,
      observe,
    });
    const { groups } = this.optimizee;
    this.recorder = observe
      ? new GateRecorder({ pool, coordinates, steps, groups, bound: this.#bound })
      : undefined;
    this.#optimizer = optimizer;
    this.#theta0 = optimizer.theta0;
    if (this.#theta0) {
      checkStart(this.#theta0, this.optimizee);
      this.#start = wholeStart(pool, this.#theta0, this.optimizee.parameters);
    }
    const all = { coordinates, bound: this.#bound, theta: this.#theta, gradients: this.#gradients };
    if (samples) {
      const { keys } = this.#tensors;
      const from = { pool, coordinates, share, steps, optimizer, bound: this.#bound };
      this.#sample = new CoordinateSample({ ...from, keys, clock });
    }
    if (options.lossWeights) {
      this.#backward = new UnrollBackward({
        ...(this.#sample ?? all),
        pool,
        steps,
        optimizer,
        optimizee: this.optimizee,
        losses: this.losses,
        lossWeights: options.lossWeights,
        metaGradient: options.metaGradient,
        secondDerivatives,
        startAdjoint: options.startAdjoint === true,
      });
    }
    const { teacher, metaGradient } = options;
    if (teacher && metaGradient) {
      const { optimizee, losses } = this;
      const shared = { pool, teacher, steps, clock, optimizer, optimizee, losses, metaGradient };
      this.imitation = new Imitation({ ...shared, ...all, sample: this.#sample });
    }
    this.#draw = new Program(pool.context, 'draw of theta_0');
    this.#reset = new Program(pool.context, 'reset');
    this.#carry = new Program(pool.context, 'carry');
    this.#run = new Program(pool.context, training ? 'training unroll' : 'unroll');
  }

  /** theta after the last step, [B, N] in the first elements. */
  get theta(): Tensor {
    return this.#slot(this.#theta, this.steps);
  }

  /** dL/dtheta_0 [B, N] in the first elements, after an unroll from fresh tasks; undefined when it is not made. */
  get startAdjoint(): Tensor | undefined {
    return this.#backward?.startAdjoint;
  }

  /** The learned theta_0 [N] that episodes start from, if there is one. */
  get theta0(): Tensor | undefined {
    return this.#theta0?.tensor;
  }

  /** Kernel dispatches of one unroll. */
  get dispatches(): number {
    return this.#run.dispatches + (this.#backward?.atStart.dispatches ?? 0);
  }

  /**
   * Records all kernels, which takes no memory yet; `prepare` does it where nobody has.
   * @throws LimitError where a kernel's grid is larger than the adapter allows.
   */
  record(): void {
    if (this.#isRecorded) return;
    this.#isRecorded = true;
    const { optimizee, tasks } = this;
    const [first, last] = [this.#slot(this.#theta, 0), this.#slot(this.#theta, this.steps)];
    optimizee.recordReset(this.#reset, first);
    if (this.#theta0) {
      const { tensor, parameters } = this.#theta0;
      const row = this.#start ?? tensor;
      // The zeros of the last layer are those that a buffer begins with.
      if (row !== tensor) this.#reset.copy(tensor, row.view('learned part', 0, [parameters]));
      recordBroadcastRow(this.#reset, { row, rows: first }, { tasks, count: optimizee.parameters });
      optimizee.recordReset(this.#draw, first);
      this.#draw.copy(first.view('theta of the first task', 0, [parameters]), tensor);
    }
    this.#bound.recordReset(this.#reset);
    if (first !== last) this.#carry.copy(last, first);
    this.#bound.recordCarry(this.#carry);
    this.#recordForward();
    this.#sample?.recordReplay(this.#run, this.losses);
    this.#backward?.record(this.#run);
  }

  /** Records and compiles everything; after the pool is allocated. */
  async prepare(): Promise<void> {
    this.optimizee.upload();
    this.#optimizer.upload?.();
    this.recorder?.upload();
    this.record();
    await Promise.all([
      this.#draw.prepare(),
      this.#reset.prepare(),
      this.#carry.prepare(),
      this.#run.prepare(),
      this.#backward?.prepare(),
      this.imitation?.prepare(),
    ]);
  }

  #recordForward(): void {
    const { steps, losses, optimizee } = this;
    const program = this.#run;
    this.recorder?.recordBegin(program);
    this.#sample?.recordBegin(program, this.#slot(this.#theta, 0));
    for (let t = 0; t <= steps; t++) {
      const theta = this.#slot(this.#theta, t);
      const gradient = this.#slot(this.#gradients, t);
      this.#recordPath(program, t, theta);
      optimizee.recordSample(program, t);
      const wanted = t < steps || this.#backward !== undefined;
      if (wanted && optimizee.recordLossAndGradient) {
        optimizee.recordLossAndGradient(program, theta, { losses, gradient }, t);
      } else {
        optimizee.recordLoss(program, theta, losses, t);
        if (wanted) optimizee.recordGradient(program, theta, gradient);
      }
      this.#sample?.recordGradient(program, t, gradient);
      if (this.query && t >= this.#firstMeasured) optimizee.query?.record(program, theta, this.query, t);
      if (t < steps) {
        const next = this.#slot(this.#theta, t + 1);
        this.#bound.recordStep(program, t, { theta, gradient, losses, next });
        this.recorder?.recordStep(program, t, { theta, next });
      }
    }
  }

  #recordPath(program: Program, t: number, theta: Tensor): void {
    const { path } = this;
    if (!path) return;
    const [, stride = 0] = path.shape;
    program.copy(theta, path.view(`theta ${t} of the path`, t * stride, [theta.length]));
  }

  /** Sets which tasks the next `encode` runs and how many steps of their episode came before. */
  setTasks(keys: Uint32Array, stepsBefore: number): void {
    const { context } = this.#pool;
    if (stepsBefore === 0) writeTensor(context, this.#tensors.keys, keys);
    writeTensor(context, this.#tensors.clock, Uint32Array.of(stepsBefore, 0, 0, 0));
  }

  /**
   * Writes a first value of a learned theta_0 into `encoder`: the starting point that the optimizee draws for the
   * first of the tasks set. For fresh weights, once before training; without a learned theta_0 it does nothing.
   */
  encodeDrawTheta0(encoder: Commands): void {
    this.#draw.encode(encoder);
  }

  /** Writes one unroll into `encoder`: from fresh tasks, or on from where the last one ended. */
  encode(encoder: Commands, start: 'reset' | 'carry'): void {
    (start === 'reset' ? this.#reset : this.#carry).encode(encoder);
    this.#run.encode(encoder);
    this.#backward?.encodeEnd(encoder, start);
  }

  /**
   * As `encode`, but theta goes where the teacher takes it and the meta-gradient is that of imitating it. An episode is of
   * one kind from its first unroll to its last.
   */
  encodeImitation(encoder: Commands, start: 'reset' | 'carry'): void {
    if (!this.imitation) throw new RangeError('the unroll was made without a teacher');
    (start === 'reset' ? this.#reset : this.#carry).encode(encoder);
    this.imitation.encode(encoder, start);
  }

  /** As `encode` from fresh tasks, with a timestamp around every dispatch of the unroll. */
  encodeTimed(encoder: Commands, querySet: GPUQuerySet, onStep: (name: string) => number): void {
    this.#reset.encode(encoder);
    this.#run.encodeTimed(encoder, querySet, onStep);
    this.#backward?.atStart.encodeTimed(encoder, querySet, onStep);
  }

  #slot(ring: readonly Tensor[], t: number): Tensor {
    const tensor = ring[t % ring.length];
    if (!tensor) throw new RangeError('an empty ring was read');
    return tensor;
  }
}

/** @throws ConfigError where a sample of the coordinates does not give the whole meta-gradient. */
function requireSampling({
  coordinateSample = 1,
  optimizer,
  secondDerivatives,
  startAdjoint,
}: UnrollOptions): void {
  if (!(coordinateSample > 0)) throw new RangeError(`a share of ${coordinateSample} samples no coordinate`);
  const reason = secondDerivatives
    ? 'second derivatives go through all coordinates of a task'
    : optimizer.theta0 || startAdjoint
      ? 'the gradient of theta_0 has an entry for every coordinate'
      : optimizer.groupNames
        ? 'a sample does not keep to the groups of parameters that have weights of their own'
        : undefined;
  if (reason === undefined) return;
  throw new ConfigError(
    `coordinates cannot be sampled here: ${reason}`,
    'train in first order without a learned theta_0 and without groups, or on all coordinates',
  );
}

/** Row [N] that tasks start from: theta_0 itself where all of it is learned. */
function wholeStart(pool: TensorPool, theta0: LearnedStart, parameters: number): Tensor {
  return theta0.parameters === parameters ? theta0.tensor : pool.tensor('theta_0, zero head', [parameters]);
}

function checkStart({ parameters }: LearnedStart, optimizee: Optimizee): void {
  if (startFits(parameters, optimizee.groups)) return;
  throw new ConfigError(
    `theta_0 was learned for ${parameters} parameters, and ${optimizee.description} has ${optimizee.parameters}`,
    'run it on the architecture it was learned on, or run it without the learned theta_0: the shared weights fit any number of parameters',
  );
}
