import { afterAll, beforeAll } from 'vitest';
import type { ContextOptions, GpuContext } from '../../src/host/gpu/context.ts';
import { Program } from '../../src/host/gpu/program.ts';
import { readTensors, submit, writeTensor } from '../../src/host/gpu/readback.ts';
import { type Tensor, TensorPool } from '../../src/host/gpu/tensor.ts';
import { openNodeContext } from '../../src/node/adapter.ts';

/** What a tensor of a test holds: f32 or u32, by the kind of array. */
export type Values = Float32Array | Uint32Array;

/**
 * Opens one device for all tests of a file and gives it back after the last. Call it once, at the top of the
 * file; the function it returns is for use inside tests.
 */
export function gpuForThisFile(options: Pick<ContextOptions, 'subgroups'> = {}): () => GpuContext {
  let opened: GpuContext | undefined;
  beforeAll(async () => {
    opened = await openNodeContext(undefined, options);
  });
  afterAll(() => opened?.destroy());
  return () => {
    if (!opened) throw new Error('the device is opened by beforeAll: use it inside a test');
    return opened;
  };
}

/** An output of `length` f32 that nobody has written: NaN everywhere. */
export function unwritten(length: number): Float32Array {
  return new Float32Array(length).fill(Number.NaN);
}

/** As `unwritten`, for u32: a word that no kernel under test writes. */
export function unwrittenWords(length: number): Uint32Array {
  return new Uint32Array(length).fill(0xdeadbeef);
}

type Read<T> = { readonly [Name in keyof T]: T[Name] extends Uint32Array ? Uint32Array : Float32Array };

/**
 * Uploads `data`, one tensor an array (f32 ones can also be read as texels), runs what `record` records as one program, and reads all tensors back.
 * Outputs are given as `unwritten`, so that an element no thread writes is seen.
 */
export async function runKernels<const T extends Readonly<Record<string, Values>>>(
  context: GpuContext,
  data: T,
  record: (program: Program, tensors: { readonly [Name in keyof T]: Tensor }) => void,
): Promise<Read<T>> {
  const pool = new TensorPool(context);
  const entries = Object.entries(data).map(([name, values]) => {
    const dtype = values instanceof Uint32Array ? 'u32' : 'f32';
    const tensor = pool.tensor(name, [values.length], dtype);
    if (dtype === 'f32') tensor.useTexels(pool.texels(name, Math.ceil(values.length / 4)));
    return { name, values, tensor };
  });
  await pool.allocate();
  try {
    for (const { tensor, values } of entries) writeTensor(context, tensor, values);
    const program = new Program(context, 'test');
    const tensors = Object.fromEntries(entries.map(({ name, tensor }) => [name, tensor]));
    record(program, tensors as { [Name in keyof T]: Tensor });
    await program.prepare();
    submit(context, (encoder) => program.encode(encoder));
    const arrays = await readTensors(
      context,
      entries.map(({ tensor }) => tensor),
    );
    context.check();
    const read = entries.map(({ name, tensor }, index) => {
      const array = arrays[index] ?? new Float32Array();
      return [name, tensor.dtype === 'u32' ? new Uint32Array(array.buffer) : array];
    });
    return Object.fromEntries(read) as Read<T>;
  } finally {
    pool.destroy();
  }
}
