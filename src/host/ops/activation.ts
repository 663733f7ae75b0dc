import backwardCode from '../../shaders/activation/backward.wgsl?raw';
import forwardCode from '../../shaders/activation/forward.wgsl?raw';
import rBackwardCode from '../../shaders/activation/rBackward.wgsl?raw';
import expm1Code from '../../shaders/lib/expm1.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

/** Activations by name; the position is the `kind` the kernels know. */
export const ACTIVATIONS = ['sigmoid', 'tanh', 'relu', 'leakyRelu', 'elu', 'softplus'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

export const activationForwardKernel: Kernel = {
  name: 'activation/forward',
  code: forwardCode,
  libraries: [expm1Code],
  tensors: { x: 'read', y: 'readWrite' },
  params: { count4: 'u32', kind: 'u32' },
};

export const activationBackwardKernel: Kernel = {
  name: 'activation/backward',
  code: backwardCode,
  libraries: [expm1Code],
  tensors: { y: 'read', dy: 'read', dx: 'readWrite' },
  params: { count4: 'u32', kind: 'u32' },
};

export const activationRBackwardKernel: Kernel = {
  name: 'activation/rBackward',
  code: rBackwardCode,
  libraries: [expm1Code],
  tensors: { y: 'read', ry: 'read', dy: 'read', rdy: 'read', rdx: 'readWrite' },
  params: { count4: 'u32', kind: 'u32' },
};

/** y = activation(x), elementwise; sizes a multiple of 4. */
export function recordActivationForward(
  program: Program,
  tensors: { readonly x: Tensor; readonly y: Tensor },
  activation: Activation,
): void {
  const count4 = tensors.y.length / 4;
  program.run(activationForwardKernel, {
    tensors,
    params: { count4, kind: ACTIVATIONS.indexOf(activation) },
    workgroups: [groupsOf64(count4)],
  });
}

/** dx = dy * activation'(x), from the output y. */
export function recordActivationBackward(
  program: Program,
  tensors: { readonly y: Tensor; readonly dy: Tensor; readonly dx: Tensor },
  activation: Activation,
): void {
  const count4 = tensors.y.length / 4;
  program.run(activationBackwardKernel, {
    tensors,
    params: { count4, kind: ACTIVATIONS.indexOf(activation) },
    workgroups: [groupsOf64(count4)],
  });
}

/** ry = rx * activation'(x), from the output y. The Jacobian is diagonal: tangents and adjoints pass it alike. */
export function recordActivationRForward(
  program: Program,
  { y, rx, ry }: { readonly y: Tensor; readonly rx: Tensor; readonly ry: Tensor },
  activation: Activation,
): void {
  recordActivationBackward(program, { y, dy: rx, dx: ry }, activation);
}

/** rdx = the tangent of dx, from the output y, its tangent ry, and dy with its tangent rdy. */
export function recordActivationRBackward(
  program: Program,
  tensors: {
    readonly y: Tensor;
    readonly ry: Tensor;
    readonly dy: Tensor;
    readonly rdy: Tensor;
    readonly rdx: Tensor;
  },
  activation: Activation,
): void {
  const count4 = tensors.y.length / 4;
  program.run(activationRBackwardKernel, {
    tensors,
    params: { count4, kind: ACTIVATIONS.indexOf(activation) },
    workgroups: [groupsOf64(count4)],
  });
}
