import { describe, expect, it } from 'vitest';
import type { ImageSet } from '../src/host/data/images.ts';
import { FileFormatError } from '../src/host/errors.ts';
import { decodeImageSplits, encodeImageSplits } from '../src/host/io/imageSplits.ts';

function set(count: number, seed: number): ImageSet {
  const pixels = Uint8Array.from({ length: count * 9 }, (_, i) => (i * 37 + seed) % 256);
  const labels = Uint8Array.from({ length: count }, (_, i) => (i + seed) % 10);
  return { name: 'some', count, height: 3, width: 3, classes: 10, pixels, labels };
}

const splits = { train: set(7, 1), validation: set(2, 2), test: set(4, 3) };

describe('image splits', () => {
  it('come back as they were', () => {
    expect(decodeImageSplits(encodeImageSplits(splits), 'some', 'file')).toEqual(splits);
  });

  it('a file with any one bit changed, cut off or grown is refused by name', () => {
    const bytes = encodeImageSplits(splits);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => decodeImageSplits(changed, 'some', 'digits.bin'), `byte ${at}`).toThrow(FileFormatError);
    }
    for (const other of [bytes.subarray(0, -1), new Uint8Array([...bytes, 0]), new Uint8Array()]) {
      expect(() => decodeImageSplits(other, 'some', 'digits.bin')).toThrow(/^digits\.bin: /);
    }
  });
});
