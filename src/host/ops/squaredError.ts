import backwardCode from '../../shaders/squaredError/backward.wgsl?raw';
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
  tensors: { output: 'read', target_: 'read', rowLoss: 'readWrite' },
  params,
};

export const squaredErrorBackwardKernel: Kernel = {
  name: 'squaredError/backward',
  code: backwardCode,
  tensors: { output: 'read', target_: 'read', doutput: 'readWrite' },
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

/** rowLoss [B, rows]: the mean over the outputs of (z - y)^2, an example each; 0 beyond the batch. */
export function recordSquaredErrorForward(
  program: Program,
  { output, target, rowLoss }: { readonly output: Tensor; readonly target: Tensor; readonly rowLoss: Tensor },
  { tasks, outputs, rows, batch }: SquaredErrorSizes,
): void {
  program.run(squaredErrorForwardKernel, {
    tensors: { output, target_: target, rowLoss },
    params: { outputs, rows, batch },
    workgroups: [groupsOf64(rows), tasks],
  });
}

/** doutput [B, outputs, rows]: the adjoint of the mean squared error over outputs and batch. */
export function recordSquaredErrorBackward(
  program: Program,
  { output, target, doutput }: { readonly output: Tensor; readonly target: Tensor; readonly doutput: Tensor },
  { tasks, outputs, rows, batch }: SquaredErrorSizes,
): void {
  program.run(squaredErrorBackwardKernel, {
    tensors: { output, target_: target, doutput },
    params: { outputs, rows, batch },
    workgroups: [groupsOf64(outputs * rows), tasks],
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
