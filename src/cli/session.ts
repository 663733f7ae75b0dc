import { ConfigError, CoordwiseError, type GpuContext, type LstmVariant } from '../host/index.ts';
import {
  ADAPTER_CHOICES,
  type AdapterChoice,
  adapterFromEnvironment,
  adapterLine,
  chooseKernels,
  type KernelChoice,
  openNodeContext,
} from '../node/index.ts';
import { formatBytes } from '../report/terminal.ts';
import type { Values } from './options.ts';
import type { Output } from './output.ts';
import { text } from './settings.ts';
import { suggestion } from './suggest.ts';

/** The adapter that --adapter or COORDWISE_ADAPTER asks for. */
export function adapterFrom(values: Values): AdapterChoice {
  const name = text(values, 'adapter');
  if (name === undefined) return adapterFromEnvironment();
  const choice = ADAPTER_CHOICES.find((known) => known === name);
  if (choice) return choice;
  throw new ConfigError(
    `there is no adapter ${JSON.stringify(name)}${suggestion(name, ADAPTER_CHOICES)}`,
    `choose one of: ${ADAPTER_CHOICES.join(', ')}`,
  );
}

/**
 * Opens the adapter, says which, chooses its kernels, runs `work` and closes it.
 * @param lstm the LSTM kernels that a run goes on with
 */
export async function withDevice<T>(
  choice: AdapterChoice,
  output: Output,
  work: (context: GpuContext, kernels: KernelChoice) => Promise<T>,
  lstm?: LstmVariant,
): Promise<T> {
  const context = await openNodeContext(choice);
  output.say(adapterLine(context));
  try {
    const onTiming = (what: string) => output.say(what);
    return await work(context, await chooseKernels(context, { variant: lstm, onTiming }));
  } finally {
    context.destroy();
  }
}

/**
 * Refuses what a software adapter, whose memory is the machine's own, cannot hold.
 * @throws CoordwiseError
 */
export function requireMemory({ adapter }: GpuContext, bytes: number, what: string): void {
  const available = process.availableMemory();
  if (adapter.kind !== 'software' || bytes <= available) return;
  throw new CoordwiseError(
    `${what} needs ${formatBytes(bytes)}, and this machine has ${formatBytes(available)} of memory free for its software adapter`,
    `make it at least ${Math.ceil(bytes / available)} times smaller: fewer tasks, a shorter unroll, a smaller model`,
  );
}
