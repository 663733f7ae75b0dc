import { describe, expect, it } from 'vitest';
import { minibatchIndices, STREAMS, threefry, toUnit, type Words } from '../src/host/data/threefry.ts';
import type { Kernel } from '../src/host/gpu/kernel.ts';
import { recordMinibatch } from '../src/host/ops/images.ts';
import { recordNormal, recordUniform } from '../src/host/ops/random.ts';
import { at } from '../src/reference/scalar.ts';
import threefryCode from '../src/shaders/lib/threefry.wgsl?raw';
import { expectClose, inner } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten, unwrittenWords } from './support/gpu.ts';
import { normalAllowed, STANDARD_ERRORS, sumOf } from './support/tolerances.ts';

const gpu = gpuForThisFile();

/** Keys of three tasks, [3, 2]. */
const keys = Uint32Array.of(7, 0xffffffff, 0, 1, 0x9e3779b9, 12345);
const keyOf = (task: number): Words => [at(keys, 2 * task), at(keys, 2 * task + 1)];
const STREAM = STREAMS.start + 3;

describe('threefry', () => {
  /** Random123's kat_vectors, threefry2x32 with 20 rounds: key, counter, result. */
  const vectors: readonly { key: Words; counter: Words; result: Words }[] = [
    { key: [0, 0], counter: [0, 0], result: [0x6b200159, 0x99ba4efe] },
    { key: [0xffffffff, 0xffffffff], counter: [0xffffffff, 0xffffffff], result: [0x1cb996fc, 0xbb002be7] },
    { key: [0x13198a2e, 0x03707344], counter: [0x243f6a88, 0x85a308d3], result: [0xc4923a9c, 0x483df7a0] },
  ];

  it('in TypeScript gives the known answers', () => {
    for (const { key, counter, result } of vectors) expect(threefry(key, counter)).toEqual(result);
  });

  it('in WGSL gives the known answers', async () => {
    const kernel: Kernel = {
      name: 'test/threefry',
      libraries: [threefryCode],
      tensors: { keys: 'read', counters: 'read', words: 'readWrite' },
      params: {},
      code: `
@group(0) @binding(0) var<storage, read> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read> counters: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> words: array<vec2u>;
@compute @workgroup_size(3)
fn main(@builtin(local_invocation_index) i: u32) { words[i] = threefry(keys[i], counters[i]); }`,
    };
    const data = {
      keys: Uint32Array.from(vectors.flatMap(({ key }) => key)),
      counters: Uint32Array.from(vectors.flatMap(({ counter }) => counter)),
      words: unwrittenWords(6),
    };
    const { words } = await runKernels(gpu(), data, (program, tensors) =>
      program.run(kernel, { tensors, workgroups: [1] }),
    );
    expect(words).toEqual(Uint32Array.from(vectors.flatMap(({ result }) => result)));
  });
});

/** Draws: 1, around one workgroup of 64, and a prime; they begin inside each task's row and end before its end. */
const spans = [1, 63, 64, 65, 131].map((count) => ({ count, stride: count + 7, offset: 3, stream: STREAM }));
type Span = (typeof spans)[number];

/** A value for each element of [3, stride]: NaN outside the span. */
function spread({ count, stride, offset, stream }: Span, value: (words: Words) => number): Float64Array {
  return Float64Array.from({ length: 3 * stride }, (_, i) => {
    const index = (i % stride) - offset;
    if (index < 0 || index >= count) return Number.NaN;
    return value(threefry(keyOf(Math.floor(i / stride)), [index, stream]));
  });
}

describe('random/uniform', () => {
  it.each(spans)('$count draws a task, bit for bit', async (span) => {
    const data = { keys, units: unwritten(3 * span.stride), signed: unwritten(3 * span.stride) };
    const read = await runKernels(gpu(), data, (program, tensors) => {
      recordUniform(program, tensors.keys, tensors.units, { ...span, low: 0, high: 1 });
      recordUniform(program, tensors.keys, tensors.signed, { ...span, low: -1, high: 1 });
    });
    expect(Float64Array.from(read.units)).toEqual(spread(span, ([word]) => toUnit(word)));
    expect(Float64Array.from(read.signed)).toEqual(spread(span, ([word]) => 2 * toUnit(word) - 1));
  });

  it('between other bounds to a rounding', async () => {
    const span = { count: 1031, stride: 1031, offset: 0, stream: STREAM };
    const { drawn } = await runKernels(gpu(), { keys, drawn: unwritten(3 * 1031) }, (program, tensors) =>
      recordUniform(program, tensors.keys, tensors.drawn, { ...span, low: -0.3, high: 0.1 }),
    );
    const [low, high] = [Math.fround(-0.3), Math.fround(0.1)];
    const expected = spread(span, ([word]) => low + (high - low) * toUnit(word));
    const sizes = expected.map(() => Math.abs(low) + (high - low));
    expectClose(drawn, expected, sumOf(2, sizes), 'drawn');
  });
});

describe('random/normal', () => {
  const boxMuller = ([first, second]: Words) => {
    const radius = Math.sqrt(-2 * Math.log(toUnit(first) + 2 ** -24));
    return { radius, angle: 2 * Math.PI * toUnit(second) };
  };
  it.each(spans)('$count draws a task', async (span) => {
    const { drawn } = await runKernels(
      gpu(),
      { keys, drawn: unwritten(3 * span.stride) },
      (program, tensors) => recordNormal(program, tensors.keys, tensors.drawn, { ...span, scale: 0.01 }),
    );
    const scale = Math.fround(0.01);
    const expected = spread(span, (words) => {
      const { radius, angle } = boxMuller(words);
      return scale * radius * Math.cos(angle);
    });
    const allowed = spread(span, (words) => scale * normalAllowed(boxMuller(words).radius));
    expectClose(drawn, expected, { relative: 1, scale: allowed }, 'drawn');
  });

  it('moments of 3 x 20,000 draws, and tasks that do not know each other', async () => {
    const count = 20_000;
    const span = { count, stride: count, offset: 0, stream: STREAM };
    const { drawn } = await runKernels(gpu(), { keys, drawn: unwritten(3 * count) }, (program, tensors) =>
      recordNormal(program, tensors.keys, tensors.drawn, { ...span, scale: 1 }),
    );
    const moment = (power: number) => drawn.reduce((sum, x) => sum + x ** power, 0) / drawn.length;
    // The variances of x, x^2, x^3 and x^4 of a normal x are 1, 2, 15 and 96.
    const error = (variance: number) => STANDARD_ERRORS * Math.sqrt(variance / drawn.length);
    expect(Math.abs(moment(1))).toBeLessThan(error(1));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(error(2));
    expect(Math.abs(moment(3))).toBeLessThan(error(15));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(error(96));
    const task = (index: number) => drawn.subarray(index * count, (index + 1) * count);
    for (const [a, b] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      expect(Math.abs(inner(task(a), task(b)) / count)).toBeLessThan(STANDARD_ERRORS / Math.sqrt(count));
    }
    const shifted = inner(task(0).subarray(1), task(0).subarray(0, -1));
    expect(Math.abs(shifted / count)).toBeLessThan(STANDARD_ERRORS / Math.sqrt(count));
  });
});

describe('images/minibatch', () => {
  it.each([1, 63, 64, 65, 131])('%i rows, two of them beyond the batch, bit for bit', async (rows) => {
    const batch = Math.max(1, rows - 2);
    const classes = Uint32Array.from({ length: 60_000 }, (_, i) => (i * 7 + 250) % 256);
    const drawn = { indices: unwrittenWords(3 * rows), labels: unwrittenWords(3 * rows) };
    const data = { keys, clock: Uint32Array.of(40, 0, 0, 0), classes, ...drawn };
    const numbers = { batch, rows, images: 60_000, stream: STREAMS.minibatch, step: 2 };
    const { indices, labels } = await runKernels(gpu(), data, (program, tensors) =>
      recordMinibatch(program, tensors, numbers),
    );
    const expected = [0, 1, 2].flatMap((task) => [...minibatchIndices(keyOf(task), 42, rows, 60_000)]);
    expect(Array.from(indices)).toEqual(expected);
    expect(Array.from(labels)).toEqual(expected.map((image, i) => (i % rows < batch ? classes[image] : 0)));
  });

  it('draws every image of a small set about as often as any other', async () => {
    const [rows, images] = [4096, 10];
    const drawn = { indices: unwrittenWords(3 * rows), labels: unwrittenWords(3 * rows) };
    const data = { keys, clock: new Uint32Array(4), classes: new Uint32Array(images), ...drawn };
    const numbers = { batch: rows, rows, images, stream: STREAMS.minibatch, step: 0 };
    const { indices } = await runKernels(gpu(), data, (program, tensors) =>
      recordMinibatch(program, tensors, numbers),
    );
    const counts = Array.from(
      { length: images },
      (_, image) => indices.filter((drawn) => drawn === image).length,
    );
    const mean = (3 * rows) / images;
    for (const count of counts)
      expect(Math.abs(count - mean)).toBeLessThan(STANDARD_ERRORS * Math.sqrt(mean));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3 * rows);
  });
});
