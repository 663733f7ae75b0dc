import type { ImageSet } from '../data/images.ts';
import { FileFormatError } from '../errors.ts';
import type { ImageSplits } from '../meta/tasks.ts';
import { crc32 } from './checksum.ts';

/*
 * Small labelled images in their three splits as one file: 'CWIMAGE1', then six little-endian u32 (CRC-32 of all that
 * follows, side, classes, images of train, validation and test), then a label a byte, then [images, side, side] bytes.
 */
const MAGIC = 'CWIMAGE1';
const HEADER_BYTES = 8 + 6 * 4;
const SEALED_FROM = 8 + 4;
const LISTS = ['train', 'validation', 'test'] as const;

/** Square images of at most 256 classes, of one size in all splits. */
export function encodeImageSplits(splits: ImageSplits): Uint8Array<ArrayBuffer> {
  const sets = LISTS.map((list) => splits[list]);
  const { height: side, classes } = splits.train;
  const odd = sets.find((set) => set.height !== side || set.width !== side || set.classes > 256);
  if (odd) throw new RangeError(`${odd.name}: only square images of one size and at most 256 classes fit`);
  const parts = [...sets.map(({ labels }) => Uint8Array.from(labels)), ...sets.map(({ pixels }) => pixels)];
  const bytes = new Uint8Array(HEADER_BYTES + parts.reduce((sum, { length }) => sum + length, 0));
  bytes.set(new TextEncoder().encode(MAGIC));
  const header = new DataView(bytes.buffer);
  const numbers = [side, classes, ...sets.map(({ count }) => count)];
  for (const [index, value] of numbers.entries()) header.setUint32(SEALED_FROM + 4 * index, value, true);
  let at = HEADER_BYTES;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  header.setUint32(8, crc32([bytes.subarray(SEALED_FROM)]), true);
  return bytes;
}

/**
 * @param name of the images, for descriptions
 * @throws FileFormatError when the bytes are not such a file, or damaged
 */
export function decodeImageSplits(bytes: Uint8Array, name: string, source: string): ImageSplits {
  const damaged = (what: string) =>
    new FileFormatError(`${source}: ${what}`, 'load it again from where it came');
  const magic = new TextDecoder().decode(bytes.subarray(0, MAGIC.length));
  if (bytes.length < HEADER_BYTES || magic !== MAGIC) throw damaged(`it does not begin with ${MAGIC}`);
  const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const [checksum, side = 0, classes = 0, train = 0, validation = 0, test = 0] = Array.from(
    { length: 6 },
    (_, index) => header.getUint32(8 + 4 * index, true),
  );
  const counts = { train, validation, test };
  const images = train + validation + test;
  const expected = HEADER_BYTES + images * (1 + side * side);
  if (bytes.length !== expected)
    throw damaged(`it has ${bytes.length} bytes, and its header says ${expected}`);
  const body = bytes.subarray(HEADER_BYTES);
  if (crc32([bytes.subarray(SEALED_FROM)]) !== checksum)
    throw damaged('its content does not have the checksum it was written with');
  let first = 0;
  const set = (count: number): ImageSet => {
    const from = images + first * side * side;
    const labels = body.slice(first, first + count);
    const pixels = body.slice(from, from + count * side * side);
    first += count;
    return { name, count, height: side, width: side, classes, pixels, labels };
  };
  const large = body.subarray(0, images).findIndex((label) => label >= classes);
  if (large >= 0) throw damaged(`the label of image ${large} is not below ${classes}`);
  return { train: set(counts.train), validation: set(counts.validation), test: set(counts.test) };
}
