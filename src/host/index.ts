/** What the command line, the page, the benches and applications use. */
export * from './config.ts';
export * from './data/glyphs.ts';
export { averagePool, type ImageSet } from './data/images.ts';
export { minibatchIndices, ownStream, type TaskList, taskKeys } from './data/threefry.ts';
export * from './errors.ts';
export { type AdapterSummary, type ContextOptions, GpuContext, openContext } from './gpu/context.ts';
export * from './gpu/errors.ts';
export type { Kernel } from './gpu/kernel.ts';
export { type Dispatch, Program } from './gpu/program.ts';
export { readTensors, submit, writeTensor } from './gpu/readback.ts';
export { Tensor, TensorPool, wrapBuffer } from './gpu/tensor.ts';
export { type Best, type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './io/checkpoint.ts';
export { decodeImageSplits, encodeImageSplits } from './io/imageSplits.ts';
export { decodeSafeTensors, encodeSafeTensors, type SafeTensorsFile } from './io/safetensors.ts';
export { decodeWeights, encodeWeights, type WeightsFile } from './io/weights.ts';
export type { Stage } from './meta/curriculum.ts';
export { Evaluator, type EvaluatorOptions } from './meta/evaluator.ts';
export {
  type GateRecording,
  type GateRecordingHooks,
  type GateRecordingOptions,
  recordGates,
} from './meta/gateRecording.ts';
export type { GroupSummary, RecordedSummary, TrimmedHistogram } from './meta/gateTables.ts';
export { type CaseResult, runGradientCase } from './meta/gradientCase.ts';
export {
  type MetaTrainHooks,
  MetaTraining,
  type MetaTrainResult,
  type Validation,
} from './meta/metaTrain.ts';
export { nearestNeighbourAccuracy } from './meta/nearestNeighbour.ts';
export { pretrainedStart } from './meta/pretrain.ts';
export {
  type AccuracySummary,
  type LossMatrix,
  type LossSummary,
  lossAtStep,
  meanWithInterval,
  summarise,
} from './meta/statistics.ts';
export { compareSteps, type StepComparison, type StepComparisonOptions } from './meta/stepComparison.ts';
export { type StepBuffers, Stepper, type StepperOptions } from './meta/stepper.ts';
export {
  createTasks,
  episodeSizes,
  type GlyphSplits,
  type ImageSplits,
  type OwnProblem,
  type OwnSplits,
  ownTasks,
  splitTaskData,
  type TaskData,
  taskGroups,
  taskLayers,
  taskParameters,
} from './meta/tasks.ts';
export { type CreateOptimizee, type MetaStep, Trainer, type TrainerState } from './meta/trainer.ts';
export {
  type Baseline,
  createBaseline,
  type Trial,
  type Tuned,
  tuneBaseline,
  tuningBytes,
} from './meta/tune.ts';
export { Unroll, type UnrollOptions } from './meta/unroll.ts';
export { ACTIVATIONS, type Activation } from './ops/activation.ts';
export { coordinatesOf, type ParameterGroup } from './ops/coordinates.ts';
export { fastestLstm, LSTM_TIMED, type LstmTiming, timeLstmVariants } from './ops/lstmTiming.ts';
export {
  chooseLstmVariant,
  LSTM_VARIANTS,
  type LstmVariant,
  lstmCandidates,
  lstmVariant,
} from './ops/lstmVariants.ts';
export { recordNormal, recordUniform, THREEFRY_WGSL } from './ops/random.ts';
export { recordReduceRows } from './ops/reduce.ts';
export { SURFACES, type Surface } from './ops/surface.ts';
export { conv2dLayer } from './optimizees/layers/conv2d.ts';
export { denseLayer } from './optimizees/layers/dense.ts';
export type { Layer, Shape } from './optimizees/layers/layer.ts';
export {
  asMlp,
  denseLayers,
  type LayerSettings,
  NETWORKS,
  type NetworkName,
  networkLayers,
  withActivation,
} from './optimizees/layers/settings.ts';
export type { Optimizee, QueryFace, TaskTensors } from './optimizees/optimizee.ts';
export { type Box, SURFACE_BOXES, surfaceHeights } from './optimizees/surface.ts';
export { createLearned, weightBlocksOf } from './optimizers/create.ts';
export { withFixedGates } from './optimizers/gated/fixedGates.ts';
export { GATED_NAMES, type GatedName, isGated } from './optimizers/gated/settings.ts';
export { groupNames, requireGroups } from './optimizers/grouped/groups.ts';
export { GROUPINGS, type Grouping, type GroupSettings } from './optimizers/grouped/settings.ts';
export { type GroupSize, groupSizes } from './optimizers/grouped/weights.ts';
export {
  createHandDesigned,
  describeTuned,
  HAND_DESIGNED,
  type HandDesigned,
  type HandDesignedName,
  type HandDesignedSetting,
} from './optimizers/handDesigned.ts';
export {
  type LearnedOptimizer,
  type Optimizer,
  startFits,
  type WeightBlock,
} from './optimizers/optimizer.ts';
export { scheduled } from './optimizers/scheduled.ts';
export { TEACHERS } from './optimizers/teachers.ts';
export { type SettingName, settingPath } from './settingProblem.ts';
