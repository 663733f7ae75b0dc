import type { CoordwiseError } from '../errors.ts';
import { DeviceLostError, NoAdapterError, toTypedError } from './errors.ts';
import type { Kernel, KernelConstants } from './kernel.ts';
import { compileKernel } from './kernel.ts';
import { SubmitPace } from './pace.ts';

/** What is known about the adapter in use; `kind` says whether its times are a GPU's. */
export interface AdapterSummary {
  readonly description: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly kind: 'gpu' | 'software';
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;
  /** Kernels may read storage textures. */
  readonly storageTextureReads: boolean;
}

export interface ContextOptions {
  /**
   * How to wait for a promise of the device. The default awaits it; the Node binding polls its device on the
   * JavaScript thread, so Node passes a wait that sleeps between polls (see src/node/wait.ts).
   */
  readonly wait?: <T>(promise: Promise<T>) => Promise<T>;
  /** false: no kernel that uses subgroups is chosen. Default: wherever they gain. */
  readonly subgroups?: boolean;
  /**
   * About how long one submit may keep the device, in milliseconds: programs are split to keep to it. For pages, which
   * share the device with what draws them. Default: a program is one submit.
   */
  readonly submitMs?: number;
}

/** A lost device rejects what waits for it before or after it says that it is lost. */
const LOSS_MS = 100;

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|basic render|warp/i;

/** A compiled kernel with its explicit layouts. */
export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly tensorLayout: GPUBindGroupLayout;
}

/**
 * One device and what is cached on it. It is passed to everything that needs a GPU; there is no global one.
 * `check()` throws the first error the device reported outside an error scope.
 */
export class GpuContext {
  readonly device: GPUDevice;
  readonly adapter: AdapterSummary;
  readonly paramsLayout: GPUBindGroupLayout;
  readonly wait: <T>(promise: Promise<T>) => Promise<T>;
  /** Lanes of every subgroup; 0 where that is not known beforehand, or where subgroups shall not be used. */
  readonly subgroupLanes: number;
  /** Undefined where programs are one submit each. */
  readonly pace: SubmitPace | undefined;
  readonly #pipelines = new Map<string, Promise<CompiledKernel>>();
  readonly #choices = new Map<string, string>();
  #failure: CoordwiseError | undefined;

  constructor(device: GPUDevice, adapter: AdapterSummary, options: ContextOptions = {}) {
    this.device = device;
    this.adapter = adapter;
    this.wait = options.wait ?? ((promise) => promise);
    this.pace = options.submitMs === undefined ? undefined : new SubmitPace(options.submitMs);
    const fixed = device.features.has('subgroups') && adapter.subgroupMinSize === adapter.subgroupMaxSize;
    this.subgroupLanes = fixed && options.subgroups !== false ? adapter.subgroupMinSize : 0;
    this.paramsLayout = device.createBindGroupLayout({
      label: 'params',
      entries: [
        {
          binding: 0,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: 'uniform', hasDynamicOffset: true },
        },
      ],
    });
    device.addEventListener('uncapturederror', (event) => {
      this.#failure ??= toTypedError(event.error, 'running');
    });
    void device.lost.then((info) => {
      this.#failure ??= new DeviceLostError(
        `the device was lost (${info.reason || 'unknown reason'}): ${info.message}`,
        'start again; a training run goes on from its last checkpoint with --resume',
      );
    });
  }

  /** Which variant of a group of kernels was chosen for this device; undefined where nobody has chosen. */
  chosen(group: string): string | undefined {
    return this.#choices.get(group);
  }

  /** Chooses for programs recorded from now on. The variants' names are those of the group's own file in src/host/ops. */
  choose(group: string, variant: string): void {
    this.#choices.set(group, variant);
  }

  /** Throws the first failure the device has reported since it was opened. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** After a call failed: gives a device that is being lost the time to say so, for `check` to tell. */
  async lossSaid(): Promise<void> {
    const silence = new Promise((resolve) => setTimeout(resolve, LOSS_MS));
    await Promise.race([this.device.lost, silence]);
  }

  /** Compiles a kernel once per (kernel, constants); concurrent calls share the work. */
  compile(kernel: Kernel, constants: KernelConstants): Promise<CompiledKernel> {
    const key = `${kernel.name}|${JSON.stringify(constants)}`;
    let compiled = this.#pipelines.get(key);
    if (!compiled) {
      compiled = compileKernel(this.device, this.paramsLayout, kernel, constants);
      this.#pipelines.set(key, compiled);
    }
    return compiled;
  }

  /** Runs `work` inside error scopes; what they catch is thrown as a typed error. */
  async guarded<T>(where: string, work: () => T | Promise<T>): Promise<T> {
    const { device } = this;
    device.pushErrorScope('out-of-memory');
    device.pushErrorScope('validation');
    const outcome = await settle(work);
    const [validation, memory] = [device.popErrorScope(), device.popErrorScope()];
    const error = (await this.wait(memory)) ?? (await this.wait(validation));
    if (error) throw toTypedError(error, where);
    if ('reason' in outcome) throw outcome.reason;
    this.check();
    return outcome.value;
  }

  /** Waits until everything submitted so far is done. */
  async idle(): Promise<void> {
    await this.wait(this.device.queue.onSubmittedWorkDone());
    this.check();
  }

  destroy(): void {
    this.device.destroy();
  }
}

/**
 * Asks `gpu` for an adapter and opens a device with the adapter's own limits of buffers and of a workgroup's memory and, where it has them,
 * timestamp queries and subgroups.
 * @throws NoAdapterError when no adapter answers.
 */
export async function openContext(gpu: GPU, options: ContextOptions = {}): Promise<GpuContext> {
  const wait = options.wait ?? (<T>(promise: Promise<T>) => promise);
  // Node's binding rejects where WebGPU answers null.
  const answer = await settle(() => wait(gpu.requestAdapter({ powerPreference: 'high-performance' })));
  const adapter = 'value' in answer ? answer.value : null;
  if (!adapter) {
    throw new NoAdapterError(
      'no WebGPU adapter answered',
      'install a Vulkan driver (on Debian: mesa-vulkan-drivers 25 or newer), or run `npm ci` so that the bundled software adapter is there',
      'reason' in answer ? { cause: answer.reason } : {},
    );
  }
  const features = (['timestamp-query', 'subgroups'] as const).filter((name) => adapter.features.has(name));
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } = adapter.limits;
  const device = await wait(
    adapter.requestDevice({
      requiredFeatures: features,
      requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize },
    }),
  );
  const reads = gpu.wgslLanguageFeatures.has('readonly_and_readwrite_storage_textures');
  return new GpuContext(device, { ...summarise(adapter.info), storageTextureReads: reads }, options);
}

/** What `work` did, without throwing. */
async function settle<T>(work: () => T | Promise<T>): Promise<{ value: T } | { reason: unknown }> {
  try {
    return { value: await work() };
  } catch (reason) {
    return { reason };
  }
}

function summarise(info: GPUAdapterInfo): Omit<AdapterSummary, 'storageTextureReads'> {
  const description = info.description || info.device || [info.vendor, info.architecture].join(' ').trim();
  const text = `${description} ${info.vendor} ${info.architecture} ${info.device}`;
  const software = info.isFallbackAdapter === true || SOFTWARE.test(text);
  return {
    description: description || 'unnamed adapter',
    vendor: info.vendor,
    architecture: info.architecture,
    kind: software ? 'software' : 'gpu',
    subgroupMinSize: info.subgroupMinSize ?? 0,
    subgroupMaxSize: info.subgroupMaxSize ?? 0,
  };
}
