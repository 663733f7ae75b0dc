import forwardCode from '../../shaders/squaredError/forward.wgsl?raw';
import rBackwardCode from '../../shaders/squaredError/rBackward.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

const params = { outputs: 'u32', rows: 'u32', batch: 'u32' } as const;

export const squaredErrorForwardKernel: Kernel = {
  name: 'squaredError/forward',
  code: forwardCode,
  tensors: { output: 'read', target_: 'read', rowLoss: 'readWrite', doutput: 'readWrite' },
  params,
};

export const squaredErrorRBackwardKernel: Kernel = {
  name: 'squaredError/rBackward',
  code: rBackwardCode,
  tensors: { routput: 'read', rdoutput: 'readWrite' },
  params,
};

export interface SquaredErrorSizes {
  readonly tasks: number;
  readonly outputs: number;
  /** Examples that count. */
  readonly batch: number;
  /** `batch` rounded up to a multiple of 4. */
  readonly rows: number;
}

/**
 * rowLoss [B, rows]: the mean over the outputs of (z - y)^2, an example each; doutput [B, outputs, rows]: the adjoint of its
 * mean over the batch. Both are 0 beyond the batch.
 */
export function recordSquaredErrorForward(
  program: Program,
  tensors: {
    readonly output: Tensor;
    readonly target: Tensor;
    readonly rowLoss: Tensor;
    readonly doutput: Tensor;
  },
  { tasks, outputs, rows, batch }: SquaredErrorSizes,
): void {
  const { target: target_, ...others } = tensors;
  program.run(squaredErrorForwardKernel, {
    tensors: { ...others, target_ },
    params: { outputs, rows, batch },
    workgroups: [groupsOf64(rows), tasks],
  });
}

/** rdoutput [B, outputs, rows]: the tangent of doutput along routput. */
export function recordSquaredErrorRBackward(
  program: Program,
  tensors: { readonly routput: Tensor; readonly rdoutput: Tensor },
  { tasks, outputs, rows, batch }: SquaredErrorSizes,
): void {
  program.run(squaredErrorRBackwardKernel, {
    tensors,
    params: { outputs, rows, batch },
    workgroups: [groupsOf64(outputs * rows), tasks],
  });
}
