import type { Program } from '../../gpu/program.ts';
import type { Tensor, TensorPool } from '../../gpu/tensor.ts';
import {
  recordCoordinateOutput,
  recordCoordinateOutputBackward,
  recordCoordinateOutputBackwardWeights,
} from '../../ops/coordinateOutput.ts';
import { coordinateTensor } from '../../ops/coordinates.ts';
import {
  describePreprocess,
  preprocessFeatures,
  recordPreprocess,
  recordPreprocessBackward,
} from '../../ops/preprocess.ts';
import { bindStack, planPartials, stackChunks } from '../lstmStack.ts';
import { fromNamed, toNamed } from '../namedBlocks.ts';
import type { BackwardFace, Binding, BoundOptimizer, LearnedOptimizer } from '../optimizer.ts';
import { pick } from '../ring.ts';
import { type L2lLayout, type L2lSettings, l2lLayout } from './layout.ts';
import { initialPhi, namedBlocks, weightBlocks } from './weights.ts';

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

function bindL2l(binding: Binding, settings: L2lSettings, layout: L2lLayout, phi: Tensor): BoundOptimizer {
  const { pool, coordinates, steps, training, secondDerivatives } = binding;
  const { mp4 } = coordinates;
  const features = preprocessFeatures(settings.preprocess);
  const u = Array.from({ length: training ? steps : 1 }, (_, slot) =>
    coordinateTensor(pool, `u ${slot}`, coordinates, features),
  );
  const stack = bindStack(binding, layout.stack, phi, u);
  const output = phi.view('output', layout.output.offset, [layout.output.length]);
  const outputSizes = { hidden: layout.output.inputs, mp4, scale: settings.outputScale };
  const input = (step: number) => pick(u, step);
  const top = (step: number) => stack.top(step) ?? input(step);

  const recordStates = (program: Program, step: number, gradient: Tensor) => {
    recordPreprocess(program, { g: gradient, u: input(step) }, settings.preprocess);
    stack.recordStep(program, step, input(step));
  };
  const bound: BoundOptimizer = {
    carried: stack.carried,
    ...(binding.observe && { observer: stack.observer(input) }),
    recordReset: (program) => stack.recordReset(program),
    recordCarry: (program) => stack.recordCarry(program),
    recordStep(program, step, { theta, gradient, next }) {
      recordStates(program, step, gradient);
      recordCoordinateOutput(program, { weights: output, h: top(step), theta, next }, outputSizes);
    },
    recordStates,
  };
  if (!training) return bound;

  const end = layout.output.offset + layout.output.length;
  const partials = planPartials(pool, end, stackChunks(binding, layout.stack));
  const back = stack.backward(partials);
  const outputPartials = partials.from('output', layout.output.offset);
  const du = secondDerivatives ? coordinateTensor(pool, 'du', coordinates, features) : undefined;
  const dg = secondDerivatives ? coordinateTensor(pool, 'dg', coordinates) : undefined;

  const backward: BackwardFace = {
    recordBegin: (program) => back.recordBegin(program),
    recordStep(program, step, { gradient, adjoint }) {
      if (settings.layers > 0) {
        const { outputScale: scale } = settings;
        const readout = { weights: output, partials: outputPartials, dOut: adjoint, scale };
        back.recordStep(program, step, input(step), readout, du);
      } else {
        const { chunks, stride } = partials;
        const numbers = { chunks, stride, accumulate: step < steps - 1 };
        const tensors = { h: input(step), dnext: adjoint, partials: outputPartials };
        recordCoordinateOutputBackwardWeights(program, tensors, outputSizes, numbers);
        if (du) {
          program.clear(du);
          recordCoordinateOutputBackward(program, { weights: output, dnext: adjoint, dh: du }, outputSizes);
        }
      }
      if (du && dg) {
        const numbersG = { firstRow: 0, accumulate: false };
        recordPreprocessBackward(program, { g: gradient, du, dg }, settings.preprocess, numbersG);
      }
    },
    recordFinish: (program, gradient) => partials.recordSum(program, gradient),
    ...(dg && { inputAdjoints: { gradient: dg } }),
  };
  return { ...bound, backward };
}
