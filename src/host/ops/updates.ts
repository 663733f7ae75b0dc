import productsCode from '../../shaders/updates/products.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';
import { recordReducePartials } from './reduce.ts';

export const updateProductsKernel: Kernel = {
  name: 'updates/products',
  code: productsCode,
  tensors: { theta: 'read', next: 'read', g: 'read', r: 'read', partials: 'readWrite' },
  params: { tasks: 'u32', parameters: 'u32', chunks: 'u32' },
};

/** Chunks of parameters whose products are summed apart, then added in order. */
export const UPDATE_CHUNKS = 64;

/**
 * products [B] vec4f = (|u|^2, |g|^2, |r|^2, u . r) over the parameters of every task, u = next - theta the update and r
 * another optimizer's step; partials [UPDATE_CHUNKS, B] vec4f is overwritten.
 */
export function recordUpdateProducts(
  program: Program,
  tensors: {
    readonly theta: Tensor;
    readonly next: Tensor;
    readonly g: Tensor;
    readonly r: Tensor;
    readonly partials: Tensor;
    readonly products: Tensor;
  },
  { tasks, parameters }: { readonly tasks: number; readonly parameters: number },
): void {
  const { products, ...summed } = tensors;
  const chunks = UPDATE_CHUNKS;
  program.run(updateProductsKernel, {
    tensors: summed,
    params: { tasks, parameters, chunks },
    workgroups: [groupsOf64(chunks), tasks],
  });
  recordReducePartials(program, { partials: tensors.partials, target: products }, chunks);
}
