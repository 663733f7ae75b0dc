import { describe, expect, it } from 'vitest';
import type { Kernel, KernelConstants } from '../src/host/gpu/kernel.ts';
import { accuracyKernel } from '../src/host/ops/accuracy.ts';
import { activationBackwardKernel, activationForwardKernel } from '../src/host/ops/activation.ts';
import {
  clippedSquaresBackwardKernel,
  clippedSquaresForwardKernel,
  clippedSquaresRBackwardKernel,
} from '../src/host/ops/clippedSquares.ts';
import {
  coordinateOutputBackwardKernel,
  coordinateOutputBackwardWeightsKernel,
  coordinateOutputForwardKernel,
  coordinateOutputForwardTexelsKernel,
} from '../src/host/ops/coordinateOutput.ts';
import {
  denseBackwardInputKernel,
  denseBackwardWeightsKernel,
  denseForwardKernel,
} from '../src/host/ops/dense.ts';
import {
  eluLayerBackwardKernel,
  eluLayerBackwardWeightsKernel,
  eluLayerForwardKernel,
} from '../src/host/ops/eluLayer.ts';
import {
  distortionsKernel,
  episodeClassesKernel,
  episodeExamplesKernel,
  sineEpisodeKernel,
} from '../src/host/ops/episodes.ts';
import { HAND_DESIGNED_KERNELS } from '../src/host/ops/handDesigned.ts';
import { gatherKernel, minibatchKernel, warpKernel } from '../src/host/ops/images.ts';
import {
  lstmBackwardGatesKernel,
  lstmBackwardInputsKernel,
  lstmBackwardWeightsKernel,
  lstmForwardKernel,
  lstmGatesKernel,
} from '../src/host/ops/lstm.ts';
import { metaAdamUpdateKernel } from '../src/host/ops/metaAdam.ts';
import { movingAveragesBackwardKernel, movingAveragesForwardKernel } from '../src/host/ops/movingAverages.ts';
import { pesGradientKernel } from '../src/host/ops/pes.ts';
import { preprocessForwardKernel } from '../src/host/ops/preprocess.ts';
import { quadraticBackwardKernel, quadraticForwardKernel } from '../src/host/ops/quadratic.ts';
import { normalKernel, uniformKernel } from '../src/host/ops/random.ts';
import { randomScalingApplyKernel, randomScalingDrawKernel } from '../src/host/ops/randomScaling.ts';
import { reducePartialsKernel, reduceRowsKernel } from '../src/host/ops/reduce.ts';
import { softmaxCrossEntropyForwardKernel } from '../src/host/ops/softmaxCrossEntropy.ts';
import { squaredErrorForwardKernel, squaredErrorRBackwardKernel } from '../src/host/ops/squaredError.ts';
import { summaryHistogramKernel, summaryMomentsKernel } from '../src/host/ops/summary.ts';
import {
  tanhOutputBackwardKernel,
  tanhOutputBackwardTexelsKernel,
  tanhOutputForwardKernel,
  tanhOutputForwardTexelsKernel,
} from '../src/host/ops/tanhOutput.ts';
import { taskRowsAddSlotKernel, taskRowsPartKernel } from '../src/host/ops/taskRows.ts';
import { updateProductsKernel } from '../src/host/ops/updates.ts';
import { axpyKernel } from '../src/host/ops/vector.ts';
import { gpuForThisFile, runKernels } from './support/gpu.ts';
import { layerGuards } from './support/layerGuards.ts';

const gpu = gpuForThisFile();

interface Case {
  readonly kernel: Kernel;
  readonly params: Readonly<Record<string, number>>;
  /** Elements from the start of each tensor that the kernel may write. */
  readonly written: Readonly<Record<string, number>>;
  readonly constants?: KernelConstants;
  /** Workgroups in y and z, as the wrapper has them. */
  readonly grid?: readonly [number, number];
}

const dense = { inputs: 2, outputs: 3, rows4: 1, stride: 9, offset: 0 };
const softmax = { classes: 3, rows: 4, batch: 3 };
const squared = { outputs: 3, rows: 4, batch: 3 };
const gates = { mp4: 2, inputs: 1, hidden: 3, firstUnit: 0, units: 3 };
const hand = { count: 5, parameters: 5 };

/** Sizes far smaller than a workgroup, and tensors far longer than the sizes. */
const cases: readonly Case[] = [
  ...layerGuards,
  { kernel: activationForwardKernel, params: { count4: 5, kind: 0 }, written: { y: 20 } },
  { kernel: activationBackwardKernel, params: { count4: 5, kind: 1 }, written: { dx: 20 } },
  {
    kernel: preprocessForwardKernel,
    params: { count4: 5, kind: 1, p: 10, threshold: 0.1, gain: 10 },
    written: { u: 40 },
  },
  { kernel: axpyKernel, params: { count4: 5, scale: 1, keep: 0 }, written: { y: 20 } },
  { kernel: denseForwardKernel, params: dense, written: { y: 12 } },
  { kernel: denseBackwardInputKernel, params: dense, written: { dx: 8 } },
  { kernel: denseBackwardWeightsKernel, params: dense, written: { gradient: 9 } },
  { kernel: softmaxCrossEntropyForwardKernel, params: softmax, written: { rowLoss: 4, dlogits: 12 } },
  {
    kernel: quadraticForwardKernel,
    params: { count: 6, dimension: 3, tasks: 1, slot: 0, withGradient: 1 },
    written: { residual: 6, losses: 2, gradient: 6 },
  },
  { kernel: quadraticBackwardKernel, params: { count: 6, dimension: 3 }, written: { gradient: 6 } },
  { kernel: gatherKernel, params: { batch: 3, rows: 4, features: 5 }, written: { x: 20 } },
  {
    kernel: distortionsKernel,
    params: { rows: 5, perWay: 2, first: 0, step: 0, classStream: 1, rowStream: 2, strength: 1 },
    written: { maps: 40 },
  },
  {
    kernel: warpKernel,
    params: { batch: 3, rows: 4, side: 4, factor: 2, count: 16 },
    written: { x: 16 },
  },
  {
    kernel: minibatchKernel,
    params: { batch: 3, rows: 5, images: 9, stream: 1, step: 0 },
    written: { indices: 5, labels: 5 },
  },
  { kernel: squaredErrorForwardKernel, params: squared, written: { rowLoss: 4, doutput: 12 } },
  { kernel: squaredErrorRBackwardKernel, params: squared, written: { rdoutput: 12 } },
  { kernel: accuracyKernel, params: { tasks: 5, ...softmax, slot: 0 }, written: { accuracy: 5 } },
  { kernel: episodeClassesKernel, params: { ways: 5, count: 5, stream: 1 }, written: { classes: 5 } },
  {
    kernel: episodeExamplesKernel,
    params: { ways: 2, shots: 3, rows: 8, first: 1, maxExamples: 20, stream: 1 },
    written: { indices: 8, labels: 8 },
  },
  {
    kernel: sineEpisodeKernel,
    params: { rows: 4, batch: 3, first: 0, taskStream: 1, pointStream: 2 },
    written: { x: 4, target_: 4 },
  },
  {
    kernel: uniformKernel,
    params: { count: 5, stride: 0, offset: 0, stream: 1, low: 1, high: 2 },
    written: { target_: 5 },
  },
  {
    kernel: normalKernel,
    params: { count: 5, stride: 0, offset: 0, stream: 1, scale: 1 },
    written: { target_: 5 },
  },
  {
    kernel: reduceRowsKernel,
    params: { tasks: 5, count: 2, slot: 0, scale: 1 },
    written: { target_: 5 },
  },
  { kernel: reducePartialsKernel, params: { count: 5, chunks: 2 }, written: { target_: 20 } },
  { kernel: updateProductsKernel, params: { tasks: 1, parameters: 7, chunks: 5 }, written: { partials: 20 } },
  { kernel: HAND_DESIGNED_KERNELS.sgd, params: hand, written: { next: 5 } },
  { kernel: HAND_DESIGNED_KERNELS.momentum, params: hand, written: { next: 5, m: 5 } },
  { kernel: HAND_DESIGNED_KERNELS.nesterov, params: hand, written: { next: 5, m: 5 } },
  { kernel: HAND_DESIGNED_KERNELS.rmsprop, params: hand, written: { next: 5, v: 5 } },
  { kernel: HAND_DESIGNED_KERNELS.adam, params: { ...hand, step: 0 }, written: { next: 5, m: 5, v: 5 } },
  {
    kernel: HAND_DESIGNED_KERNELS.adamw,
    params: { ...hand, step: 0, horizon: 9, decay: 0.1 },
    written: { next: 5, m: 5, v: 5 },
  },
  {
    kernel: metaAdamUpdateKernel,
    params: { count: 5, first: 5, beta1: 0.9, beta2: 0.9, epsilon: 1 },
    written: { phi: 20, m: 20, v: 20 },
  },
  ...[
    coordinateOutputForwardKernel,
    coordinateOutputForwardTexelsKernel,
    tanhOutputForwardKernel,
    tanhOutputForwardTexelsKernel,
  ].map((kernel) => ({
    kernel,
    params: { mp4: 2, hidden: 3, scale: 1 },
    written: { next: 8 },
    constants: { HIDDEN: 3 },
  })),
  ...[tanhOutputBackwardKernel, tanhOutputBackwardTexelsKernel].map((kernel) => ({
    kernel,
    params: { mp4: 2, hidden: 3, scale: 1 },
    written: { dout: 8 },
    constants: { HIDDEN: 3 },
  })),
  {
    kernel: coordinateOutputBackwardKernel,
    params: { mp4: 2, scale: 1 },
    written: { dh: 24 },
    constants: { HIDDEN: 3 },
    grid: [3, 1],
  },
  {
    kernel: coordinateOutputBackwardWeightsKernel,
    params: { mp4: 2, chunks: 5, stride: 1, accumulate: 0, scale: 1 },
    written: { partials: 20 },
    constants: { HIDDEN: 3 },
  },
  {
    kernel: movingAveragesForwardKernel,
    params: { count4: 5, step: 0, beta1: 0.9, beta2: 0.9, epsilon: 1 },
    written: { m: 20, v: 20, u: 40 },
  },
  {
    kernel: movingAveragesBackwardKernel,
    params: { count4: 5, step: 0, beta1: 0.9, beta2: 0.9, epsilon: 1 },
    written: { dm: 20, dv: 20, dg: 20 },
  },
  {
    kernel: eluLayerForwardKernel,
    params: { mp4: 2 },
    written: { x: 24 },
    constants: { HIDDEN: 3 },
    grid: [3, 1],
  },
  { kernel: eluLayerBackwardKernel, params: { mp4: 2 }, written: { du: 16 }, constants: { HIDDEN: 3 } },
  {
    kernel: eluLayerBackwardWeightsKernel,
    params: { mp4: 2, chunks: 5, stride: 3, accumulate: 0 },
    written: { partials: 60 },
    grid: [3, 1],
  },
  {
    kernel: randomScalingDrawKernel,
    params: { parameters: 5, first: 2, stream: 1, range: 1, factor: 1 },
    written: { scales: 5 },
  },
  { kernel: randomScalingApplyKernel, params: { count: 5, divide: 0 }, written: { y: 5 } },
  { kernel: clippedSquaresForwardKernel, params: { count: 5, limit: 10 }, written: { value: 5 } },
  {
    kernel: clippedSquaresBackwardKernel,
    params: { count: 5, limit: 10, scale: 1 },
    written: { gradient: 5 },
  },
  {
    kernel: clippedSquaresRBackwardKernel,
    params: { count: 5, limit: 10, scale: 1 },
    written: { product: 5 },
  },
  {
    kernel: taskRowsPartKernel,
    params: { count: 5, sourceStride: 0, sourceOffset: 0, targetStride: 0, targetOffset: 0 },
    written: { target_: 5 },
  },
  { kernel: taskRowsAddSlotKernel, params: { tasks: 5, slot: 0 }, written: { target_: 5 } },
  { kernel: lstmGatesKernel, params: gates, written: { z: 72 }, constants: { WEIGHTS: 900 } },
  {
    kernel: summaryHistogramKernel,
    params: {
      ...{ tasks: 1, parameters: 40, spans: 1, stride: 64, firstRow: 0, rows: 1, chunks: 5 },
      ...{ slot: 0, bins: 4, kind: 0, low: -1, perUnit: 1 },
    },
    written: { partials: 20 },
  },
  {
    kernel: summaryMomentsKernel,
    params: { cells: 5, chunks: 2, slot: 0 },
    written: { moments: 20 },
  },
  { kernel: lstmForwardKernel, params: gates, written: { h: 24, c: 24 }, constants: { WEIGHTS: 900 } },
  {
    kernel: lstmBackwardGatesKernel,
    params: gates,
    written: { dc: 24, dGates: 96 },
    constants: { WEIGHTS: 900 },
  },
  {
    kernel: lstmBackwardInputsKernel,
    params: { mp4: 2, size: 5, firstUnit: 0, units: 3, first: 1, rows: 3, accumulate: 0 },
    written: { dInput: 24 },
    constants: { WEIGHTS: 900 },
  },
  {
    kernel: lstmBackwardWeightsKernel,
    params: {
      mp4: 2,
      chunks: 5,
      stride: 12,
      accumulate: 0,
      hidden: 3,
      size: 4,
      rows: 3,
      first: 0,
      outputs: 4,
    },
    written: { partials: 4 * 3 * 4 * 5 },
    grid: [2, 1],
  },
  {
    kernel: pesGradientKernel,
    params: { count: 19, pairs: 2 },
    written: { gradient: 19 },
  },
];

const LENGTH = 4096;
const isWords = (kernel: Kernel, tensor: string) =>
  new RegExp(`> ${tensor}: array<(u32|vec2u)>`).test(kernel.code);

describe('threads past the end of the work', () => {
  it.each(cases)(
    '$kernel.name: write nothing',
    async ({ kernel, params, written, constants = {}, grid = [1, 1] }) => {
      // Each tensor holds one value throughout, another one than each other tensor.
      const data = Object.fromEntries(
        Object.keys(kernel.tensors).map((name, i) => [
          name,
          isWords(kernel, name)
            ? new Uint32Array(LENGTH).fill(20)
            : new Float32Array(LENGTH).fill(0.37 + i / 9),
        ]),
      );
      const read = await runKernels(gpu(), data, (program, tensors) =>
        program.run(kernel, { tensors, params, constants, workgroups: [2, ...grid] }),
      );
      for (const [name, count] of Object.entries(written)) {
        const before = data[name]?.[0];
        const last = read[name]?.findLastIndex((value) => value !== before);
        expect(last, `the last element of ${name} that changed`).toBe(count - 1);
      }
    },
  );
});
