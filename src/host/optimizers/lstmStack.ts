import type { Program } from '../gpu/program.ts';
import type { Tensor, TensorPool } from '../gpu/tensor.ts';
import { coordinateTensor } from '../ops/coordinates.ts';
import {
  LSTM_GATES,
  type LstmReadout,
  lstmWindow,
  recordLstmBackward,
  recordLstmForward,
  recordLstmGates,
} from '../ops/lstm.ts';
import { dGatesRows, lstmChunks, planLstmTexels, sumChunks } from '../ops/lstmVariants.ts';
import { recordReducePartials } from '../ops/reduce.ts';
import { type LstmBlock, lstmBlock } from './lstmBlock.ts';
import { alignedLength } from './namedBlocks.ts';
import type { Binding, ObserverFace } from './optimizer.ts';
import { pick } from './ring.ts';

/** Stacked LSTM layers inside phi, and what their kernels need to know of it. */
export interface StackLayout {
  readonly layers: readonly LstmBlock[];
  /** vec4f of phi that an LSTM kernel binds: the most that any layer needs, so that layers share pipelines. */
  readonly window: number;
  /** f32 of phi after the last layer. */
  readonly end: number;
  /** f32 that phi must have for every binding of `window` to fit. */
  readonly leastLength: number;
}

/** `layers` layers of `hidden` units from `offset` on; the first one has `inputs` inputs. */
export function stackLayout(inputs: number, layers: number, hidden: number, offset: number): StackLayout {
  const blocks: LstmBlock[] = [];
  let end = offset;
  for (let layer = 0; layer < layers; layer++) {
    const block = lstmBlock(`lstm.${layer}`, layer === 0 ? inputs : hidden, hidden, end);
    blocks.push(block);
    end += alignedLength(block.length);
  }
  const window = Math.max(1, ...blocks.map(lstmWindow));
  const lastStart = Math.max(0, ...blocks.map((block) => block.offset + block.length));
  return { layers: blocks, window, end, leastLength: lastStart + 4 * window };
}

/** Sums of the weights' gradient over chunks of coordinates, all weights of a chunk together; added in order at the end. */
export interface PhiPartials {
  readonly chunks: number;
  /** vec4f from a chunk's sums to the next one's. */
  readonly stride: number;
  /** From the first chunk's sum of the weight at `offset` on. */
  from(label: string, offset: number): Tensor;
  /** gradient [P] = the sums of all chunks; what lies behind the weights is left alone. */
  recordSum(program: Program, gradient: Tensor): void;
}

/** Plans the partial sums of the weights before `end`, in `chunks` of coordinates. */
export function planPartials(pool: TensorPool, end: number, chunks: number): PhiPartials {
  const length = alignedLength(end);
  const tensor = pool.tensor('phi partials', [chunks * length]);
  return {
    ...{ chunks, stride: length / 4 },
    from: (label, offset) => tensor.view(`${label} partials`, offset, [chunks * length - offset]),
    recordSum(program, gradient) {
      const target = gradient.view('gradient of the weights', 0, [length]);
      recordReducePartials(program, { partials: tensor, target }, chunks);
    },
  };
}

/** In how many chunks of coordinates the weights' gradient of a stack, and of what is around it, is summed. */
export function stackChunks({ pool, coordinates: { mp4 } }: Binding, { layers }: StackLayout): number {
  if (layers.length === 0) return sumChunks(pool.context, mp4);
  return Math.max(...layers.map((sizes) => lstmChunks(pool.context, { ...sizes, mp4 })));
}

/** The stack's way back. */
export interface StackBackward {
  recordBegin(program: Program): void;
  /**
   * One step back from what is read out of the last layer's h; the adjoint of the stack's input x goes to `dInput`, where
   * that is wanted.
   */
  recordStep(
    program: Program,
    step: number,
    x: Tensor,
    readout: Omit<LstmReadout, 'h'>,
    dInput?: Tensor,
  ): void;
}

/** Stacked LSTM layers at work on one batch of coordinates. */
export interface LstmStack {
  readonly carried: readonly Tensor[];
  recordReset(program: Program): void;
  recordCarry(program: Program): void;
  /** The states after step t, from its input x. */
  recordStep(program: Program, step: number, x: Tensor): void;
  /** h [hidden, M] of the last layer after step t; undefined without layers. */
  top(step: number): Tensor | undefined;
  /** `input` is what the stack saw at a step. */
  observer(input: (step: number) => Tensor): ObserverFace;
  /** @param partials of all of phi */
  backward(partials: PhiPartials): StackBackward;
}

/** @param inputs every tensor that will be the stack's input x */
export function bindStack(
  binding: Binding,
  layout: StackLayout,
  phi: Tensor,
  inputs: readonly Tensor[],
): LstmStack {
  const { pool, coordinates, steps, training } = binding;
  const { mp4 } = coordinates;
  const { layers, window } = layout;
  const slots = training ? steps + 1 : 2;
  const plan = (label: string, rows: number) => coordinateTensor(pool, label, coordinates, rows);
  const ring = (label: string, rows: number) =>
    Array.from({ length: slots }, (_, slot) => plan(`${label} ${slot}`, rows));
  /** Slot t holds what step t reads, slot t + 1 what it writes. */
  const states = layers.map(({ name, hidden }) => ({
    h: ring(`${name} h`, hidden),
    c: ring(`${name} c`, hidden),
  }));
  if (layers.length > 0) planLstmTexels(pool, inputs, 1);
  // A layer's h is read as what its next step starts from and, one slot further, as the input of the layer above or as what is read
  // out, on the way back by the same kernel.
  for (const [layer, { h }] of states.entries()) {
    planLstmTexels(pool, h, training || layer < layers.length - 1 ? 2 : 1);
  }
  const weights = layers.map((block) => phi.view(block.name, block.offset, [phi.length - block.offset]));
  for (const of of weights) planLstmTexels(pool, [of], 1);
  const below = (layer: number, step: number, x: Tensor) =>
    layer === 0 ? x : pick(pick(states, layer - 1).h, step + 1);
  const widest = Math.max(0, ...layers.map(({ hidden }) => hidden));

  return {
    carried: states.flatMap(({ h, c }) => [pick(h, 0), pick(c, 0)]),
    top: (step) => states.at(-1)?.h[(step + 1) % slots],
    recordReset(program) {
      for (const { h, c } of states) {
        program.clear(pick(h, 0));
        program.clear(pick(c, 0));
      }
    },
    recordCarry(program) {
      if (steps % slots === 0) return;
      for (const { h, c } of states) {
        program.copy(pick(h, steps), pick(h, 0));
        program.copy(pick(c, steps), pick(c, 0));
      }
    },
    recordStep(program, step, x) {
      for (const [layer, { h, c }] of states.entries()) {
        const tensors = {
          weights: pick(weights, layer),
          x: below(layer, step, x),
          hPrev: pick(h, step),
          cPrev: pick(c, step),
          h: pick(h, step + 1),
          c: pick(c, step + 1),
        };
        recordLstmForward(program, tensors, { ...pick(layers, layer), mp4, window });
      }
    },
    observer(input) {
      const z = plan('gates that are observed', Math.max(1, LSTM_GATES.length * widest));
      return {
        observables: layers.flatMap(({ hidden }, layer) =>
          LSTM_GATES.map((gate) => ({ name: `LSTM layer ${layer + 1}, ${gate} gate`, rows: hidden })),
        ),
        recordStep(program, step, see) {
          for (const [layer, block] of layers.entries()) {
            const hPrev = pick(pick(states, layer).h, step);
            const tensors = { weights: pick(weights, layer), x: below(layer, step, input(step)), hPrev, z };
            recordLstmGates(program, tensors, { ...block, mp4, window });
            for (const index of LSTM_GATES.keys()) {
              see(layer * LSTM_GATES.length + index, { values: z, firstRow: index * block.hidden });
            }
          }
        },
      };
    },
    backward(partials) {
      const dGates = plan('dGates', Math.max(1, ...layers.map((block) => dGatesRows(pool.context, block))));
      const adjoints = layers.map(({ name, hidden }) => ({
        dh: plan(`${name} dh`, hidden),
        dc: plan(`${name} dc`, hidden),
      }));
      const shares = layers.map(({ name, offset }) => partials.from(name, offset));
      /** Stands for the adjoint of x where nobody wants it. */
      const unwanted = pool.tensor('unwanted dx', [4]);
      return {
        recordBegin(program) {
          for (const { dh, dc } of adjoints) {
            program.clear(dh);
            program.clear(dc);
          }
        },
        recordStep(program, step, input, readout, dFirst) {
          for (let layer = states.length - 1; layer >= 0; layer--) {
            const { h, c } = pick(states, layer);
            const { dh, dc } = pick(adjoints, layer);
            const dInput = layer === 0 ? dFirst : pick(adjoints, layer - 1).dh;
            const tensors = {
              weights: pick(weights, layer),
              x: below(layer, step, input),
              hPrev: pick(h, step),
              cPrev: pick(c, step),
              ...{ dh, dc, dGates, partials: pick(shares, layer), dx: dInput ?? unwanted },
            };
            const numbers = {
              chunks: partials.chunks,
              stride: partials.stride,
              accumulate: step < steps - 1,
              x: !dInput ? 'none' : layer === 0 ? 'set' : 'add',
              hPrev: step > 0,
            } as const;
            const read = layer === states.length - 1 ? { ...readout, h: pick(h, step + 1) } : undefined;
            recordLstmBackward(program, tensors, { ...pick(layers, layer), mp4, window }, numbers, read);
          }
        },
      };
    },
  };
}
