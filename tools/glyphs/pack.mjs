/** The file format of data/glyphs.bin, which src/host/data/glyphs.ts reads. */
import { gunzipSync, gzipSync } from 'node:zlib';

/**
 * gzip of: the 8 bytes "CWGLYPH1", the header's length in bytes (uint32, little-endian), the header (JSON, UTF-8), and
 * the images, uint8 [n, 28, 28], class by class and each class's in the order of its `families`.
 *
 * @param {Header} header
 * @param {Uint8Array[]} images
 */
export function pack(header, images) {
  const text = Buffer.from(JSON.stringify(header));
  const start = Buffer.from('CWGLYPH1....');
  start.writeUInt32LE(text.length, 8);
  const bytes = gzipSync(Buffer.concat([start, text, ...images]), { level: 9 });
  // The operating system that packed it (RFC 1952, 2.3.1): unknown, so that all write the same byte.
  bytes[9] = 255;
  return bytes;
}

/**
 * @typedef {object} Header
 * @property {string} format
 * @property {number} side
 * @property {Record<import('./split.mjs').Split, number>} promised examples of every class, by split
 * @property {{ character: string, script: string, name: string, alike: string, split: import('./split.mjs').Split,
 *   families: number[] }[]} classes families: which have it, ascending
 * @property {{ name: string, package: string, weight: number, split: import('./split.mjs').Split, licence: string,
 *   copyright: string }[]} families
 */

/**
 * What `pack` packed.
 *
 * @param {Uint8Array} bytes
 * @returns {{ header: Header, pixels: Uint8Array }}
 */
export function unpack(bytes) {
  const all = gunzipSync(bytes);
  const end = 12 + all.readUInt32LE(8);
  return { header: JSON.parse(all.toString('utf8', 12, end)), pixels: all.subarray(end) };
}
