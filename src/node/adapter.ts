import { constants, homedir, tmpdir } from 'node:os';
import { ConfigError } from '../host/errors.ts';
import { type ContextOptions, type GpuContext, openContext } from '../host/gpu/context.ts';
import { NoAdapterError } from '../host/gpu/errors.ts';
import { unpackSwiftShader } from './swiftshader.ts';
import { sleepyWait } from './wait.ts';

/** Which adapter to use: the best there is, or one kind only. */
export const ADAPTER_CHOICES = ['auto', 'gpu', 'lavapipe', 'swiftshader'] as const;
export type AdapterChoice = (typeof ADAPTER_CHOICES)[number];

/** RTLD_NODELETE: Node closes a library it could not register as an add-on, and this keeps it loaded. */
const RTLD_NODELETE = 0x1000;

/**
 * The binding's instances must live as long as the process: it crashes when one is collected while devices
 * made from it are in use.
 */
const instances: GPU[] = [];

/**
 * Opens a device in Node: a real GPU, else the system's lavapipe, else the SwiftShader that npm brings.
 * `choice` (or COORDWISE_ADAPTER) insists on one kind; nothing else is then tried.
 * @throws NoAdapterError when there is none, with what to install.
 */
export async function openNodeContext(
  choice: AdapterChoice = adapterFromEnvironment(),
  options: Pick<ContextOptions, 'subgroups' | 'submitMs'> = {},
): Promise<GpuContext> {
  if (process.platform === 'linux' && instances.length === 0) await prepareVulkan(choice);
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const open = async (flags: string[]): Promise<GpuContext | undefined> => {
    const gpu = create(flags);
    instances.push(gpu);
    try {
      return await openContext(gpu, { ...options, wait: sleepyWait });
    } catch (error) {
      if (error instanceof NoAdapterError) return undefined;
      throw error;
    }
  };
  if (choice === 'auto' || choice === 'gpu') {
    const context = await open([]);
    if (context?.adapter.kind === 'gpu') return context;
    context?.destroy();
  }
  if (choice === 'auto' || choice === 'lavapipe') {
    const context = await open(['adapter=llvmpipe']);
    if (context) return context;
  }
  if (choice === 'auto' || choice === 'swiftshader') {
    const context = await open(['adapter=SwiftShader']);
    if (context) return context;
  }
  throw new NoAdapterError(
    choice === 'auto' ? 'no WebGPU adapter was found on this machine' : `no ${choice} adapter was found`,
    'install a GPU driver with Vulkan, or Mesa 25 or newer (Debian: mesa-vulkan-drivers), or run `npm ci` on Linux x64, which brings the SwiftShader software adapter',
  );
}

/** COORDWISE_ADAPTER, or auto. */
export function adapterFromEnvironment(): AdapterChoice {
  const value = process.env['COORDWISE_ADAPTER'] ?? 'auto';
  const choice = ADAPTER_CHOICES.find((known) => known === value);
  if (!choice) {
    throw new ConfigError(
      `COORDWISE_ADAPTER is ${JSON.stringify(value)}, which is no adapter`,
      `set it to one of: ${ADAPTER_CHOICES.join(', ')}`,
    );
  }
  return choice;
}

/** The user's folder for what can be made again: the unpacked software adapter, the chosen kernels. */
export function cacheFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? `${homedir() || tmpdir()}/.cache`;
  return `${cache}/coordwise`;
}

/** One line for people: which adapter, and what its times are worth. */
export function adapterLine(context: GpuContext): string {
  const { description, kind } = context.adapter;
  const remark = kind === 'software' ? " (software: its times are not a GPU's)" : '';
  return `Adapter: ${description}${remark}`;
}

/**
 * Must run before the binding is loaded: the Vulkan loader reads its settings once. Adds the bundled
 * SwiftShader to the system's drivers, and loads the bundled Vulkan loader where the system has none.
 */
async function prepareVulkan(choice: AdapterChoice): Promise<void> {
  const systemLoader = loadLibrary('libvulkan.so.1');
  const wanted = choice === 'auto' || choice === 'swiftshader' || !systemLoader;
  const bundled = wanted ? await unpackSwiftShader(cacheFolder()) : undefined;
  if (!bundled) return;
  if (systemLoader) {
    // The loader ignores VK_ADD_DRIVER_FILES where VK_DRIVER_FILES is set.
    const insisted = choice === 'swiftshader' && process.env['VK_DRIVER_FILES'];
    const variable = insisted ? 'VK_DRIVER_FILES' : 'VK_ADD_DRIVER_FILES';
    const others = process.env[variable];
    process.env[variable] = others ? `${others}:${bundled.driver}` : bundled.driver;
  } else {
    process.env['VK_DRIVER_FILES'] = bundled.driver;
    loadLibrary(bundled.loader);
  }
}

/** Whether the dynamic loader found the library; Node's complaint that it is no add-on is expected. */
function loadLibrary(path: string): boolean {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
    return true;
  } catch (error) {
    return error instanceof Error && error.message.includes('did not self-register');
  }
}
