import type { Options } from 'yargs';
import {
  ConfigError,
  parseConfig,
  type TaskConfig,
  type TrainConfig,
  taskSchema,
  trainSchema,
} from '../host/index.ts';
import { ADAPTER_CHOICES } from '../node/index.ts';

/** Options all commands have. */
export const commonOptions = {
  adapter: { choices: ADAPTER_CHOICES, describe: 'adapter to use (default: the best there is)' },
  json: { type: 'boolean', default: false, describe: 'print one JSON document on stdout' },
} as const satisfies Record<string, Options>;

/** Options that describe an optimizee. */
export const taskOptions = {
  resolution: { type: 'number', describe: 'mnist: image side, 28, or average-pooled to 14 or 7' },
  widths: {
    type: 'string',
    describe: 'mnist: widths of the hidden layers, such as 20 or 20,20; "" for none',
  },
  activation: { type: 'string', describe: 'mnist: sigmoid, tanh or relu' },
  batch: { type: 'number', describe: 'mnist: examples in a minibatch' },
  initial: { type: 'string', describe: 'mnist: starting values, pytorch or the scale of N(0, s^2)' },
  dimension: { type: 'number', describe: 'quadratic: dimensions' },
  distribution: {
    type: 'string',
    describe: 'quadratic: uniform (the released code) or gaussian (the paper)',
  },
} as const satisfies Record<string, Options>;

/** Options that describe an optimizer and its training. */
export const trainOptions = {
  optimizer: { type: 'string', default: 'l2l', describe: 'learned optimizer' },
  layers: { type: 'number', describe: 'LSTM layers (default 2; 0 is a linear optimizer)' },
  hidden: { type: 'number', describe: 'units of a layer (default 20)' },
  preprocess: { type: 'string', describe: 'gradient preprocessing: log-sign, clamp or none' },
  p: { type: 'number', describe: 'log-sign: its p (default 10)' },
  k: { type: 'number', describe: 'clamp: its k (default 5)' },
  'output-scale': { type: 'number', describe: 'factor on the optimizer output (default 0.1)' },
  seed: { type: 'number', describe: 'seed of everything random (default 1)' },
  tasks: { type: 'number', describe: 'tasks a meta-step averages over (default 1)' },
  unroll: { type: 'number', describe: 'steps the meta-gradient goes back through (default 20)' },
  horizon: { type: 'number', describe: 'steps of an episode (default 100)' },
  iterations: { type: 'number', describe: 'meta-steps, one an unroll' },
  'learning-rate': { type: 'number', describe: 'of meta-Adam (default 0.003)' },
  clip: { type: 'number', describe: 'largest norm of the meta-gradient (default: no clipping)' },
  'loss-weights': { type: 'string', describe: 'sum, final, or unroll + 1 numbers separated by commas' },
  'validation-tasks': { type: 'number', describe: 'tasks the best weights are chosen on (default 16)' },
  'validate-every': { type: 'number', describe: 'meta-steps between two validations (default 100)' },
  select: { type: 'string', describe: 'choose the best weights by final or sum of losses (default final)' },
  patience: { type: 'number', describe: 'non-finite meta-steps in a row before giving up (default 50)' },
} as const satisfies Record<string, Options>;

/** Values as the parser hands them over. */
export type Values = Readonly<Record<string, unknown>>;

export const TASK_NAMES = ['quadratic', 'mnist'] as const;

/** A number option; the parser turns what is no number into NaN. */
function number(values: Values, name: string): number | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new ConfigError(`--${name} is not a number`, `give it one number, such as --${name} 20`);
  }
  return value;
}

function text(values: Values, name: string): string | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new ConfigError(`--${name} was given more than once`, 'give it once');
  return value;
}

function numbers(list: string, name: string): number[] {
  if (list.trim() === '') return [];
  return list.split(',').map((part) => {
    const value = Number(part);
    if (part.trim() === '' || Number.isNaN(value)) {
      throw new ConfigError(
        `--${name} is ${JSON.stringify(list)}`,
        'write numbers separated by commas, such as 20,20',
      );
    }
    return value;
  });
}

/** Drops what was not given, so that defaults apply. */
function given(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** The optimizee that name and options describe; options override `base`, the task weights were trained on. */
export function taskFrom(name: string | undefined, values: Values, base?: TaskConfig): TaskConfig {
  const known = TASK_NAMES.find((task) => task === name);
  if (name !== undefined && !known) {
    throw new ConfigError(
      `there is no task ${JSON.stringify(name)}`,
      `choose one of: ${TASK_NAMES.join(', ')}`,
    );
  }
  const kind = known === undefined ? base?.kind : known === 'quadratic' ? 'quadratic' : 'mlp';
  const start = base?.kind === kind ? base : {};
  const widths = text(values, 'widths');
  const initial = text(values, 'initial');
  const overrides =
    kind === 'quadratic'
      ? { dimension: number(values, 'dimension'), distribution: text(values, 'distribution') }
      : {
          resolution: number(values, 'resolution'),
          hidden: widths === undefined ? undefined : numbers(widths, 'widths'),
          activation: text(values, 'activation'),
          batch: number(values, 'batch'),
          initial:
            initial === undefined
              ? undefined
              : initial === 'pytorch'
                ? { kind: 'pytorch' }
                : { kind: 'normal', scale: numbers(initial, 'initial')[0] },
        };
  const foreign = Object.keys(taskOptions).filter(
    (option) =>
      values[option] !== undefined &&
      !Object.keys(overrides).includes(option === 'widths' ? 'hidden' : option),
  );
  if (foreign.length > 0) {
    throw new ConfigError(
      `--${foreign[0]} does not belong to this task`,
      `leave it out, or choose the other task`,
    );
  }
  return parseConfig(taskSchema, { ...start, ...given(overrides), kind }, 'task');
}

function preprocessFrom(values: Values): unknown {
  const kind = text(values, 'preprocess');
  const p = number(values, 'p');
  const k = number(values, 'k');
  if (kind === undefined && p === undefined && k === undefined) return undefined;
  switch (kind ?? (k === undefined ? 'log-sign' : 'clamp')) {
    case 'none':
      return { kind: 'none' };
    case 'clamp':
      return { kind: 'clamp', k: k ?? 5 };
    case 'log-sign':
      return { kind: 'log-sign', p: p ?? 10 };
    default:
      throw new ConfigError(
        `there is no preprocessing ${JSON.stringify(kind)}`,
        'choose log-sign, clamp or none',
      );
  }
}

/** The whole configuration of a training run. */
export function trainConfigFrom(task: TaskConfig, values: Values): TrainConfig {
  const optimizer = text(values, 'optimizer') ?? 'l2l';
  if (optimizer !== 'l2l') {
    throw new ConfigError(`there is no learned optimizer ${JSON.stringify(optimizer)}`, 'choose: l2l');
  }
  const lossWeights = text(values, 'loss-weights');
  const named = lossWeights === undefined || lossWeights === 'sum' || lossWeights === 'final';
  const config = {
    task,
    optimizer: given({
      kind: optimizer,
      layers: number(values, 'layers'),
      hidden: number(values, 'hidden'),
      preprocess: preprocessFrom(values),
      outputScale: number(values, 'output-scale'),
    }),
    ...given({
      seed: number(values, 'seed'),
      tasks: number(values, 'tasks'),
      unroll: number(values, 'unroll'),
      horizon: number(values, 'horizon'),
      iterations: number(values, 'iterations'),
      metaLearningRate: number(values, 'learning-rate'),
      clip: number(values, 'clip'),
      lossWeights: named ? lossWeights : numbers(lossWeights, 'loss-weights'),
      patience: number(values, 'patience'),
    }),
    validation: given({
      tasks: number(values, 'validation-tasks'),
      every: number(values, 'validate-every'),
      select: text(values, 'select'),
    }),
  };
  return parseConfig(trainSchema, config, 'settings');
}
