import type { Program } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { coordinateTensor } from '../../ops/coordinates.ts';
import {
  type GatedSizes,
  gatedStateRows,
  recordGatedBackward,
  recordGatedBackwardFeatures,
  recordGatedBackwardGradient,
  recordGatedBackwardWeights,
} from '../../ops/gated.ts';
import { lossPartialsShape, recordGatedLossAdjoint } from '../../ops/gatedInputs.ts';
import { type LstmSizes, recordLstmBackward } from '../../ops/lstm.ts';
import { dGatesRows, lstmChunks, sumChunks } from '../../ops/lstmVariants.ts';
import { preprocessFeatures, recordPreprocessBackward } from '../../ops/preprocess.ts';
import { planPartials } from '../lstmStack.ts';
import type { BackwardFace, BackwardTensors, Binding } from '../optimizer.ts';
import { pick } from '../ring.ts';
import type { GatedLayout } from './layout.ts';
import type { GatedSettings } from './settings.ts';

/** Chunks of coordinates whose shares of the losses' adjoint are added apart, then in order. */
const LOSS_CHUNKS = 64;

/** What a bound optimizer keeps: slot t of a ring is what step t reads, slot t + 1 what it writes. */
export interface GatedTensors {
  /** phi, where the controller begins. */
  readonly weights: Tensor;
  readonly gateWeights: Tensor;
  /** [inputs, M] each: [pre(f_t), pre(g_t)]. Empty when no gate is learned. */
  readonly u: readonly Tensor[];
  /** The controller's states; empty without one. */
  readonly h: readonly Tensor[];
  readonly c: readonly Tensor[];
  /** The gates' values before the sigmoid, then m. */
  readonly state: readonly Tensor[];
  /** a of a step; `otherwise` stands in where no gate is learned and nobody reads it. */
  featuresAt(step: number, otherwise: Tensor): Tensor;
}

interface Bound {
  readonly sizes: GatedSizes;
  readonly lstmSizes: LstmSizes | undefined;
  readonly tensors: GatedTensors;
}

/** Adjoints of the controller and its share of the weights' gradient. */
interface ControllerAdjoints {
  readonly dh: Tensor;
  readonly dc: Tensor;
  readonly dGates: Tensor;
  readonly partials: Tensor;
  /** The adjoint of its inputs; any tensor where nobody wants it. */
  readonly dx: Tensor;
}

/** The backward face: notes in src/shaders/gated/backward.wgsl. */
export function bindGatedBackward(
  { pool, coordinates, steps, secondDerivatives = false }: Binding,
  settings: GatedSettings,
  layout: GatedLayout,
  { sizes, lstmSizes, tensors }: Bound,
): BackwardFace {
  const { learned, features, inputs, controller, gateBlock } = layout;
  const { preprocess } = settings;
  const plan = (label: string, rows: number) => coordinateTensor(pool, label, coordinates, rows);
  const carry = plan('carry of gates and m', gatedStateRows(layout));
  const dGates = plan('adjoint of gates', Math.max(1, learned.length));
  const chunks = lstmSizes ? lstmChunks(pool.context, lstmSizes) : sumChunks(pool.context, coordinates.mp4);
  const partials = features > 0 ? planPartials(pool, gateBlock.offset + gateBlock.length, chunks) : undefined;
  const stride = partials?.stride ?? 0;
  const sumsAt = (step: number) => ({ chunks, stride, accumulate: step < steps - 1 });
  const gatePartials = partials?.from('gates', gateBlock.offset);
  const dg = secondDerivatives ? plan('dg', 1) : undefined;
  const readsLoss = secondDerivatives && features > 0;
  const du = readsLoss ? plan('du', inputs) : undefined;
  const controllerAdjoints: ControllerAdjoints | undefined =
    controller && partials
      ? {
          dh: plan('controller dh', controller.hidden),
          dc: plan('controller dc', controller.hidden),
          dGates: plan('controller dGates', dGatesRows(pool.context, controller)),
          partials: partials.from('controller', 0),
          dx: du ?? pool.tensor('unwanted dx', [4]),
        }
      : undefined;
  const dLoss = readsLoss ? pool.tensor('adjoint of the losses', [coordinates.tasks]) : undefined;
  const lossPartials = readsLoss
    ? pool.tensor('loss partials', lossPartialsShape(coordinates.tasks, LOSS_CHUNKS))
    : undefined;

  /** From dh (and dc of the step after) to the controller's weights, its earlier state and, for `du`, its inputs. */
  function recordController(
    program: Program,
    step: number,
    lstm: LstmSizes,
    adjoints: ControllerAdjoints,
  ): void {
    const states = { x: pick(tensors.u, step), hPrev: pick(tensors.h, step), cPrev: pick(tensors.c, step) };
    recordLstmBackward(program, { weights: tensors.weights, ...states, ...adjoints }, lstm, {
      ...sumsAt(step),
      x: du ? 'set' : 'none',
      hPrev: step > 0,
    });
  }

  /** The learned gates' weights and what they saw; `dGates` has been written. */
  function recordGates(program: Program, step: number, { theta, gradient }: BackwardTensors): void {
    if (!gatePartials) return;
    const before = pick(tensors.state, step);
    const seen = { features: tensors.featuresAt(step, gradient), before, theta };
    const sums = { ...seen, dGates, partials: gatePartials };
    recordGatedBackwardWeights(program, sums, sizes, sumsAt(step));
    const weights = tensors.gateWeights;
    if (lstmSizes && controllerAdjoints) {
      const { dh } = controllerAdjoints;
      recordGatedBackwardFeatures(program, { weights, dGates, dFeatures: dh }, sizes, true);
      recordController(program, step, lstmSizes, controllerAdjoints);
    } else if (du) {
      recordGatedBackwardFeatures(program, { weights, dGates, dFeatures: du }, sizes, false);
    }
  }

  return {
    recordBegin(program) {
      program.clear(carry);
      if (!controllerAdjoints) return;
      program.clear(controllerAdjoints.dh);
      program.clear(controllerAdjoints.dc);
    },
    recordStep(program, step, given) {
      const { theta, gradient, adjoint, losses } = given;
      const state = pick(tensors.state, step + 1);
      if (dg) recordGatedBackwardGradient(program, { state, carry, adjoint, dg }, sizes);
      const cells = { theta, g: gradient, before: pick(tensors.state, step), state, adjoint, carry, dGates };
      recordGatedBackward(program, { weights: tensors.gateWeights, ...cells }, sizes);
      recordGates(program, step, given);
      if (!du || !dg || !dLoss || !lossPartials || !losses) return;
      const numbersG = { firstRow: preprocessFeatures(preprocess), accumulate: true };
      recordPreprocessBackward(program, { g: gradient, du, dg }, preprocess, numbersG);
      const sums = { losses, du, partials: lossPartials, dLoss };
      recordGatedLossAdjoint(program, sums, preprocess, coordinates, { slot: step, chunks: LOSS_CHUNKS });
    },
    recordFinish(program, gradient) {
      partials?.recordSum(program, gradient);
    },
    ...(dg && { inputAdjoints: { gradient: dg, ...(dLoss && { loss: dLoss }) } }),
  };
}
