import { CoordwiseError } from '../errors.ts';
import type { GpuContext } from './context.ts';
import { LimitError } from './errors.ts';
import { Texels } from './texels.ts';

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
  #texels: Texels | undefined;

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

  /** Whose buffer this is a part of: itself, where it is no view. */
  get root(): Tensor {
    return this.#root ?? this;
  }

  /** Where kernels that read it as `texels` find a copy; programs bring it up to date. */
  get texels(): Texels | undefined {
    return this.#texels;
  }

  /** Tensors may share texels, if no kernel reads two of them at once. */
  useTexels(texels: Texels): void {
    if (16 * texels.length < this.bytes) {
      throw new RangeError(`texels ${texels.label} have no room for ${this.label}`);
    }
    this.#texels = texels;
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
  readonly #texels: Texels[] = [];
  readonly #resources: { destroy(): void }[] = [];
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

  /** Plans a texture for copies of tensors of up to `length` vec4f. */
  texels(label: string, length: number): Texels {
    if (this.#allocated) throw new RangeError(`texels ${label} were planned after the pool was allocated`);
    const texels = new Texels(label, length);
    this.#texels.push(texels);
    return texels;
  }

  /** Bytes that `allocate` will take. */
  get bytes(): number {
    const inTexels = this.#texels.reduce((sum, { bytes }) => sum + bytes, 0);
    return this.#tensors.reduce((sum, tensor) => sum + padded(tensor.bytes), inTexels);
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
    for (const { label, rows } of this.#texels) {
      const most = device.limits.maxTextureDimension2D;
      if (rows > most) {
        throw new LimitError(
          `the texture for ${label} needs ${rows} rows, and this adapter allows ${most} (maxTextureDimension2D)`,
          'use fewer tasks at once or a smaller model',
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
          this.#resources.push(buffer);
          tensor.attach(buffer);
        }
        for (const texels of this.#texels) this.#resources.push(texels.allocate(device));
      });
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  /** Gives the memory back. */
  destroy(): void {
    for (const resource of this.#resources) resource.destroy();
    this.#resources.length = 0;
  }
}

/** Buffers are rounded up to 16 bytes so that they can be bound as arrays of vec4f. */
function padded(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}
