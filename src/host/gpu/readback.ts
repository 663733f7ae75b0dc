import { type Commands, PacedCommands } from './commands.ts';
import type { GpuContext } from './context.ts';
import type { Tensor } from './tensor.ts';

/** A copy of some tensors that is on its way to the host. */
export interface PendingRead {
  /** Waits for the copies; one array a tensor, in the order given to `record`. */
  read(): Promise<Float32Array[]>;
}

/**
 * Asynchronous readback through a ring of staging buffers. `record` appends the copies to a command encoder
 * that the caller submits; `read` waits for them, usually one unroll later, while the device goes on.
 */
export class ReadbackRing {
  readonly #context: GpuContext;
  readonly #tensors: readonly Tensor[];
  readonly #free: GPUBuffer[] = [];
  readonly #bytes: number;

  constructor(context: GpuContext, tensors: readonly Tensor[], depth = 2) {
    this.#context = context;
    this.#tensors = tensors;
    this.#bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
    for (let slot = 0; slot < depth; slot++) {
      this.#free.push(
        context.device.createBuffer({
          label: `readback ${slot}`,
          size: this.#bytes,
          usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
        }),
      );
    }
  }

  /** @throws RangeError when all staging buffers are in use: read an earlier one first. */
  record(encoder: Commands): PendingRead {
    const staging = this.#free.pop();
    if (!staging) throw new RangeError('every staging buffer of the readback ring is in use');
    let at = 0;
    for (const tensor of this.#tensors) {
      encoder.copyBufferToBuffer(tensor.buffer, tensor.offsetBytes, staging, at, tensor.bytes);
      at += tensor.bytes;
    }
    return { read: () => this.#read(staging) };
  }

  async #read(staging: GPUBuffer): Promise<Float32Array[]> {
    try {
      await this.#context.wait(staging.mapAsync(GPUMapMode.READ));
    } catch (error) {
      await this.#context.lossSaid();
      this.#context.check();
      throw error;
    }
    this.#context.check();
    const all = staging.getMappedRange();
    let at = 0;
    const arrays = this.#tensors.map((tensor) => {
      const part = new Float32Array(all.slice(at, at + tensor.bytes));
      at += tensor.bytes;
      return part;
    });
    staging.unmap();
    this.#free.push(staging);
    return arrays;
  }

  destroy(): void {
    for (const buffer of this.#free) buffer.destroy();
    this.#free.length = 0;
  }
}

/** Reads some tensors once; for set-up, checkpoints and tests, never inside an unroll. */
export async function readTensors(context: GpuContext, tensors: readonly Tensor[]): Promise<Float32Array[]> {
  const ring = new ReadbackRing(context, tensors, 1);
  const encoder = context.device.createCommandEncoder();
  const pending = ring.record(encoder);
  context.device.queue.submit([encoder.finish()]);
  const arrays = await pending.read();
  ring.destroy();
  return arrays;
}

/** Writes host data into a tensor. */
export function writeTensor(
  context: GpuContext,
  tensor: Tensor,
  data: Float32Array | Uint32Array | Int32Array,
): void {
  if (data.byteLength !== tensor.bytes) {
    throw new RangeError(`${tensor.label} holds ${tensor.bytes} bytes, and ${data.byteLength} were given`);
  }
  context.device.queue.writeBuffer(
    tensor.buffer,
    tensor.offsetBytes,
    data.buffer,
    data.byteOffset,
    data.byteLength,
  );
}

/**
 * Encodes and submits some programs, as one command buffer where the context does not pace its submits; returns what
 * `encode` gave, if anything.
 */
export function submit<T>(context: GpuContext, encode: (encoder: Commands) => T): T {
  if (context.pace) {
    const commands = new PacedCommands(context.device, context.pace);
    const result = encode(commands);
    commands.finish();
    return result;
  }
  const encoder = context.device.createCommandEncoder();
  const result = encode(encoder);
  context.device.queue.submit([encoder.finish()]);
  return result;
}
