import type { SubmitPace } from './pace.ts';

/** What programs write into a pass. */
export interface PassCommands
  extends Pick<GPUComputePassEncoder, 'setPipeline' | 'dispatchWorkgroups' | 'end'> {
  setBindGroup(index: number, group: GPUBindGroup, offsets?: readonly number[]): void;
}

/** What programs are written into: one command encoder, or several submitted one after the other. */
export interface Commands {
  copyBufferToBuffer(
    source: GPUBuffer,
    sourceOffset: number,
    target: GPUBuffer,
    targetOffset: number,
    bytes: number,
  ): void;
  copyBufferToTexture(
    source: GPUTexelCopyBufferInfo,
    target: GPUTexelCopyTextureInfo,
    size: readonly [number, number],
  ): void;
  clearBuffer(buffer: GPUBuffer, offset: number, bytes: number): void;
  beginComputePass(descriptor?: GPUComputePassDescriptor): PassCommands;
}

/**
 * Commands in submits of as many dispatches as the pace allows. A pass that goes over several of them is begun anew in
 * each: every dispatch must set its pipeline and all its bind groups.
 */
export class PacedCommands implements Commands {
  readonly #device: GPUDevice;
  readonly #pace: SubmitPace;
  #encoder: GPUCommandEncoder | undefined;
  #inSubmit = 0;
  #dispatches = 0;

  constructor(device: GPUDevice, pace: SubmitPace) {
    this.#device = device;
    this.#pace = pace;
  }

  #current(): GPUCommandEncoder {
    this.#encoder ??= this.#device.createCommandEncoder();
    return this.#encoder;
  }

  copyBufferToBuffer(...copy: Parameters<Commands['copyBufferToBuffer']>): void {
    this.#current().copyBufferToBuffer(...copy);
  }

  copyBufferToTexture(...copy: Parameters<Commands['copyBufferToTexture']>): void {
    this.#current().copyBufferToTexture(...copy);
  }

  clearBuffer(...clear: Parameters<Commands['clearBuffer']>): void {
    this.#current().clearBuffer(...clear);
  }

  beginComputePass(descriptor?: GPUComputePassDescriptor): PassCommands {
    let pass: GPUComputePassEncoder | undefined;
    const open = () => {
      pass ??= this.#current().beginComputePass(descriptor);
      return pass;
    };
    const end = () => {
      pass?.end();
      pass = undefined;
    };
    return {
      setPipeline: (pipeline) => open().setPipeline(pipeline),
      setBindGroup: (index, group, offsets) => {
        // Chromium refuses an undefined third argument once it has compiled the call.
        if (offsets) open().setBindGroup(index, group, offsets);
        else open().setBindGroup(index, group);
      },
      dispatchWorkgroups: (x, y, z) => {
        open().dispatchWorkgroups(x, y, z);
        this.#dispatches++;
        this.#inSubmit++;
        if (this.#inSubmit < this.#pace.dispatches) return undefined;
        end();
        this.#send();
        return undefined;
      },
      end: () => {
        end();
        return undefined;
      },
    };
  }

  /** Submits what is left, and lets the pace learn how long all of it takes. */
  finish(): void {
    this.#send();
    this.#pace.watch(this.#device.queue, this.#dispatches);
  }

  #send(): void {
    if (this.#encoder) this.#device.queue.submit([this.#encoder.finish()]);
    this.#encoder = undefined;
    this.#inSubmit = 0;
  }
}
