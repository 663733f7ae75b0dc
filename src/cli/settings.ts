import {
  ConfigError,
  type EvaluationSettings,
  evaluationSchema,
  GROUPINGS,
  groupNames,
  HAND_DESIGNED,
  type HandDesignedName,
  isEpisode,
  isGated,
  optimizerSchema,
  parseConfig,
  type SettingName,
  settingPath,
  type TaskConfig,
  type TrainConfig,
  taskGroups,
  taskParameters,
  trainSchema,
} from '../host/index.ts';
import { GRADIENT_ESTIMATORS, type Values } from './options.ts';
import { suggestion } from './suggest.ts';

/** The flag that sets a setting, by the setting's place; the rest are called like their place's last part. */
const FLAGS: Readonly<Record<string, string>> = {
  'task.layers': 'network',
  'task.layers.units': 'widths',
  'task.layers.function': 'activation',
  'optimizer.kind': 'optimizer',
  'optimizer.preprocess.kind': 'preprocess',
  'optimizer.outputScale': 'output-scale',
  metaLearningRate: 'learning-rate',
  finalMetaLearningRate: 'final-learning-rate',
  startClasses: 'start-classes',
  theta0LearningRate: 'theta0-learning-rate',
  weightAverage: 'weight-average',
  'curriculum.horizons': 'curriculum',
  'curriculum.patience': 'stage-patience',
  'pes.sigma': 'pes-sigma',
  'pes.pairs': 'pes-pairs',
  'imitation.teacher': 'imitate',
  'imitation.ratio': 'imitation-ratio',
  'imitation.learningRate': 'imitation-learning-rate',
  lossWeights: 'loss-weights',
  'optimizer.groups': 'groups',
  'optimizer.gateFeedback': 'gate-feedback',
  'optimizer.gates.forget': 'forget-gate',
  'optimizer.gates.input': 'input-gate',
  'optimizer.gates.momentumForget': 'momentum-forget-gate',
  'optimizer.gates.momentumInput': 'momentum-input-gate',
  secondDerivatives: 'second-derivatives',
  randomScaling: 'random-scaling',
  scaledFrom: 'scaled-from',
  helperTask: 'helper-task',
  coordinateSample: 'coordinate-sample',
  'validation.tasks': 'validation-tasks',
  'validation.every': 'validate-every',
  'validation.activation': 'validation-activation',
  tuningTasks: 'tuning-tasks',
};

/** A setting under the name of the flag that the user typed. */
export const flagOf: SettingName = (path) => {
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

/** A list of words separated by commas; empty where the option is not given. */
export function listFrom(values: Values, name: string): string[] {
  const list = text(values, name) ?? '';
  return list
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function refuseRepeated(value: unknown, name: string): void {
  if (Array.isArray(value)) throw new ConfigError(`--${name} was given more than once`, 'give it once');
}

export function numbers(list: string, name: string): number[] {
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
export function given(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
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

/** The groups of the task's parameters that get weights of their own. */
function groupsFrom(values: Values, task: TaskConfig): unknown {
  const by = text(values, 'groups');
  if (by === undefined) return undefined;
  const known = GROUPINGS.find((grouping) => grouping === by);
  if (known) return { by, names: groupNames(known, taskGroups(task) ?? []) };
  throw new ConfigError(
    `--groups is ${JSON.stringify(by)}${suggestion(by, GROUPINGS)}, but must be one of: ${GROUPINGS.join(', ')}`,
    'for example --groups kinds, or leave it out for one set of weights',
  );
}

function curriculumFrom(values: Values): unknown {
  const horizons = text(values, 'curriculum');
  const patience = number(values, 'stage-patience');
  if (horizons !== undefined) return given({ horizons: numbers(horizons, 'curriculum'), patience });
  if (patience === undefined) return undefined;
  throw new ConfigError(
    '--stage-patience ends the stages of a curriculum, and there is none',
    'leave it out, or add horizons: --curriculum 100,200,500',
  );
}

function pesFrom(values: Values): unknown {
  const estimator = text(values, 'gradient-estimator') ?? 'backpropagation';
  if (!GRADIENT_ESTIMATORS.some((known) => known === estimator)) {
    throw new ConfigError(
      `there is no gradient estimator ${JSON.stringify(estimator)}${suggestion(estimator, GRADIENT_ESTIMATORS)}`,
      `choose one of: ${GRADIENT_ESTIMATORS.join(', ')}`,
    );
  }
  const pes = given({ sigma: number(values, 'pes-sigma'), pairs: number(values, 'pes-pairs') });
  if (estimator === 'pes') return pes;
  const [stray] = Object.keys(pes);
  if (stray === undefined) return undefined;
  throw new ConfigError(
    `--pes-${stray} belongs to --gradient-estimator pes, and the estimator is ${estimator}`,
    'leave it out, or choose --gradient-estimator pes',
  );
}

function imitationFrom(values: Values): unknown {
  const imitation = given({
    teacher: text(values, 'imitate'),
    ratio: number(values, 'imitation-ratio'),
    learningRate: number(values, 'imitation-learning-rate'),
  });
  if ('teacher' in imitation) return imitation;
  if (Object.keys(imitation).length === 0) return undefined;
  const flag = 'ratio' in imitation ? 'imitation-ratio' : 'imitation-learning-rate';
  throw new ConfigError(
    `--${flag} is about imitation, and nothing is imitated`,
    'leave it out, or say what to imitate: --imitate adam',
  );
}

/** Flags that only some optimizers have, by family. */
const OWN_FLAGS = {
  l2l: ['layers', 'output-scale', 'preprocess', 'p', 'k'],
  rnnprop: ['layers', 'output-scale', 'beta1', 'beta2'],
  gated: [
    ...['preprocess', 'p', 'k', 'controller', 'gate-feedback', 'forget-gate', 'input-gate'],
    ...['momentum-forget-gate', 'momentum-input-gate', 'learn-theta0', 'zero-head'],
  ],
} as const;

/** What those flags set. */
function optimizerFlags(kind: string, task: TaskConfig, values: Values): Record<string, unknown> {
  const family = isGated(kind) ? 'gated' : kind === 'rnnprop' ? 'rnnprop' : 'l2l';
  const own: readonly string[] = OWN_FLAGS[family];
  const foreign = Object.values(OWN_FLAGS)
    .flat()
    .find((flag) => !own.includes(flag) && values[flag] !== undefined);
  if (foreign) {
    throw new ConfigError(
      `--${foreign} does not belong to the optimizer ${kind}`,
      `leave it out; ${kind} has ${own.map((flag) => `--${flag}`).join(', ')}`,
    );
  }
  if (family !== 'gated') {
    return {
      layers: number(values, 'layers'),
      outputScale: number(values, 'output-scale'),
      ...(family === 'l2l'
        ? { preprocess: preprocessFrom(values) }
        : { beta1: number(values, 'beta1'), beta2: number(values, 'beta2') }),
    };
  }
  const gates = given({
    forget: gateFrom(values, 'forget-gate'),
    input: gateFrom(values, 'input-gate'),
    momentumForget: gateFrom(values, 'momentum-forget-gate'),
    momentumInput: gateFrom(values, 'momentum-input-gate'),
  });
  const chosen = typeof values['learn-theta0'] === 'boolean' ? values['learn-theta0'] : undefined;
  const learns = chosen ?? isEpisode(task);
  if (values['zero-head'] === true && !learns) {
    throw new ConfigError(
      '--zero-head is about a learned theta_0, and none is learned',
      'leave it out, or learn theta_0 too: --learn-theta0',
    );
  }
  return {
    gates,
    preprocess: preprocessFrom(values),
    controller: text(values, 'controller') ?? (isEpisode(task) ? FEW_SHOT.controller : undefined),
    gateFeedback: text(values, 'gate-feedback'),
    theta0Parameters: learns ? startParameters(task, values) : undefined,
  };
}

/** How many parameters a learned theta_0 has: all, or all but the last layer's. */
function startParameters(task: TaskConfig, values: Values): number {
  if (values['zero-head'] !== true) return taskParameters(task);
  const groups = taskGroups(task) ?? [];
  const head = groups.length > 1 ? groups.at(-1) : undefined;
  if (head) return head.offset;
  throw new ConfigError(
    '--zero-head keeps the last layer at zero, and this task has no layers before it',
    'leave it out, or train on a network with hidden layers',
  );
}

/**
 * What few-shot training is without flags: Ravi & Larochelle's, with a learned theta_0, gates as in their equations, and
 * an unroll that is the whole episode.
 */
const FEW_SHOT = {
  optimizer: 'meta-lstm',
  controller: 'direct',
  steps: 8,
  training: { tasks: 16, metaLearningRate: 0.001, clip: 0.25, lossWeights: 'final' },
  validationTasks: 100,
} as const;

/** The whole configuration of a training run. */
export function trainConfigFrom(task: TaskConfig, values: Values): TrainConfig {
  const fewShot = isEpisode(task) ? FEW_SHOT : undefined;
  const kind = text(values, 'optimizer') ?? fewShot?.optimizer ?? 'l2l';
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
      groups: groupsFrom(values, task),
      ...optimizerFlags(kind, task, values),
    }),
    ...fewShot?.training,
    ...given({
      seed: number(values, 'seed'),
      tasks: number(values, 'tasks'),
      unroll: number(values, 'unroll') ?? (fewShot && (number(values, 'horizon') ?? fewShot.steps)),
      horizon: number(values, 'horizon') ?? (fewShot && (number(values, 'unroll') ?? fewShot.steps)),
      curriculum: curriculumFrom(values),
      imitation: imitationFrom(values),
      pes: pesFrom(values),
      iterations,
      metaLearningRate: number(values, 'learning-rate'),
      finalMetaLearningRate: number(values, 'final-learning-rate'),
      theta0LearningRate: number(values, 'theta0-learning-rate'),
      weightAverage: number(values, 'weight-average'),
      clip: number(values, 'clip'),
      lossWeights: isList ? numbers(lossWeights, 'loss-weights') : lossWeights,
      patience: number(values, 'patience'),
      randomScaling: number(values, 'random-scaling'),
      helperTask: number(values, 'helper-task'),
      coordinateSample: number(values, 'coordinate-sample'),
      start: text(values, 'start'),
      startClasses: number(values, 'start-classes'),
      secondDerivatives: values['second-derivatives'] === true ? true : undefined,
    }),
    validation: given({
      tasks: number(values, 'validation-tasks') ?? fewShot?.validationTasks,
      every: number(values, 'validate-every'),
      select: text(values, 'select'),
      activation: text(values, 'validation-activation'),
    }),
  };
  return parseFlags(trainSchema, config, '');
}

/** What `evaluate` runs, where its flags do not say otherwise as the weights were trained. */
export function evaluationFrom(
  values: Values,
  task: TaskConfig,
  trained: { readonly seed: number; readonly horizon: number },
): EvaluationSettings {
  const settings = given({
    seed: number(values, 'seed') ?? trained.seed,
    horizon: number(values, 'horizon') ?? trained.horizon,
    tasks: number(values, 'tasks') ?? defaultTestTasks(task),
    tuningTasks: number(values, 'tuning-tasks') ?? (isEpisode(task) ? FEW_SHOT.validationTasks : undefined),
    schedule: text(values, 'schedule'),
    randomScaling: number(values, 'random-scaling'),
    scaledFrom: number(values, 'scaled-from'),
    list: text(values, 'list'),
  });
  const evaluation = parseFlags(evaluationSchema, settings, '');
  if (settings['scaledFrom'] !== undefined && evaluation.randomScaling === 0) {
    throw new ConfigError(
      `--scaled-from is ${settings['scaledFrom']}, but nothing is scaled`,
      'give --random-scaling too, such as --random-scaling 2.5',
    );
  }
  return evaluation;
}

/** Held-out tasks that a training run reports on, where the flag says. */
export function testTasksFrom(values: Values): number | undefined {
  const tasks = number(values, 'test-tasks');
  return tasks === undefined ? undefined : parseConfig(evaluationSchema.shape.tasks, tasks, '--test-tasks');
}

/** Held-out tasks to report on: 600 episodes in few-shot learning, as its papers have it. */
export function defaultTestTasks(task: TaskConfig): number {
  return isEpisode(task) ? 600 : 100;
}

/** What to compare with. An episode's baselines start in up to three places, so each of them counts for three. */
export function defaultBaselines(task: TaskConfig): HandDesignedName[] {
  return isEpisode(task) ? ['sgd', 'adam'] : [...HAND_DESIGNED];
}

/** The optimizers to compare with, where the flag says. */
export function baselinesFrom(values: Values): HandDesignedName[] | undefined {
  const list = text(values, 'baselines');
  if (list === undefined) return undefined;
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
