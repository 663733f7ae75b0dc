import { describe, expect, it } from 'vitest';
import type { GpuContext } from '../src/host/gpu/context.ts';
import type { Kernel } from '../src/host/gpu/kernel.ts';
import { Program } from '../src/host/gpu/program.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { type Tensor, TensorPool } from '../src/host/gpu/tensor.ts';
import { TEXEL_ROW } from '../src/host/gpu/texels.ts';
import texelsCode from '../src/shaders/lib/texels.wgsl?raw';
import { randomValues } from './support/compare.ts';
import { gpuForThisFile } from './support/gpu.ts';

const gpu = gpuForThisFile();

/** y = 2 x, x read as texels. */
const twice: Kernel = {
  name: 'test/twice',
  code: `
@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&y)) { y[id.x] = 2.0 * textureLoad(x, texel(id.x)); }
}`,
  libraries: [texelsCode],
  tensors: { x: 'texels', y: 'readWrite' },
  params: {},
};

/** z += y. */
const sum: Kernel = {
  name: 'test/sum',
  code: `
@group(0) @binding(0) var<storage, read> y: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> z: array<vec4f>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&y)) { z[id.x] += y[id.x]; }
}`,
  tensors: { y: 'read', z: 'readWrite' },
  params: {},
};

function double(program: Program, x: Tensor, y: Tensor): void {
  program.run(twice, { tensors: { x, y }, workgroups: [Math.ceil(x.length / 256)] });
}

async function run(context: GpuContext, pool: TensorPool, x: Tensor, program: Program, result: Tensor) {
  await pool.allocate();
  const values = randomValues(x.length, 1);
  writeTensor(context, x, values);
  await program.prepare();
  submit(context, (encoder) => program.encode(encoder));
  const [read] = await readTensors(context, [result]);
  context.check();
  pool.destroy();
  return { values, read: read ?? new Float32Array() };
}

describe('tensors read as texels', () => {
  it.each([1, TEXEL_ROW - 1, TEXEL_ROW, TEXEL_ROW + 1, 3 * TEXEL_ROW + 7])(
    '%i vec4f arrive, and the pool counts the texture',
    async (vec4s) => {
      const context = gpu();
      const pool = new TensorPool(context);
      const [x, y] = [pool.tensor('x', [4 * vec4s]), pool.tensor('y', [4 * vec4s])];
      const before = pool.bytes;
      x.useTexels(pool.texels('x', vec4s));
      const rows = Math.ceil(vec4s / TEXEL_ROW);
      expect(pool.bytes - before).toBe(16 * rows * Math.min(vec4s, TEXEL_ROW));
      const program = new Program(context, 'test');
      double(program, x, y);
      const { values, read } = await run(context, pool, x, program, y);
      expect(read).toEqual(values.map((value) => 2 * value));
    },
  );

  it('a tensor that was written since is copied again, also where two share a texture', async () => {
    const context = gpu();
    const pool = new TensorPool(context);
    const tensors = ['a', 'b', 'c'].map((label) => pool.tensor(label, [64]));
    const [a, b, c] = tensors;
    if (!a || !b || !c) throw new RangeError('three tensors were planned');
    const shared = pool.texels('shared', 16);
    for (const tensor of tensors) tensor.useTexels(shared);
    const program = new Program(context, 'test');
    double(program, a, b);
    double(program, b, a);
    double(program, a, b);
    program.copy(b, a);
    double(program, a, c);
    const { values, read } = await run(context, pool, a, program, c);
    expect(read).toEqual(values.map((value) => 16 * value));
  });

  it('a tensor that was cleared since is copied again', async () => {
    const context = gpu();
    const pool = new TensorPool(context);
    const [x, y, z] = [pool.tensor('x', [64]), pool.tensor('y', [64]), pool.tensor('z', [64])];
    x.useTexels(pool.texels('x', 16));
    const program = new Program(context, 'test');
    double(program, x, y);
    program.clear(x);
    double(program, x, z);
    program.run(sum, { tensors: { y, z }, workgroups: [1] });
    const { values, read } = await run(context, pool, x, program, z);
    expect(read).toEqual(values.map((value) => 2 * value));
  });

  it('mistakes are named: no texels, too few, two tensors of one kernel in the same', () => {
    const context = gpu();
    const pool = new TensorPool(context);
    const [x, y] = [pool.tensor('x', [64]), pool.tensor('y', [64])];
    const program = new Program(context, 'test');
    expect(() => double(program, x, y)).toThrow('x is read as texels, and has none');
    expect(() => x.useTexels(pool.texels('short', 15))).toThrow('texels short have no room for x');
    const both: Kernel = { ...twice, tensors: { x: 'texels', y: 'texels' } };
    const shared = pool.texels('shared', 16);
    x.useTexels(shared);
    y.useTexels(shared);
    const dispatch = { tensors: { x, y }, workgroups: [1] } as const;
    expect(() => program.run(both, dispatch)).toThrow('two tensors that share texels shared');
  });
});
