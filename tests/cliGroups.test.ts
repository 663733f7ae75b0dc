import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeWeights } from '../src/host/io/weights.ts';
import { cliForThisFile, complaint, type Ended } from './support/cliProcess.ts';
import { freshPath } from './support/diskTests.ts';

const cli = cliForThisFile();
const out = freshPath();
const tiny = [
  ...['few-shot', '--network', 'convnet', '--resolution', '7', '--controller', 'direct', '--tasks', '2'],
  ...['--unroll', '2', '--iterations', '2', '--validation-tasks', '2', '--validate-every', '2'],
];
let trained: Ended;
beforeAll(async () => {
  const evaluation = ['--test-tasks', '2', '--baselines', '', '--gate-episodes', '1'];
  trained = await cli.run(['train', ...tiny, '--groups', 'kinds', ...evaluation, '--out', out]);
});

describe('train --groups', () => {
  it('says what each group is made of, in the output and in the report', () => {
    expect([trained.code, trained.stderr]).toEqual([0, '']);
    // conv 1 -> 8 and 8 -> 16, 3x3; dense 16 -> 5. Two gates of four inputs, their cell, themselves and a bias.
    const groups = 'conv 1,248 parameters, 14 weights; dense 85 parameters, 14 weights';
    expect(trained.stdout).toContain(`\nGroups: ${groups}\n`);
    expect(trained.stdout).toMatch(
      /\nOptimizer: meta-lstm, direct, .*, by kinds \(conv, dense\), theta_0 learned; 28 weights\n/,
    );
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain(groups);
    const { optimizer, weights } = decodeWeights(readFileSync(join(out, 'best.safetensors')), 'best');
    expect(optimizer.groups).toEqual({ by: 'kinds', names: ['conv', 'dense'] });
    expect([...weights.keys()].sort()).toEqual([
      ...['conv', 'dense'].flatMap((group) =>
        ['forget_gate', 'input_gate'].flatMap((gate) => [`${group}.${gate}.bias`, `${group}.${gate}.weight`]),
      ),
      'theta0',
    ]);
  });

  it('leaves weights for other sizes of these layers, and for no other layers', async () => {
    const evaluate = ['evaluate', out, '--tasks', '2', '--baselines', ''];
    const larger = await cli.run([...evaluate, '--no-theta0', '--network', 'convnet', '--resolution', '14']);
    expect([larger.code, larger.stderr]).toEqual([0, '']);
    const refused = await cli.run([...evaluate, '--widths', '6']);
    expect(refused.code).toBe(2);
    expect(complaint(refused)).toEqual({
      sentence: "the optimizer has weights for the groups conv, dense, and this task's parameters are dense",
      remedy:
        'use it on a network with the same kinds of layers, or train one without groups, which fits any',
    });
  });

  it('is diagnosed group by group', async () => {
    const { code, stdout } = await cli.run(['diagnose', out, '--gate-episodes', '1', '--json']);
    expect(code).toBe(0);
    const { parts } = JSON.parse(stdout) as {
      parts: { id: string; numbers: { blocks?: { name: string }[] } }[];
    };
    const blocks = parts.find(({ id }) => id === 'blockNorms')?.numbers.blocks?.map(({ name }) => name);
    expect(blocks).toContain('conv.forget_gate.weight');
    expect(blocks).toContain('dense.forget_gate.weight');
  });

  it.each([
    [['--groups', 'sizes'], /^--groups is "sizes", but must be one of: kinds, layers$/],
    [
      ['--groups', 'layers', '--optimizer', 'gradient-descent-lstm'],
      /^--groups is by layers, but no gate is learned/,
    ],
    [
      ['--groups', 'layers', '--coordinate-sample', '0.5', '--no-learn-theta0'],
      /^--coordinate-sample is 0.5, but must be 1 with groups of parameters$/,
    ],
  ])('refuses %j', async (flags, sentence) => {
    const ended = await cli.run(['train', ...tiny, ...flags]);
    expect(ended.code).toBe(2);
    expect(complaint(ended).sentence).toMatch(sentence);
  });
});
