import { afterAll, beforeAll, type TestContext } from 'vitest';
import type { GpuContext } from '../../src/host/gpu/context.ts';
import { NoAdapterError } from '../../src/host/gpu/errors.ts';
import { lstmLanes } from '../../src/host/ops/lstmVariants.ts';
import { openNodeContext } from '../../src/node/adapter.ts';
import { gpuForThisFile } from './gpu.ts';

/** The LSTM's kernels as they are compiled: the plain ones, and those for subgroups of so many lanes. */
export const LSTM_KERNELS = ['plain', '4 lanes', '8 lanes'] as const;
export type LstmKernels = (typeof LSTM_KERNELS)[number];

/**
 * Opens a device for each kind of kernels: the default adapter's, with and without subgroups, and SwiftShader's, whose subgroups have 4
 * lanes. Call it once, at the top of a file. A test is reported as skipped where no adapter at hand runs the kernels.
 */
export function lstmDevices(): (kernels: LstmKernels, test: TestContext) => GpuContext {
  const plain = gpuForThisFile({ subgroups: false });
  const own = gpuForThisFile();
  let swiftShader: GpuContext | undefined;
  beforeAll(async () => {
    try {
      swiftShader = await openNodeContext('swiftshader');
    } catch (error) {
      if (!(error instanceof NoAdapterError)) throw error;
    }
  });
  afterAll(() => swiftShader?.destroy());
  return (kernels, { skip }) => {
    if (kernels === 'plain') return plain();
    const lanes = kernels === '4 lanes' ? 4 : 8;
    const context = [own(), swiftShader].find((one) => one && lstmLanes(one) === lanes);
    return context ?? skip(`no adapter here has subgroups of ${lanes}`);
  };
}
