import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileFormatError } from '../src/host/errors.ts';
import {
  decodeSafeTensors,
  encodeSafeTensors,
  requireFinite,
  requireTensor,
  type SafeTensor,
  type SafeTensorsFile,
} from '../src/host/io/safetensors.ts';

/** A file of any header text and data, whether or not it makes sense. */
function fileOf(header: string | Uint8Array, data: Uint8Array = new Uint8Array()): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

function bytesOf(tensor: SafeTensor): number[] {
  return [...new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength)];
}

/** What a file holds, comparable bit for bit (a NaN keeps its bits) and whatever the order. */
function contents(file: SafeTensorsFile): unknown {
  const tensors = [...file.tensors].map(([name, tensor]) => {
    return [name, tensor.dtype, tensor.data.constructor.name, [...tensor.shape], bytesOf(tensor)];
  });
  const byName = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  return [Object.entries(file.metadata).sort(byName), tensors.sort(byName)];
}

const example: SafeTensorsFile = {
  metadata: { format: 'pt', note: 'grüße "quoted" \\ \u{1F600}' },
  tensors: new Map<string, SafeTensor>([
    ['bias', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 255) }],
    ['lstm.0.weight_ih', { dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, -0, Number.NaN, 3e-39) }],
    ['steps', { dtype: 'I64', shape: [], data: BigInt64Array.of(-(2n ** 63n)) }],
    ['empty', { dtype: 'F64', shape: [4, 0], data: new Float64Array() }],
  ]),
};

const makers: readonly ((bytes: Uint8Array<ArrayBuffer>) => Pick<SafeTensor, 'dtype' | 'data'>)[] = [
  (bytes) => ({ dtype: 'F32', data: new Float32Array(bytes.buffer) }),
  (bytes) => ({ dtype: 'F64', data: new Float64Array(bytes.buffer) }),
  (bytes) => ({ dtype: 'I32', data: new Int32Array(bytes.buffer) }),
  (bytes) => ({ dtype: 'I64', data: new BigInt64Array(bytes.buffer) }),
  (bytes) => ({ dtype: 'U32', data: new Uint32Array(bytes.buffer) }),
  (bytes) => ({ dtype: 'U8', data: bytes }),
];
const tensorArbitrary = fc
  .tuple(fc.nat(makers.length - 1), fc.uint8Array({ maxLength: 6 }), fc.boolean())
  .map(([kind, seed, asMatrix]): SafeTensor => {
    // Eight copies, so that any element size divides the length.
    const bytes = new Uint8Array(seed.length * 8);
    for (let copy = 0; copy < 8; copy++) bytes.set(seed, copy * seed.length);
    const { dtype, data } = (makers[kind] ?? makers[0])?.(bytes) ?? { dtype: 'U8', data: bytes };
    return { dtype, shape: asMatrix && seed.length > 0 ? [1, data.length] : [data.length], data };
  });
const nameArbitrary = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', '10', '9', '"', '\\u0061', '\u0000', 'ü'),
);
const fileArbitrary = fc.record({
  metadata: fc.array(fc.tuple(nameArbitrary, fc.string({ unit: 'binary' }))).map(Object.fromEntries<string>),
  tensors: fc.array(fc.tuple(nameArbitrary, tensorArbitrary)).map((pairs) => new Map(pairs)),
});

describe('encodeSafeTensors and decodeSafeTensors', () => {
  it('give back every tensor bit for bit, and the same bytes in whatever order tensors were added', () => {
    fc.assert(
      fc.property(fileArbitrary, (file) => {
        const bytes = encodeSafeTensors(file);
        expect(contents(decodeSafeTensors(bytes, 'test'))).toEqual(contents(file));
        const reversed: SafeTensorsFile = {
          metadata: Object.fromEntries(Object.entries(file.metadata).reverse()),
          tensors: new Map([...file.tensors].reverse()),
        };
        expect(Buffer.compare(encodeSafeTensors(reversed), bytes)).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('write the bytes the format asks for, aligned to 8', () => {
    const tensors = new Map<string, SafeTensor>([
      ['a', { dtype: 'U8', shape: [1], data: Uint8Array.of(7) }],
      ['c', { dtype: 'I32', shape: [], data: Int32Array.of(-1) }],
      ['b', { dtype: 'F32', shape: [1, 2], data: Float32Array.of(1, -2) }],
    ]);
    const bytes = encodeSafeTensors({ metadata: { k: 'v' }, tensors });
    const header =
      '{"__metadata__":{"k":"v"},"b":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},' +
      '"c":{"dtype":"I32","shape":[],"data_offsets":[8,12]},"a":{"dtype":"U8","shape":[1],"data_offsets":[12,13]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
    const data = Uint8Array.of(0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 255, 255, 255, 255, 7);
    expect(Buffer.from(bytes).equals(fileOf(padded, data))).toBe(true);
  });

  it('read from any offset, even of a Buffer, and copy what they read', () => {
    const encoded = encodeSafeTensors(example);
    for (let offset = 0; offset < 9; offset++) {
      const shifted = Buffer.alloc(encoded.length + 16, 0xee);
      shifted.set(encoded, offset);
      const decoded = decodeSafeTensors(shifted.subarray(offset, offset + encoded.length), 'test');
      shifted.fill(0xee);
      expect(contents(decoded)).toEqual(contents(example));
    }
  });

  it('refuse to write data that are not what dtype and shape say', () => {
    const write = (name: string, tensor: SafeTensor) => () =>
      encodeSafeTensors({ metadata: {}, tensors: new Map([[name, tensor]]) });
    expect(write('w', { dtype: 'F32', shape: [3], data: new Float32Array(4) })).toThrow(FileFormatError);
    expect(write('w', { dtype: 'I32', shape: [4], data: new Float32Array(4) })).toThrow(FileFormatError);
    expect(write('w', { dtype: 'F32', shape: [-2, -2], data: new Float32Array(4) })).toThrow(FileFormatError);
    expect(write('__metadata__', { dtype: 'U8', shape: [0], data: new Uint8Array() })).toThrow(
      FileFormatError,
    );
  });
});

describe('decodeSafeTensors', () => {
  it('refuses a file cut off at any length, and one with a byte too many', () => {
    const bytes = encodeSafeTensors(example);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeSafeTensors(bytes.subarray(0, length), 'cut.safetensors')).toThrow(FileFormatError);
    }
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    expect(() => decodeSafeTensors(longer, 'test')).toThrow(/1 bytes after the last tensor/);
  });

  it('decodes or refuses, and never crashes, with any bit of the header flipped', () => {
    const bytes = encodeSafeTensors(example);
    const headerEnd = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
    let refused = 0;
    for (let at = 0; at < headerEnd; at++) {
      for (const mask of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
        const flipped = bytes.slice();
        flipped[at] = (flipped[at] ?? 0) ^ mask;
        try {
          decodeSafeTensors(flipped, 'test');
        } catch (error) {
          if (!(error instanceof FileFormatError)) throw error;
          refused++;
        }
      }
    }
    expect(refused).toBeGreaterThan(headerEnd * 4);
  });

  it('decodes or refuses, and never crashes, whatever the bytes and whatever the JSON', () => {
    const parts = fc.oneof(
      fc.uint8Array({ maxLength: 64 }).map((bytes) => fileOf(bytes)),
      fc.uint8Array({ maxLength: 64 }),
      fc.json().map((json) => fileOf(json)),
      fc.dictionary(fc.string(), fc.jsonValue()).map((entry) => fileOf(JSON.stringify({ w: entry }))),
    );
    fc.assert(
      fc.property(parts, (bytes) => {
        try {
          decodeSafeTensors(bytes, 'test');
        } catch (error) {
          if (!(error instanceof FileFormatError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each([8n, 9n, 100_000_001n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])(
    'refuses a header of %s bytes where there are 7',
    (length) => {
      const bytes = fileOf('{}     ');
      new DataView(bytes.buffer).setBigUint64(0, length, true);
      expect(() => decodeSafeTensors(bytes, 'huge.safetensors')).toThrow(
        `huge.safetensors: the header claims ${length} bytes, but 7 bytes follow its length`,
      );
    },
  );

  const tensor = (fields: object): string =>
    JSON.stringify({ w: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields } });
  const two = (a: readonly number[], b: readonly number[]): string => {
    const entry = ([begin = 0, end = 0]: readonly number[]): object => {
      return { dtype: 'U8', shape: [end - begin], data_offsets: [begin, end] };
    };
    return JSON.stringify({ a: entry(a), b: entry(b) });
  };
  const one = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}';

  it.each<[what: string, header: string | Uint8Array, message: RegExp]>([
    ['invalid JSON', '{"w":', /not valid JSON/],
    ['an array', '[]', /not a JSON object/],
    ['a null', 'null', /not a JSON object/],
    ['a header that does not start with its brace', ` {"w":${one}}`, /not a JSON object/],
    ['a byte order mark', `\ufeff{"w":${one}}`, /not valid JSON/],
    ['bytes that are not UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), /not UTF-8/],
    ['an entry that is a string', '{"w":"F32"}', /tensor "w" is described by something else than an object/],
    ['an entry that is null', '{"w":null}', /tensor "w" is described by/],
    ['a name twice', `{"w":${one},"w":${one}}`, /the name "w" twice/],
    ['a name twice, once escaped', `{"w":${one},"\\u0077" :${one}}`, /the name "w" twice/],
    [
      'a field twice',
      '{"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
      /"dtype" twice/,
    ],
    ['a metadata key twice', '{"__metadata__":{"k":"1","k":"2"}}', /the name "k" twice/],
    ['metadata that is not text', '{"__metadata__":{"k":1}}', /__metadata__ "k" is not a string/],
    ['metadata that is no object', '{"__metadata__":null}', /__metadata__ is not an object/],
    ['an unknown dtype', tensor({ dtype: 'BF16' }), /tensor "w" has dtype "BF16"; known are F32, F64/],
    ['the name of a prototype property as dtype', tensor({ dtype: 'constructor' }), /dtype "constructor"/],
    ['no dtype', tensor({ dtype: undefined }), /has no dtype/],
    ['no shape', tensor({ shape: undefined }), /a shape that is not a list of sizes/],
    ['a negative size', tensor({ shape: [-2] }), /a shape that is not a list of sizes/],
    ['a fractional size', tensor({ shape: [0.5, 4] }), /a shape that is not a list of sizes/],
    ['two negative sizes', tensor({ shape: [-1, -2] }), /a shape that is not a list of sizes/],
    ['a shape of fewer elements', tensor({ shape: [1] }), /shape of 1 elements of F32, but 8 bytes/],
    ['a shape that overflows 2^53', tensor({ shape: [2 ** 40, 2 ** 40] }), /beyond 2\^53/],
    ['a shape that overflows 2^64 to 2', tensor({ shape: [2 ** 33, 2 ** 31, 2] }), /beyond 2\^53/],
    ['three offsets', tensor({ data_offsets: [0, 8, 8] }), /not two byte offsets/],
    ['a text as offsets', tensor({ data_offsets: '08' }), /not two byte offsets/],
    ['reversed offsets', tensor({ data_offsets: [8, 0] }), /-8 bytes of data/],
    ['offsets beyond the data', tensor({ shape: [4], data_offsets: [0, 16] }), /ends at byte 16 of the data/],
    ['a petabyte', tensor({ shape: [2 ** 48], data_offsets: [0, 2 ** 50] }), /ends at byte 1125899906842624/],
    ['overlapping tensors', two([0, 5], [4, 8]), /"b" starts at byte 4 of the data and overlaps/],
    ['two tensors in one place', two([0, 8], [0, 8]), /"b" starts at byte 0 of the data and overlaps/],
    ['an empty tensor inside another', two([0, 8], [4, 4]), /"b" starts at byte 4 of the data and overlaps/],
    ['a hole at the start', two([1, 4], [4, 8]), /"a" starts at byte 1 of the data and leaves a hole/],
    ['a hole between', two([0, 3], [4, 8]), /"b" starts at byte 4 of the data and leaves a hole/],
    ['bytes of no tensor at the end', two([0, 3], [3, 7]), /1 bytes after the last tensor/],
    ['no tensors but data', '{}', /8 bytes after the last tensor/],
  ])('refuses %s', (_, header, message) => {
    const decode = (): unknown => decodeSafeTensors(fileOf(header, new Uint8Array(8)), 'bad.safetensors');
    expect(decode).toThrow(FileFormatError);
    expect(decode).toThrow(message);
    expect(decode).toThrow(/^bad\.safetensors: /);
  });

  it('is not fooled by names inside other text, nor by equal names in different objects', () => {
    const header = `{"__metadata__":{"w":"{\\"w\\":1,\\"w\\":","a":"\\\\"},"w":${one}}`;
    const file = decodeSafeTensors(fileOf(header, new Uint8Array(8)), 'test');
    expect(file.metadata).toEqual({ w: '{"w":1,"w":', a: '\\' });
    expect([...file.tensors.keys()]).toEqual(['w']);
  });

  it('accepts unordered tensors, spaces at the end and fields it does not know', () => {
    const header =
      '{"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}, "a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":{}}}   ';
    const file = decodeSafeTensors(fileOf(header, Uint8Array.of(0, 0, 0x80, 0x3f, 9)), 'test');
    expect(file.tensors.get('a')?.data).toEqual(Float32Array.of(1));
    expect(file.tensors.get('b')?.data).toEqual(Uint8Array.of(9));
  });
});

describe('requireTensor and requireFinite', () => {
  it('give the tensor, or say which one is missing or of which shape it is', () => {
    expect(requireTensor(example, 'bias', 'test', [3])).toBe(example.tensors.get('bias'));
    expect(() => requireTensor(example, 'bais', 'w.safetensors')).toThrow(
      'w.safetensors: there is no tensor "bais"',
    );
    const wrong = (): unknown => requireTensor(example, 'lstm.0.weight_ih', 'test', [4]);
    expect(wrong).toThrow('test: tensor "lstm.0.weight_ih" has shape [2, 2], but [4] is needed');
    expect(wrong).toThrow(FileFormatError);
  });

  it('say where the first NaN or infinity is, and let whole numbers pass', () => {
    const source = 'w.safetensors';
    const nan = requireTensor(example, 'lstm.0.weight_ih', source);
    const refuse = (): unknown => requireFinite(nan, 'lstm.0.weight_ih', source);
    expect(refuse).toThrow(FileFormatError);
    expect(refuse).toThrow('w.safetensors: tensor "lstm.0.weight_ih" holds NaN at element 2');
    const infinite: SafeTensor = { dtype: 'F64', shape: [1], data: Float64Array.of(-Infinity) };
    expect(() => requireFinite(infinite, 'x', source)).toThrow('holds -Infinity at element 0');
    const steps = requireTensor(example, 'steps', source);
    expect(requireFinite(steps, 'steps', source)).toBe(steps);
  });
});
