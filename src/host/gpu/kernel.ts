import type { CompiledKernel } from './context.ts';
import { ShaderCompileError, toTypedError } from './errors.ts';
import { TEXEL_ROW } from './texels.ts';

/**
 * How a kernel uses one tensor. `uniform` tensors are read at indices equal for all threads, or seldom: GPUs have a path for
 * that. Of `texels` the kernel reads the copy in a texture; it gets the constant TEXEL_ROW.
 */
export type Access = 'read' | 'readWrite' | 'uniform' | 'texels';

/** One field of a kernel's uniform `Params`, in declaration order. */
export type ParamType = 'u32' | 'f32';

/**
 * A kernel as data. `code` is one .wgsl file with one entry point `main`; `libraries` are .wgsl files of
 * functions put before it. `tensors` are the bindings of group 0 in order; `params` the fields of the uniform
 * struct at group 1, binding 0 (none when empty).
 */
export interface Kernel {
  readonly name: string;
  readonly code: string;
  readonly libraries?: readonly string[];
  /** Extensions of WGSL it needs; their features must be among the device's. */
  readonly enables?: readonly 'subgroups'[];
  readonly tensors: Readonly<Record<string, Access>>;
  readonly params: Readonly<Record<string, ParamType>>;
}

/** Sizes of private arrays and choices made at compile time: they become `const NAME: u32 = value;` lines. */
export type KernelConstants = Readonly<Record<string, number>>;

const LAYOUTS: Record<Access, Pick<GPUBindGroupLayoutEntry, 'buffer' | 'storageTexture'>> = {
  read: { buffer: { type: 'read-only-storage' } },
  readWrite: { buffer: { type: 'storage' } },
  uniform: { buffer: { type: 'uniform' } },
  texels: { storageTexture: { access: 'read-only', format: 'rgba32float' } },
};

/** The text handed to the compiler: extensions, constants, libraries, then the kernel's own file. */
export function kernelSource(
  kernel: Kernel,
  constants: KernelConstants,
): { text: string; firstLine: number } {
  const given = Object.values(kernel.tensors).includes('texels') ? { TEXEL_ROW, ...constants } : constants;
  const prelude = Object.entries(given).map(([name, value]) => `const ${name}: u32 = ${value >>> 0};`);
  const enables = (kernel.enables ?? []).map((name) => `enable ${name};`);
  const before = [...enables, ...prelude, ...(kernel.libraries ?? [])].join('\n');
  const head = before === '' ? '' : `${before}\n`;
  return { text: head + kernel.code, firstLine: head.split('\n').length };
}

/**
 * Compiles one kernel with explicit bind-group layouts.
 * @throws ShaderCompileError with line, column and the offending line of the kernel's own file.
 */
export async function compileKernel(
  device: GPUDevice,
  paramsLayout: GPUBindGroupLayout,
  kernel: Kernel,
  constants: KernelConstants,
): Promise<CompiledKernel> {
  const { text, firstLine } = kernelSource(kernel, constants);
  const tensorLayout = device.createBindGroupLayout({
    label: kernel.name,
    entries: Object.values(kernel.tensors).map((access, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      ...LAYOUTS[access],
    })),
  });
  const hasParams = Object.keys(kernel.params).length > 0;
  const layout = device.createPipelineLayout({
    label: kernel.name,
    bindGroupLayouts: hasParams ? [tensorLayout, paramsLayout] : [tensorLayout],
  });
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: kernel.name, code: text });
  const scope = device.popErrorScope();
  const messages = (await module.getCompilationInfo()).messages.filter((message) => message.type === 'error');
  const moduleError = await scope;
  const first = messages[0];
  if (first || moduleError) {
    throw new ShaderCompileError(
      describe(kernel.name, text, firstLine, first, moduleError),
      'correct the shader at that place',
    );
  }
  device.pushErrorScope('validation');
  const pipeline = await device
    .createComputePipelineAsync({ label: kernel.name, layout, compute: { module, entryPoint: 'main' } })
    .catch((reason: unknown) => {
      throw new ShaderCompileError(
        `kernel ${kernel.name} could not be built: ${reason instanceof Error ? reason.message : String(reason)}`,
        'its bindings in the shader and in its wrapper must agree',
      );
    })
    .finally(async () => {
      const error = await device.popErrorScope();
      if (error) throw toTypedError(error, `building kernel ${kernel.name}`);
    });
  return { pipeline, tensorLayout };
}

function describe(
  name: string,
  text: string,
  firstLine: number,
  message: GPUCompilationMessage | undefined,
  error: GPUError | null,
): string {
  if (!message) return `kernel ${name} does not compile: ${error?.message ?? 'unknown error'}`;
  const own = message.lineNum - firstLine + 1;
  const place = own >= 1 ? `line ${own}` : `line ${message.lineNum} of its constants and libraries`;
  const source = text.split('\n')[message.lineNum - 1]?.trim() ?? '';
  return `kernel ${name} does not compile: ${place}, column ${message.linePos}: ${message.message} in \`${source}\``;
}
