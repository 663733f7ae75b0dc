import type { Tensor } from '../gpu/tensor.ts';

/** Sizes of one layer, and how many vec4f a row of coordinates has. */
export interface LstmSizes {
  readonly inputs: number;
  readonly hidden: number;
  readonly mp4: number;
  /** vec4f in the weights' binding; layers with the same window share their pipelines. */
  readonly window: number;
}

/** vec4f of weights a unit has: its inputs, its hidden inputs and its bias, one component a gate. */
export function lstmRow({ inputs, hidden }: Pick<LstmSizes, 'inputs' | 'hidden'>): number {
  return inputs + hidden + 1;
}

/** vec4f of weights one dispatch over a layer reads at most. */
export function lstmWindow(sizes: Pick<LstmSizes, 'inputs' | 'hidden'>): number {
  return Math.max(...unitRanges(sizes).map(({ units }) => units)) * lstmRow(sizes);
}

/** Bytes one uniform binding may have in every WebGPU implementation. */
const UNIFORM_BYTES = 65536;

export interface UnitRange {
  readonly first: number;
  readonly units: number;
}

/**
 * Weights are read from a uniform binding; a layer too large for one is split into dispatches over units.
 * Splits fall on multiples of 16 units, so that each part is aligned to 256 bytes.
 */
export function unitRanges(sizes: Pick<LstmSizes, 'inputs' | 'hidden'>): UnitRange[] {
  const bytes = lstmRow(sizes) * 16;
  const fit = Math.floor(UNIFORM_BYTES / bytes);
  if (fit >= sizes.hidden) return [{ first: 0, units: sizes.hidden }];
  const step = Math.floor(fit / 16) * 16;
  if (step === 0) {
    throw new RangeError(
      `an LSTM layer of ${sizes.inputs} inputs and ${sizes.hidden} units is not supported`,
    );
  }
  const ranges: UnitRange[] = [];
  for (let first = 0; first < sizes.hidden; first += step) {
    ranges.push({ first, units: Math.min(step, sizes.hidden - first) });
  }
  return ranges;
}

/** The part of a layer's weights that begins with a range's first unit. */
export function weightsOf(weights: Tensor, sizes: LstmSizes, range: UnitRange): Tensor {
  const offset = range.first * lstmRow(sizes) * 4;
  return weights.view(`${weights.label} from unit ${range.first}`, offset, [sizes.window * 4]);
}
