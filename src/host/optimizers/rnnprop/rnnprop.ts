import type { Program } from '../../gpu/program.ts';
import type { Tensor, TensorPool } from '../../gpu/tensor.ts';
import { coordinateTensor } from '../../ops/coordinates.ts';
import { recordEluLayer, recordEluLayerBackward, recordEluLayerBackwardWeights } from '../../ops/eluLayer.ts';
import {
  MOVING_FEATURES,
  recordMovingAverages,
  recordMovingAveragesBackward,
} from '../../ops/movingAverages.ts';
import { recordTanhOutput, recordTanhOutputBackward } from '../../ops/tanhOutput.ts';
import { bindStack, planPartials, stackChunks } from '../lstmStack.ts';
import { fromNamed, toNamed } from '../namedBlocks.ts';
import type { BackwardFace, Binding, BoundOptimizer, LearnedOptimizer } from '../optimizer.ts';
import { pick } from '../ring.ts';
import { type RnnpropLayout, type RnnpropSettings, rnnpropLayout } from './layout.ts';
import { initialPhi, namedBlocks, weightBlocks } from './weights.ts';

/**
 * RNNprop (Lv, Jiang & Li 2017): u_t = [g, m] / sqrt(v) with bias-corrected moving averages m of g and v of g^2, an ELU
 * layer, stacked LSTM layers, theta_{t+1} = theta_t - scale * tanh(w . h_t + b). One phi for all coordinates.
 * @param given where phi lies, `rnnpropLayout(settings).length` f32; planned in `pool` where it is absent
 */
export function createRnnprop(pool: TensorPool, settings: RnnpropSettings, given?: Tensor): LearnedOptimizer {
  const layout = rnnpropLayout(settings);
  const phi = given ?? pool.tensor('phi', [layout.length]);
  const blocks = namedBlocks(layout);
  return {
    description: `rnnprop ${settings.layers}x${settings.hidden}, scale ${settings.outputScale}`,
    phi,
    weightCount: layout.weightCount,
    blocks: weightBlocks(layout),
    initialPhi: (seed) => initialPhi(layout, seed),
    toNamed: (values) => toNamed(blocks, values, 'zero'),
    gradientToNamed: (gradient) => toNamed(blocks, gradient, 'same'),
    fromNamed: (weights, source) => fromNamed(blocks, layout.length, weights, source, 'rnnprop'),
    bind: (binding) => bindRnnprop(binding, settings, layout, phi),
  };
}

function bindRnnprop(
  binding: Binding,
  settings: RnnpropSettings,
  layout: RnnpropLayout,
  phi: Tensor,
): BoundOptimizer {
  const { pool, coordinates, clock, steps, training, secondDerivatives } = binding;
  const { beta1, beta2 } = settings;
  const { mp4 } = coordinates;
  const plan = (label: string, rows = 1) => coordinateTensor(pool, label, coordinates, rows);
  const ring = (label: string, slots: number, rows = 1) =>
    Array.from({ length: slots }, (_, slot) => plan(`${label} ${slot}`, rows));
  /** First order reads the features of past steps, not the averages behind them. */
  const averageSlots = training && secondDerivatives ? steps + 1 : 2;
  const m = ring('m', averageSlots);
  const v = ring('v', averageSlots);
  const u = ring('u', training ? steps : 1, MOVING_FEATURES);
  /** Output of the ELU layer; made again from u on the way back. */
  const x = plan('input layer', layout.input.hidden);
  const stack = bindStack(binding, layout.stack, phi, [x]);
  const input = phi.view('input layer', 0, [layout.input.length]);
  const output = phi.view('output', layout.output.offset, [layout.output.length]);
  const inputSizes = { hidden: layout.input.hidden, mp4 };
  const outputSizes = { hidden: layout.output.inputs, mp4, scale: settings.outputScale };
  const top = (step: number): Tensor => {
    const h = stack.top(step);
    if (!h) throw new RangeError('rnnprop has at least one LSTM layer');
    return h;
  };

  const recordStates = (program: Program, step: number, gradient: Tensor) => {
    const averages = {
      ...{ mPrev: pick(m, step), vPrev: pick(v, step) },
      ...{ m: pick(m, step + 1), v: pick(v, step + 1) },
    };
    const features = { clock, g: gradient, ...averages, u: pick(u, step) };
    recordMovingAverages(program, features, { beta1, beta2, step });
    recordEluLayer(program, { weights: input, u: pick(u, step), x }, inputSizes);
    stack.recordStep(program, step, x);
  };
  const bound: BoundOptimizer = {
    carried: [pick(m, 0), pick(v, 0), ...stack.carried],
    ...(binding.observe && { observer: stack.observer(() => x) }),
    recordReset(program) {
      program.clear(pick(m, 0));
      program.clear(pick(v, 0));
      stack.recordReset(program);
    },
    recordCarry(program) {
      if (steps % averageSlots !== 0) {
        program.copy(pick(m, steps), pick(m, 0));
        program.copy(pick(v, steps), pick(v, 0));
      }
      stack.recordCarry(program);
    },
    recordStep(program, step, { theta, gradient, next }) {
      recordStates(program, step, gradient);
      recordTanhOutput(program, { weights: output, h: top(step), theta, next }, outputSizes);
    },
    recordStates,
  };
  if (!training) return bound;

  const end = layout.output.offset + layout.output.length;
  const partials = planPartials(pool, end, stackChunks(binding, layout.stack));
  const back = stack.backward(partials);
  const inputPartials = partials.from('input layer', 0);
  const outputPartials = partials.from('output', layout.output.offset);
  const dout = plan('dout');
  const dx = plan('dx', layout.input.hidden);
  /** Adjoints of the averages, which run backwards through the steps with those of h and c. */
  const second = secondDerivatives
    ? { du: plan('du', MOVING_FEATURES), dm: plan('dm'), dv: plan('dv'), dg: plan('dg') }
    : undefined;

  const backward: BackwardFace = {
    recordBegin(program) {
      back.recordBegin(program);
      if (!second) return;
      program.clear(second.dm);
      program.clear(second.dv);
    },
    recordStep(program, step, { gradient, adjoint }) {
      const { chunks, stride } = partials;
      const numbers = { chunks, stride, accumulate: step < steps - 1 };
      const h = top(step);
      recordTanhOutputBackward(program, { weights: output, h, dnext: adjoint, dout }, outputSizes);
      recordEluLayer(program, { weights: input, u: pick(u, step), x }, inputSizes);
      const readout = { weights: output, partials: outputPartials, dOut: dout, scale: 1 };
      back.recordStep(program, step, x, readout, dx);
      const inputSums = { u: pick(u, step), x, dx, partials: inputPartials };
      recordEluLayerBackwardWeights(program, inputSums, inputSizes, numbers);
      if (!second) return;
      const { du, dm, dv, dg } = second;
      recordEluLayerBackward(program, { weights: input, x, dx, du }, inputSizes);
      const averages = { clock, g: gradient, m: pick(m, step + 1), v: pick(v, step + 1), du, dm, dv, dg };
      recordMovingAveragesBackward(program, averages, { beta1, beta2, step });
    },
    recordFinish: (program, gradient) => partials.recordSum(program, gradient),
    ...(second && { inputAdjoints: { gradient: second.dg } }),
  };
  return { ...bound, backward };
}
