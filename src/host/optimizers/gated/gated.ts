import { ConfigError } from '../../errors.ts';
import type { Tensor, TensorPool } from '../../gpu/tensor.ts';
import { coordinateTensor } from '../../ops/coordinates.ts';
import { type GatedSizes, gatedStateRows, recordGatedForward, recordGatedReset } from '../../ops/gated.ts';
import { recordGatedInputs } from '../../ops/gatedInputs.ts';
import { recordLstmForward } from '../../ops/lstm.ts';
import { planLstmTexels } from '../../ops/lstmVariants.ts';
import { fromNamed, toNamed } from '../namedBlocks.ts';
import type { Binding, BoundOptimizer, LearnedOptimizer } from '../optimizer.ts';
import { pick } from '../ring.ts';
import { bindGatedBackward, type GatedTensors } from './backward.ts';
import { type GatedLayout, gatedLayout } from './layout.ts';
import { gatedObserver } from './observer.ts';
import { describeGated, type GatedSettings } from './settings.ts';
import { checkTheta0, initialPhi, namedBlocks, weightBlocks } from './weights.ts';

/**
 * The gated family: theta is the cell of an LSTM whose candidate is -g (or a second cell m that collects -g), and
 * each gate is a number or learned (Ravi & Larochelle 2017; the second cell is the lecture's). Its weights fit any
 * number of parameters; a learned theta_0 is the tail of phi and belongs to one architecture.
 * @param given where phi lies, `gatedLayout(settings).length` f32; planned in `pool` where it is absent
 * @throws ConfigError when the settings contradict each other.
 */
export function createGated(pool: TensorPool, settings: GatedSettings, given?: Tensor): LearnedOptimizer {
  const layout = gatedLayout(settings);
  const phi = given ?? pool.tensor('phi', [layout.length]);
  const blocks = namedBlocks(layout);
  const { theta0 } = layout;
  return {
    description: describeGated(settings),
    phi,
    weightCount: layout.weightCount,
    blocks: weightBlocks(layout),
    ...(theta0 && { theta0: { ...theta0, tensor: phi.view('theta_0', theta0.offset, [theta0.parameters]) } }),
    initialPhi: (seed) => initialPhi(layout, seed),
    toNamed: (values) => toNamed(blocks, values, 'zero'),
    gradientToNamed: (gradient) => toNamed(blocks, gradient, 'same'),
    fromNamed: (weights, source) =>
      fromNamed(
        blocks,
        layout.length,
        checkTheta0(weights, theta0?.parameters, source),
        source,
        settings.kind,
      ),
    bind: (binding) => bindGated(binding, settings, layout, phi),
  };
}

function bindGated(
  binding: Binding,
  settings: GatedSettings,
  layout: GatedLayout,
  phi: Tensor,
): BoundOptimizer {
  const { coordinates, steps, training } = binding;
  const { mp4 } = coordinates;
  const { controller, gates, momentum, feedback, features } = layout;
  const sizes: GatedSizes = { features, gates, momentum, feedback, mp4 };
  const lstmSizes = controller && { ...controller, mp4, window: layout.window };
  const tensors = planTensors(binding, layout, phi);
  const { u, state, h, c } = tensors;
  const rings = controller ? [state, h, c] : [state];

  const bound: BoundOptimizer = {
    carried: rings.map((ring) => pick(ring, 0)),
    ...(binding.observe && { observer: gatedObserver(layout, state) }),
    recordReset(program) {
      recordGatedReset(program, pick(state, 0), sizes);
      if (!controller) return;
      program.clear(pick(h, 0));
      program.clear(pick(c, 0));
    },
    recordCarry(program) {
      for (const ring of rings) {
        if (steps % ring.length !== 0) program.copy(pick(ring, steps), pick(ring, 0));
      }
    },
    recordStep(program, step, { theta, gradient, losses, next }) {
      if (features > 0) {
        if (!losses)
          throw new ConfigError(`${settings.kind} reads the loss`, 'give the losses beside the gradients');
        const at = { g: gradient, losses, u: pick(u, step) };
        recordGatedInputs(program, at, settings.preprocess, coordinates, step);
      }
      if (lstmSizes) {
        const { weights } = tensors;
        const before = { hPrev: pick(h, step), cPrev: pick(c, step) };
        const after = { h: pick(h, step + 1), c: pick(c, step + 1) };
        recordLstmForward(program, { weights, x: pick(u, step), ...before, ...after }, lstmSizes);
      }
      const cells = { before: pick(state, step), state: pick(state, step + 1), theta, g: gradient, next };
      const a = tensors.featuresAt(step, gradient);
      recordGatedForward(program, { weights: tensors.gateWeights, features: a, ...cells }, sizes);
    },
  };
  const hasWeights = layout.learned.length > 0 || layout.theta0 !== undefined;
  if (!training || !hasWeights) return bound;
  return { ...bound, backward: bindGatedBackward(binding, settings, layout, { sizes, lstmSizes, tensors }) };
}

function planTensors(
  { pool, coordinates, steps, training }: Binding,
  layout: GatedLayout,
  phi: Tensor,
): GatedTensors {
  const { controller, gateBlock, features, inputs } = layout;
  const ring = (label: string, rows: number, slots: number) =>
    Array.from({ length: slots }, (_, slot) => coordinateTensor(pool, `${label} ${slot}`, coordinates, rows));
  const stateSlots = training ? steps + 1 : 2;
  const u = features > 0 ? ring('u', inputs, training ? steps : 1) : [];
  const h = controller ? ring('controller h', controller.hidden, stateSlots) : [];
  const weights = phi.view('shared weights', 0, [layout.sharedLength]);
  if (controller) for (const read of [[weights], u, h]) planLstmTexels(pool, read, 1);
  return {
    weights,
    gateWeights: phi.view('gates', gateBlock.offset, [gateBlock.length]),
    u,
    h,
    c: controller ? ring('controller c', controller.hidden, stateSlots) : [],
    state: ring('gates before the sigmoid', gatedStateRows(layout), stateSlots),
    featuresAt(step, otherwise) {
      if (features === 0) return otherwise;
      return controller ? pick(h, step + 1) : pick(u, step);
    },
  };
}
