import type { Options } from 'yargs';
import { ACTIVATIONS, NETWORKS, SURFACES, TEACHERS } from '../host/index.ts';
import { ADAPTER_CHOICES } from '../node/index.ts';

/** Values as the parser hands them over. */
export type Values = Readonly<Record<string, unknown>>;

type OptionTable = Readonly<Record<string, Options>>;

export const TASK_NAMES = ['quadratic', 'mnist', 'fashion-mnist', 'convnet', 'few-shot', 'surface'] as const;
export const GRADIENT_ESTIMATORS = ['backpropagation', 'pes'] as const;
export const COMMANDS = [
  'demo',
  'train',
  'evaluate',
  'reproduce',
  'transfer',
  'diagnose',
  'gradient',
  'info',
] as const;

const numeric = { type: 'number', requiresArg: true } as const;
const text = { type: 'string', requiresArg: true } as const;

/** Options all commands have. */
export const commonOptions = {
  adapter: { ...text, describe: `${ADAPTER_CHOICES.join(', ')} (default auto: the best there is)` },
  json: { type: 'boolean', default: false, describe: 'print one JSON document on stdout' },
} as const satisfies OptionTable;

/** Options that describe an optimizee. */
export const taskOptions = {
  dataset: {
    ...text,
    describe:
      'few-shot: glyphs (characters) or sine; convnet: mnist or fashion-mnist (default few-shot glyphs, convnet mnist)',
  },
  ways: { ...numeric, describe: 'few-shot, glyphs: classes of an episode (default 5)' },
  shots: { ...numeric, describe: 'few-shot: examples to learn from, of each class (default 1, sine 10)' },
  queries: {
    ...numeric,
    describe: 'few-shot: examples to be judged on, of each class (default 15, sine 50)',
  },
  turned: {
    type: 'boolean',
    describe: 'few-shot, glyphs: train on turned characters as other classes too (default yes; --no-turned)',
  },
  mirrored: {
    type: 'boolean',
    describe: 'few-shot, glyphs: train on mirrored characters as other classes too (default no)',
  },
  distortion: {
    ...numeric,
    describe:
      'few-shot, glyphs: how strongly training images are distorted at random: 1 turns by up to 17 degrees (default 0)',
  },
  resolution: { ...numeric, describe: 'images: their side, 28, or average-pooled to 14 or 7 (default 28)' },
  network: {
    ...text,
    describe: `networks: ${NETWORKS.join(', ')}, or a JSON file with the layers, docs/networks.md (default: dense layers)`,
  },
  widths: {
    ...text,
    describe:
      'networks: widths of the hidden layers, such as 20 or 20,20; "" for none (default mnist 20, glyphs 64,64, sine 40,40)',
  },
  activation: {
    ...text,
    describe: `networks: ${ACTIVATIONS.join(', ')} (default mnist sigmoid, few-shot relu)`,
  },
  batch: { ...numeric, describe: 'mnist, fashion-mnist, convnet: examples in a minibatch (default 128)' },
  initial: {
    ...text,
    describe:
      'networks: starting values, pytorch (nn.Linear) or the scale s of N(0, s^2) (default mnist 0.01, few-shot pytorch)',
  },
  dimension: { ...numeric, describe: 'quadratic: dimensions (default 10)' },
  function: { ...text, describe: `surface: ${SURFACES.join(', ')} (default rosenbrock)` },
  distribution: {
    ...text,
    describe: 'quadratic: uniform, as the released code, or gaussian, as the paper of 2016 (default uniform)',
  },
} as const satisfies OptionTable;

/** Options that describe an optimizer and its training. */
export const trainOptions = {
  optimizer: {
    ...text,
    describe:
      'learned optimizer: l2l, rnnprop, gradient-descent-lstm, meta-lstm or momentum-lstm (default l2l, few-shot meta-lstm)',
  },
  layers: { ...numeric, describe: 'l2l, rnnprop: LSTM layers; 0 is a linear l2l (default 2)' },
  hidden: { ...numeric, describe: 'units of an LSTM layer (default 20)' },
  controller: {
    ...text,
    describe: 'gated: what the gates see, direct inputs or an lstm on them (default lstm, few-shot direct)',
  },
  'forget-gate': { ...text, describe: 'gated: learned, or the number it is fixed at (default by optimizer)' },
  'input-gate': { ...text, describe: 'gated: learned, or the number it is fixed at (default by optimizer)' },
  'momentum-forget-gate': { ...text, describe: 'gated: as above, of the second cell (default by optimizer)' },
  'momentum-input-gate': { ...text, describe: 'gated: as above, of the second cell (default by optimizer)' },
  'gate-feedback': {
    ...text,
    describe: 'gated: a gate is fed its own past pre-sigmoid or after the sigmoid (default pre-sigmoid)',
  },
  'learn-theta0': { type: 'boolean', describe: 'gated: learn the starting point too (default: in few-shot)' },
  'zero-head': {
    type: 'boolean',
    describe:
      'gated: keep the last layer of a learned theta_0 at zero, so that it fits any number of classes (default: learn it too)',
  },
  groups: {
    ...text,
    describe:
      'weights of their own for each of the kinds of layers, or of the layers (default: one set of weights for all)',
  },
  start: {
    ...text,
    describe:
      'few-shot, glyphs: where theta_0 starts to learn, drawn, or pre-trained on all training characters (default drawn)',
  },
  'start-classes': {
    ...numeric,
    describe:
      'few-shot, glyphs: share of the training classes that a pre-trained start has seen, such as 0.5; the episodes are of the others (default 1: both of all)',
  },
  'second-derivatives': {
    type: 'boolean',
    describe:
      'take the gradients that the optimizer reads as functions of phi: exact second order (default: no)',
  },
  'random-scaling': {
    ...numeric,
    describe:
      'R: scale each parameter of the training tasks by exp(U(-R, R)), such as 3, for optimizers that generalise (default 0, none)',
  },
  'helper-task': {
    ...numeric,
    describe:
      'dimensions of a convex problem that training optimises beside every task, such as 20 (default: none)',
  },
  'coordinate-sample': {
    ...numeric,
    describe: 'share of the coordinates that the meta-gradient is estimated on, such as 0.1 (default 1, all)',
  },
  preprocess: {
    ...text,
    describe: 'l2l, gated: gradient preprocessing, log-sign, clamp or none (default log-sign)',
  },
  p: { ...numeric, describe: 'log-sign: its p (default 10)' },
  k: { ...numeric, describe: 'clamp: its k (default 5)' },
  'output-scale': {
    ...numeric,
    describe: 'l2l, rnnprop: factor on what the optimizer puts out (default 0.1)',
  },
  beta1: { ...numeric, describe: 'rnnprop: decay rate of the moving average of gradients (default 0.95)' },
  beta2: { ...numeric, describe: 'rnnprop: decay rate of that of squared gradients (default 0.95)' },
  seed: { ...numeric, describe: 'seed of everything random (default 1)' },
  tasks: { ...numeric, describe: 'tasks a meta-step averages over (default 1, few-shot 16)' },
  unroll: { ...numeric, describe: 'steps the meta-gradient goes back through (default 20, few-shot 8)' },
  horizon: {
    ...numeric,
    describe: 'steps of an episode, a multiple of the unroll (default 100, few-shot 8)',
  },
  curriculum: {
    ...text,
    describe:
      'growing horizons, such as 100,200,500: train on each, select on the next one (default: one horizon)',
  },
  'stage-patience': {
    ...numeric,
    describe: 'curriculum: validations without a better one that end a stage early (default 5)',
  },
  imitate: {
    ...text,
    describe: `imitate a hand-designed optimizer in a share of the episodes: ${TEACHERS.join(', ')} (default: none)`,
  },
  'imitation-ratio': { ...numeric, describe: 'imitate: that share, 0.1 to 0.3 in the papers (default 0.2)' },
  'imitation-learning-rate': {
    ...numeric,
    describe: 'imitate: learning rate of the imitated optimizer (default 0.01, sgd 0.1)',
  },
  'gradient-estimator': {
    ...text,
    describe: `where the meta-gradient is from: ${GRADIENT_ESTIMATORS.join(' or ')}, persistent evolution strategies (default backpropagation)`,
  },
  'pes-sigma': {
    ...numeric,
    describe: 'pes: standard deviation of the perturbations of the weights (default 0.01)',
  },
  'pes-pairs': { ...numeric, describe: 'pes: antithetic pairs, two unrolls each (default 4)' },
  iterations: { ...numeric, describe: 'meta-steps, one an unroll (no default: it must be given)' },
  'learning-rate': { ...numeric, describe: 'of meta-Adam (default 0.003, few-shot 0.001)' },
  'final-learning-rate': {
    ...numeric,
    describe: 'to which it falls along half a cosine over all meta-steps (default: it stays as it is)',
  },
  'theta0-learning-rate': {
    ...numeric,
    describe:
      'of a learned theta_0, which falls as the other does; 0 to learn the rest only (default: the same)',
  },
  'weight-average': {
    ...numeric,
    describe:
      'decay of an exponential average of the weights, such as 0.98, which is validated and kept (default 0: none)',
  },
  clip: { ...numeric, describe: 'largest norm of the meta-gradient (default: no clipping, few-shot 0.25)' },
  'loss-weights': {
    ...text,
    describe: 'sum, final, or unroll + 1 numbers separated by commas (default sum, few-shot final)',
  },
  'validation-tasks': {
    ...numeric,
    describe: 'tasks the best weights are chosen on (default 16, few-shot 100)',
  },
  'validate-every': {
    ...numeric,
    describe: 'meta-steps between two validations (default: whole episodes, about 100)',
  },
  'validation-activation': {
    ...text,
    describe:
      'activation of the network that the best weights are chosen on, to choose those that carry over (default: as trained)',
  },
  select: { ...text, describe: 'choose the best weights by the final loss or the sum (default final)' },
  patience: {
    ...numeric,
    describe: 'meta-steps in a row that are not finite before the run gives up (default 50)',
  },
} as const satisfies OptionTable;

const baselines = {
  ...text,
  describe:
    'compare with these, separated by commas; "" for none (default sgd,momentum,nesterov,rmsprop,adam,adamw; few-shot sgd,adam)',
} as const;

/** Options of `demo`. */
export const demoOptions = {
  ...commonOptions,
  out: { ...text, describe: 'run folder; must be new or empty (default runs/demo-<time>)' },
  seed: { ...numeric, describe: 'seed of everything random (default 1)' },
} as const satisfies OptionTable;

/** Options of `train`, beside those of the task and the training. */
export const trainRunOptions = {
  ...commonOptions,
  out: { ...text, describe: 'run folder; must be new or empty (default runs/<task>-<time>)' },
  resume: {
    ...text,
    describe: 'go on with this run folder from its checkpoint, with its own settings (default: a new run)',
  },
  evaluate: {
    type: 'boolean',
    default: true,
    describe: 'compare with tuned baselines and write report.html; --no-evaluate leaves that out',
  },
  'test-tasks': { ...numeric, describe: 'held-out tasks to report on (default 100, few-shot 600)' },
  'gate-episodes': {
    ...numeric,
    describe: 'held-out episodes whose gates and updates are recorded; 0 for none (default 10)',
  },
  baselines,
} as const satisfies OptionTable;

/** Options of `evaluate`, beside those of the task. */
export const evaluateOptions = {
  ...commonOptions,
  against: {
    ...text,
    describe: 'other weights files or run folders to compare with, separated by commas (default: none)',
  },
  out: { ...text, describe: 'folder for report.html and results.json; must be new or empty (default: none)' },
  tasks: { ...numeric, describe: 'held-out tasks to report on (default 100, few-shot 600)' },
  'tuning-tasks': {
    ...numeric,
    describe: 'tasks that learning rates are tuned on (default 16, few-shot 100)',
  },
  'gate-episodes': {
    ...numeric,
    describe: 'held-out episodes whose gates and updates are recorded with --out; 0 for none (default 10)',
  },
  horizon: { ...numeric, describe: 'steps (default: as trained)' },
  schedule: {
    ...text,
    describe:
      'how learned updates shrink along the run: constant, or cosine, to 0 at the last step (default constant)',
  },
  'random-scaling': {
    ...numeric,
    describe:
      'R: scale each parameter that the optimizers see by exp(U(-R, R)) over its mean, such as 2.5, against units that all learn the same (default 0, none)',
  },
  'scaled-from': {
    ...numeric,
    describe:
      'with --random-scaling, the first layer that is scaled, 2 to leave the one that reads the inputs as it is (default 1: all)',
  },
  list: {
    ...text,
    describe:
      'which tasks: test, or validation, to choose settings on, where baselines are judged on what they are tuned on (default test)',
  },
  seed: { ...numeric, describe: 'seed of the task lists (default: as trained)' },
  theta0: {
    type: 'boolean',
    default: true,
    describe: 'start from the learned theta_0 where the weights have one; --no-theta0 leaves it out',
  },
  baselines,
} as const satisfies OptionTable;

/** Options of `reproduce`. */
export const reproduceOptions = {
  ...commonOptions,
  pretrained: {
    type: 'boolean',
    default: false,
    describe: 'take the weights that come with the package instead of training',
  },
  shipped: {
    ...text,
    describe:
      'trainings, such as rnnprop, of which the weights that come with the package are taken for the meta-seed they are of; train the rest (default: none)',
  },
  seeds: { ...numeric, describe: 'train with the meta-seeds 1 to this (default: those of the recipe)' },
  evaluate: {
    type: 'boolean',
    default: true,
    describe: 'compare and judge; --no-evaluate ends after the training',
  },
  out: {
    ...text,
    describe: 'folder of all reproductions; what is finished in it is kept (default runs/reproduce)',
  },
} as const satisfies OptionTable;

/** Options of `transfer`. */
export const transferOptions = {
  ...commonOptions,
  axes: {
    ...text,
    describe:
      'what differs from the training, separated by commas: width, depth, activation, dataset, batch, horizon; values after =, such as width=10:80,activation=relu (default all, with their usual values)',
  },
  tasks: { ...numeric, describe: 'held-out tasks of every cell (default 50)' },
  'tuning-tasks': { ...numeric, describe: 'tasks that Adam is tuned on in every cell (default 8)' },
  seed: { ...numeric, describe: 'seed of the task lists (default: as trained)' },
  theta0: {
    type: 'boolean',
    default: true,
    describe: 'start from the learned theta_0 where the weights have one; --no-theta0 leaves it out',
  },
  out: {
    ...text,
    describe:
      'folder for report.html and results.json; what is finished in it is kept (default runs/transfer)',
  },
} as const satisfies OptionTable;

/** Options of `diagnose`. */
export const diagnoseOptions = {
  ...commonOptions,
  out: {
    ...text,
    describe: 'folder for report.html and diagnosis.json; must be new or empty (default: none)',
  },
  'gate-episodes': {
    ...numeric,
    describe:
      'held-out episodes that gates and updates are measured on; 0 to judge the log alone, without a device (default 10)',
  },
} as const satisfies OptionTable;

/** Options of `gradient`. */
export const gradientOptions = {
  ...commonOptions,
  tolerance: { ...numeric, default: 1e-3, describe: 'largest relative error of a tensor that passes' },
} as const satisfies OptionTable;

/** The task's options where the weights' own task is the default. */
export const taskOverrides: OptionTable = Object.fromEntries(
  Object.entries(taskOptions).map(([name, option]) => [
    name,
    { ...option, describe: option.describe.replace(/ \(default [^()]*\)$/, ' (default: as trained)') },
  ]),
);

/** Every option of every command, for suggestions. */
export const OPTION_NAMES: Readonly<Record<(typeof COMMANDS)[number], readonly string[]>> = {
  demo: Object.keys(demoOptions),
  train: [...Object.keys(trainRunOptions), ...Object.keys(taskOptions), ...Object.keys(trainOptions)],
  evaluate: [...Object.keys(evaluateOptions), ...Object.keys(taskOptions)],
  reproduce: Object.keys(reproduceOptions),
  transfer: Object.keys(transferOptions),
  diagnose: Object.keys(diagnoseOptions),
  gradient: Object.keys(gradientOptions),
  info: Object.keys(commonOptions),
};

/** The options that are numbers. */
export const NUMBER_OPTIONS: ReadonlySet<string> = new Set(
  [
    demoOptions,
    trainRunOptions,
    taskOptions,
    trainOptions,
    evaluateOptions,
    reproduceOptions,
    transferOptions,
    gradientOptions,
  ].flatMap((options: OptionTable) =>
    Object.keys(options).filter((name) => options[name]?.type === 'number'),
  ),
);
