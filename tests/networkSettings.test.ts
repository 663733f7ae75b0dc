import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { taskFrom } from '../src/cli/taskSettings.ts';
import { layersSchema, parseConfig, taskSchema } from '../src/host/config.ts';
import { ConfigError } from '../src/host/errors.ts';
import { taskLayers, taskParameters } from '../src/host/meta/tasks.ts';
import { buildLayers, describeLayers } from '../src/host/optimizees/layers/build.ts';
import { denseLayers, NETWORKS, networkLayers } from '../src/host/optimizees/layers/settings.ts';
import { parameterGroups } from '../src/host/optimizees/network.ts';
import { cliForThisFile, complaint } from './support/cliProcess.ts';
import { freshPath } from './support/diskTests.ts';

const cli = cliForThisFile();
const PYTORCH = { kind: 'pytorch' } as const;
const image = (side: number) => ({ channels: 1, height: side, width: side });
const layersOf = (value: unknown) => parseConfig(layersSchema, value, 'net');
const build = (value: unknown, side: number, outputs = 10) =>
  buildLayers(layersOf(value), image(side), outputs, PYTORCH);
const conv = (more: object = {}) => ({ kind: 'conv', channels: 2, ...more });

describe('a list of layers', () => {
  it('takes its shapes from one layer to the next, and its defaults from the schema', () => {
    const list = [
      conv({ kernel: 5, stride: 2 }),
      { kind: 'batch-norm' },
      { kind: 'activation', function: 'relu' },
      { kind: 'average-pool', size: 3, stride: 1 },
      conv({ channels: 4, padding: 'valid' }),
      { kind: 'max-pool' },
      { kind: 'dense', units: 6 },
    ];
    const layers = build(list, 28);
    expect(layers.map(({ output }) => [output.channels, output.height, output.width])).toEqual([
      ...[
        [2, 14, 14],
        [2, 14, 14],
        [2, 14, 14],
        [2, 12, 12],
        [4, 10, 10],
        [4, 5, 5],
        [6, 1, 1],
        [10, 1, 1],
      ],
    ]);
    expect(layers.map(({ parameters }) => parameters)).toEqual([52, 4, 0, 0, 76, 0, 606, 70]);
    expect(parameterGroups(layers)).toEqual([
      { name: '1. conv 5x5 1-2', kind: 'conv', offset: 0, count: 52 },
      { name: '2. batch-norm 2', kind: 'batch-norm', offset: 52, count: 4 },
      { name: '3. conv 3x3 2-4', kind: 'conv', offset: 56, count: 76 },
      { name: '4. dense 100-6', kind: 'dense', offset: 132, count: 606 },
      { name: '5. dense 6-10', kind: 'dense', offset: 738, count: 70 },
    ]);
    expect(layersOf([{ kind: 'conv', channels: 2 }, { kind: 'batch-norm' }, { kind: 'max-pool' }])).toEqual([
      { kind: 'conv', channels: 2, kernel: 3, stride: 1, padding: 'same' },
      { kind: 'batch-norm', statistics: 'batch', momentum: 0.9 },
      { kind: 'max-pool', size: 2, stride: 2 },
    ]);
  });

  const bad: readonly (readonly [unknown, RegExp])[] = [
    [{ kind: 'dense', units: 3 }, /^net is \{.*, but must be a list$/],
    [null, /^net is null, but must be a list$/],
    [[{ kind: 'convv' }], /^net: 0.kind is "convv", but must be one of: dense, conv, max-pool/],
    [[{ kind: 'dense', units: 0 }], /^net: 0.units is 0, but must be at least 1$/],
    [[conv({ kernel: 4 })], /^net: 0.kernel is 4, but must be one of: 3, 5$/],
    [[conv(), { kind: 'dense' }], /^net: 1.units is missing$/],
    [[{ kind: 'dense', units: 3, unit: 4 }], /^net: 0 has "unit", which is no setting$/],
    [
      [conv(), { kind: 'batch-norm', statistics: 'layer' }],
      /^net: 1.statistics is "layer", but must be one of/,
    ],
    [[conv(), { kind: 'batch-norm', momentum: 1.5 }], /^net: 1.momentum is 1.5, but must be at most 1$/],
    [
      [{ kind: 'max-pool' }, conv({ kernel: 5, padding: 'valid' })],
      /^layer 2 of 2 \(conv\), which is given 1x3x3: a window of 5 does not fit/,
    ],
    [
      [conv(), { kind: 'average-pool', size: 8 }],
      /^layer 2 of 2 \(average-pool\), which is given 2x7x7: a window of 8 does not fit/,
    ],
    [
      [{ kind: 'activation', function: 'relu' }, { kind: 'batch-norm' }, conv()],
      /^layer 2 of 3 \(batch-norm\), which is given 1x7x7: batch normalisation needs a layer with parameters/,
    ],
  ];
  it.each(bad)('%j is refused by name', (value, message) => {
    expect(() => build(value, 7)).toThrow(ConfigError);
    expect(() => build(value, 7)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(message) }),
    );
  });
});

describe('named networks', () => {
  it.each([
    [28, 4, [14, 7, 3, 1]],
    [14, 3, [7, 3, 1]],
    [7, 2, [3, 1]],
  ] as const)('conv4 on a side of %i pools %i times', (side, pools, sides) => {
    const settings = networkLayers('conv4', side);
    const kinds = settings.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'conv')).toHaveLength(4);
    expect(kinds.filter((kind) => kind === 'batch-norm')).toHaveLength(4);
    expect(kinds.filter((kind) => kind === 'max-pool')).toHaveLength(pools);
    const layers = buildLayers(settings, image(side), 5, PYTORCH);
    const pooled = layers.filter((_, i) => kinds[i] === 'max-pool').map(({ output }) => output.height);
    expect(pooled).toEqual(sides);
    // 9 * 32 + 32, three of 9 * 32 * 32 + 32, four of 2 * 32, and 32 * 5 + 5: the last image is one pixel.
    const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
    expect(parameters).toBe(320 + 3 * 9248 + 4 * 64 + 165);
    // What is stored with the weights says the same again.
    expect(layersOf(settings)).toEqual(settings);
  });

  it('convnet', () => {
    const task = { kind: 'images', resolution: 14, layers: networkLayers('convnet', 14) };
    const parsed = parseConfig(taskSchema, task, 'task');
    // 9 * 8 + 8, 9 * 8 * 16 + 16, 16 * 3 * 3 * 10 + 10
    expect(taskParameters(parsed)).toBe(80 + 1168 + 1450);
    expect(parsed.kind === 'images' && taskLayers(parsed).at(-1)?.output.channels).toBe(10);
    expect(NETWORKS).toEqual(['convnet', 'conv4']);
  });

  it('are described in a few words', () => {
    const describe7 = (value: unknown) => describeLayers(layersOf(value), image(7), 3);
    expect(describe7([])).toBe('MLP 49-3');
    expect(describe7(denseLayers([8, 4], 'tanh'))).toBe('MLP 49-8-4-3, tanh');
    expect(describe7([{ kind: 'dense', units: 4 }])).toBe('network dense 4 > dense 3');
    expect(describe7([conv({ stride: 2 }), { kind: 'batch-norm' }, { kind: 'max-pool', size: 3 }])).toBe(
      'network conv 2 (3x3, stride 2) > batch-norm > max-pool 3 > dense 3',
    );
    expect(describe7([conv(), { kind: 'batch-norm', statistics: 'running' }])).toBe(
      'network conv 2 (3x3) > batch-norm (running) > dense 3',
    );
  });
});

describe('tasks on Fashion-MNIST', () => {
  it('are a task of its name, and convnet on that dataset', () => {
    const plain = taskFrom('fashion-mnist', { resolution: 14 });
    expect(plain).toEqual({ ...taskFrom('mnist', { resolution: 14 }), dataset: 'fashion-mnist' });
    const convnet = taskFrom('convnet', { dataset: 'fashion-mnist', resolution: 14 });
    expect(convnet).toMatchObject({ dataset: 'fashion-mnist', layers: networkLayers('convnet', 14) });
    // Of weights that were trained on MNIST: everything else stays as it was.
    const base = taskFrom('mnist', { batch: 32, widths: '7' });
    expect(taskFrom('fashion-mnist', {}, base)).toEqual({ ...base, dataset: 'fashion-mnist' });
    expect(taskFrom(undefined, { batch: 16 }, plain)).toEqual({ ...plain, batch: 16 });
    expect(() => taskFrom('convnet', { dataset: 'fashion' })).toThrow(
      /--dataset is "fashion".*must be one of: mnist, fashion-mnist/,
    );
  });
});

describe('a network file', () => {
  const bad: readonly (readonly [string, string | undefined, RegExp, number])[] = [
    ['list', '{"kind":"dense","units":3}', /list.json is \{.*\}, but must be a list$/, 2],
    ['json', '[{', /json.json is not JSON: /, 2],
    ['kind', '[{"kind":"convv"}]', /kind.json: layer 1: kind is "convv", but must be one of: dense, /, 2],
    ['units', '[{"kind":"dense","units":0}]', /units.json: layer 1: units is 0, but must be at least 1$/, 2],
    ['other', '[{"kind":"dense","units":3,"x":4}]', /other.json: layer 1 has "x", which is no setting$/, 2],
    ['absent', undefined, /^cannot read the network from .*absent.json: there is no such file/, 1],
    ['pool', '[{"kind":"max-pool","size":8}]', /^layer 1 of 1 \(max-pool\), which is given 1x7x7: /, 2],
    ['norm', '[{"kind":"batch-norm"}]', /^layer 1 of 1 \(batch-norm\), which is given 1x7x7: batch norm/, 2],
  ];

  it('that is wrong is refused in one sentence, and nothing is left behind', async () => {
    const folder = freshPath();
    const out = join(folder, 'runs');
    mkdirSync(out, { recursive: true });
    const path = (name: string) => join(folder, `${name}.json`);
    for (const [name, content] of bad) if (content !== undefined) writeFileSync(path(name), content);
    const train = ['train', 'mnist', '--resolution', '7', '--iterations', '1', '--network'];
    const results = await cli.runMany(
      bad.map(([name]) => [...train, path(name)]),
      { cwd: out },
    );
    for (const [index, [name, , sentence, code]] of bad.entries()) {
      const ended = results[index];
      if (!ended) throw new Error('a command line was not run');
      // The adapter may be named before a shape is refused.
      expect(complaint(ended).sentence, name).toMatch(sentence);
      expect(ended.code, name).toBe(code);
    }
    expect(readdirSync(out)).toEqual([]);
  });

  it('of docs/networks.md is a network', () => {
    const page = readFileSync('docs/networks.md', 'utf8');
    const examples = [...page.matchAll(/^```json\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);
    expect(examples.length).toBeGreaterThanOrEqual(1);
    for (const text of examples) {
      const layers = buildLayers(layersOf(JSON.parse(text)), image(28), 10, PYTORCH);
      const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
      // The page says how many parameters its example has.
      expect(page).toContain(`${parameters.toLocaleString('en-US')} parameters`);
    }
    for (const option of layersSchema.element.options) {
      const kinds = option.shape.kind;
      for (const kind of 'values' in kinds ? kinds.values : []) expect(page).toContain(`\`${String(kind)}\``);
      for (const setting of Object.keys(option.shape)) expect(page).toContain(`\`${setting}\``);
    }
  });
});
