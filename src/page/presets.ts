import type { TrainInput } from '../host/index.ts';

export const TASKS = ['quadratic', 'digits', 'sine', 'glyphs'] as const;
export type TaskName = (typeof TASKS)[number];

/** The ladder, from gradient descent up. */
export const LADDER = ['gradient-descent-lstm', 'meta-lstm', 'momentum-lstm', 'l2l', 'rnnprop'] as const;
export type OptimizerName = (typeof LADDER)[number];

/** A meta-training run as the page sets it up: what its address says. */
export interface LearnSettings {
  readonly task: TaskName;
  readonly optimizer: OptimizerName;
  readonly seed: number;
  /** Meta-iterations. */
  readonly iterations: number;
  /** Units of an LSTM layer. */
  readonly hidden: number;
  /** Tasks a meta-step averages over. */
  readonly tasks: number;
  readonly unroll: number;
  readonly horizon: number;
  /** Of meta-Adam. */
  readonly rate: number;
}

type Numbers = Omit<LearnSettings, 'task' | 'optimizer'>;
export const NUMBERS = ['seed', 'iterations', 'hidden', 'tasks', 'unroll', 'horizon', 'rate'] as const;

const TASK_DEFAULTS: Readonly<Record<TaskName, Numbers>> = {
  quadratic: { seed: 1, iterations: 400, hidden: 16, tasks: 32, unroll: 20, horizon: 100, rate: 0.005 },
  digits: { seed: 1, iterations: 400, hidden: 16, tasks: 1, unroll: 20, horizon: 100, rate: 0.007 },
  sine: { seed: 1, iterations: 1000, hidden: 16, tasks: 16, unroll: 5, horizon: 5, rate: 0.002 },
  glyphs: { seed: 1, iterations: 1000, hidden: 8, tasks: 8, unroll: 5, horizon: 5, rate: 0.01 },
};

/** Whether a task is learned in a few steps from a few examples, and judged on others. */
const isFewShot = (task: TaskName) => task === 'sine' || task === 'glyphs';

/** The settings of a task and optimizer where nothing else is chosen. */
export function defaultSettings(task: TaskName, optimizer: OptimizerName): LearnSettings {
  const numbers = TASK_DEFAULTS[task];
  const gated = optimizer.endsWith('lstm') && !isFewShot(task);
  return { task, optimizer, ...numbers, ...(gated && { rate: 0.01 }) };
}

function taskInput(task: TaskName): TrainInput['task'] {
  switch (task) {
    case 'quadratic':
      return { kind: 'quadratic' };
    case 'digits':
      return { kind: 'images', resolution: 7 };
    case 'sine':
      return { kind: 'sine' };
    case 'glyphs':
      return {
        kind: 'glyphs',
        resolution: 14,
        layers: [
          { kind: 'dense', units: 40 },
          { kind: 'activation', function: 'relu' },
        ],
      };
  }
}

function optimizerInput({ task, optimizer, hidden }: LearnSettings): TrainInput['optimizer'] {
  if (optimizer === 'l2l') {
    const raw = { preprocess: { kind: 'none' }, outputScale: 1 } as const;
    return { kind: 'l2l', layers: 1, hidden, ...(task === 'quadratic' && raw) };
  }
  if (optimizer === 'rnnprop') return { kind: optimizer, layers: 1, hidden };
  if (optimizer !== 'gradient-descent-lstm') return { kind: optimizer, hidden };
  return { kind: optimizer, hidden, controller: 'lstm', gates: { forget: { fixed: 1 }, input: 'learned' } };
}

/** Validations a run of this many meta-iterations shows on its way. */
const VALIDATIONS = 20;

/** The same run in the terms of the engine's own schema, which checks it. */
export function trainInput(settings: LearnSettings): TrainInput {
  const { task, seed, tasks, unroll, horizon, iterations, rate } = settings;
  const episode = Math.max(1, Math.floor(horizon / Math.max(1, unroll)));
  const every = episode * Math.max(1, Math.round(iterations / VALIDATIONS / episode));
  return {
    task: taskInput(task),
    optimizer: optimizerInput(settings),
    seed,
    tasks,
    unroll,
    horizon,
    iterations,
    metaLearningRate: rate,
    clip: 1,
    ...(isFewShot(task) && { lossWeights: 'final' }),
    ...(task === 'glyphs' && { finalMetaLearningRate: rate / 30 }),
    validation: { tasks: task === 'digits' ? 8 : 16, every },
  };
}
