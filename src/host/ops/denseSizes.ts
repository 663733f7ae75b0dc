/** Params of all kernels of a dense layer. */
export const denseParams = {
  inputs: 'u32',
  outputs: 'u32',
  rows4: 'u32',
  stride: 'u32',
  offset: 'u32',
} as const;

/**
 * One affine layer inside each task's parameters: weight [inputs, outputs] row-major at `offset`, then the
 * bias [outputs]; tasks are `stride` values apart; `rows` (a multiple of 4) examples a task.
 */
export interface DenseSizes {
  readonly tasks: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly rows: number;
  readonly stride: number;
  readonly offset: number;
}
