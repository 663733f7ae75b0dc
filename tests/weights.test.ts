import { beforeAll, describe, expect, it } from 'vitest';
import type { OptimizerConfig } from '../src/host/config.ts';
import { FileFormatError } from '../src/host/errors.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../src/host/io/checkpoint.ts';
import {
  decodeSafeTensors,
  encodeSafeTensors,
  type SafeTensor,
  type SafeTensorsFile,
} from '../src/host/io/safetensors.ts';
import { decodeWeights, encodeWeights, type WeightsFile } from '../src/host/io/weights.ts';
import { createLearned } from '../src/host/optimizers/create.ts';
import type { LearnedOptimizer } from '../src/host/optimizers/optimizer.ts';
import { randomValues } from './support/compare.ts';
import { thrownBy } from './support/diskTests.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { bits, smallConfig } from './support/training.ts';

const context = gpuForThisFile();
const { task } = smallConfig();
const paper: OptimizerConfig = {
  kind: 'l2l',
  layers: 2,
  hidden: 20,
  preprocess: { kind: 'log-sign', p: 10 },
  outputScale: 0.1,
};
const training = { seed: 3, iteration: 40, horizon: 100, unroll: 20, secondDerivatives: false };
let optimizer: LearnedOptimizer;
let phi: Float32Array;
let file: WeightsFile;
beforeAll(() => {
  optimizer = createLearned(new TensorPool(context()), paper);
  phi = optimizer.initialPhi(12);
  file = { optimizer: paper, task, training, weights: optimizer.toNamed(phi) };
});

type Change = (tensors: Map<string, SafeTensor>, metadata: Record<string, string>) => void;

/** Sets one text of the metadata; anything but a string as JSON. */
function saying(key: string, value: unknown): Change {
  return (_, metadata) => {
    metadata[key] = typeof value === 'string' ? value : JSON.stringify(value);
  };
}

/** Takes one text out of the metadata. */
function lacking(key: string): Change {
  return (_, metadata) => {
    delete metadata[key];
  };
}

/** The bytes of `file` after a change of its container. */
function changed(change: Change): Uint8Array {
  return rewritten(encodeWeights(file), change);
}

/** As another program would write it: without a checksum. */
function rewritten(bytes: Uint8Array, change: Change): Uint8Array {
  const { metadata, tensors } = decodeSafeTensors(bytes, 'test');
  const parts = { metadata: { ...metadata }, tensors: new Map(tensors) };
  delete parts.metadata['checksum'];
  change(parts.tensors, parts.metadata);
  return encodeSafeTensors(parts satisfies SafeTensorsFile);
}

/** Reads a file the way `evaluate` does, settings and weights. */
function load(bytes: Uint8Array): Float32Array {
  const { optimizer: settings, weights } = decodeWeights(bytes, 'w.safetensors');
  return createLearned(new TensorPool(context()), settings).fromNamed(weights, 'w.safetensors');
}

/** The one sentence and the remedy that reading gives; fails unless it is a FileFormatError that names the file. */
function refusal(read: () => unknown): string {
  const error = thrownBy(read);
  expect(error).toBeInstanceOf(FileFormatError);
  expect(error.message).toMatch(/^w\.safetensors/);
  expect(error.message).not.toMatch(/[\n.]$/);
  expect(error.remedy.length).toBeGreaterThan(5);
  return error.message;
}

describe('a weights file', () => {
  it('gives back every bit of phi and every setting', () => {
    const bytes = encodeWeights(file);
    expect(decodeWeights(bytes, 'test')).toEqual(file);
    expect(bits(load(bytes))).toEqual(bits(phi));
    expect(encodeWeights(file)).toEqual(bytes);
  });

  it("has PyTorch's names and shapes, which load_state_dict takes as they are", () => {
    const { tensors } = decodeSafeTensors(encodeWeights(file), 'test');
    const shapes = [...tensors].map(([name, { dtype, shape }]) => `${name} ${dtype} ${shape.join('x')}`);
    expect(shapes.sort()).toEqual([
      'lstm.0.bias_hh F32 80',
      'lstm.0.bias_ih F32 80',
      'lstm.0.weight_hh F32 80x20',
      'lstm.0.weight_ih F32 80x2',
      'lstm.1.bias_hh F32 80',
      'lstm.1.bias_ih F32 80',
      'lstm.1.weight_hh F32 80x20',
      'lstm.1.weight_ih F32 80x20',
      'output.bias F32 1',
      'output.weight F32 1x20',
    ]);
    const counted = [...tensors].filter(([name]) => !name.endsWith('bias_hh'));
    expect(counted.reduce((sum, [, { data }]) => sum + data.length, 0)).toBe(5141);
    expect(optimizer.weightCount).toBe(5141);
  });

  it('of PyTorch has two biases a layer: they are added', () => {
    const own = randomValues(80, 1);
    const second = randomValues(80, 2);
    const split = changed((tensors) => {
      tensors.set('lstm.0.bias_ih', { dtype: 'F32', shape: [80], data: own });
      tensors.set('lstm.0.bias_hh', { dtype: 'F32', shape: [80], data: second });
    });
    const sum = Float32Array.from(own, (value, i) => value + (second[i] ?? 0));
    const joined = changed(
      (tensors) => void tensors.set('lstm.0.bias_ih', { dtype: 'F32', shape: [80], data: sum }),
    );
    expect(bits(load(split))).toEqual(bits(load(joined)));
    expect(bits(load(split))).not.toEqual(bits(phi));
  });

  it('that was cut short is refused at any length', () => {
    const bytes = encodeWeights(file);
    const lengths = [...Array(24).keys(), 100, 500, 1000, 1500, 5000, bytes.length - 4, bytes.length - 1];
    for (const length of lengths) refusal(() => load(bytes.subarray(0, length)));
    refusal(() => load(Uint8Array.from([...bytes, 0])));
  });

  it('with a flipped bit anywhere is refused, or says exactly the same', () => {
    const bytes = encodeWeights(file);
    const { metadata, ...same } = { metadata: decodeSafeTensors(bytes, 'test').metadata, ...file };
    expect(metadata['checksum']).toMatch(/^[0-9a-f]{8}$/);
    const headerEnd = 8 + new DataView(bytes.buffer).getUint32(0, true);
    let refused = 0;
    let tried = 0;
    for (let at = 0; at < bytes.length; at += at < headerEnd ? 3 : 211) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      tried++;
      try {
        // A flip inside the name of the checksum, or from one white space to another, harms nothing.
        expect(decodeWeights(flipped, 'w.safetensors')).toEqual(same);
      } catch (error) {
        expect(error).toBeInstanceOf(FileFormatError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(tried - 10);
  });

  it('of other sizes than its settings say is refused by tensor and shape', () => {
    const claim = (settings: object) => changed(saying('optimizer', { ...paper, ...settings }));
    expect(refusal(() => load(claim({ hidden: 10 })))).toMatch(
      /tensor lstm\.0\.weight_ih has shape \[80, 2\], and \[40, 2\] is expected/,
    );
    expect(refusal(() => load(claim({ layers: 1 })))).toMatch(/holds a tensor lstm\.1\.\w+ that/);
    expect(refusal(() => load(claim({ layers: 3 })))).toMatch(/tensor lstm\.2\.weight_ih is missing/);
    expect(refusal(() => load(claim({ preprocess: { kind: 'none' } })))).toMatch(/\[80, 2\], and \[80, 1\]/);
  });

  it('with settings that are not known is refused by the setting', () => {
    const of = (part: string, value: unknown) => refusal(() => load(changed(saying(part, value))));
    expect(of('optimizer', { ...paper, kind: 'nonesuch' })).toMatch(
      /metadata optimizer: kind is "nonesuch", but must be .*l2l/,
    );
    expect(of('optimizer', { ...paper, speed: 3 })).toMatch(
      /metadata optimizer has "speed", which is no setting/,
    );
    expect(of('optimizer', { ...paper, hidden: 2.5 })).toMatch(/hidden is 2.5, but must be a whole number/);
    expect(of('optimizer', { kind: 'l2l', outputScale: 'x' })).toMatch(
      /outputScale is "x", but must be a finite number/,
    );
    expect(of('optimizer', '{"kind":')).toMatch(/metadata optimizer is not JSON/);
    expect(of('optimizer', 'null')).toMatch(/metadata optimizer is null, but must be an object/);
    expect(of('task', { kind: 'chess' })).toMatch(
      /metadata task: kind is "chess", but must be one of: quadratic, surface, images, glyphs, sine/,
    );
    expect(of('training', { ...training, seed: -1 })).toMatch(
      /metadata training: seed is -1, but must be at least 0/,
    );
    for (const part of ['optimizer', 'task', 'training']) {
      expect(refusal(() => load(changed(lacking(part))))).toMatch(`metadata ${part} is missing`);
    }
    for (const format of ['pt', 'coordwise-weights-2']) {
      expect(of('format', format)).toMatch(/do not say format coordwise-weights-1/);
    }
    expect(refusal(() => load(changed(lacking('format'))))).toMatch(/format/);
  });

  it('with a value that is not finite, another type or a stranger among its tensors is refused by name', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const poisoned = changed((tensors) => {
        const data = randomValues(20, 5);
        data[7] = value;
        tensors.set('output.weight', { dtype: 'F32', shape: [1, 20], data });
      });
      expect(refusal(() => load(poisoned))).toMatch(`tensor "output.weight" holds ${value} at element 7`);
    }
    const put = (name: string, tensor: SafeTensor) => changed((tensors) => void tensors.set(name, tensor));
    const double: SafeTensor = { dtype: 'F64', shape: [1], data: Float64Array.of(1) };
    expect(refusal(() => load(put('output.bias', double)))).toMatch(/tensor output\.bias is F64, not F32/);
    const stranger: SafeTensor = { dtype: 'F32', shape: [1], data: Float32Array.of(1) };
    expect(refusal(() => load(put('extra', stranger)))).toMatch(/holds a tensor extra/);
    const without = changed((tensors) => void tensors.delete('lstm.1.bias_hh'));
    expect(refusal(() => load(without))).toMatch(/tensor lstm\.1\.bias_hh is missing/);
  });
});

describe('a checkpoint', () => {
  const length = 12;
  const checkpoint: Checkpoint = {
    iteration: 30,
    skippedInRow: 2,
    state: {
      phi: randomValues(length, 1),
      m: randomValues(length, 2),
      v: randomValues(length, 3, 0, 1),
      // The last meta-step was skipped: its norm was not finite.
      status: Float32Array.of(Number.NaN, 0, 28, 2),
    },
    best: { iteration: 20, score: 0.25, phi: randomValues(length, 4) },
    stage: { index: 1, iteration: 20, episodes: 10 },
  };
  const bytes = encodeCheckpoint(checkpoint);
  const read = (from: Uint8Array, size = length) => decodeCheckpoint(from, 'w.safetensors', size);
  const alter = (change: Change) => refusal(() => read(rewritten(bytes, change)));

  it('gives back every bit', () => {
    expect(read(bytes)).toEqual(checkpoint);
    expect(bits(read(bytes).state.status)).toEqual(bits(checkpoint.state.status));
    const young = { ...checkpoint, best: undefined };
    expect(read(encodeCheckpoint(young))).toEqual(young);
    const diverged = {
      ...checkpoint,
      best: { iteration: 0, score: Number.POSITIVE_INFINITY, phi: randomValues(length, 9) },
    };
    expect(read(encodeCheckpoint(diverged))).toEqual(diverged);
  });

  it('that was cut short, or has a flipped bit, is refused or the same', () => {
    for (let end = 0; end < bytes.length; end += 5) refusal(() => read(bytes.subarray(0, end)));
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] ?? 0) ^ 4;
      try {
        expect(read(flipped)).toEqual(checkpoint);
      } catch (error) {
        expect(error).toBeInstanceOf(FileFormatError);
      }
    }
  });

  it('of another optimizer, with strangers, gaps or values that are not finite is refused by name', () => {
    expect(refusal(() => read(bytes, 64))).toMatch(/"phi" has shape \[12\], but \[64\] is needed/);
    for (const name of ['phi', 'm', 'v', 'best', 'status']) {
      expect(alter((tensors) => void tensors.delete(name))).toMatch(`there is no tensor "${name}"`);
    }
    for (const name of ['phi', 'm', 'v', 'best']) {
      const data = new Float32Array(length).fill(Number.NaN);
      expect(alter((tensors) => void tensors.set(name, { dtype: 'F32', shape: [length], data }))).toMatch(
        `tensor "${name}" holds NaN at element 0`,
      );
    }
    const stranger: SafeTensor = { dtype: 'F32', shape: [1], data: Float32Array.of(1) };
    expect(alter((tensors) => void tensors.set('extra', stranger))).toMatch(/holds the tensor extra/);
    const whole: SafeTensor = { dtype: 'I32', shape: [length], data: new Int32Array(length) };
    expect(alter((tensors) => void tensors.set('m', whole))).toMatch(/tensor m is not float32/);
  });

  it('with facts that cannot be is refused by the fact', () => {
    const facts = { iteration: 30, skippedInRow: 2, best: { iteration: 20, score: 0.25 } };
    const say = (value: unknown) => alter(saying('facts', value));
    expect(say({ ...facts, iteration: -1 })).toMatch(/facts: iteration is -1, but must be at least 0/);
    expect(say({ ...facts, iteration: 1.5 })).toMatch(/iteration is 1.5, but must be a whole number/);
    expect(say({ ...facts, skippedInRow: undefined })).toMatch(/skippedInRow is missing/);
    expect(say({ ...facts, best: { iteration: 20, score: '0' } })).toMatch(/best\.score is "0"/);
    expect(say({ ...facts, more: 1 })).toMatch(/has "more", which is no setting/);
    expect(say('nonsense')).toMatch(/facts is not JSON/);
    expect(alter(lacking('facts'))).toMatch(/facts is missing/);
    expect(alter(saying('format', 'pt'))).toMatch(/format coordwise-checkpoint-1/);
    expect(refusal(() => read(encodeWeights({ ...file, weights: new Map() })))).toMatch(
      /format coordwise-checkpoint-1/,
    );
  });
});
