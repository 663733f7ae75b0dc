import {
  ConfigError,
  DATASETS,
  networkLayers,
  parseConfig,
  type TaskConfig,
  taskSchema,
} from '../host/index.ts';
import { layersFrom } from './network.ts';
import { TASK_NAMES, taskOptions, type Values } from './options.ts';
import { flagOf, given, number, text } from './settings.ts';
import { suggestion } from './suggest.ts';

type TaskName = (typeof TASK_NAMES)[number];
type TaskKind = TaskConfig['kind'];

const NETWORK = { network: 'layers', widths: 'layers', activation: 'layers', initial: 'initial' } as const;
const EPISODE = { dataset: 'dataset', shots: 'shots', queries: 'queries' } as const;

/** Which flags a kind of task has, with the setting each of them sets. */
const SETTINGS_OF: Readonly<Record<TaskKind, Readonly<Record<string, string>>>> = {
  quadratic: { dimension: 'dimension', distribution: 'distribution' },
  images: { dataset: 'dataset', resolution: 'resolution', batch: 'batch', ...NETWORK },
  glyphs: {
    ...EPISODE,
    ...{ ways: 'ways', turned: 'turned', mirrored: 'mirrored' },
    ...{ distortion: 'distortion', resolution: 'resolution' },
    ...NETWORK,
  },
  surface: { function: 'function' },
  sine: { ...EPISODE, ...NETWORK },
  own: {},
};

/** What the datasets of `few-shot` are as kinds of task. */
const FEW_SHOT_KINDS = ['glyphs', 'sine'] as const;

function startingValues(initial: string): unknown {
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

/** What a flag of a task that is not about the network says. */
function flagValue(values: Values, flag: string): unknown {
  const option = taskOptions[flag as keyof typeof taskOptions];
  if (option.type === 'number') return number(values, flag);
  if (option.type === 'boolean') return values[flag];
  const value = text(values, flag);
  return flag === 'initial' && value !== undefined ? startingValues(value) : value;
}

function nameOf(task: TaskConfig): TaskName {
  if (task.kind === 'quadratic' || task.kind === 'surface') return task.kind;
  if (task.kind === 'own') {
    throw new ConfigError(
      `these weights were trained on ${task.name}, which is a program's own problem and not a task of the command line`,
      `name the task to run them on: ${TASK_NAMES.join(', ')}`,
    );
  }
  return task.kind === 'images' ? task.dataset : 'few-shot';
}

/** What `few-shot` learns on: glyphs where nothing else is said. */
function fewShotKind(values: Values, base: TaskConfig | undefined): TaskKind {
  const dataset = text(values, 'dataset');
  if (dataset === undefined) return base?.kind === 'sine' ? 'sine' : 'glyphs';
  return choice('dataset', dataset, FEW_SHOT_KINDS);
}

/** The one of `all` that a flag names. */
function choice<T extends string>(flag: string, value: string, all: readonly T[]): T {
  const known = all.find((one) => one === value);
  if (known) return known;
  throw new ConfigError(
    `--${flag} is ${JSON.stringify(value)}${suggestion(value, all)}, but must be one of: ${all.join(', ')}`,
    `for example --${flag} ${all[0]}`,
  );
}

function taskName(name: string | undefined, base: TaskConfig | undefined): TaskName {
  if (name === undefined) return base ? nameOf(base) : 'mnist';
  const known = TASK_NAMES.find((task) => task === name);
  if (known) return known;
  throw new ConfigError(
    `there is no task ${JSON.stringify(name)}${suggestion(name, TASK_NAMES)}`,
    `choose one of: ${TASK_NAMES.join(', ')}`,
  );
}

/** A name's kind of task, and the settings that the name stands for. */
function meaningOf(
  name: TaskName,
  values: Values,
  base: TaskConfig | undefined,
): { readonly kind: TaskKind; readonly settings: Readonly<Record<string, unknown>> } {
  switch (name) {
    case 'quadratic':
    case 'surface':
      return { kind: name, settings: {} };
    case 'few-shot':
      return { kind: fewShotKind(values, base), settings: {} };
    case 'convnet': {
      const dataset = choice('dataset', text(values, 'dataset') ?? 'mnist', DATASETS);
      const layers = networkLayers('convnet', number(values, 'resolution') ?? 28);
      return { kind: 'images', settings: { dataset, layers } };
    }
    default:
      return { kind: 'images', settings: { dataset: name } };
  }
}

/** Refuses a flag that the task does not have. */
function requireOwnFlags(name: TaskName, kind: TaskKind, values: Values): void {
  const hasDataset = name === 'few-shot' || name === 'convnet';
  const own = Object.keys(SETTINGS_OF[kind]).filter((flag) => flag !== 'dataset' || hasDataset);
  const foreign = Object.keys(taskOptions).find((flag) => values[flag] !== undefined && !own.includes(flag));
  if (foreign === undefined) return;
  const task = kind === 'sine' ? 'few-shot --dataset sine' : name;
  throw new ConfigError(
    `--${foreign} does not belong to the task ${task}`,
    `leave it out; ${task} has ${own.map((flag) => `--${flag}`).join(', ')}`,
  );
}

/** The optimizee that name and options describe; options override `base`, the task weights were trained on. */
export function taskFrom(name: string | undefined, values: Values, base?: TaskConfig): TaskConfig {
  const known = taskName(name, base);
  const { kind, settings } = meaningOf(known, values, base);
  requireOwnFlags(known, kind, values);
  const parse = (task: object) =>
    parseConfig(taskSchema, { ...task, kind }, '', (path) => flagOf(['task', ...path]));
  const flags = Object.entries(SETTINGS_OF[kind])
    .filter(([flag, setting]) => setting !== 'layers' && flag !== 'dataset')
    .map(([flag, setting]) => [setting, flagValue(values, flag)]);
  const start = base?.kind === kind ? base : {};
  const task = { ...start, ...settings, ...given(Object.fromEntries(flags)) };
  const plain = parse(task);
  if (plain.kind === 'quadratic' || plain.kind === 'surface' || plain.kind === 'own') return plain;
  const layers = layersFrom(values, plain, plain.kind === 'sine' ? 1 : plain.resolution);
  return layers ? parse({ ...task, layers }) : plain;
}
