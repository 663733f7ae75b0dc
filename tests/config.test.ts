import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  evaluationSchema,
  lossWeightsOf,
  parseConfig,
  parseStoredConfig,
  taskSchema,
  trainSchema,
} from '../src/host/config.ts';
import { ConfigError, FileFormatError } from '../src/host/errors.ts';
import { denseLayers } from '../src/host/optimizees/layers/settings.ts';
import { thrownBy } from './support/diskTests.ts';

const minimal = { task: { kind: 'quadratic' }, optimizer: { kind: 'l2l' }, iterations: 10 };
const parse = (settings: object) => parseConfig(trainSchema, { ...minimal, ...settings }, 'test');

/** The message with which settings are refused. */
function refusal(settings: object): string {
  const error = thrownBy(() => parse(settings));
  expect(error).toBeInstanceOf(ConfigError);
  expect(error.remedy).toMatch(/--help/);
  return error.message;
}

describe('defaults', () => {
  it("are the papers'", () => {
    expect(parse({})).toEqual({
      task: { kind: 'quadratic', dimension: 10, distribution: 'uniform', initialScale: 0.01 },
      optimizer: {
        kind: 'l2l',
        layers: 2,
        hidden: 20,
        preprocess: { kind: 'log-sign', p: 10 },
        outputScale: 0.1,
      },
      seed: 1,
      tasks: 1,
      unroll: 20,
      horizon: 100,
      iterations: 10,
      metaLearningRate: 0.003,
      clip: null,
      lossWeights: 'sum',
      validation: { tasks: 16, every: 100, select: 'final' },
      patience: 50,
      secondDerivatives: false,
      randomScaling: 0,
      coordinateSample: 1,
      start: 'drawn',
      weightAverage: 0,
      startClasses: 1,
    });
    expect(parse({ task: { kind: 'images' } }).task).toEqual({
      kind: 'images',
      dataset: 'mnist',
      resolution: 28,
      layers: denseLayers([20], 'sigmoid'),
      batch: 128,
      initial: { kind: 'normal', scale: 0.01 },
    });
    expect(parseConfig(evaluationSchema, { seed: 1, horizon: 7 }, 'test')).toEqual({
      seed: 1,
      horizon: 7,
      tasks: 100,
      tuningTasks: 16,
      schedule: 'constant',
      randomScaling: 0,
      scaledFrom: 1,
      list: 'test',
    });
  });

  it('are complete: what was parsed, written and read again is the same', () => {
    for (const settings of [
      {},
      { task: { kind: 'images', layers: [] } },
      { horizon: 60, lossWeights: 'final' },
    ]) {
      const parsed = parse(settings);
      expect(parseConfig(trainSchema, JSON.parse(JSON.stringify(parsed)), 'test')).toEqual(parsed);
    }
  });

  it('validate after whole episodes, whatever their length', () => {
    for (const [horizon, every] of [
      [20, 100],
      [60, 99],
      [100, 100],
      [140, 98],
      [4000, 200],
      [20_000, 1000],
    ] as const) {
      expect(parse({ horizon }).validation.every, `horizon ${horizon}`).toBe(every);
    }
  });

  it('weigh losses alike, the last only, or as listed', () => {
    expect(lossWeightsOf({ lossWeights: 'sum', unroll: 3 })).toEqual([1, 1, 1, 1]);
    expect(lossWeightsOf({ lossWeights: 'final', unroll: 3 })).toEqual([0, 0, 0, 1]);
    expect(lossWeightsOf({ lossWeights: [0, 1, 0.5], unroll: 2 })).toEqual([0, 1, 0.5]);
  });
});

describe('settings that are wrong', () => {
  it.each([
    [{ iterations: undefined }, 'iterations is missing'],
    [{ iterations: 0 }, 'iterations is 0, but must be at least 1'],
    [{ iterations: 1.5 }, 'iterations is 1.5, but must be a whole number'],
    [{ iterations: '5' }, 'iterations is "5", but must be a finite number'],
    [{ iterations: Number.NaN }, 'iterations is not a number'],
    [{ iterations: Number.POSITIVE_INFINITY }, 'iterations is Infinity, but must be a finite number'],
    [{ iterations: 1e300 }, 'iterations is 1e+300, but must be at most 9007199254740991'],
    [{ iterations: null }, 'iterations is null, but must be a finite number'],
    [{ seed: -1 }, 'seed is -1, but must be at least 0'],
    [{ seed: 2 ** 32 }, 'seed is 4294967296, but must be at most 4294967295'],
    [{ horizon: 50 }, 'horizon is 50, but must be a multiple of the unroll, 20'],
    [
      { horizon: 60, validation: { every: 100 } },
      'validation.every is 100, but must be a multiple of the 3 meta-steps of an episode (horizon / unroll)',
    ],
    [{ finalMetaLearningRate: -1 }, 'finalMetaLearningRate is -1, but must be at least 0'],
    [{ metaLearningRate: 0 }, 'metaLearningRate is 0, but must be at least 1e-12'],
    [{ theta0LearningRate: 0.1 }, 'theta0LearningRate is 0.1, but there is no learned theta_0'],
    [{ startClasses: 0.5 }, 'startClasses is 0.5, but must be 1 with a start that is not pre-trained'],
    [{ weightAverage: 1 }, 'weightAverage is 1, but must be at most 0.99999'],
    [{ clip: -3 }, 'clip is -3, but must be at least 0.000001'],
    [
      { lossWeights: 'last' },
      'lossWeights is "last", but must be sum, final, or a list of numbers from 0 to 1000000',
    ],
    [{ lossWeights: [1, 2] }, 'lossWeights holds 2 numbers, but must hold 21, one more than the unroll'],
    [{ unroll: 2, lossWeights: [0, 0, 0] }, 'lossWeights holds only zeros, but must weigh at least one loss'],
    [{ validation: { select: 'best' } }, 'validation.select is "best", but must be one of: final, sum'],
    [
      { validation: { activation: 'tanh' } },
      'validation.activation is tanh, but there is no activation in the task',
    ],
    [
      { task: { kind: 'images' }, validation: { activation: 'swish' } },
      'validation.activation is "swish", but must be one of: sigmoid, tanh, relu, leakyRelu, elu, softplus',
    ],
    [{ speed: 3 }, 'test has "speed", which is no setting'],
    [
      { task: { kind: 'chess' } },
      'task.kind is "chess", but must be one of: quadratic, surface, images, glyphs, sine, own',
    ],
    [{ task: {} }, 'task.kind is missing: it must be one of: quadratic, surface, images, glyphs, sine, own'],
    [{ task: 'mnist' }, 'task is "mnist", but must be an object of settings'],
    [{ task: { kind: 'quadratic', hidden: [3] } }, 'task has "hidden", which is no setting'],
    [{ task: { kind: 'quadratic', dimension: 5000 } }, 'task.dimension is 5000, but must be at most 4096'],
    [{ task: { kind: 'images', resolution: 9 } }, 'task.resolution is 9, but must be one of: 28, 14, 7'],
    [
      { task: { kind: 'images', layers: denseLayers([20, 0], 'relu') } },
      'task.layers.2.units is 0, but must be at least 1',
    ],
    [
      { task: { kind: 'images', layers: denseLayers(new Array(65).fill(1), 'relu') } },
      'task.layers must hold at most 128 values',
    ],
    [
      { task: { kind: 'images', layers: [{ kind: 'conv', channels: 3, kernel: 4 }] } },
      'task.layers.0.kernel is 4, but must be one of: 3, 5',
    ],
    [
      { task: { kind: 'images', layers: [{ kind: 'activation', function: 'swish' }] } },
      'task.layers.0.function is "swish", but must be one of: sigmoid, tanh, relu, leakyRelu, elu, softplus',
    ],
    [{ task: { kind: 'images', initial: { kind: 'normal' } } }, 'task.initial.scale is missing'],
    [
      { optimizer: { kind: 'l2l', hidden: 254, layers: 1 } },
      'optimizer.hidden is 254, but must be at most 253',
    ],
    [
      { optimizer: { kind: 'l2l', hidden: 128 } },
      'optimizer.hidden is 128, but must be at most 127 where there is more than one layer',
    ],
    [
      { optimizer: { kind: 'l2l', preprocess: { kind: 'log-sign', p: 0 } } },
      'optimizer.preprocess.p is 0, but must be at least 0.001',
    ],
  ] as [object, string][])('%j: %s', (settings, message) => {
    expect(refusal(settings)).toBe(message.startsWith('test ') ? message : `test: ${message}`);
  });

  it('in a file are the fault of the file', () => {
    const error = thrownBy(() =>
      parseStoredConfig(taskSchema, { kind: 'images', batch: 0 }, 'runs/a/config.json'),
    );
    expect(error).toBeInstanceOf(FileFormatError);
    expect(error.message).toBe('runs/a/config.json: batch is 0, but must be at least 1');
  });

  it('are named as the caller likes, and shown short', () => {
    const long = 'x'.repeat(500);
    const name = (path: readonly PropertyKey[]) => `--${String(path.at(-1))}`;
    const error = thrownBy(() => parseConfig(trainSchema, { ...minimal, lossWeights: long }, '', name));
    expect(error.message).toMatch(/^--lossWeights is "x{59}…, but must be sum/);
  });
});

describe('any JSON', () => {
  const check = (value: unknown) => {
    try {
      const parsed = parseConfig(trainSchema, value, 'test');
      expect(parseConfig(trainSchema, parsed, 'test')).toEqual(parsed);
      expect(parsed.validation.every % (parsed.horizon / parsed.unroll)).toBe(0);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as Error).message).toMatch(/^test\b[^\n]{3,300}$/);
    }
  };

  it('either parses or is a ConfigError of one sentence', () => {
    fc.assert(fc.property(fc.jsonValue(), check), { numRuns: 500 });
  });

  it('also where only some settings are strange', () => {
    const strange = fc.oneof(
      fc.jsonValue(),
      fc.double(),
      fc.integer(),
      fc.constantFrom(0, 1, 2, 5, 10, 20, -1, 0.5, null, 'sum', 'final', 'uniform', '', []),
    );
    const object = (kind: string, keys: readonly string[]) =>
      fc
        .record(Object.fromEntries(keys.map((key) => [key, strange])), { requiredKeys: [] })
        .map((rest) => ({ kind, ...rest }));
    const settings = fc.record(
      {
        task: fc.oneof(
          fc.constant({ kind: 'quadratic' }),
          object('quadratic', ['dimension', 'distribution', 'initialScale']),
          object('mlp', ['resolution', 'hidden', 'activation', 'batch', 'initial']),
          strange,
        ),
        optimizer: fc.oneof(
          fc.constant({ kind: 'l2l' }),
          object('l2l', ['layers', 'hidden', 'preprocess', 'outputScale']),
          object('rnnprop', ['layers', 'hidden', 'beta1', 'beta2', 'outputScale']),
          strange,
        ),
        seed: strange,
        tasks: fc.oneof(fc.nat(), strange),
        unroll: fc.oneof(fc.nat(50), strange),
        horizon: fc.oneof(fc.nat(50), strange),
        iterations: fc.oneof(fc.nat(), strange),
        lossWeights: strange,
        validation: fc.oneof(
          strange,
          fc.record(
            { every: fc.nat(), tasks: strange, select: strange, activation: strange },
            { requiredKeys: [] },
          ),
        ),
        clip: strange,
        patience: strange,
      },
      { requiredKeys: ['task', 'optimizer', 'iterations'] },
    );
    fc.assert(fc.property(settings, check), { numRuns: 1000 });
  });
});
