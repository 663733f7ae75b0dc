import {
  ACTIVATIONS,
  asMlp,
  ConfigError,
  DATASETS,
  denseLayers,
  parseConfig,
  type TaskConfig,
  taskSchema,
} from '../../host/index.ts';
import { suggestion } from '../suggest.ts';

export type ImagesTask = Extract<TaskConfig, { readonly kind: 'images' }>;

/** What optimizers are tested on: a task and how long. */
export interface Setting {
  readonly task: ImagesTask;
  readonly horizon: number;
}

/** A column of the matrix. */
export interface Column extends Setting {
  /** 'trained' for the setting that all others differ from in one thing. */
  readonly axis: string;
  readonly value: string;
}

interface Axis {
  readonly values: readonly string[];
  apply(base: Setting, value: string): Setting;
}

/** The hidden layers of a plain network. */
function hiddenOf({ layers }: ImagesTask): { hidden: readonly number[]; activation: string } {
  const plain = asMlp(layers);
  if (plain) return { hidden: plain.hidden, activation: plain.activation ?? 'sigmoid' };
  throw new ConfigError(
    'the axes width, depth and activation change a network of dense layers, and the first weights were trained on another',
    'choose from the axes dataset, batch and horizon: --axes dataset,batch,horizon',
  );
}

function withLayers({ task, horizon }: Setting, hidden: readonly number[], activation: string): Setting {
  const known = ACTIVATIONS.find((one) => one === activation);
  if (!known) {
    throw new ConfigError(
      `--axes: there is no activation ${JSON.stringify(activation)}${suggestion(activation, ACTIVATIONS)}`,
      `choose from: ${ACTIVATIONS.join(', ')}`,
    );
  }
  return { task: { ...task, layers: denseLayers([...hidden], known) }, horizon };
}

function count(value: string, axis: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new ConfigError(
    `--axes: ${JSON.stringify(value)} is no value of ${axis}`,
    `give whole numbers from 1 on, such as ${axis}=${AXES[axis]?.values.join(':') ?? '1'}`,
  );
}

/** What can differ from the setting the weights were trained on, one thing at a time, with the values it takes unless told. */
export const AXES: Readonly<Record<string, Axis>> = {
  width: {
    values: ['5', '10', '40', '80'],
    apply(base, value) {
      const { hidden, activation } = hiddenOf(base.task);
      return withLayers(base, new Array<number>(hidden.length).fill(count(value, 'width')), activation);
    },
  },
  depth: {
    values: ['1', '2', '3'],
    apply(base, value) {
      const { hidden, activation } = hiddenOf(base.task);
      return withLayers(base, new Array<number>(count(value, 'depth')).fill(hidden[0] ?? 20), activation);
    },
  },
  activation: {
    values: ['sigmoid', 'tanh', 'relu'],
    apply: (base, value) => withLayers(base, hiddenOf(base.task).hidden, value),
  },
  dataset: {
    values: [...DATASETS],
    apply({ task, horizon }, value) {
      const known = DATASETS.find((one) => one === value);
      if (known) return { task: { ...task, dataset: known }, horizon };
      throw new ConfigError(
        `--axes: there is no dataset ${JSON.stringify(value)}${suggestion(value, DATASETS)}`,
        `choose from: ${DATASETS.join(', ')}`,
      );
    },
  },
  batch: {
    values: ['16', '128', '512'],
    apply: ({ task, horizon }, value) => ({ task: { ...task, batch: count(value, 'batch') }, horizon }),
  },
  horizon: {
    values: ['50', '100', '200', '1000'],
    apply: ({ task }, value) => ({ task, horizon: count(value, 'horizon') }),
  },
};
export const AXIS_NAMES = Object.keys(AXES);

/**
 * The columns that `--axes` asks for: `width,activation=relu:tanh` is all usual widths and two activations. A value that is
 * the base's own is its column, which comes first and once.
 */
export function columnsOf(base: Setting, axes: readonly string[]): Column[] {
  const columns: Column[] = [{ ...checked(base), axis: 'trained', value: 'as trained' }];
  for (const item of axes) {
    const [name = '', list] = item.split('=');
    const axis = AXES[name];
    if (!axis) {
      throw new ConfigError(
        `--axes: there is no axis ${JSON.stringify(name)}${suggestion(name, AXIS_NAMES)}`,
        `choose from: ${AXIS_NAMES.join(', ')}; values after =, such as width=10:40`,
      );
    }
    const values = list === undefined ? axis.values : list.split(':').map((value) => value.trim());
    for (const value of values) {
      const setting = checked(axis.apply(base, value));
      if (!columns.some((known) => same(known, setting))) columns.push({ ...setting, axis: name, value });
    }
  }
  return columns;
}

function same(a: Setting, b: Setting): boolean {
  return a.horizon === b.horizon && JSON.stringify(a.task) === JSON.stringify(b.task);
}

/** With the settings' own limits held. */
function checked({ task, horizon }: Setting): Setting {
  const parsed = parseConfig(taskSchema, task, '--axes');
  if (parsed.kind !== 'images') throw new RangeError('an axis changed the kind of the task');
  return { task: parsed, horizon };
}
