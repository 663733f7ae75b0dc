/** What the command line, the page, the benches and applications use. */
export * from './config.ts';
export { averagePool, type ImageSet } from './data/images.ts';
export { minibatchIndices, type TaskList, taskKeys } from './data/threefry.ts';
export * from './errors.ts';
export { type AdapterSummary, type ContextOptions, GpuContext, openContext } from './gpu/context.ts';
export * from './gpu/errors.ts';
export type { Kernel } from './gpu/kernel.ts';
export { Program } from './gpu/program.ts';
export { readTensors, submit, writeTensor } from './gpu/readback.ts';
export { Tensor, TensorPool, wrapBuffer } from './gpu/tensor.ts';
export { type Best, type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './io/checkpoint.ts';
export { decodeSafeTensors, encodeSafeTensors, type SafeTensorsFile } from './io/safetensors.ts';
export { decodeWeights, encodeWeights, type WeightsFile } from './io/weights.ts';
export { Evaluator, type EvaluatorOptions } from './meta/evaluator.ts';
export { type CaseResult, runGradientCase } from './meta/gradientCase.ts';
export {
  type MetaTrainHooks,
  MetaTraining,
  type MetaTrainResult,
  type Validation,
} from './meta/metaTrain.ts';
export { type LossMatrix, type LossSummary, summarise } from './meta/statistics.ts';
export { createTasks, splitTaskData, type TaskData, taskParameters } from './meta/tasks.ts';
export { type CreateOptimizee, type MetaStep, Trainer, type TrainerState } from './meta/trainer.ts';
export { type Trial, type Tuned, tuneLearningRate, tuningBytes } from './meta/tune.ts';
export { Unroll, type UnrollOptions } from './meta/unroll.ts';
export { coordinatesOf } from './ops/coordinates.ts';
export { createLearned } from './optimizers/create.ts';
export { GATED_NAMES, type GatedName } from './optimizers/gated/settings.ts';
export {
  createHandDesigned,
  HAND_DESIGNED,
  HAND_DESIGNED_SETTINGS,
  type HandDesigned,
  type HandDesignedName,
} from './optimizers/handDesigned.ts';
export type { LearnedOptimizer, Optimizer } from './optimizers/optimizer.ts';
export { type SettingName, settingPath } from './settingProblem.ts';
