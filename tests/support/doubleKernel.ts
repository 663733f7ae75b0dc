import type { Kernel } from '../../src/host/gpu/kernel.ts';

/** y = factor * x: a kernel for tests of what runs kernels. */
export const doubleKernel: Kernel = {
  name: 'test/double',
  tensors: { x: 'read', y: 'readWrite' },
  params: { count: 'u32', factor: 'f32' },
  code: `struct Params { count: u32, factor: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  y[id.x] = params.factor * x[id.x];
}
`,
};

/** What `action` throws or rejects with. */
export async function thrownBy(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
