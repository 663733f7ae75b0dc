import {
  ConfigError,
  denseLayers,
  type GpuContext,
  l2lOptimizer,
  parseConfig,
  splitTaskData,
  trainSchema,
} from '../src/host/index.ts';
import { loadDataset } from '../src/node/index.ts';
import type { Benches } from './bench.ts';
import { createMetaIteration, type MetaIteration } from './metaIteration.ts';
import { createCopyRate, createFmaRate } from './rates.ts';
import { createUpdate } from './update.ts';
import type { Workload } from './workload.ts';

export const WORKLOADS = ['W1', 'W2', 'W3'] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

const L2L = { kind: 'l2l', layers: 2, hidden: 20, preprocess: { kind: 'log-sign', p: 10 } } as const;

function metaConfig(task: object, tasks: number) {
  const settings = { task, optimizer: L2L, tasks, unroll: 20, horizon: 20, iterations: 1 };
  return parseConfig(trainSchema, settings, 'bench');
}

/** W1: MLP 784-20-10 on real MNIST, batch 128, T = 20: 15,910 coordinates. */
export async function createW1(context: GpuContext): Promise<MetaIteration> {
  const task = { kind: 'images', resolution: 28, layers: denseLayers([20], 'sigmoid'), batch: 128 };
  const { train, test } = await loadDataset('mnist', 28);
  return createMetaIteration(context, 'W1', metaConfig(task, 1), splitTaskData(train, test));
}

/** W2: 128 quadratics of 10 dimensions, T = 20. */
export function createW2(context: GpuContext): MetaIteration {
  return createMetaIteration(context, 'W2', metaConfig({ kind: 'quadratic', dimension: 10 }, 128));
}

/** W3: one update of 1,000,000 coordinates. */
export function createW3(context: GpuContext): Workload {
  return createUpdate(context, 'W3', 1_000_000, parseConfig(l2lOptimizer, L2L, 'bench'));
}

/** These workloads, and the rates of the adapter; W1 is profiled. */
export async function createBenches(context: GpuContext, only: readonly WorkloadName[]): Promise<Benches> {
  const w1 = only.includes('W1') ? await createW1(context) : undefined;
  return {
    workloads: [
      ...(w1 ? [w1] : []),
      ...(only.includes('W2') ? [createW2(context)] : []),
      ...(only.includes('W3') ? [createW3(context)] : []),
    ],
    rates: [createFmaRate(context), createCopyRate(context)],
    profiled: w1,
  };
}

/**
 * Workloads by a list such as `w1,w3`.
 * @throws ConfigError for a name that is none.
 */
export function parseWorkloads(list: string): WorkloadName[] {
  const names = list.split(',').map((name) => {
    const known = WORKLOADS.find((candidate) => candidate === name.trim().toUpperCase());
    if (!known) {
      throw new ConfigError(
        `there is no workload ${JSON.stringify(name)}`,
        `choose from ${WORKLOADS.join(', ').toLowerCase()}`,
      );
    }
    return known;
  });
  return WORKLOADS.filter((name) => names.includes(name));
}
