import { ConfigError } from '../../errors.ts';
import { GATES, type Gate, type GateFeedback, type GateName, learnedGates } from '../../ops/gated.ts';
import { describePreprocess, type Preprocess } from '../../ops/preprocess.ts';

/** Learned gates in three steps: gradient descent as an LSTM, gates that are learned, one more cell. */
export const GATED_NAMES = ['gradient-descent-lstm', 'meta-lstm', 'momentum-lstm'] as const;
export type GatedName = (typeof GATED_NAMES)[number];

/** Whether a learned optimizer of this name is of the gated family. */
export function isGated(kind: string): kind is GatedName {
  const names: readonly string[] = GATED_NAMES;
  return names.includes(kind);
}

/** What the learned gates see of [pre(f), pre(g)]: that itself, or the hidden state of an LSTM that runs on it. */
export const CONTROLLERS = ['direct', 'lstm'] as const;
export type Controller = (typeof CONTROLLERS)[number];

/** Everything an optimizer of the gated family is made of. */
export interface GatedSettings {
  readonly kind: GatedName;
  /** Each gate fixed at a number or learned; the last two make the second cell m, and come both or not at all. */
  readonly gates: {
    readonly forget: Gate;
    readonly input: Gate;
    readonly momentumForget?: Gate | undefined;
    readonly momentumInput?: Gate | undefined;
  };
  readonly controller: Controller;
  /** Units of the controller `lstm`; without meaning for `direct`. */
  readonly hidden: number;
  /** What a gate is fed of its own previous value: before the sigmoid (the released code) or after it (the paper). */
  readonly gateFeedback: GateFeedback;
  readonly preprocess: Preprocess;
  /** N, where theta_0 is learned; absent, tasks start where the optimizee draws them. */
  readonly theta0Parameters?: number | undefined;
}

/** The settings each name stands for; a learning rate of 0.01 where the input gate is fixed. */
export const GATED_DEFAULTS: Readonly<Record<GatedName, GatedSettings>> = {
  'gradient-descent-lstm': {
    kind: 'gradient-descent-lstm',
    gates: { forget: { fixed: 1 }, input: { fixed: 0.01 } },
    controller: 'direct',
    hidden: 20,
    gateFeedback: 'pre-sigmoid',
    preprocess: { kind: 'log-sign', p: 10 },
  },
  'meta-lstm': {
    kind: 'meta-lstm',
    gates: { forget: 'learned', input: 'learned' },
    controller: 'lstm',
    hidden: 20,
    gateFeedback: 'pre-sigmoid',
    preprocess: { kind: 'log-sign', p: 10 },
  },
  'momentum-lstm': {
    kind: 'momentum-lstm',
    gates: { forget: 'learned', input: 'learned', momentumForget: 'learned', momentumInput: 'learned' },
    controller: 'lstm',
    hidden: 20,
    gateFeedback: 'pre-sigmoid',
    preprocess: { kind: 'log-sign', p: 10 },
  },
};

/** The settings of a name with some of them chosen; gates are chosen one by one. */
export function gatedSettings(
  kind: GatedName,
  choices: Partial<Omit<GatedSettings, 'kind' | 'gates'>> & {
    readonly gates?: Partial<GatedSettings['gates']>;
  } = {},
): GatedSettings {
  const defaults = GATED_DEFAULTS[kind];
  return { ...defaults, ...choices, gates: { ...defaults.gates, ...choices.gates } };
}

/** The four gates, those of a missing second cell fixed at 1, and whether it is there. */
export function gatesOf({ kind, gates }: GatedSettings): {
  readonly gates: Readonly<Record<GateName, Gate>>;
  readonly momentum: boolean;
} {
  const { forget, input, momentumForget, momentumInput } = gates;
  if ((momentumForget === undefined) !== (momentumInput === undefined)) {
    const missing = momentumForget === undefined ? 'momentumForget' : 'momentumInput';
    throw new ConfigError(
      `${kind}: the second cell has no ${missing} gate`,
      'give both of its gates, momentumForget and momentumInput, or neither',
    );
  }
  const none = { fixed: 1 } as const;
  const all = { forget, input, momentumForget: momentumForget ?? none, momentumInput: momentumInput ?? none };
  for (const name of GATES) {
    const gate = all[name];
    if (gate !== 'learned' && !Number.isFinite(gate.fixed)) {
      throw new ConfigError(
        `${kind}: the ${name} gate is fixed at ${gate.fixed}`,
        'fix it at a finite number',
      );
    }
  }
  return { gates: all, momentum: momentumForget !== undefined };
}

/** For reports: 'meta-lstm, lstm 20, log-sign p=10, theta_0 learned'. */
export function describeGated(settings: GatedSettings): string {
  const { gates, momentum } = gatesOf(settings);
  const learned = learnedGates({ gates });
  const present = momentum ? GATES : GATES.slice(0, 2);
  const fixed = present.flatMap((name) => {
    const gate = gates[name];
    return gate === 'learned' ? [] : [`${name} = ${gate.fixed}`];
  });
  const parts: string[] = [settings.kind, ...fixed];
  if (learned.length > 0) {
    parts.push(settings.controller === 'lstm' ? `lstm ${settings.hidden}` : 'direct');
    parts.push(describePreprocess(settings.preprocess));
    if (settings.gateFeedback === 'sigmoid') parts.push('gates fed back after the sigmoid');
  }
  if (settings.theta0Parameters !== undefined) parts.push('theta_0 learned');
  return parts.join(', ');
}
