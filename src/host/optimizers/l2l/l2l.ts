import type { Program } from '../../gpu/program.ts';
import type { Tensor, TensorPool } from '../../gpu/tensor.ts';
import {
  recordCoordinateOutput,
  recordCoordinateOutputBackward,
  recordCoordinateOutputBackwardWeights,
} from '../../ops/coordinateOutput.ts';
import { coordinateTensor } from '../../ops/coordinates.ts';
import {
  LSTM_GATES,
  recordLstmBackwardGates,
  recordLstmBackwardInputs,
  recordLstmBackwardWeights,
  recordLstmForward,
  recordLstmGates,
} from '../../ops/lstm.ts';
import {
  describePreprocess,
  preprocessFeatures,
  recordPreprocess,
  recordPreprocessBackward,
} from '../../ops/preprocess.ts';
import { recordReducePartials } from '../../ops/reduce.ts';
import { recordFill } from '../../ops/vector.ts';
import { fromNamed, toNamed } from '../namedBlocks.ts';
import type { BackwardFace, Binding, BoundOptimizer, LearnedOptimizer, ObserverFace } from '../optimizer.ts';
import { pick } from '../ring.ts';
import { type L2lLayout, type L2lSettings, l2lLayout } from './layout.ts';
import { initialPhi, namedBlocks, weightBlocks } from './weights.ts';

/** Chunks of coordinates whose shares of the weights' gradient are summed apart, then added in order. */
const CHUNKS = 64;

/**
 * The coordinate-wise LSTM optimizer (Andrychowicz et al. 2016): u_t = pre(g_t) through stacked LSTM layers,
 * theta_{t+1} = theta_t + scale * (w . h_t + b). One phi for all coordinates.
 * @param given where phi lies, `l2lLayout(settings).length` f32; planned in `pool` where it is absent
 */
export function createL2l(pool: TensorPool, settings: L2lSettings, given?: Tensor): LearnedOptimizer {
  const layout = l2lLayout(settings);
  const phi = given ?? pool.tensor('phi', [layout.length]);
  const blocks = namedBlocks(layout);
  return {
    description: describe(settings),
    phi,
    weightCount: layout.weightCount,
    blocks: weightBlocks(layout),
    initialPhi: (seed) => initialPhi(layout, seed),
    toNamed: (values) => toNamed(blocks, values, 'zero'),
    gradientToNamed: (gradient) => toNamed(blocks, gradient, 'same'),
    fromNamed: (weights, source) => fromNamed(blocks, layout.length, weights, source, 'l2l'),
    bind: (binding) => bindL2l(binding, settings, layout, phi),
  };
}

function describe({ layers, hidden, preprocess, outputScale }: L2lSettings): string {
  const size = layers === 0 ? 'linear' : `${layers}x${hidden}`;
  return `l2l ${size}, ${describePreprocess(preprocess)}, scale ${outputScale}`;
}

/** States of one layer: slot t holds what step t reads, slot t + 1 what it writes. */
interface LayerStates {
  readonly h: readonly Tensor[];
  readonly c: readonly Tensor[];
}

function bindL2l(binding: Binding, settings: L2lSettings, layout: L2lLayout, phi: Tensor): BoundOptimizer {
  const { pool, coordinates, steps, training, secondDerivatives } = binding;
  const { mp4 } = coordinates;
  const stateSlots = training ? steps + 1 : 2;
  const inputSlots = training ? steps : 1;
  const plan = (label: string, rows: number) => coordinateTensor(pool, label, coordinates, rows);
  const ring = (label: string, rows: number, slots: number) =>
    Array.from({ length: slots }, (_, slot) => plan(`${label} ${slot}`, rows));
  const u = ring('u', preprocessFeatures(settings.preprocess), inputSlots);
  const states: LayerStates[] = layout.layers.map(({ name, hidden }) => ({
    h: ring(`${name} h`, hidden, stateSlots),
    c: ring(`${name} c`, hidden, stateSlots),
  }));
  const weights = layout.layers.map((block) =>
    phi.view(block.name, block.offset, [phi.length - block.offset]),
  );
  const output = phi.view('output', layout.output.offset, [layout.output.length]);
  const outputSizes = { hidden: layout.output.inputs, mp4, scale: settings.outputScale };

  const input = (step: number) => pick(u, step);
  const below = (layer: number, step: number) =>
    layer === 0 ? input(step) : pick(pick(states, layer - 1).h, step + 1);
  const top = (step: number) => below(states.length, step);

  const observe = (): ObserverFace => {
    const widest = Math.max(0, ...layout.layers.map(({ hidden }) => hidden));
    const z = plan('gates that are observed', Math.max(1, LSTM_GATES.length * widest));
    return {
      observables: layout.layers.flatMap(({ hidden }, layer) =>
        LSTM_GATES.map((gate) => ({ name: `LSTM layer ${layer + 1}, ${gate} gate`, rows: hidden })),
      ),
      recordStep(program, step, see) {
        for (const [layer, block] of layout.layers.entries()) {
          const hPrev = pick(pick(states, layer).h, step);
          const tensors = { weights: pick(weights, layer), x: below(layer, step), hPrev, z };
          recordLstmGates(program, tensors, { ...block, mp4, window: layout.window });
          for (const index of LSTM_GATES.keys()) {
            see(layer * LSTM_GATES.length + index, { values: z, firstRow: index * block.hidden });
          }
        }
      },
    };
  };

  const bound: BoundOptimizer = {
    carried: states.flatMap(({ h, c }) => [pick(h, 0), pick(c, 0)]),
    ...(binding.observe && { observer: observe() }),
    recordReset(program) {
      for (const { h, c } of states) {
        recordFill(program, pick(h, 0));
        recordFill(program, pick(c, 0));
      }
    },
    recordCarry(program) {
      if (steps % stateSlots === 0) return;
      for (const { h, c } of states) {
        program.copy(pick(h, steps), pick(h, 0));
        program.copy(pick(c, steps), pick(c, 0));
      }
    },
    recordStep(program, step, { theta, gradient, next }) {
      recordPreprocess(program, { g: gradient, u: input(step) }, settings.preprocess);
      for (const [layer, { h, c }] of states.entries()) {
        const tensors = {
          weights: pick(weights, layer),
          x: below(layer, step),
          hPrev: pick(h, step),
          cPrev: pick(c, step),
          h: pick(h, step + 1),
          c: pick(c, step + 1),
        };
        recordLstmForward(program, tensors, { ...pick(layout.layers, layer), mp4, window: layout.window });
      }
      recordCoordinateOutput(program, { weights: output, h: top(step), theta, next }, outputSizes);
    },
  };
  if (!training) return bound;

  const partials = pool.tensor('phi partials', [layout.length * CHUNKS]);
  const widest = Math.max(0, ...layout.layers.map(({ hidden }) => hidden));
  const dGates = plan('dGates', Math.max(1, 4 * widest));
  const adjoints = layout.layers.map(({ name, hidden }) => ({
    dh: plan(`${name} dh`, hidden),
    dc: plan(`${name} dc`, hidden),
  }));
  const partialsOf = (label: string, offset: number, length: number) =>
    partials.view(`${label} partials`, offset * CHUNKS, [length * CHUNKS]);
  const layerPartials = layout.layers.map(({ name, offset, length }) => partialsOf(name, offset, length));
  const outputPartials = partialsOf('output', layout.output.offset, layout.output.length);
  const du = secondDerivatives ? plan('du', preprocessFeatures(settings.preprocess)) : undefined;
  const dg = secondDerivatives ? plan('dg', 1) : undefined;

  const backward: BackwardFace = {
    recordBegin(program) {
      for (const { dh, dc } of adjoints) {
        recordFill(program, dh);
        recordFill(program, dc);
      }
    },
    recordStep(program, step, { gradient, adjoint }) {
      const numbers = { chunks: CHUNKS, accumulate: step < steps - 1 };
      const outputTensors = { h: top(step), dnext: adjoint, partials: outputPartials };
      recordCoordinateOutputBackwardWeights(program, outputTensors, outputSizes, numbers);
      if (du && states.length === 0) recordFill(program, du);
      const dh = adjoints.at(-1)?.dh ?? du;
      if (dh) recordCoordinateOutputBackward(program, { weights: output, dnext: adjoint, dh }, outputSizes);
      for (let layer = states.length - 1; layer >= 0; layer--) {
        const { h, c } = pick(states, layer);
        const { dh, dc } = pick(adjoints, layer);
        const sizes = { ...pick(layout.layers, layer), mp4, window: layout.window };
        const x = below(layer, step);
        const hPrev = pick(h, step);
        const cPrev = pick(c, step);
        const gates = { weights: pick(weights, layer), x, hPrev, cPrev, dh, dc, dGates };
        recordLstmBackwardGates(program, gates, sizes);
        recordLstmBackwardWeights(
          program,
          { x, hPrev, dGates, partials: pick(layerPartials, layer) },
          sizes,
          numbers,
        );
        const back = { weights: pick(weights, layer), dGates };
        const dInput = layer === 0 ? du : pick(adjoints, layer - 1).dh;
        if (dInput) {
          const numbersX = { of: 'x', accumulate: layer > 0 } as const;
          recordLstmBackwardInputs(program, { ...back, dInput }, sizes, numbersX);
        }
        const numbersH = { of: 'hPrev', accumulate: false } as const;
        recordLstmBackwardInputs(program, { ...back, dInput: dh }, sizes, numbersH);
      }
      if (du && dg) {
        const numbersG = { firstRow: 0, accumulate: false };
        recordPreprocessBackward(program, { g: gradient, du, dg }, settings.preprocess, numbersG);
      }
    },
    recordFinish(program: Program, gradient: Tensor) {
      recordReducePartials(program, { partials, target: gradient }, CHUNKS);
    },
    ...(dg && { inputAdjoints: { gradient: dg } }),
  };
  return { ...bound, backward };
}
