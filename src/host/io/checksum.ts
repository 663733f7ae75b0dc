import { FileFormatError } from '../errors.ts';
import type { SafeTensorsFile } from './safetensors.ts';

const key = 'checksum';

/** CRC-32 (ISO 3309, as in zip and PNG), a bit at a time from a table. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export function crc32(parts: Iterable<Uint8Array>): number {
  let crc = 0xffffffff;
  for (const part of parts) {
    for (const byte of part) crc = (table[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** The checksum of everything a file says: metadata and tensors, whatever their order in the file. */
function checksumOf({ metadata, tensors }: SafeTensorsFile): string {
  const text = new TextEncoder();
  const parts: Uint8Array[] = [];
  const texts = Object.entries(metadata).filter(([name]) => name !== key);
  for (const entry of texts.sort(byName)) parts.push(text.encode(JSON.stringify(entry)));
  for (const [name, { dtype, shape, data }] of [...tensors].sort(byName)) {
    parts.push(text.encode(JSON.stringify([name, dtype, shape])));
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return crc32(parts).toString(16).padStart(8, '0');
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The file with its checksum among the metadata. */
export function sealed(file: SafeTensorsFile): SafeTensorsFile {
  return { ...file, metadata: { ...file.metadata, [key]: checksumOf(file) } };
}

/**
 * Checks a file that carries a checksum; one that another program wrote need not.
 * @throws FileFormatError when a bit of it has changed since it was written.
 */
export function requireSeal(file: SafeTensorsFile, source: string): void {
  const said = file.metadata[key];
  if (said === undefined || said === checksumOf(file)) return;
  throw new FileFormatError(
    `${source} is damaged: its content does not have the checksum ${said} that it was written with`,
    'copy it again from its source; a file that was edited on purpose must not carry a checksum',
  );
}
