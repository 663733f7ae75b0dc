import { CoordwiseError } from '../errors.ts';
import type { GpuContext } from './context.ts';
import { LimitError } from './errors.ts';

export type DType = 'f32' | 'u32';

/** Largest buffer offset alignment a binding may need (WebGPU's default limit). */
export const BINDING_ALIGNMENT = 256;

/**
 * A typed array on the device: a buffer, or a part of one. It is named and sized when it is planned and gets
 * its buffer when its pool is allocated, so that the memory of a run is known before any is taken.
 */
export class Tensor {
  readonly label: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly offsetBytes: number;
  readonly #root: Tensor | undefined;
  #buffer: GPUBuffer | undefined;

  constructor(
    label: string,
    shape: readonly number[],
    dtype: DType,
    root?: Tensor,
    offsetBytes = 0,
    buffer?: GPUBuffer,
  ) {
    this.label = label;
    this.shape = shape;
    this.dtype = dtype;
    this.#root = root;
    this.offsetBytes = offsetBytes;
    this.#buffer = buffer;
  }

  /** Number of elements. */
  get length(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  get bytes(): number {
    return this.length * 4;
  }

  /** @throws CoordwiseError when the pool it belongs to has not been allocated. */
  get buffer(): GPUBuffer {
    const buffer = this.#root ? this.#root.buffer : this.#buffer;
    if (!buffer) {
      throw new CoordwiseError(
        `tensor ${this.label} has no buffer yet`,
        'await pool.allocate() before running',
      );
    }
    return buffer;
  }

  attach(buffer: GPUBuffer): void {
    this.#buffer = buffer;
  }

  /** A part of this tensor as a tensor of its own; `offset` in elements, a multiple of 64. */
  view(label: string, offset: number, shape: readonly number[]): Tensor {
    const part = new Tensor(label, shape, this.dtype, this.#root ?? this, this.offsetBytes + offset * 4);
    if (part.offsetBytes % BINDING_ALIGNMENT !== 0 || offset * 4 + part.bytes > this.bytes) {
      throw new RangeError(`view ${label} at element ${offset} does not fit ${this.label}`);
    }
    return part;
  }

  /** What a bind group takes. */
  binding(): GPUBufferBinding {
    return { buffer: this.buffer, offset: this.offsetBytes, size: this.bytes };
  }
}

/** Wraps a buffer the caller owns (an application's parameters or gradients). */
export function wrapBuffer(label: string, buffer: GPUBuffer, shape: readonly number[]): Tensor {
  return new Tensor(label, shape, 'f32', undefined, 0, buffer);
}

/** Plans tensors, says how many bytes they take, then allocates them all at once. */
export class TensorPool {
  readonly context: GpuContext;
  readonly #tensors: Tensor[] = [];
  readonly #buffers: GPUBuffer[] = [];
  #allocated = false;

  constructor(context: GpuContext) {
    this.context = context;
  }

  /** Plans one tensor; contents start at zero. */
  tensor(label: string, shape: readonly number[], dtype: DType = 'f32'): Tensor {
    if (this.#allocated) throw new RangeError(`tensor ${label} was planned after the pool was allocated`);
    const tensor = new Tensor(label, shape, dtype);
    this.#tensors.push(tensor);
    return tensor;
  }

  /** Bytes that `allocate` will take. */
  get bytes(): number {
    return this.#tensors.reduce((sum, tensor) => sum + padded(tensor.bytes), 0);
  }

  /**
   * Takes the memory.
   * @throws LimitError before anything is taken, when a tensor is larger than the adapter allows.
   * @throws OutOfMemoryError when the device has no memory left; what was taken is given back.
   */
  async allocate(): Promise<void> {
    const { device } = this.context;
    const limit = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
    for (const tensor of this.#tensors) {
      if (tensor.bytes > limit) {
        const times = Math.ceil(tensor.bytes / limit);
        throw new LimitError(
          `${tensor.label} needs ${tensor.bytes} bytes, and this adapter allows ${limit} in one binding (maxStorageBufferBindingSize)`,
          `use at least ${times} times fewer tasks at once, or a model at least ${times} times smaller`,
        );
      }
    }
    this.#allocated = true;
    const usage =
      GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    try {
      await this.context.guarded('allocating memory', () => {
        for (const tensor of this.#tensors) {
          const buffer = device.createBuffer({ label: tensor.label, size: padded(tensor.bytes), usage });
          this.#buffers.push(buffer);
          tensor.attach(buffer);
        }
      });
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  /** Gives the memory back. */
  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers.length = 0;
  }
}

/** Buffers are rounded up to 16 bytes so that they can be bound as arrays of vec4f. */
function padded(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}
