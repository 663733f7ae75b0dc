import libraryCode from '../../shaders/lib/preprocess.wgsl?raw';
import backwardCode from '../../shaders/preprocess/backward.wgsl?raw';
import forwardCode from '../../shaders/preprocess/forward.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

/** How a gradient enters the optimizer: as it is, log-sign with p, or the released code's clamp form with k. */
export type Preprocess =
  | { readonly kind: 'none' }
  | { readonly kind: 'log-sign'; readonly p: number }
  | { readonly kind: 'clamp'; readonly k: number };

const formParams = { kind: 'u32', p: 'f32', threshold: 'f32', gain: 'f32' } as const;

export const preprocessForwardKernel: Kernel = {
  name: 'preprocess/forward',
  code: forwardCode,
  libraries: [libraryCode],
  tensors: { g: 'read', u: 'readWrite' },
  params: { count4: 'u32', ...formParams },
};

export const preprocessBackwardKernel: Kernel = {
  name: 'preprocess/backward',
  code: backwardCode,
  libraries: [libraryCode],
  tensors: { g: 'read', du: 'read', dg: 'readWrite' },
  params: { count4: 'u32', firstRow: 'u32', accumulate: 'u32', ...formParams },
};

/** Numbers a coordinate's gradient becomes: 1 or 2. */
export function preprocessFeatures(preprocess: Preprocess): number {
  return preprocess.kind === 'none' ? 1 : 2;
}

/** For reports: 'log-sign p=10'. */
export function describePreprocess(preprocess: Preprocess): string {
  switch (preprocess.kind) {
    case 'none':
      return 'raw gradient';
    case 'log-sign':
      return `log-sign p=${preprocess.p}`;
    case 'clamp':
      return `clamp k=${preprocess.k}`;
  }
}

/** The numbers that the kernels of lib/preprocess.wgsl take. */
export function preprocessParams(preprocess: Preprocess) {
  const kind = { none: 0, 'log-sign': 1, clamp: 2 }[preprocess.kind];
  const p = preprocess.kind === 'log-sign' ? preprocess.p : preprocess.kind === 'clamp' ? preprocess.k : 1;
  return { kind, p, threshold: Math.exp(-p), gain: Math.exp(p) };
}

/** u [features, M] from g [M]. */
export function recordPreprocess(
  program: Program,
  tensors: { readonly g: Tensor; readonly u: Tensor },
  preprocess: Preprocess,
): void {
  const count4 = tensors.g.length / 4;
  program.run(preprocessForwardKernel, {
    tensors,
    params: { count4, ...preprocessParams(preprocess) },
    workgroups: [groupsOf64(count4)],
  });
}

/** dg [M] = or += the adjoint of g, from the features du [firstRow + features, M], this gradient's from firstRow on. */
export function recordPreprocessBackward(
  program: Program,
  tensors: { readonly g: Tensor; readonly du: Tensor; readonly dg: Tensor },
  preprocess: Preprocess,
  numbers: { readonly firstRow: number; readonly accumulate: boolean },
): void {
  const count4 = tensors.g.length / 4;
  const { firstRow, accumulate } = numbers;
  program.run(preprocessBackwardKernel, {
    tensors,
    params: { count4, firstRow, accumulate: accumulate ? 1 : 0, ...preprocessParams(preprocess) },
    workgroups: [groupsOf64(count4)],
  });
}
