import { STREAMS, threefry, toUnit, type Words } from '../data/threefry.ts';
import { FileFormatError } from '../errors.ts';
import type { NamedWeights, WeightBlock } from './optimizer.ts';

/** One tensor of a weight file, and where in phi its elements lie. */
export interface NamedBlock {
  /** PyTorch's name */
  readonly name: string;
  readonly shape: readonly number[];
  /** Index in phi of each element, row-major. */
  readonly at: Uint32Array;
  /** An addend of elements that another block has too: PyTorch has two biases a layer where one is enough. */
  readonly addend?: true;
}

/** A block whose element `index` lies at `place(index)` in phi. */
export function namedBlock(
  name: string,
  shape: readonly number[],
  place: (index: number) => number,
): NamedBlock {
  const length = shape.reduce((product, size) => product * size, 1);
  return { name, shape, at: Uint32Array.from({ length }, (_, index) => place(index)) };
}

/** A block of `length` elements in a row. */
export function contiguousBlock(name: string, offset: number, length: number): WeightBlock {
  return { name, offset, length, runs: 1, stride: length };
}

/** Elements of a block. */
export function blockSize({ length, runs }: WeightBlock): number {
  return length * runs;
}

/** f32 that a block of phi takes so that the next one can be bound on its own. */
export function alignedLength(length: number): number {
  return 64 * Math.ceil(length / 64);
}

/**
 * Values in phi's layout under PyTorch's names. `addends` says what a second bias gets: zero for weights, the same
 * values for a gradient.
 */
export function toNamed(
  blocks: readonly NamedBlock[],
  values: Float32Array,
  addends: 'zero' | 'same',
): Map<string, NamedWeights> {
  const named = new Map<string, NamedWeights>();
  for (const { name, shape, at, addend } of blocks) {
    const empty = addend && addends === 'zero';
    const data = Float32Array.from(at, (index) => (empty ? 0 : (values[index] ?? Number.NaN)));
    named.set(name, { shape, data });
  }
  return named;
}

/**
 * phi [length] from PyTorch-named weights; the two biases of a layer are added.
 * @throws FileFormatError when a tensor is missing, superfluous, of another shape, or holds a non-finite value.
 */
export function fromNamed(
  blocks: readonly NamedBlock[],
  length: number,
  weights: ReadonlyMap<string, NamedWeights>,
  source: string,
  family: string,
): Float32Array {
  for (const name of weights.keys()) {
    if (!blocks.some((block) => block.name === name)) {
      throw new FileFormatError(
        `${source} holds a tensor ${name} that this ${family} optimizer does not have`,
        'use a weights file of the same family and settings (layers, hidden, preprocess, gates)',
      );
    }
  }
  const phi = new Float32Array(length);
  for (const { name, shape, at } of blocks) {
    const tensor = weights.get(name);
    if (!tensor || tensor.shape.join() !== shape.join()) {
      const found = tensor ? `has shape [${tensor.shape.join(', ')}]` : 'is missing';
      throw new FileFormatError(
        `${source}: tensor ${name} ${found}, and [${shape.join(', ')}] is expected`,
        'use a weights file whose settings (layers, hidden, preprocess, gates) match',
      );
    }
    for (const [index, value] of tensor.data.entries()) {
      if (!Number.isFinite(value)) {
        throw new FileFormatError(
          `${source}: tensor ${name} holds a value that is not finite`,
          'use an intact file',
        );
      }
      const place = at[index] ?? 0;
      phi[place] = (phi[place] ?? 0) + value;
    }
  }
  return phi;
}

/** Fills a part of phi with U(low, high), a function of the seed and the place alone. */
export function fillUniform(
  phi: Float32Array,
  seed: number,
  places: Iterable<number>,
  low: number,
  high: number,
): void {
  const key: Words = [seed >>> 0, STREAMS.phi];
  for (const place of places) {
    const unit = toUnit(threefry(key, [place, STREAMS.phi])[0]);
    phi[place] = low + (high - low) * unit;
  }
}
