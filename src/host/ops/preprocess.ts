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

export const preprocessForwardKernel: Kernel = {
  name: 'preprocess/forward',
  code: forwardCode,
  tensors: { g: 'read', u: 'readWrite' },
  params: { count4: 'u32', kind: 'u32', p: 'f32', threshold: 'f32', gain: 'f32' },
};

/** Numbers a coordinate's gradient becomes: 1 or 2. */
export function preprocessFeatures(preprocess: Preprocess): number {
  return preprocess.kind === 'none' ? 1 : 2;
}

/** u [features, M] from g [M]. */
export function recordPreprocess(
  program: Program,
  tensors: { readonly g: Tensor; readonly u: Tensor },
  preprocess: Preprocess,
): void {
  const count4 = tensors.g.length / 4;
  const kind = { none: 0, 'log-sign': 1, clamp: 2 }[preprocess.kind];
  const p = preprocess.kind === 'log-sign' ? preprocess.p : preprocess.kind === 'clamp' ? preprocess.k : 1;
  program.run(preprocessForwardKernel, {
    tensors,
    params: { count4, kind, p, threshold: Math.exp(-p), gain: Math.exp(p) },
    workgroups: [groupsOf64(count4)],
  });
}
