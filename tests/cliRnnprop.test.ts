import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { decodeWeights } from '../src/host/io/weights.ts';
import { cliForThisFile } from './support/cliProcess.ts';
import { freshPath } from './support/diskTests.ts';

const cli = cliForThisFile();

it('rnnprop trains on scaled tasks with a helper, and its weights run on other tasks and are diagnosed', async () => {
  const out = freshPath();
  const trained = await cli.run([
    ...['train', 'quadratic', '--dimension', '3', '--optimizer', 'rnnprop', '--layers', '1', '--hidden', '4'],
    ...[
      '--random-scaling',
      '3',
      '--helper-task',
      '20',
      '--coordinate-sample',
      '0.5',
      '--loss-weights',
      'final',
    ],
    ...['--unroll', '5', '--horizon', '10', '--iterations', '4', '--validation-tasks', '3'],
    ...['--test-tasks', '3', '--baselines', '', '--gate-episodes', '2', '--out', out],
  ]);
  expect([trained.code, trained.stderr]).toEqual([0, '']);
  const what = 'quadratic, 3 dimensions, uniform, scaled by exp U(-3, 3); helper of 20 dimensions, scaled by';
  expect(trained.stdout).toContain(`\nTask: ${what} exp U(-1, 1); 23 parameters, 1 at once\n`);
  expect(trained.stdout).toMatch(/\nOptimizer: rnnprop 1x4, scale 0\.1; 161 weights\n/);
  // Held-out tasks are as they are.
  const report = readFileSync(join(out, 'report.html'), 'utf8');
  expect(report).toContain('rnnprop learns to optimise: quadratic, 3 dimensions, uniform<');
  const { weights, optimizer } = decodeWeights(readFileSync(join(out, 'best.safetensors')), 'best');
  expect(optimizer).toMatchObject({ kind: 'rnnprop', beta1: 0.95, beta2: 0.95 });
  expect(weights.get('input.weight')?.shape).toEqual([4, 2]);

  const evaluated = await cli.run([
    ...['evaluate', out, '--dimension', '7', '--tasks', '3', '--baselines', '', '--horizon', '15', '--json'],
  ]);
  expect(evaluated.code).toBe(0);
  const diagnosed = await cli.run(['diagnose', out, '--gate-episodes', '1', '--json']);
  expect(diagnosed.code).toBe(0);
  const { optimizer: kind, parts } = JSON.parse(diagnosed.stdout) as {
    optimizer: string;
    parts: { id: string; numbers: { blocks?: { name: string }[] } }[];
  };
  expect(kind).toBe('rnnprop');
  const blocks = parts.find(({ id }) => id === 'blockNorms')?.numbers.blocks?.map(({ name }) => name);
  expect(blocks).toContain('input.weight');
});
