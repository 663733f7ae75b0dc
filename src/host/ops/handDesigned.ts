import adamCode from '../../shaders/handDesigned/adam.wgsl?raw';
import adamwCode from '../../shaders/handDesigned/adamw.wgsl?raw';
import momentumCode from '../../shaders/handDesigned/momentum.wgsl?raw';
import nesterovCode from '../../shaders/handDesigned/nesterov.wgsl?raw';
import rmspropCode from '../../shaders/handDesigned/rmsprop.wgsl?raw';
import sgdCode from '../../shaders/handDesigned/sgd.wgsl?raw';
import cosineScheduleCode from '../../shaders/lib/cosineSchedule.wgsl?raw';
import oneMinusPowerCode from '../../shaders/lib/oneMinusPower.wgsl?raw';
import sineCode from '../../shaders/lib/sine.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';

const base = { hyper: 'read', theta: 'read', g: 'read', next: 'readWrite' } as const;
const adamTensors = {
  hyper: 'read',
  clock: 'read',
  theta: 'read',
  g: 'read',
  next: 'readWrite',
  m: 'readWrite',
  v: 'readWrite',
} as const;
const params = { count: 'u32', parameters: 'u32' } as const;

/** One update kernel a hand-designed optimizer; formulas in the files. */
export const HAND_DESIGNED_KERNELS = {
  sgd: { name: 'handDesigned/sgd', code: sgdCode, tensors: base, params },
  momentum: {
    name: 'handDesigned/momentum',
    code: momentumCode,
    tensors: { ...base, m: 'readWrite' },
    params,
  },
  nesterov: {
    name: 'handDesigned/nesterov',
    code: nesterovCode,
    tensors: { ...base, m: 'readWrite' },
    params,
  },
  rmsprop: { name: 'handDesigned/rmsprop', code: rmspropCode, tensors: { ...base, v: 'readWrite' }, params },
  adam: {
    name: 'handDesigned/adam',
    code: adamCode,
    libraries: [oneMinusPowerCode],
    tensors: adamTensors,
    params: { ...params, step: 'u32' },
  },
  adamw: {
    name: 'handDesigned/adamw',
    code: adamwCode,
    libraries: [oneMinusPowerCode, sineCode, cosineScheduleCode],
    tensors: adamTensors,
    params: { ...params, step: 'u32', horizon: 'u32', decay: 'f32' },
  },
} satisfies Record<string, Kernel>;
