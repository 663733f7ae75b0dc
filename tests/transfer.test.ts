import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { columnsOf, type Setting } from '../src/cli/transfer/axes.ts';
import { parseConfig, taskSchema } from '../src/host/index.ts';
import { heatMapSvg } from '../src/report/heatMap.ts';
import type { TransferResult } from '../src/report/results.ts';
import { cliForThisFile } from './support/cliProcess.ts';
import { freshPath, thrownBy } from './support/diskTests.ts';

const cli = cliForThisFile();

function baseSetting(): Setting {
  const task = parseConfig(taskSchema, { kind: 'images', resolution: 7 }, 'test');
  if (task.kind !== 'images') throw new Error('no images');
  return { task, horizon: 20 };
}

describe('the axes of a matrix', () => {
  const names = (axes: string[]) =>
    columnsOf(baseSetting(), axes).map(({ axis, value }) => `${axis} ${value}`);

  it('change one thing at a time, and what is as trained comes once', () => {
    const columns = columnsOf(baseSetting(), ['width=10:20', 'activation', 'horizon=50']);
    expect(columns.map(({ axis, value }) => `${axis} ${value}`)).toEqual([
      'trained as trained',
      'width 10',
      'activation tanh',
      'activation relu',
      'horizon 50',
    ]);
    const [, width, , relu, long] = columns;
    expect(width?.task.layers[0]).toEqual({ kind: 'dense', units: 10 });
    expect(relu?.task.layers).toEqual([
      { kind: 'dense', units: 20 },
      { kind: 'activation', function: 'relu' },
    ]);
    expect([long?.horizon, long?.task]).toEqual([50, baseSetting().task]);
    expect(names(['depth=3', 'dataset=fashion-mnist', 'batch=16'])).toHaveLength(4);
  });

  it('of a convolutional network: any activation, but no width and no depth', () => {
    const task = parseConfig(
      taskSchema,
      {
        kind: 'images',
        layers: [
          { kind: 'conv', channels: 2, kernel: 3 },
          { kind: 'activation', function: 'relu' },
          { kind: 'max-pool' },
        ],
      },
      'test',
    );
    if (task.kind !== 'images') throw new Error('no images');
    const base = { task, horizon: 20 };
    const [, tanh] = columnsOf(base, ['activation=tanh']);
    expect(tanh?.task.layers).toEqual([
      task.layers[0],
      { kind: 'activation', function: 'tanh' },
      task.layers[2],
    ]);
    for (const axis of ['width=10', 'depth=2']) {
      expect(thrownBy(() => columnsOf(base, [axis])).message).toContain('a network of dense layers');
    }
  });

  it('of a network without activations: no other activation', () => {
    const task = parseConfig(taskSchema, { kind: 'images', layers: [{ kind: 'dense', units: 5 }] }, 'test');
    if (task.kind !== 'images') throw new Error('no images');
    const thrown = thrownBy(() => columnsOf({ task, horizon: 20 }, ['activation=tanh']));
    expect(thrown.message).toContain('one without any');
  });

  it.each([
    ['widht', 'there is no axis "widht" (did you mean width?)'],
    ['width=0', '"0" is no value of width'],
    ['activation=rely', 'there is no activation "rely" (did you mean relu?)'],
    ['dataset=cifar', 'there is no dataset "cifar"'],
    ['batch=100000', 'batch is 100000, but must be'],
  ])('refuse %s', (axis, message) => {
    expect(thrownBy(() => columnsOf(baseSetting(), [axis])).message).toContain(message);
  });
});

describe('coordwise transfer', () => {
  const small = [
    'mnist',
    '--resolution',
    '7',
    '--layers',
    '1',
    '--hidden',
    '4',
    '--unroll',
    '5',
    '--horizon',
    '10',
  ];
  const few = ['--tasks', '3', '--tuning-tasks', '1', '--json'];
  const runs = [freshPath(), freshPath()];
  const [a = '', b = ''] = runs;
  const out = freshPath();

  beforeAll(async () => {
    for (const [index, path] of runs.entries()) {
      const flags = [
        '--iterations',
        '4',
        '--validation-tasks',
        '1',
        '--no-evaluate',
        '--seed',
        `${index + 1}`,
      ];
      const { code, stderr } = await cli.run(['train', ...small, ...flags, '--out', path]);
      expect([code, stderr]).toEqual([0, '']);
    }
  });

  it('gives each of the weights a row of final losses and ratios to Adam, and goes on where it was', async () => {
    const args = ['transfer', a, b, '--axes', 'width=5,horizon=20', ...few, '--out', out];
    const killed = cli.start(args.filter((arg) => arg !== '--json'));
    await killed.said('Cell 2');
    killed.child.kill('SIGKILL');
    await killed.ended;
    const first = join(out, 'trained-as-trained.adam.kept.json');
    const before = statSync(first).mtimeMs;
    const { code, stdout, stderr } = await cli.run(args);
    expect([code, stderr]).toEqual([0, expect.stringContaining('is ahead of tuned Adam in ')]);
    expect(statSync(first).mtimeMs).toBe(before);

    const result = JSON.parse(stdout) as TransferResult;
    expect(JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'))).toEqual(result);
    expect(result.columns.map(({ axis }) => axis)).toEqual(['trained', 'width', 'horizon']);
    expect(result.rows.map(({ label }) => label)).toEqual([a, b]);
    for (const { cells } of result.rows) {
      for (const [index, { final, ratio }] of cells.entries()) {
        expect(ratio ?? 0).toBeCloseTo((final ?? 0) / (result.columns[index]?.adam.final ?? 0), 4);
      }
    }
    // The cell as trained is what `coordwise evaluate` says.
    const evaluated = await cli.run(['evaluate', b, '--seed', '1', '--baselines', '', ...few]);
    const { curves } = JSON.parse(evaluated.stdout) as { curves: { finalMean: number }[] };
    expect(result.rows[1]?.cells[0]?.final).toBeCloseTo(curves[0]?.finalMean ?? 0, 4);

    const html = readFileSync(join(out, 'report.html'), 'utf8');
    expect(html).toContain('Final loss over that of tuned Adam');
    expect(readdirSync(out)).not.toContain('lock.json');
  });

  it('says what is wrong', async () => {
    const [none, twice, axis] = await cli.runMany([
      ['transfer'],
      ['transfer', a, a],
      ['transfer', a, '--axes', 'colour'],
    ]);
    expect(none?.stderr).toContain('transfer needs weights');
    expect(twice?.stderr).toContain('was named twice');
    expect(axis?.stderr).toContain('there is no axis "colour"');
    expect([none, twice, axis].map((ended) => ended?.code)).toEqual([2, 2, 2]);
    expect(existsSync('runs/transfer')).toBe(false);
  });
});

describe('the heat map', () => {
  it('has a number in every cell, and says where an optimizer diverged', () => {
    const cell = (ratio: number | null) => ({ final: ratio, error: 0, ratio, diverged: 0 });
    const column = (axis: string, value: string) => ({
      ...{ axis, value, task: 'a task' },
      adam: { final: 1, setting: 'lr 1' },
    });
    const result: TransferResult = {
      format: 'coordwise-results-1',
      ...{ command: '', version: '', commit: '', adapter: '', software: true, made: '' },
      ...{ kind: 'transfer', title: '', seed: 1, tasks: 2, tuningTasks: 1 },
      columns: [column('trained', 'as trained'), column('width', '40')],
      rows: [{ label: 'a & b', trained: '', cells: [cell(0.5), cell(null)] }],
    };
    const svg = heatMapSvg(result);
    expect(svg).toContain(
      'aria-label="Final loss over that of tuned Adam. a &amp; b: as trained 0.500, width 40 diverged."',
    );
    expect(svg.match(/0\.500|diverged/g)?.length).toBe(4);
    expect(heatMapSvg(result)).toBe(svg);
  });
});
