import { describe, expect, it, vi } from 'vitest';
import { type GpuContext, openContext } from '../src/host/gpu/context.ts';
import {
  DeviceLostError,
  LimitError,
  NoAdapterError,
  OutOfMemoryError,
  toTypedError,
  ValidationError,
} from '../src/host/gpu/errors.ts';
import { Program } from '../src/host/gpu/program.ts';
import { ReadbackRing, readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { PlanPool, planMostTasks } from '../src/host/meta/plan.ts';
import { openNodeContext } from '../src/node/adapter.ts';
import { doubleKernel, thrownBy } from './support/doubleKernel.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';

const gpu = gpuForThisFile();

/** Two allocated tensors of 64 f32 and a program that doubles one into the other. */
async function doubling(context: GpuContext) {
  const pool = new TensorPool(context);
  const [x, y] = [pool.tensor('x', [64]), pool.tensor('y', [64])];
  await pool.allocate();
  const program = new Program(context, 'doubling');
  program.run(doubleKernel, { tensors: { x, y }, params: { count: 64, factor: 2 }, workgroups: [1] });
  return { pool, x, y, program };
}

describe('tensors and their memory', () => {
  it('pool.bytes is the sum of the sizes of the buffers it creates', async () => {
    const pool = new TensorPool(gpu());
    for (const [i, length] of [1, 3, 4, 5, 64, 1001].entries()) pool.tensor(`tensor ${i}`, [length]);
    pool.tensor('words', [7, 3], 'u32');
    const created = vi.spyOn(gpu().device, 'createBuffer');
    try {
      await pool.allocate();
      const sizes = created.mock.results.map(({ value }) => (value as GPUBuffer).size);
      expect(sizes.length).toBe(7);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(pool.bytes);
      expect(sizes).toEqual([16, 16, 16, 32, 256, 4016, 96]);
    } finally {
      created.mockRestore();
      pool.destroy();
    }
  });

  it('a tensor over the limit is refused before anything is allocated', async () => {
    const pool = new TensorPool(gpu());
    const limit = Math.min(
      gpu().device.limits.maxBufferSize,
      gpu().device.limits.maxStorageBufferBindingSize,
    );
    pool.tensor('small', [4]);
    const length = Math.floor(limit / 4) * 2 + 4;
    pool.tensor('states', [length]);
    const created = vi.spyOn(gpu().device, 'createBuffer');
    try {
      const error = await thrownBy(() => pool.allocate());
      expect(error).toBeInstanceOf(LimitError);
      expect(String(error)).toContain(`states needs ${4 * length} bytes`);
      expect(String(error)).toContain(`allows ${limit}`);
      expect(error).toMatchObject({ remedy: expect.stringMatching(/at least 3 times fewer tasks/) });
      expect(created).not.toHaveBeenCalled();
    } finally {
      created.mockRestore();
    }
  });

  it('a fresh tensor holds zeros', async () => {
    const { y, pool } = await doubling(gpu());
    expect(await readTensors(gpu(), [y])).toEqual([new Float32Array(64)]);
    pool.destroy();
  });

  it('a tensor without a buffer, planned too late, or of another size says so', async () => {
    const pool = new TensorPool(gpu());
    const tensor = pool.tensor('early', [4]);
    expect(() => tensor.buffer).toThrow(/tensor early has no buffer yet/);
    await pool.allocate();
    expect(() => pool.tensor('late', [4])).toThrow(/tensor late was planned after the pool was allocated/);
    expect(() => writeTensor(gpu(), tensor, new Float32Array(3))).toThrow(
      /early holds 16 bytes, and 12 were/,
    );
    pool.destroy();
  });

  it('a view must begin at a multiple of 64 elements and end inside', async () => {
    const pool = new TensorPool(gpu());
    const tensor = pool.tensor('whole', [200]);
    expect(tensor.view('part', 64, [136]).length).toBe(136);
    expect(() => tensor.view('part', 32, [8])).toThrow(/view part at element 32 does not fit whole/);
    expect(() => tensor.view('part', 64, [137])).toThrow(/view part at element 64 does not fit whole/);
    const nested = tensor.view('part', 64, [136]).view('inner', 64, [72]);
    await pool.allocate();
    writeTensor(
      gpu(),
      tensor,
      Float32Array.from({ length: 200 }, (_, i) => i),
    );
    const [read] = await readTensors(gpu(), [nested]);
    expect(read?.[0]).toBe(128);
    expect(read?.at(-1)).toBe(199);
    pool.destroy();
  });
});

describe('programs', () => {
  it('run as often as they are encoded', async () => {
    const { x, y, program, pool } = await doubling(gpu());
    await program.prepare();
    for (const value of [1, 5]) {
      writeTensor(gpu(), x, new Float32Array(64).fill(value));
      submit(gpu(), (encoder) => program.encode(encoder));
      expect(await readTensors(gpu(), [y])).toEqual([new Float32Array(64).fill(2 * value)]);
    }
    pool.destroy();
  });

  it('refuse missing and unknown tensors and params by name', async () => {
    const { x, y, program, pool } = await doubling(gpu());
    const params = { count: 64, factor: 2 };
    const run = (dispatch: Omit<Parameters<Program['run']>[1], 'workgroups'>) => () =>
      program.run(doubleKernel, { ...dispatch, workgroups: [1] });
    expect(run({ tensors: { x }, params })).toThrow('kernel test/double: tensors missing: y; unknown: none');
    expect(run({ tensors: { x, y, z: x }, params })).toThrow('tensors missing: none; unknown: z');
    expect(run({ tensors: { x, y }, params: { count: 1 } })).toThrow('params missing: factor');
    expect(run({ tensors: { x, y }, params: { ...params, offset: 1 } })).toThrow('unknown: offset');
    expect(program.dispatches).toBe(1);
    pool.destroy();
  });

  it('refuse more workgroups than the adapter allows', async () => {
    const { x, y, program, pool } = await doubling(gpu());
    const limit = gpu().device.limits.maxComputeWorkgroupsPerDimension;
    const dispatch = { tensors: { x, y }, params: { count: 64, factor: 2 } };
    const error = await thrownBy(() =>
      program.run(doubleKernel, { ...dispatch, workgroups: [1, limit + 1] }),
    );
    expect(error).toBeInstanceOf(LimitError);
    expect(String(error)).toContain(`needs ${limit + 1} workgroups`);
    expect(String(error)).toContain(`allows ${limit}`);
    pool.destroy();
  });

  it('of more tasks than buffers or workgroups allow are planned for as many as they do', () => {
    const limit = gpu().device.limits.maxComputeWorkgroupsPerDimension;
    const params = { count: 64, factor: 2 };
    const plan = (most: number, rows: number, workgroupsATask: number) =>
      planMostTasks(gpu(), most, 1, (pool, tasks) => {
        const tensors = { x: pool.tensor('x', [tasks * rows]), y: pool.tensor('y', [64]) };
        new Program(gpu(), 'plan').run(doubleKernel, {
          tensors,
          params,
          workgroups: [tasks * workgroupsATask],
        });
        return tasks;
      }).plan;
    expect(plan(10, 64, 1)).toBe(10);
    expect(plan(10, 64, Math.floor(limit / 3))).toBe(3);
    expect(plan(10, new PlanPool(gpu()).limitBytes / 16, 1)).toBe(4);
    expect(() => plan(10, 64, limit + 1)).toThrow(`needs ${limit + 1} workgroups`);
    expect(() => plan(10, new PlanPool(gpu()).limitBytes / 2, 1)).toThrow('the buffer for x needs');
  });

  it('refuse to be encoded before they are prepared, and copies between different sizes', async () => {
    const { x, program, pool } = await doubling(gpu());
    const encoder = gpu().device.createCommandEncoder();
    expect(() => program.encode(encoder)).toThrow('program doubling was encoded before it was prepared');
    const short = new TensorPool(gpu()).tensor('short', [3]);
    expect(() => program.copy(x, short)).toThrow('cannot copy x (256 bytes) to short (12)');
    pool.destroy();
  });

  it('whose tensors one dispatch both reads and writes are refused when they are submitted', async () => {
    const { x, pool } = await doubling(gpu());
    const program = new Program(gpu(), 'aliased');
    program.run(doubleKernel, { tensors: { x, y: x }, params: { count: 64, factor: 2 }, workgroups: [1] });
    await program.prepare();
    const error = await thrownBy(() =>
      gpu().guarded('submitting', () => submit(gpu(), (encoder) => program.encode(encoder))),
    );
    expect(error).toBeInstanceOf(ValidationError);
    expect(String(error)).toContain('while submitting');
    pool.destroy();
  });
});

describe('readback', () => {
  it('keeps several copies under way and refuses one more than it has buffers', async () => {
    const { x, pool } = await doubling(gpu());
    const ring = new ReadbackRing(gpu(), [x], 2);
    const record = (value: number) => {
      writeTensor(gpu(), x, new Float32Array(64).fill(value));
      return submit(gpu(), (encoder) => ring.record(encoder));
    };
    const [first, second] = [record(1), record(2)];
    expect(() => record(3)).toThrow('every staging buffer of the readback ring is in use');
    expect((await first.read())[0]?.[0]).toBe(1);
    const third = record(3);
    expect((await third.read())[0]?.[63]).toBe(3);
    expect((await second.read())[0]?.[0]).toBe(2);
    ring.destroy();
    pool.destroy();
  });

  it('u32 outputs keep their bits, those of a signalling NaN too', async () => {
    const words = Uint32Array.of(0x7f800001, 0xffffffff, 1, 0x80000000);
    const read = await runKernels(gpu(), { words, y: unwritten(4) }, () => {});
    expect(read.words).toEqual(words);
  });
});

describe('devices', () => {
  it('that are destroyed give DeviceLostError at the next read', async () => {
    const context = await openNodeContext();
    const { x } = await doubling(context);
    const ring = new ReadbackRing(context, [x], 1);
    const pending = submit(context, (encoder) => ring.record(encoder));
    context.destroy();
    const error = await thrownBy(() => pending.read());
    expect(error).toBeInstanceOf(DeviceLostError);
    expect(error).toMatchObject({ remedy: expect.stringContaining('--resume') });
    expect(await thrownBy(() => readTensors(context, [x]))).toBeInstanceOf(DeviceLostError);
    expect(() => context.check()).toThrow(DeviceLostError);
  });

  it('report a mistake outside any error scope at the next check', async () => {
    const context = await openNodeContext();
    context.device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
    const error = await thrownBy(() => context.idle());
    expect(error).toBeInstanceOf(ValidationError);
    context.destroy();
  });

  it('out of memory is told from a mistake', () => {
    const remedy = /fewer tasks/;
    const memory = toTypedError(new GPUOutOfMemoryError('none left'), 'allocating memory');
    expect(memory).toBeInstanceOf(OutOfMemoryError);
    expect(memory.message).toBe('the device ran out of memory while allocating memory: none left');
    expect(memory.remedy).toMatch(remedy);
    const mistake = toTypedError(new GPUValidationError('bad usage'), 'running');
    expect(mistake).toBeInstanceOf(ValidationError);
    expect(mistake.remedy).not.toMatch(remedy);
  });
});

describe('no adapter', () => {
  const nobody: [string, () => Promise<GPUAdapter | null>][] = [
    ['answers null', async () => null],
    ['rejects, as the Node binding does', () => Promise.reject(new Error('no suitable backends found'))],
  ];
  it.each(nobody)('requestAdapter %s: NoAdapterError says what to install', async (_, requestAdapter) => {
    const fake = { requestAdapter } as unknown as GPU;
    const error = await thrownBy(() => openContext(fake));
    expect(error).toBeInstanceOf(NoAdapterError);
    expect(String(error)).toContain('no WebGPU adapter answered');
    expect(error).toMatchObject({ remedy: expect.stringMatching(/mesa-vulkan-drivers.*npm ci/) });
  });
});
