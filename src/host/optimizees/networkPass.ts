import type { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import type { ExampleBatch, Objective } from './examples.ts';
import { type BatchRole, type BoundLayer, featuresOf, type Layer } from './layers/layer.ts';
import { type BoundLoss, bindLoss } from './loss.ts';

/** One layer's tensors at one batch, and their adjoints and tangents where they are needed. */
interface Stage {
  readonly layer: BoundLayer;
  readonly x: Tensor;
  readonly y: Tensor;
  readonly dy: Tensor;
  /** Absent where nothing below has parameters: then nobody asks for the adjoint of x. */
  readonly dx: Tensor | undefined;
  /** Tangents; ry and rdy where y depends on theta. */
  readonly rx: Tensor | undefined;
  readonly ry: Tensor | undefined;
  readonly rdx: Tensor | undefined;
  readonly rdy: Tensor | undefined;
}

/** A network at one batch of examples: forward, backward, and exact Hessian-vector products. */
export class NetworkPass {
  readonly batch: ExampleBatch;
  /** [B, rows]: the loss of every example. */
  readonly rowLoss: Tensor;
  readonly #stages: readonly Stage[];
  readonly #loss: BoundLoss;

  constructor(options: {
    readonly pool: TensorPool;
    readonly tasks: number;
    readonly layers: readonly Layer[];
    /** What the passes of the network share, of every layer that has any; empty where there is no query set. */
    readonly states: ReadonlyMap<Layer, Tensor>;
    readonly batch: ExampleBatch;
    readonly role: BatchRole;
    readonly objective: Objective;
    /** N: parameters of a task. */
    readonly stride: number;
    readonly secondDerivatives: boolean;
  }) {
    const { pool, tasks, layers, states, batch, role, stride, secondDerivatives } = options;
    const sizes = { tasks, batch: batch.batch, rows: batch.rows, role };
    const stages: Stage[] = [];
    let offset = 0;
    let { x } = batch;
    let below: Pick<Stage, 'dy' | 'ry' | 'rdy'> | undefined;
    for (const [index, layer] of layers.entries()) {
      const plan = (name: string) =>
        pool.tensor(`${batch.label} ${name} ${index}`, [tasks, featuresOf(layer.output), batch.rows]);
      const depends = below?.ry !== undefined || layer.parameters > 0;
      const tangent = (name: string) => (secondDerivatives && depends ? plan(name) : undefined);
      const stage: Stage = {
        layer: layer.bind(pool, sizes, { stride, offset }, states.get(layer)),
        x,
        y: plan('y'),
        dy: plan('dy'),
        dx: offset > 0 ? below?.dy : undefined,
        rx: below?.ry,
        ry: tangent('ry'),
        rdx: offset > 0 ? below?.rdy : undefined,
        rdy: tangent('rdy'),
      };
      layer.planReads?.(pool, stage, stage.dx !== undefined);
      stages.push(stage);
      offset += layer.parameters;
      x = stage.y;
      below = stage;
    }
    this.batch = batch;
    this.#stages = stages;
    this.#loss = bindLoss(options.objective, batch, tasks);
    this.rowLoss = pool.tensor(`${batch.label} row loss`, [tasks, batch.rows]);
  }

  /** Every y, the loss of every example, and the adjoint of the last y. */
  recordForward(program: Program, theta: Tensor): void {
    for (const { layer, x, y } of this.#stages) layer.recordForward(program, { theta, x, y });
    const { y: output, dy: doutput } = this.#top;
    this.#loss.recordForward(program, { output, rowLoss: this.rowLoss, doutput });
  }

  /** gradient [B, N] of the mean loss over the batch, after `recordForward` at the same theta. */
  recordBackward(program: Program, theta: Tensor, gradient: Tensor | undefined): void {
    for (const { layer, ...tensors } of [...this.#stages].reverse()) {
      layer.recordBackward(program, { theta, gradient, ...tensors });
    }
  }

  /**
   * product [B, N] = H v, exactly (Pearlmutter 1994), after `recordForward` at the same theta: the adjoints, then the
   * tangents of the forward pass along v, then the tangents of the backward pass.
   */
  recordHessianVector(
    program: Program,
    { theta, v, product }: { readonly theta: Tensor; readonly v: Tensor; readonly product: Tensor },
  ): void {
    this.recordBackward(program, theta, undefined);
    for (const { layer, ry, ...tensors } of this.#stages) {
      if (ry) layer.recordRForward(program, { theta, v, ...tensors, ry });
    }
    const { y: output, ry: routput, rdy: rdoutput } = this.#top;
    if (!routput || !rdoutput) throw new RangeError('no tangents were planned for this network');
    this.#loss.recordRBackward(program, { output, routput, rdoutput });
    for (const { layer, ry, rdy, ...tensors } of [...this.#stages].reverse()) {
      if (ry && rdy) layer.recordRBackward(program, { theta, v, product, ...tensors, ry, rdy });
    }
  }

  /** accuracy[slot, b] after `recordForward`; only of a classifier. */
  recordAccuracy(program: Program, accuracy: Tensor, slot: number): void {
    if (!this.#loss.recordAccuracy) throw new RangeError('a regression has no accuracy');
    this.#loss.recordAccuracy(program, this.#top.y, accuracy, slot);
  }

  get #top(): Stage {
    const top = this.#stages.at(-1);
    if (!top) throw new RangeError('a network needs at least one layer');
    return top;
  }
}
