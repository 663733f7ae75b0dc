/**
 * The safetensors container (https://huggingface.co/docs/safetensors, "Format"): 8 bytes of little-endian header
 * length, a JSON header, then the tensors' bytes, little-endian and row-major. The decoder trusts nothing in the
 * file: every length is checked against the bytes that are really there before anything is allocated.
 */
import { FileFormatError } from '../errors.ts';
import { findDuplicateKey } from './duplicateKey.ts';

export type SafeTensorDtype = 'F32' | 'F64' | 'I32' | 'I64' | 'U32' | 'U8';
export type SafeTensorData =
  | Float32Array
  | Float64Array
  | Int32Array
  | BigInt64Array
  | Uint32Array
  | Uint8Array;

/** One tensor: `data` is row-major, of the array type that belongs to `dtype`, and as long as `shape` says. */
export interface SafeTensor {
  readonly dtype: SafeTensorDtype;
  readonly shape: readonly number[];
  readonly data: SafeTensorData;
}

/** A whole file: free text by key (`__metadata__` in the header) and the tensors by name. */
export interface SafeTensorsFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, SafeTensor>;
}

/** What the typed-array constructors have in common. */
interface ArrayType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): SafeTensorData;
}

/** A tensor as the header announces it; `begin` and `end` are byte offsets into the data section. */
interface Entry {
  readonly name: string;
  readonly dtype: SafeTensorDtype;
  readonly arrayType: ArrayType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const arrayTypes: ReadonlyMap<string, readonly [SafeTensorDtype, ArrayType]> = new Map([
  ['F32', ['F32', Float32Array]],
  ['F64', ['F64', Float64Array]],
  ['I32', ['I32', Int32Array]],
  ['I64', ['I64', BigInt64Array]],
  ['U32', ['U32', Uint32Array]],
  ['U8', ['U8', Uint8Array]],
]);

const metadataKey = '__metadata__';
const lengthBytes = 8;
/** The limit of the format's reference implementation. */
const maxHeaderBytes = 100_000_000;
const damaged = 'the file is damaged or not safetensors: copy it again from its source, or save it again';

function bad(source: string, what: string, remedy = damaged, cause?: unknown): FileFormatError {
  return new FileFormatError(`${source}: ${what}`, remedy, cause === undefined ? undefined : { cause });
}

/** Quotes a name from a file for a message: escaped, and short however long the name is. */
function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** The number of elements of a shape (1 for `[]`), or undefined where it is beyond 2^53 - 1. */
function elementCount(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (!isCount(count)) return undefined;
  }
  return count;
}

function parseHeader(bytes: Uint8Array, source: string): { header: Record<string, unknown>; start: number } {
  if (bytes.length < lengthBytes) throw bad(source, `${bytes.length} bytes are too few for safetensors`);
  const headerBytes = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes).getBigUint64(0, true);
  const available = bytes.length - lengthBytes;
  if (headerBytes > BigInt(Math.min(available, maxHeaderBytes))) {
    throw bad(source, `the header claims ${headerBytes} bytes, but ${available} bytes follow its length`);
  }
  const start = lengthBytes + Number(headerBytes);
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text: string;
  try {
    text = utf8.decode(bytes.subarray(lengthBytes, start));
  } catch (cause) {
    throw bad(source, 'the header is not UTF-8', damaged, cause);
  }
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw bad(source, 'the header is not valid JSON', damaged, cause);
  }
  if (!isRecord(header) || !text.startsWith('{')) throw bad(source, 'the header is not a JSON object');
  const duplicate = findDuplicateKey(text, 2);
  if (duplicate !== undefined) throw bad(source, `the header has the name ${quote(duplicate)} twice`);
  return { header, start };
}

function parseMetadata(value: unknown, source: string): Record<string, string> {
  if (!isRecord(value)) throw bad(source, `${metadataKey} is not an object`);
  const pairs: [string, string][] = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw bad(source, `${metadataKey} ${quote(key)} is not a string`);
    pairs.push([key, text]);
  }
  return Object.fromEntries(pairs);
}

function parseEntry(name: string, value: unknown, source: string): Entry {
  const where = `tensor ${quote(name)}`;
  if (!isRecord(value)) throw bad(source, `${where} is described by something else than an object`);
  const { dtype: written, shape, data_offsets: offsets } = value;
  const known = typeof written === 'string' ? arrayTypes.get(written) : undefined;
  if (known === undefined) {
    const shown = typeof written === 'string' ? `dtype ${quote(written)}` : 'no dtype';
    const names = [...arrayTypes.keys()].join(', ');
    throw bad(source, `${where} has ${shown}; known are ${names}`, 'save the tensor again, as float32');
  }
  const [dtype, arrayType] = known;
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw bad(source, `${where} has a shape that is not a list of sizes`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw bad(source, `${where} has data_offsets that are not two byte offsets`);
  }
  const [begin = 0, end = 0] = offsets;
  const count = elementCount(shape);
  if (count === undefined || count * arrayType.BYTES_PER_ELEMENT !== end - begin) {
    const product = count === undefined ? 'beyond 2^53 elements' : `${count} elements`;
    throw bad(source, `${where} has a shape of ${product} of ${dtype}, but ${end - begin} bytes of data`);
  }
  return { name, dtype, arrayType, shape, begin, end };
}

/** Throws unless the tensors fill the data section from its first byte to its last, without overlap or hole. */
function checkCoverage(entries: readonly Entry[], dataBytes: number, source: string): void {
  const byOffset = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of byOffset) {
    if (end > dataBytes) {
      throw bad(
        source,
        `tensor ${quote(name)} ends at byte ${end} of the data, which is ${dataBytes} bytes long`,
      );
    }
    if (begin !== covered) {
      const fault = begin < covered ? 'overlaps another tensor' : 'leaves a hole before it';
      throw bad(source, `tensor ${quote(name)} starts at byte ${begin} of the data and ${fault}`);
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    throw bad(source, `${dataBytes - covered} bytes after the last tensor belong to none`);
  }
}

/**
 * Reads a safetensors file from memory. The tensors' data are copies, so neither the alignment nor the later fate
 * of `bytes` matters; together they are never larger than `bytes`. Values may be NaN or infinite: see
 * `requireFinite`.
 *
 * @param source the file's name, for messages
 * @throws FileFormatError for anything that is not exactly a safetensors file of the known dtypes
 */
export function decodeSafeTensors(bytes: Uint8Array, source: string): SafeTensorsFile {
  const { header, start } = parseHeader(bytes, source);
  let metadata: Record<string, string> = {};
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === metadataKey) metadata = parseMetadata(value, source);
    else entries.push(parseEntry(name, value, source));
  }
  checkCoverage(entries, bytes.length - start, source);
  const tensors = new Map<string, SafeTensor>();
  for (const { name, dtype, arrayType, shape, begin, end } of entries) {
    const copy = new Uint8Array(end - begin);
    copy.set(bytes.subarray(start + begin, start + end));
    tensors.set(name, { dtype, shape, data: new arrayType(copy.buffer) });
  }
  return { metadata, tensors };
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Throws unless `tensor` can be written and read back as it is. */
function checkWritable(name: string, { dtype, shape, data }: SafeTensor): void {
  const arrayType = arrayTypes.get(dtype)?.[1];
  const count = shape.every(isCount) ? elementCount(shape) : undefined;
  if (name === metadataKey || !arrayType || !(data instanceof arrayType) || count !== data.length) {
    const what = `${dtype} of shape [${shape.join(', ')}] in a ${data.constructor.name} of ${data.length}`;
    const remedy = 'pass data of the array type and length that dtype and shape ask for';
    throw bad('safetensors', `tensor ${quote(name)} cannot be written: ${what} elements`, remedy);
  }
}

/**
 * The bytes of a safetensors file. The same tensors and metadata give the same bytes, whatever order they were
 * inserted in: the header lists the metadata's keys in order, then the tensors by falling element size and by
 * name, and is padded with spaces to a multiple of 8 bytes, so that every tensor is aligned to its element size.
 *
 * @throws FileFormatError for a tensor whose data are not what its dtype and shape say
 */
export function encodeSafeTensors(file: SafeTensorsFile): Uint8Array<ArrayBuffer> {
  for (const [name, tensor] of file.tensors) checkWritable(name, tensor);
  const ordered = [...file.tensors].sort(([nameA, a], [nameB, b]) => {
    return b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT || byCodeUnit(nameA, nameB);
  });
  // Joined by hand: JSON.stringify of an object would put names that look like integers first.
  const members: string[] = [];
  const metadata = Object.entries(file.metadata).sort(([a], [b]) => byCodeUnit(a, b));
  if (metadata.length > 0) {
    const texts = metadata.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    members.push(`"${metadataKey}":{${texts.join(',')}}`);
  }
  let dataBytes = 0;
  for (const [name, tensor] of ordered) {
    const offsets = [dataBytes, dataBytes + tensor.data.byteLength];
    const entry = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: offsets };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    dataBytes += tensor.data.byteLength;
  }
  const header = new TextEncoder().encode(`{${members.join(',')}}`);
  const start = lengthBytes + Math.ceil(header.length / 8) * 8;
  const bytes = new Uint8Array(start + dataBytes).fill(0x20, lengthBytes, start);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - lengthBytes), true);
  bytes.set(header, lengthBytes);
  let at = start;
  for (const [, tensor] of ordered) {
    const { buffer, byteOffset, byteLength } = tensor.data;
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}

/**
 * The tensor called `name`, of exactly `shape` where one is given.
 *
 * @throws FileFormatError where the file has no such tensor, or one of another shape
 */
export function requireTensor(
  file: SafeTensorsFile,
  name: string,
  source: string,
  shape?: readonly number[],
): SafeTensor {
  const tensor = file.tensors.get(name);
  if (tensor === undefined) {
    const names = [...file.tensors.keys()];
    const shown = names.slice(0, 8).map(quote).join(', ') + (names.length > 8 ? ', …' : '');
    const remedy = `pass a file made for this; this one has ${names.length === 0 ? 'no tensors' : shown}`;
    throw bad(source, `there is no tensor ${quote(name)}`, remedy);
  }
  if (shape !== undefined && JSON.stringify(shape) !== JSON.stringify(tensor.shape)) {
    const shapes = `has shape [${tensor.shape.join(', ')}], but [${shape.join(', ')}] is needed`;
    throw bad(
      source,
      `tensor ${quote(name)} ${shapes}`,
      'pass a file whose settings match, or change the settings',
    );
  }
  return tensor;
}

/**
 * Returns `tensor` when none of its values is NaN or infinite.
 *
 * @throws FileFormatError naming the first value that is not finite
 */
export function requireFinite(tensor: SafeTensor, name: string, source: string): SafeTensor {
  const { data } = tensor;
  if (data instanceof Float32Array || data instanceof Float64Array) {
    const at = data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) {
      const what = `tensor ${quote(name)} holds ${data[at]} at element ${at}`;
      throw bad(source, what, 'use weights from before the run diverged');
    }
  }
  return tensor;
}
