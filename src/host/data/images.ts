/**
 * Labelled grey-scale images, and the idx format MNIST is published in (http://yann.lecun.com/exdb/mnist):
 * a big-endian magic number 0x000008dd (unsigned bytes in dd dimensions), one big-endian uint32 per dimension,
 * then the bytes, row-major.
 */
import { CoordwiseError, FileFormatError } from '../errors.ts';

/** `pixels` is uint8 [count, height, width], 0 to 255; `labels` is [count], each below `classes`. */
export interface ImageSet {
  readonly name: string;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly classes: number;
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array | Uint16Array;
}

/** The images of an idx3 file: uint8 [count, height, width]. */
export interface IdxImages {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

const remedy = 'the file is damaged or not an unpacked idx file: download it again';

/** Checks the header and the size of an idx file of unsigned bytes; returns its dimensions and its bytes (a copy). */
function decodeIdx(
  bytes: Uint8Array,
  dimensions: 1 | 3,
  source: string,
): { sizes: number[]; data: Uint8Array } {
  const headerBytes = 4 + 4 * dimensions;
  if (bytes.length < headerBytes) {
    const what = `${bytes.length} bytes are fewer than the ${headerBytes} of an idx${dimensions} header`;
    throw new FileFormatError(`${source}: ${what}`, remedy);
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const magic = header.getUint32(0);
  const expected = 0x0800 + dimensions;
  if (magic !== expected) {
    const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;
    const what = `it starts with ${hex(magic)}, but an idx${dimensions} file of bytes with ${hex(expected)}`;
    throw new FileFormatError(`${source}: ${what}`, remedy);
  }
  const sizes = Array.from({ length: dimensions }, (_, index) => header.getUint32(4 + 4 * index));
  // Up to three 32-bit factors: rounded above 2^53, where it equals no file's size anyway.
  const claimed = sizes.reduce((product, size) => product * size, 1);
  const present = bytes.length - headerBytes;
  if (claimed === 0 || claimed !== present) {
    const what = `the header says ${sizes.join(' x ')} bytes, but ${present} follow it`;
    throw new FileFormatError(`${source}: ${what}`, remedy);
  }
  const data = new Uint8Array(present);
  data.set(bytes.subarray(headerBytes));
  return { sizes, data };
}

/**
 * Reads an idx3 file of images.
 *
 * @param source the file's name, for messages
 * @throws FileFormatError for a wrong magic number, no images, or a size that is not what the header says
 */
export function decodeIdxImages(bytes: Uint8Array, source: string): IdxImages {
  const { sizes, data } = decodeIdx(bytes, 3, source);
  const [count = 0, height = 0, width = 0] = sizes;
  return { count, height, width, pixels: data };
}

/**
 * Reads an idx1 file of labels: uint8 [count].
 *
 * @param source the file's name, for messages
 * @throws FileFormatError for a wrong magic number, no labels, or a size that is not what the header says
 */
export function decodeIdxLabels(bytes: Uint8Array, source: string): Uint8Array {
  return decodeIdx(bytes, 1, source).data;
}

/**
 * Joins images with their labels.
 *
 * @throws FileFormatError where there is not one label an image, or a label is not below `classes`
 */
export function createImageSet(
  name: string,
  images: IdxImages,
  labels: Uint8Array,
  classes: number,
): ImageSet {
  if (labels.length !== images.count) {
    const what = `${images.count} images, but ${labels.length} labels`;
    throw new FileFormatError(`${name}: ${what}`, 'take the images and the labels from the same release');
  }
  const at = labels.findIndex((label) => label >= classes);
  if (at >= 0) {
    const what = `label ${labels[at]} at image ${at} is not below the ${classes} classes`;
    throw new FileFormatError(`${name}: ${what}`, remedy);
  }
  return { name, ...images, classes, labels };
}

/**
 * The images shrunk to `size` x `size`: each new pixel is the mean of a block of old ones, rounded to the nearest
 * uint8 (a half rounds up). Labels are shared with `set`; where the size is already right `set` itself is returned.
 *
 * @throws CoordwiseError where `size` does not divide both the height and the width
 */
export function averagePool(set: ImageSet, size: number): ImageSet {
  const { count, height, width } = set;
  if (!Number.isInteger(size) || size < 1 || height % size !== 0 || width % size !== 0) {
    const message = `${set.name}: ${height} x ${width} images cannot be averaged down to ${size} x ${size}`;
    throw new CoordwiseError(message, 'choose a size that divides both, such as half or a quarter');
  }
  if (height === size && width === size) return set;
  const blockHeight = height / size;
  const blockWidth = width / size;
  const area = blockHeight * blockWidth;
  const sums = new Uint32Array(size * size);
  const pixels = new Uint8Array(count * size * size);
  for (let image = 0; image < count; image++) {
    sums.fill(0);
    for (let y = 0; y < height; y++) {
      const from = (image * height + y) * width;
      const to = Math.floor(y / blockHeight) * size;
      for (let x = 0; x < width; x++) {
        const at = to + Math.floor(x / blockWidth);
        sums[at] = (sums[at] ?? 0) + (set.pixels[from + x] ?? 0);
      }
    }
    const start = image * size * size;
    for (let at = 0; at < sums.length; at++) {
      pixels[start + at] = Math.floor((sums[at] ?? 0) / area + 0.5);
    }
  }
  return { ...set, height: size, width: size, pixels };
}
