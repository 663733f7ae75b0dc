import { CoordwiseError } from '../errors.ts';
import type { Commands } from './commands.ts';

/** Texels in a row of the texture: a power of two, so that an index is taken apart by shift and mask. */
export const TEXEL_ROW = 2048;

/** Bytes of one texel, a vec4f. */
const TEXEL_BYTES = 16;

/**
 * A texture of vec4f that holds a copy of one tensor at a time, for kernels that read it as `texels`. Software adapters
 * read a texel at once, and a vec4f of a storage buffer number by number behind a branch each (docs/performance.md).
 * Texel i lies at (i % TEXEL_ROW, i / TEXEL_ROW).
 */
export class Texels {
  readonly label: string;
  /** vec4f it has room for. */
  readonly length: number;
  #texture: GPUTexture | undefined;

  constructor(label: string, length: number) {
    this.label = label;
    this.length = length;
  }

  get rows(): number {
    return Math.ceil(this.length / TEXEL_ROW);
  }

  get bytes(): number {
    return this.rows * this.#width * TEXEL_BYTES;
  }

  get #width(): number {
    return Math.min(TEXEL_ROW, this.length);
  }

  /** Takes the memory; the pool does. */
  allocate(device: GPUDevice): GPUTexture {
    this.#texture = device.createTexture({
      label: this.label,
      size: [this.#width, this.rows],
      format: 'rgba32float',
      usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST,
    });
    return this.#texture;
  }

  /** @throws CoordwiseError when the pool it belongs to has not been allocated. */
  get texture(): GPUTexture {
    if (!this.#texture) {
      throw new CoordwiseError(
        `texels ${this.label} have no texture yet`,
        'await pool.allocate() before running',
      );
    }
    return this.#texture;
  }

  /** Copies `bytes` of a buffer into the first texels. */
  encodeCopy(encoder: Commands, buffer: GPUBuffer, offset: number, bytes: number): void {
    const { texture } = this;
    const count = bytes / TEXEL_BYTES;
    const full = Math.floor(count / TEXEL_ROW);
    const rowBytes = TEXEL_ROW * TEXEL_BYTES;
    if (full > 0) {
      encoder.copyBufferToTexture({ buffer, offset, bytesPerRow: rowBytes }, { texture }, [TEXEL_ROW, full]);
    }
    const rest = count - full * TEXEL_ROW;
    if (rest > 0) {
      const source = { buffer, offset: offset + full * rowBytes };
      encoder.copyBufferToTexture(source, { texture, origin: [0, full] }, [rest, 1]);
    }
  }
}
