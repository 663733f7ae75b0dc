import { ConfigError } from '../../errors.ts';
import { type Gate, type GateFeedback, type GateName, gatedRows, learnedGates } from '../../ops/gated.ts';
import { gatedInputFeatures } from '../../ops/gatedInputs.ts';
import { lstmWindow } from '../../ops/lstm.ts';
import { type LstmBlock, lstmBlock } from '../lstmBlock.ts';
import { alignedLength } from '../namedBlocks.ts';
import { type GatedSettings, gatesOf } from './settings.ts';

/** Where everything lies in phi: the controller, the gates, then theta_0. Blocks start at multiples of 64 f32. */
export interface GatedLayout {
  readonly gates: Readonly<Record<GateName, Gate>>;
  /** The gates that are learned, in the order of their rows in the state. */
  readonly learned: readonly GateName[];
  readonly momentum: boolean;
  readonly feedback: GateFeedback;
  /** Numbers a coordinate is given of the loss and its gradient: 2 or 4. */
  readonly inputs: number;
  /** Length of a: the inputs, or the controller's units; 0 when no gate is learned. */
  readonly features: number;
  readonly controller: LstmBlock | undefined;
  /** vec4f of phi that the controller's kernels bind. */
  readonly window: number;
  /** [features + 3] vec4f: a component each gate; those of fixed gates stay zero. */
  readonly gateBlock: { readonly offset: number; readonly length: number };
  /** f32 of the weights that all coordinates share. */
  readonly sharedLength: number;
  readonly theta0: { readonly offset: number; readonly parameters: number } | undefined;
  /** f32 in phi, theta_0 and padding included. */
  readonly length: number;
  /** Shared weights, one bias a layer. */
  readonly weightCount: number;
}

/** @throws ConfigError when the settings contradict each other. */
export function gatedLayout(settings: GatedSettings): GatedLayout {
  const { gates, momentum } = gatesOf(settings);
  const learned = learnedGates({ gates });
  const inputs = gatedInputFeatures(settings.preprocess);
  const isDirect = settings.controller === 'direct';
  const controller =
    learned.length > 0 && !isDirect ? lstmBlock('lstm.0', inputs, settings.hidden, 0) : undefined;
  const features = learned.length === 0 ? 0 : (controller?.hidden ?? inputs);
  const window = controller ? lstmWindow(controller) : 0;
  // Every binding of `window` vec4f fits: those of a controller too large for one begin inside it.
  const lstmLength = controller?.length ?? 0;
  const split = 4 * window < lstmLength ? 4 * window : 0;
  const offset = alignedLength(lstmLength);
  const length = 4 * gatedRows({ features });
  const sharedLength = alignedLength(Math.max(offset + length, lstmLength + split));
  const parameters = settings.theta0Parameters;
  if (parameters !== undefined && !(Number.isInteger(parameters) && parameters > 0)) {
    throw new ConfigError(
      `${settings.kind}: theta_0 cannot have ${parameters} parameters`,
      "give the optimizee's number of parameters",
    );
  }
  return {
    gates,
    learned,
    momentum,
    feedback: settings.gateFeedback,
    inputs,
    features,
    controller,
    window,
    gateBlock: { offset, length },
    sharedLength,
    theta0: parameters === undefined ? undefined : { offset: sharedLength, parameters },
    length: sharedLength + alignedLength(parameters ?? 0),
    weightCount: lstmLength + learned.length * gatedRows({ features }),
  };
}
