import type { Commands, PassCommands } from './commands.ts';
import type { CompiledKernel, GpuContext } from './context.ts';
import { LimitError } from './errors.ts';
import type { Kernel, KernelConstants } from './kernel.ts';
import { BINDING_ALIGNMENT, type Tensor } from './tensor.ts';
import { Texels } from './texels.ts';

/** One dispatch: which kernel, on what, with which numbers, over how many workgroups. */
export interface Dispatch {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly params?: Readonly<Record<string, number>>;
  readonly constants?: KernelConstants;
  readonly workgroups: readonly [number, number?, number?];
}

interface KernelStep {
  readonly type: 'kernel';
  readonly kernel: Kernel;
  readonly dispatch: Dispatch;
  readonly paramsOffset: number;
}

interface CopyStep {
  readonly type: 'copy';
  readonly source: Tensor;
  readonly target: Tensor | Texels;
}

interface ClearStep {
  readonly type: 'clear';
  readonly target: Tensor;
}

/** What is done between passes. */
type TransferStep = CopyStep | ClearStep;

interface ReadyStep {
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  readonly tensors: GPUBindGroup;
  readonly params: GPUBindGroup | undefined;
  readonly offsets: readonly number[];
  readonly workgroups: readonly [number, number, number];
}

/**
 * A fixed sequence of dispatches, copies and clears, recorded once and encoded as often as wanted. Everything that
 * varies between two runs of it lives in tensors; `Params` are uploaded once, when it is prepared.
 */
export class Program {
  readonly label: string;
  readonly #context: GpuContext;
  readonly #steps: (KernelStep | TransferStep)[] = [];
  /** Which tensor's values every texture holds at this place of the program. */
  readonly #held = new Map<Texels, Tensor>();
  #paramsBytes = 0;
  #ready: (ReadyStep | TransferStep)[] | undefined;

  constructor(context: GpuContext, label: string) {
    this.#context = context;
    this.label = label;
  }

  /** The device it runs on; kernels that have variants are chosen by it. */
  get context(): GpuContext {
    return this.#context;
  }

  /** Number of kernel dispatches one run of the program takes. */
  get dispatches(): number {
    return this.#steps.filter((step) => step.type === 'kernel').length;
  }

  /** Appends a dispatch. Checks names and limits at once, so a mistake points at the line that made it. */
  run(kernel: Kernel, dispatch: Dispatch): void {
    sameNames(kernel.name, 'tensors', Object.keys(kernel.tensors), Object.keys(dispatch.tensors));
    sameNames(kernel.name, 'params', Object.keys(kernel.params), Object.keys(dispatch.params ?? {}));
    const limit = this.#context.device.limits.maxComputeWorkgroupsPerDimension;
    const over = dispatch.workgroups.find((count) => (count ?? 1) > limit);
    if (over !== undefined) {
      throw new LimitError(
        `kernel ${kernel.name} needs ${over} workgroups in one dimension, and this adapter allows ${limit} (maxComputeWorkgroupsPerDimension)`,
        'use fewer tasks at once or a smaller model',
        over / limit,
      );
    }
    this.#refreshTexels(kernel, dispatch);
    this.#steps.push({ type: 'kernel', kernel, dispatch, paramsOffset: this.#paramsBytes });
    if (Object.keys(kernel.params).length > 0) this.#paramsBytes += BINDING_ALIGNMENT;
    for (const [name, access] of Object.entries(kernel.tensors)) {
      const tensor = dispatch.tensors[name];
      if (access === 'readWrite' && tensor) this.#forget(tensor);
    }
  }

  /** Copies what a kernel reads as texels, unless the texture holds it already. */
  #refreshTexels(kernel: Kernel, dispatch: Dispatch): void {
    const used = new Map<Texels, Tensor>();
    for (const [name, access] of Object.entries(kernel.tensors)) {
      const tensor = dispatch.tensors[name];
      if (access !== 'texels' || !tensor) continue;
      const texels = texelsOf(tensor);
      if (used.has(texels) && used.get(texels) !== tensor) {
        throw new RangeError(`kernel ${kernel.name} reads two tensors that share texels ${texels.label}`);
      }
      used.set(texels, tensor);
      if (this.#held.get(texels) === tensor) continue;
      this.#steps.push({ type: 'copy', source: tensor, target: texels });
      this.#held.set(texels, tensor);
    }
  }

  /** A tensor is written: copies of it, or of what it is a part of, are out of date. */
  #forget({ root }: Tensor): void {
    for (const [texels, tensor] of this.#held) if (tensor.root === root) this.#held.delete(texels);
  }

  /** Appends a copy of one tensor's contents into another of the same length. */
  copy(source: Tensor, target: Tensor): void {
    if (source.bytes !== target.bytes) {
      throw new RangeError(
        `cannot copy ${source.label} (${source.bytes} bytes) to ${target.label} (${target.bytes})`,
      );
    }
    this.#steps.push({ type: 'copy', source, target });
    this.#forget(target);
  }

  /** Appends setting every element of a tensor to zero. */
  clear(target: Tensor): void {
    this.#steps.push({ type: 'clear', target });
    this.#forget(target);
  }

  /** Compiles all kernels side by side, uploads the params, makes the bind groups. Tensors must be allocated. */
  async prepare(): Promise<void> {
    const context = this.#context;
    const kernels = this.#steps.filter((step) => step.type === 'kernel');
    const compiled = await context.wait(
      Promise.all(kernels.map((step) => context.compile(step.kernel, step.dispatch.constants ?? {}))),
    );
    const byStep = new Map<KernelStep, CompiledKernel>();
    kernels.forEach((step, index) => {
      const pipeline = compiled[index];
      if (pipeline) byStep.set(step, pipeline);
    });
    await context.guarded(`preparing ${this.label}`, () => {
      const params = this.#uploadParams(kernels);
      this.#ready = this.#steps.map((step) => {
        if (step.type !== 'kernel') return step;
        const pipeline = byStep.get(step);
        if (!pipeline) throw new RangeError(`kernel ${step.kernel.name} was not compiled`);
        return this.#bind(step, pipeline, params);
      });
    });
  }

  #uploadParams(steps: readonly KernelStep[]): GPUBindGroup | undefined {
    if (this.#paramsBytes === 0) return undefined;
    const { device, paramsLayout } = this.#context;
    const data = new DataView(new ArrayBuffer(this.#paramsBytes));
    for (const step of steps) {
      let offset = step.paramsOffset;
      for (const [name, type] of Object.entries(step.kernel.params)) {
        const value = step.dispatch.params?.[name] ?? Number.NaN;
        if (type === 'u32') data.setUint32(offset, value, true);
        else data.setFloat32(offset, value, true);
        offset += 4;
      }
    }
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ label: `${this.label} params`, size: this.#paramsBytes, usage });
    device.queue.writeBuffer(buffer, 0, data.buffer);
    const entries = [{ binding: 0, resource: { buffer, size: BINDING_ALIGNMENT } }];
    return device.createBindGroup({ label: this.label, layout: paramsLayout, entries });
  }

  #bind(step: KernelStep, compiled: CompiledKernel, params: GPUBindGroup | undefined): ReadyStep {
    const { kernel, dispatch } = step;
    const entries = Object.keys(kernel.tensors).map((name, binding) => {
      const tensor = dispatch.tensors[name];
      if (!tensor) throw new RangeError(`kernel ${kernel.name}: tensor ${name} is missing`);
      const texels = kernel.tensors[name] === 'texels' ? texelsOf(tensor) : undefined;
      return { binding, resource: texels ? texels.texture.createView() : tensor.binding() };
    });
    const layout = compiled.tensorLayout;
    const hasParams = Object.keys(kernel.params).length > 0;
    const [x, y = 1, z = 1] = dispatch.workgroups;
    return {
      name: kernel.name,
      pipeline: compiled.pipeline,
      tensors: this.#context.device.createBindGroup({ label: kernel.name, layout, entries }),
      params: hasParams ? params : undefined,
      offsets: [step.paramsOffset],
      workgroups: [x, y, z],
    };
  }

  /** Writes the whole program into `encoder`. */
  encode(encoder: Commands): void {
    let pass: PassCommands | undefined;
    for (const step of this.#prepared()) {
      if ('type' in step) {
        pass?.end();
        pass = undefined;
        encodeTransfer(encoder, step);
      } else {
        pass ??= encoder.beginComputePass({ label: this.label });
        encodeDispatch(pass, step);
      }
    }
    pass?.end();
  }

  /** As `encode`, with one pass a dispatch between two timestamps: `onStep` gets each kernel's name. */
  encodeTimed(encoder: Commands, querySet: GPUQuerySet, onStep: (name: string) => number): void {
    for (const step of this.#prepared()) {
      if ('type' in step) {
        encodeTransfer(encoder, step);
        continue;
      }
      const index = onStep(step.name);
      const timestampWrites = {
        querySet,
        beginningOfPassWriteIndex: index,
        endOfPassWriteIndex: index + 1,
      };
      const pass = encoder.beginComputePass({ timestampWrites });
      encodeDispatch(pass, step);
      pass.end();
    }
  }

  #prepared(): readonly (ReadyStep | TransferStep)[] {
    if (!this.#ready) throw new RangeError(`program ${this.label} was encoded before it was prepared`);
    return this.#ready;
  }
}

function encodeDispatch(pass: PassCommands, step: ReadyStep): void {
  pass.setPipeline(step.pipeline);
  pass.setBindGroup(0, step.tensors);
  if (step.params) pass.setBindGroup(1, step.params, step.offsets);
  pass.dispatchWorkgroups(...step.workgroups);
}

function texelsOf(tensor: Tensor): Texels {
  if (!tensor.texels) throw new RangeError(`${tensor.label} is read as texels, and has none`);
  return tensor.texels;
}

function encodeTransfer(encoder: Commands, step: TransferStep): void {
  if (step.type === 'clear') {
    const { buffer, offsetBytes, bytes } = step.target;
    encoder.clearBuffer(buffer, offsetBytes, bytes);
    return;
  }
  const { source, target } = step;
  if (target instanceof Texels) {
    target.encodeCopy(encoder, source.buffer, source.offsetBytes, source.bytes);
    return;
  }
  encoder.copyBufferToBuffer(
    source.buffer,
    source.offsetBytes,
    target.buffer,
    target.offsetBytes,
    source.bytes,
  );
}

function sameNames(
  kernel: string,
  what: string,
  expected: readonly string[],
  given: readonly string[],
): void {
  const missing = expected.filter((name) => !given.includes(name));
  const unknown = given.filter((name) => !expected.includes(name));
  if (missing.length + unknown.length > 0) {
    throw new RangeError(
      `kernel ${kernel}: ${what} missing: ${missing.join(', ') || 'none'}; unknown: ${unknown.join(', ') || 'none'}`,
    );
  }
}
