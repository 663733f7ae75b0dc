import inputsCode from '../../shaders/gated/inputs.wgsl?raw';
import lossAdjointCode from '../../shaders/gated/lossAdjoint.wgsl?raw';
import lossPartialsCode from '../../shaders/gated/lossPartials.wgsl?raw';
import preprocessCode from '../../shaders/lib/preprocess.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { type Coordinates, groupsOf64 } from './coordinates.ts';
import { type Preprocess, preprocessFeatures, preprocessParams } from './preprocess.ts';

const formParams = { kind: 'u32', p: 'f32', threshold: 'f32', gain: 'f32' } as const;

export const gatedInputsKernel: Kernel = {
  name: 'gated/inputs',
  code: inputsCode,
  libraries: [preprocessCode],
  tensors: { g: 'read', losses: 'read', u: 'readWrite' },
  params: { mp4: 'u32', count: 'u32', parameters: 'u32', tasks: 'u32', slot: 'u32', ...formParams },
};

export const gatedLossPartialsKernel: Kernel = {
  name: 'gated/lossPartials',
  code: lossPartialsCode,
  tensors: { du: 'read', partials: 'readWrite' },
  params: { mp4: 'u32', parameters: 'u32', chunks: 'u32', features: 'u32' },
};

export const gatedLossAdjointKernel: Kernel = {
  name: 'gated/lossAdjoint',
  code: lossAdjointCode,
  libraries: [preprocessCode],
  tensors: { losses: 'read', partials: 'read', dLoss: 'readWrite' },
  params: { tasks: 'u32', slot: 'u32', chunks: 'u32', ...formParams },
};

/** Numbers a coordinate is given of the loss and its gradient: 2 or 4. */
export function gatedInputFeatures(preprocess: Preprocess): number {
  return 2 * preprocessFeatures(preprocess);
}

/** u [gatedInputFeatures, M] = [pre(f), pre(g)] from g [M] and row `slot` of losses [slots, B]. */
export function recordGatedInputs(
  program: Program,
  tensors: { readonly g: Tensor; readonly losses: Tensor; readonly u: Tensor },
  preprocess: Preprocess,
  { tasks, parameters, count, mp4 }: Coordinates,
  slot: number,
): void {
  program.run(gatedInputsKernel, {
    tensors,
    params: { mp4, count, parameters, tasks, slot, ...preprocessParams(preprocess) },
    workgroups: [groupsOf64(mp4)],
  });
}

/** Numbers that `partials` of `recordGatedLossAdjoint` has: two for each chunk of each task. */
export function lossPartialsShape(tasks: number, chunks: number): [number, number, number] {
  return [tasks, chunks, 2];
}

/** dLoss [B] = the adjoint of row `slot` of losses, from that of u, the sum over each task's coordinates. */
export function recordGatedLossAdjoint(
  program: Program,
  tensors: {
    readonly losses: Tensor;
    readonly du: Tensor;
    readonly partials: Tensor;
    readonly dLoss: Tensor;
  },
  preprocess: Preprocess,
  { tasks, parameters, mp4 }: Coordinates,
  numbers: { readonly slot: number; readonly chunks: number },
): void {
  const { losses, du, partials, dLoss } = tensors;
  const { slot, chunks } = numbers;
  program.run(gatedLossPartialsKernel, {
    tensors: { du, partials },
    params: { mp4, parameters, chunks, features: preprocessFeatures(preprocess) },
    workgroups: [groupsOf64(chunks), tasks],
  });
  program.run(gatedLossAdjointKernel, {
    tensors: { losses, partials, dLoss },
    params: { tasks, slot, chunks, ...preprocessParams(preprocess) },
    workgroups: [groupsOf64(tasks)],
  });
}
