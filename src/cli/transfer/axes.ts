import {
  ACTIVATIONS,
  type Activation,
  asMlp,
  ConfigError,
  DATASETS,
  denseLayers,
  parseConfig,
  type TaskConfig,
  taskSchema,
  withActivation,
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
function hiddenOf({ layers }: ImagesTask): { hidden: readonly number[]; activation: Activation } {
  const plain = asMlp(layers);
  if (plain) return { hidden: plain.hidden, activation: plain.activation ?? 'sigmoid' };
  throw new ConfigError(
    'the axes width and depth change a network of dense layers, and the first weights were trained on another',
    'choose from the axes activation, dataset, batch and horizon: --axes activation,dataset,batch,horizon',
  );
}

function withWidths({ task, horizon }: Setting, hidden: number[], activation: Activation): Setting {
  return { task: { ...task, layers: denseLayers(hidden, activation) }, horizon };
}

function oneOf<Name extends string>(names: readonly Name[], value: string, axis: string): Name {
  const known = names.find((one) => one === value);
  if (known) return known;
  throw new ConfigError(
    `--axes: there is no ${axis} ${JSON.stringify(value)}${suggestion(value, names)}`,
    `choose from: ${names.join(', ')}`,
  );
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
      return withWidths(base, new Array<number>(hidden.length).fill(count(value, 'width')), activation);
    },
  },
  depth: {
    values: ['1', '2', '3'],
    apply(base, value) {
      const { hidden, activation } = hiddenOf(base.task);
      return withWidths(base, new Array<number>(count(value, 'depth')).fill(hidden[0] ?? 20), activation);
    },
  },
  activation: {
    values: ['sigmoid', 'tanh', 'relu'],
    apply({ task, horizon }, value) {
      if (!task.layers.some(({ kind }) => kind === 'activation')) {
        throw new ConfigError(
          'the axis activation changes the activations of a network, and the first weights were trained on one without any',
          'leave that axis out of --axes',
        );
      }
      const layers = withActivation(task.layers, oneOf(ACTIVATIONS, value, 'activation'));
      return { task: { ...task, layers }, horizon };
    },
  },
  dataset: {
    values: [...DATASETS],
    apply: ({ task, horizon }, value) => ({
      task: { ...task, dataset: oneOf(DATASETS, value, 'dataset') },
      horizon,
    }),
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
