import {
  ConfigError,
  evaluationSchema,
  HAND_DESIGNED,
  type HandDesignedName,
  optimizerSchema,
  parseConfig,
  type SettingName,
  settingPath,
  type TaskConfig,
  type TrainConfig,
  taskParameters,
  taskSchema,
  trainSchema,
} from '../host/index.ts';
import { TASK_NAMES, taskOptions, type Values } from './options.ts';
import { suggestion } from './suggest.ts';

/** The flag that sets a setting, by the setting's place; the rest are called like their place's last part. */
const FLAGS: Readonly<Record<string, string>> = {
  'task.hidden': 'widths',
  'optimizer.kind': 'optimizer',
  'optimizer.preprocess.kind': 'preprocess',
  'optimizer.outputScale': 'output-scale',
  metaLearningRate: 'learning-rate',
  lossWeights: 'loss-weights',
  'optimizer.gateFeedback': 'gate-feedback',
  'optimizer.gates.forget': 'forget-gate',
  'optimizer.gates.input': 'input-gate',
  'optimizer.gates.momentumForget': 'momentum-forget-gate',
  'optimizer.gates.momentumInput': 'momentum-input-gate',
  secondDerivatives: 'second-derivatives',
  'validation.tasks': 'validation-tasks',
  'validation.every': 'validate-every',
  tuningTasks: 'tuning-tasks',
};

/** A setting under the name of the flag that the user typed. */
const flagOf: SettingName = (path) => {
  const names = path.filter((part) => typeof part === 'string');
  for (let length = names.length; length > 0; length--) {
    const flag = FLAGS[settingPath(names.slice(0, length))];
    if (flag !== undefined) return `--${flag}`;
  }
  return names.length === 0 ? '' : `--${names.at(-1)}`;
};

/** Checks what flags say; messages name the flags. */
export const parseFlags: typeof parseConfig = (schema, value, where) =>
  parseConfig(schema, value, where, flagOf);

/** A number option; the parser turns what is no number into NaN. */
export function number(values: Values, name: string): number | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  refuseRepeated(value, name);
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new ConfigError(`--${name} is not a number`, `give it one number, such as --${name} 20`);
  }
  return value;
}

export function text(values: Values, name: string): string | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  refuseRepeated(value, name);
  return String(value);
}

function refuseRepeated(value: unknown, name: string): void {
  if (Array.isArray(value)) throw new ConfigError(`--${name} was given more than once`, 'give it once');
}

function numbers(list: string, name: string): number[] {
  if (list.trim() === '') return [];
  return list.split(',').map((part) => {
    const value = Number(part);
    if (part.trim() === '' || Number.isNaN(value)) {
      throw new ConfigError(
        `--${name} is ${JSON.stringify(list)}, but must be numbers separated by commas`,
        `for example --${name} 20,20`,
      );
    }
    return value;
  });
}

/** Drops what was not given, so that defaults apply. */
function given(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function startingValues(values: Values): unknown {
  const initial = text(values, 'initial');
  if (initial === undefined) return undefined;
  if (initial === 'pytorch') return { kind: 'pytorch' };
  const scale = initial.trim() === '' ? Number.NaN : Number(initial);
  if (!(scale >= 0 && scale <= 100)) {
    throw new ConfigError(
      `--initial is ${JSON.stringify(initial)}, but must be pytorch or a number from 0 to 100`,
      'for example --initial 0.01',
    );
  }
  return { kind: 'normal', scale };
}

/** The optimizee that name and options describe; options override `base`, the task weights were trained on. */
export function taskFrom(name: string | undefined, values: Values, base?: TaskConfig): TaskConfig {
  const known = TASK_NAMES.find((task) => task === name);
  if (name !== undefined && !known) {
    throw new ConfigError(
      `there is no task ${JSON.stringify(name)}${suggestion(name, TASK_NAMES)}`,
      `choose one of: ${TASK_NAMES.join(', ')}`,
    );
  }
  const kind = known === undefined ? base?.kind : known === 'quadratic' ? 'quadratic' : 'mlp';
  const widths = text(values, 'widths');
  const settings = {
    quadratic: { dimension: number(values, 'dimension'), distribution: text(values, 'distribution') },
    mlp: {
      resolution: number(values, 'resolution'),
      hidden: widths === undefined ? undefined : numbers(widths, 'widths'),
      activation: text(values, 'activation'),
      batch: number(values, 'batch'),
      initial: startingValues(values),
    },
  }[kind ?? 'mlp'];
  const own = Object.keys(settings).map((setting) => (setting === 'hidden' ? 'widths' : setting));
  const foreign = Object.keys(taskOptions).find(
    (option) => values[option] !== undefined && !own.includes(option),
  );
  if (foreign !== undefined) {
    const task = kind === 'quadratic' ? 'quadratic' : 'mnist';
    throw new ConfigError(
      `--${foreign} does not belong to the task ${task}`,
      `leave it out; ${task} has ${own.map((option) => `--${option}`).join(', ')}`,
    );
  }
  const start = base?.kind === kind ? base : {};
  return parseConfig(taskSchema, { ...start, ...given(settings), kind }, '', (path) =>
    flagOf(['task', ...path]),
  );
}

function preprocessFrom(values: Values): unknown {
  const p = number(values, 'p');
  const k = number(values, 'k');
  const kind =
    text(values, 'preprocess') ?? (k !== undefined ? 'clamp' : p !== undefined ? 'log-sign' : undefined);
  const stray =
    kind !== 'log-sign' && p !== undefined ? 'p' : kind !== 'clamp' && k !== undefined ? 'k' : undefined;
  if (stray !== undefined) {
    const owner = stray === 'p' ? 'log-sign' : 'clamp';
    throw new ConfigError(
      `--${stray} belongs to --preprocess ${owner}, and the preprocessing is ${kind}`,
      `leave --${stray} out, or choose --preprocess ${owner}`,
    );
  }
  if (kind === 'log-sign') return { kind, p: p ?? 10 };
  if (kind === 'clamp') return { kind, k: k ?? 5 };
  return kind === undefined ? undefined : { kind };
}

/** A gate's flag: learned, or the number it is fixed at. */
function gateFrom(values: Values, name: string): unknown {
  const value = text(values, name);
  if (value === undefined || value === 'learned') return value;
  const fixed = value.trim() === '' ? Number.NaN : Number(value);
  if (Number.isFinite(fixed)) return { fixed };
  throw new ConfigError(
    `--${name} is ${JSON.stringify(value)}, but must be learned or a number`,
    `for example --${name} learned or --${name} 0.01`,
  );
}

/** Flags that only some optimizers have, with what they set. */
function optimizerFlags(kind: string, task: TaskConfig, values: Values): Record<string, unknown> {
  const own: Record<'l2l' | 'gated', Record<string, unknown>> = {
    l2l: { layers: number(values, 'layers'), 'output-scale': number(values, 'output-scale') },
    gated: {
      controller: text(values, 'controller'),
      'gate-feedback': text(values, 'gate-feedback'),
      'forget-gate': gateFrom(values, 'forget-gate'),
      'input-gate': gateFrom(values, 'input-gate'),
      'momentum-forget-gate': gateFrom(values, 'momentum-forget-gate'),
      'momentum-input-gate': gateFrom(values, 'momentum-input-gate'),
      'learn-theta0': values['learn-theta0'] === true ? true : undefined,
    },
  };
  const family = kind === 'l2l' ? 'l2l' : 'gated';
  const foreign = Object.entries(own[family === 'l2l' ? 'gated' : 'l2l']).find(
    ([, value]) => value !== undefined,
  );
  if (foreign) {
    throw new ConfigError(
      `--${foreign[0]} does not belong to the optimizer ${kind}`,
      `leave it out; ${kind} has ${Object.keys(own[family])
        .map((flag) => `--${flag}`)
        .join(', ')}`,
    );
  }
  const { l2l, gated } = own;
  if (family === 'l2l') return { layers: l2l['layers'], outputScale: l2l['output-scale'] };
  const gates = given({
    forget: gated['forget-gate'],
    input: gated['input-gate'],
    momentumForget: gated['momentum-forget-gate'],
    momentumInput: gated['momentum-input-gate'],
  });
  return {
    gates,
    controller: gated['controller'],
    gateFeedback: gated['gate-feedback'],
    theta0Parameters: gated['learn-theta0'] === true ? taskParameters(task) : undefined,
  };
}

/** The whole configuration of a training run. */
export function trainConfigFrom(task: TaskConfig, values: Values): TrainConfig {
  const kind = text(values, 'optimizer') ?? 'l2l';
  const optimizers: readonly string[] = optimizerSchema.options.flatMap(({ shape }) => [
    ...shape.kind.values,
  ]);
  if (!optimizers.includes(kind)) {
    throw new ConfigError(
      `there is no learned optimizer ${JSON.stringify(kind)}${suggestion(kind, optimizers)}`,
      `choose one of: ${optimizers.join(', ')}`,
    );
  }
  const iterations = number(values, 'iterations');
  if (iterations === undefined) {
    throw new ConfigError('--iterations is missing', 'say how many meta-steps to train: --iterations 1000');
  }
  const lossWeights = text(values, 'loss-weights');
  const isList = lossWeights !== undefined && /^[\s\d.,eE+-]*$/.test(lossWeights);
  const config = {
    task,
    optimizer: given({
      kind,
      hidden: number(values, 'hidden'),
      preprocess: preprocessFrom(values),
      ...optimizerFlags(kind, task, values),
    }),
    ...given({
      seed: number(values, 'seed'),
      tasks: number(values, 'tasks'),
      unroll: number(values, 'unroll'),
      horizon: number(values, 'horizon'),
      iterations,
      metaLearningRate: number(values, 'learning-rate'),
      clip: number(values, 'clip'),
      lossWeights: isList ? numbers(lossWeights, 'loss-weights') : lossWeights,
      patience: number(values, 'patience'),
      secondDerivatives: values['second-derivatives'] === true ? true : undefined,
    }),
    validation: given({
      tasks: number(values, 'validation-tasks'),
      every: number(values, 'validate-every'),
      select: text(values, 'select'),
    }),
  };
  return parseFlags(trainSchema, config, '');
}

/** What `evaluate` runs, where its flags do not say otherwise as the weights were trained. */
export function evaluationFrom(
  values: Values,
  trained: { readonly seed: number; readonly horizon: number },
): { seed: number; horizon: number; tasks: number; tuningTasks: number } {
  const settings = given({
    seed: number(values, 'seed') ?? trained.seed,
    horizon: number(values, 'horizon') ?? trained.horizon,
    tasks: number(values, 'tasks'),
    tuningTasks: number(values, 'tuning-tasks'),
  });
  return parseFlags(evaluationSchema, settings, '');
}

/** Held-out tasks that a training run reports on. */
export function testTasksFrom(values: Values): number {
  return parseConfig(evaluationSchema.shape.tasks, number(values, 'test-tasks'), '--test-tasks');
}

/** The optimizers to compare with. */
export function baselinesFrom(values: Values): HandDesignedName[] {
  const list = text(values, 'baselines');
  if (list === undefined) return [...HAND_DESIGNED];
  if (list.trim() === '') return [];
  const names = list.split(',').map((part) => {
    const name = part.trim();
    const known = HAND_DESIGNED.find((candidate) => candidate === name);
    if (!known) {
      throw new ConfigError(
        `there is no baseline ${JSON.stringify(name)}${suggestion(name, HAND_DESIGNED)}`,
        `choose from: ${HAND_DESIGNED.join(', ')}`,
      );
    }
    return known;
  });
  return [...new Set(names)];
}
