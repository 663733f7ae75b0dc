import type { Values } from './options.ts';
import { Output } from './output.ts';
import { VERSION } from './reporting.ts';
import { adapterFrom, withDevice } from './session.ts';
import { EXIT } from './usage.ts';

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxUniformBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupStorageSize',
] as const;

/** Adapter, limits and versions. Returns the exit code. */
export async function info(values: Values): Promise<number> {
  const output = new Output(values['json'] === true);
  return withDevice(
    adapterFrom(values),
    output,
    async (context, { variant: lstmKernels, reason, timings }) => {
      const { adapter, device } = context;
      const limits = Object.fromEntries(LIMITS.map((name) => [name, device.limits[name]]));
      const features = [...device.features].sort();
      output.say(
        `Kind: ${adapter.kind}; vendor ${adapter.vendor || 'unknown'}, architecture ${adapter.architecture || 'unknown'}`,
      );
      output.say(
        `Subgroups: ${adapter.subgroupMinSize} to ${adapter.subgroupMaxSize} lanes; LSTM kernels: ${lstmKernels}`,
      );
      const times = timings.map(({ variant, ms }) => `${variant} ${ms.toPrecision(3)} ms`);
      output.say(`LSTM kernels chosen: ${reason}${times.length > 0 ? ` (${times.join(', ')})` : ''}`);
      output.say(`Features: ${features.join(', ')}`);
      for (const [name, value] of Object.entries(limits)) output.say(`${name}: ${value}`);
      output.say(`coordwise ${VERSION}, Node ${process.version}, ${process.platform} ${process.arch}`);
      output.result({
        version: VERSION,
        node: process.version,
        adapter,
        lstmKernels,
        lstmReason: reason,
        lstmTimings: timings,
        features,
        limits,
      });
      return EXIT.done;
    },
  );
}
