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
import { createLayerRates } from './layerRates.ts';
import { createMetaIteration, type MetaIteration } from './metaIteration.ts';
import { createCopyRate, createFmaRate } from './rates.ts';
import { createUpdate } from './update.ts';
import type { Workload } from './workload.ts';

export const WORKLOADS = ['W1', 'W2', 'W3', 'W1-SAMPLED', 'W1-SECOND', 'W3-QUARTER'] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

const L2L = { kind: 'l2l', layers: 2, hidden: 20, preprocess: { kind: 'log-sign', p: 10 } } as const;

function metaConfig(task: object, tasks: number, changes: object = {}) {
  const settings = { task, optimizer: L2L, tasks, unroll: 20, horizon: 20, iterations: 1, ...changes };
  return parseConfig(trainSchema, settings, 'bench');
}

/** What W1 is besides itself: one coordinate in ten goes backward, or the meta-gradient is of exact second order. */
const W1_VARIANTS = {
  W1: {},
  'W1-SAMPLED': { coordinateSample: 0.1 },
  'W1-SECOND': { secondDerivatives: true },
} as const;

/** W1: MLP 784-20-10 on real MNIST, batch 128, T = 20: 15,910 coordinates. */
export async function createW1(
  context: GpuContext,
  name: keyof typeof W1_VARIANTS = 'W1',
): Promise<MetaIteration> {
  const task = { kind: 'images', resolution: 28, layers: denseLayers([20], 'sigmoid'), batch: 128 };
  const { train, test } = await loadDataset('mnist', 28);
  const config = metaConfig(task, 1, W1_VARIANTS[name]);
  return createMetaIteration(context, name, config, splitTaskData(train, test));
}

/** W2: 128 quadratics of 10 dimensions, T = 20. */
export function createW2(context: GpuContext): MetaIteration {
  return createMetaIteration(context, 'W2', metaConfig({ kind: 'quadratic', dimension: 10 }, 128));
}

/** W3: one update of 1,000,000 coordinates; its quarter shows how the time grows. */
export function createW3(context: GpuContext, name: 'W3' | 'W3-QUARTER' = 'W3'): Workload {
  const coordinates = name === 'W3' ? 1_000_000 : 250_000;
  return createUpdate(context, name, coordinates, parseConfig(l2lOptimizer, L2L, 'bench'));
}

/** These workloads, and the rates of the adapter; W1 is profiled. */
export async function createBenches(context: GpuContext, only: readonly WorkloadName[]): Promise<Benches> {
  const create: Readonly<Record<WorkloadName, () => Promise<Workload> | Workload>> = {
    W1: () => createW1(context),
    W2: () => createW2(context),
    W3: () => createW3(context),
    'W1-SAMPLED': () => createW1(context, 'W1-SAMPLED'),
    'W1-SECOND': () => createW1(context, 'W1-SECOND'),
    'W3-QUARTER': () => createW3(context, 'W3-QUARTER'),
  };
  const workloads: Workload[] = [];
  for (const name of only) workloads.push(await create[name]());
  return {
    workloads,
    rates: [createFmaRate(context), createCopyRate(context), ...createLayerRates(context)],
    profiled: workloads.find(isMetaIteration),
  };
}

/** The first of them, W1 where it is run, is profiled. */
function isMetaIteration(workload: Workload): workload is MetaIteration {
  return 'trainer' in workload;
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
