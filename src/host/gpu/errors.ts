import { CoordwiseError } from '../errors.ts';

/** No WebGPU adapter answered. */
export class NoAdapterError extends CoordwiseError {
  override readonly name = 'NoAdapterError';
}

/** A buffer, a binding or a kernel's grid would be larger than the adapter allows; nothing was allocated. */
export class LimitError extends CoordwiseError {
  override readonly name = 'LimitError';
  /** Of a grid: how many times the allowed workgroups. */
  readonly excess: number | undefined;

  constructor(message: string, remedy: string, excess?: number) {
    super(message, remedy);
    this.excess = excess;
  }
}

/** The device had no memory left for what was asked. */
export class OutOfMemoryError extends CoordwiseError {
  override readonly name = 'OutOfMemoryError';
}

/** The device went away: driver reset, unplugged, or destroyed. Every tensor on it is gone. */
export class DeviceLostError extends CoordwiseError {
  override readonly name = 'DeviceLostError';
}

/** WebGPU refused a call: a mistake in this library or in a shader that was added to it. */
export class ValidationError extends CoordwiseError {
  override readonly name = 'ValidationError';
}

/** A shader does not compile. The message names kernel, line and column and quotes the line. */
export class ShaderCompileError extends CoordwiseError {
  override readonly name = 'ShaderCompileError';
}

/** Turns the three kinds of `GPUError` into the typed errors above. */
export function toTypedError(error: GPUError, where: string): CoordwiseError {
  if (error.constructor.name === 'GPUOutOfMemoryError') {
    return new OutOfMemoryError(
      `the device ran out of memory while ${where}: ${error.message}`,
      'use fewer tasks, a shorter unroll or a smaller hidden size, and close other programs that use the GPU',
    );
  }
  return new ValidationError(
    `WebGPU refused a call while ${where}: ${error.message}`,
    'this is a mistake in a kernel or its wrapper, not in your settings: please report it with this message',
  );
}
