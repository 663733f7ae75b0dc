import histogramCode from '../../shaders/summary/histogram.wgsl?raw';
import momentsCode from '../../shaders/summary/moments.wgsl?raw';
import type { Kernel } from '../gpu/kernel.ts';
import type { Program } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { groupsOf64 } from './coordinates.ts';

export const summaryHistogramKernel: Kernel = {
  name: 'summary/histogram',
  code: histogramCode,
  tensors: { spans: 'read', values: 'read', counts: 'readWrite', partials: 'readWrite' },
  params: {
    tasks: 'u32',
    parameters: 'u32',
    spans: 'u32',
    stride: 'u32',
    firstRow: 'u32',
    rows: 'u32',
    chunks: 'u32',
    slot: 'u32',
    bins: 'u32',
    kind: 'u32',
    low: 'f32',
    perUnit: 'f32',
  },
};

export const summaryMomentsKernel: Kernel = {
  name: 'summary/moments',
  code: momentsCode,
  tensors: { partials: 'read', moments: 'readWrite' },
  params: { cells: 'u32', chunks: 'u32', slot: 'u32' },
};

/** Values are gates, given before their sigmoid, or sizes, given with their sign. */
export type SummaryKind = 'gate' | 'size';

/** Where values are counted: gates by their logit (what is before the sigmoid), sizes by their log10. */
export interface SummaryAxis {
  readonly of: 'logit' | 'log10';
  readonly low: number;
  /** Of a bin; a power of two, so that bins are the same on the host. */
  readonly width: number;
  readonly bins: number;
}

/**
 * The axes: gates from s(-16) = 1e-7 to s(16), bins of 6 % of a gate near 0, or of its distance from 1; sizes from
 * 1e-12 to 1e4, bins of 7 %. What lies outside counts in the first or last bin.
 */
export const SUMMARY_AXES: Readonly<Record<SummaryKind, SummaryAxis>> = {
  gate: { of: 'logit', low: -16, width: 1 / 16, bins: 512 },
  size: { of: 'log10', low: -12, width: 1 / 32, bins: 512 },
};

/** Chunks of coordinates whose sums are taken apart, then added in order. */
export const SUMMARY_CHUNKS = 256;

/** A batch of tasks whose rows of `parameters` values are seen in `spans` parts. */
export interface SummarySizes {
  readonly tasks: number;
  readonly parameters: number;
  readonly spans: number;
}

/**
 * Summarises `rows` rows of values [.., M] from `firstRow` on, for every span of every task, into slot `slot` of
 * counts [slots, B, S, bins] u32 (+=) and moments [slots, B, S] vec4f (sum, least, largest, 0). The spans [S, 2] u32 are
 * (offset, count) in a task's row; partials [B, S, SUMMARY_CHUNKS] vec4f is overwritten.
 */
export function recordSummary(
  program: Program,
  tensors: {
    readonly spans: Tensor;
    readonly values: Tensor;
    readonly counts: Tensor;
    readonly partials: Tensor;
    readonly moments: Tensor;
  },
  { tasks, parameters, spans }: SummarySizes,
  what: {
    readonly kind: SummaryKind;
    readonly slot: number;
    readonly stride: number;
    readonly firstRow: number;
    readonly rows: number;
  },
): void {
  const { moments, ...counted } = tensors;
  const { low, width, bins } = SUMMARY_AXES[what.kind];
  const { slot, stride, firstRow, rows } = what;
  const chunks = SUMMARY_CHUNKS;
  const kind = what.kind === 'gate' ? 0 : 1;
  program.run(summaryHistogramKernel, {
    tensors: counted,
    params: {
      ...{ tasks, parameters, spans, stride, firstRow, rows, chunks, slot, bins, kind },
      ...{ low, perUnit: 1 / width },
    },
    workgroups: [groupsOf64(chunks), spans, tasks],
  });
  const cells = tasks * spans;
  program.run(summaryMomentsKernel, {
    tensors: { partials: tensors.partials, moments },
    params: { cells, chunks, slot },
    workgroups: [groupsOf64(cells)],
  });
}
