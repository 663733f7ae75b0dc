import * as z from 'zod';
import { GATE_FEEDBACKS } from './ops/gated.ts';
import { CONTROLLERS, GATED_DEFAULTS, type GatedName } from './optimizers/gated/settings.ts';
import { GROUPINGS } from './optimizers/grouped/settings.ts';
import { between, count } from './settingTypes.ts';

/** Settings of the learned optimizers: a schema each, and the one of them all. */

export const preprocessSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('log-sign'), p: between(0.001, 60) }),
  z.strictObject({ kind: z.literal('clamp'), k: between(0.001, 60) }),
]);

/**
 * Groups of parameters with weights of their own: by kind of layer or by layer, and the names of those that there are.
 * Where the parameters of a group lie follows from the task.
 */
const groupsSetting = z
  .strictObject({
    by: z.enum(GROUPINGS),
    names: z
      .array(z.string().regex(/^[a-z][a-z0-9-]*$/))
      .min(1)
      .max(128),
  })
  .superRefine(({ names }, context) => {
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice === undefined) return;
    context.addIssue({ code: 'custom', path: ['names'], message: `holds ${twice} twice` });
  })
  .optional();

/** Units of an LSTM layer at the most: 16 units' weights must fit one uniform binding (src/host/ops/lstm.ts). */
const MOST_UNITS = { first: 253, stacked: 127, controller: 251 };

export const l2lOptimizer = z
  .strictObject({
    kind: z.literal('l2l'),
    layers: z.int().min(0).max(8).default(2),
    hidden: count(MOST_UNITS.first).default(20),
    preprocess: preprocessSchema.default({ kind: 'log-sign', p: 10 }),
    outputScale: between(1e-6, 1000).default(0.1),
    groups: groupsSetting,
  })
  .superRefine(({ layers, hidden }, context) => {
    if (layers < 2 || hidden <= MOST_UNITS.stacked) return;
    const message = `is ${hidden}, but must be at most ${MOST_UNITS.stacked} where there is more than one layer`;
    context.addIssue({ code: 'custom', path: ['hidden'], message });
  });

export const rnnpropOptimizer = z.strictObject({
  kind: z.literal('rnnprop'),
  layers: z.int().min(1).max(8).default(2),
  hidden: count(MOST_UNITS.stacked).default(20),
  /** Decay rates of the moving averages of g and of g^2. */
  beta1: between(0, 0.9999).default(0.95),
  beta2: between(0, 0.9999).default(0.95),
  outputScale: between(1e-6, 1000).default(0.1),
  groups: groupsSetting,
});

/** A gate is learned, or fixed at a number. */
const gate = z.union([z.literal('learned'), z.strictObject({ fixed: between(-1e6, 1e6) })], {
  error: 'learned, or a number from -1000000 to 1000000',
});

/** The gated family: one schema a name, with the name's own defaults. */
function gatedOptimizer<Name extends GatedName>(kind: Name) {
  const { gates, controller, hidden, gateFeedback, preprocess } = GATED_DEFAULTS[kind];
  const { momentumForget, momentumInput } = gates;
  const settings = z.strictObject({
    kind: z.literal(kind),
    gates: z
      .strictObject({
        forget: gate.default(gates.forget),
        input: gate.default(gates.input),
        momentumForget: momentumForget ? gate.default(momentumForget) : gate.optional(),
        momentumInput: momentumInput ? gate.default(momentumInput) : gate.optional(),
      })
      .prefault({}),
    controller: z.enum(CONTROLLERS).default(controller),
    hidden: count(MOST_UNITS.controller).default(hidden),
    gateFeedback: z.enum(GATE_FEEDBACKS).default(gateFeedback),
    preprocess: preprocessSchema.default(preprocess),
    /** Parameters of the learned theta_0; absent where tasks start as they are drawn. */
    theta0Parameters: count(1_000_000_000).optional(),
    groups: groupsSetting,
  });
  return settings.superRefine(({ groups, gates }, context) => {
    if (!groups || Object.values(gates).includes('learned')) return;
    const message = `is by ${groups.by}, but no gate is learned, so that groups would have no weights`;
    context.addIssue({ code: 'custom', path: ['groups'], message });
  });
}

export const optimizerSchema = z.discriminatedUnion('kind', [
  l2lOptimizer,
  rnnpropOptimizer,
  gatedOptimizer('gradient-descent-lstm'),
  gatedOptimizer('meta-lstm'),
  gatedOptimizer('momentum-lstm'),
]);
export type OptimizerConfig = z.infer<typeof optimizerSchema>;
export type L2lConfig = z.infer<typeof l2lOptimizer>;
