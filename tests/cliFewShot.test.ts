import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeWeights } from '../src/host/io/weights.ts';
import { cliForThisFile, complaint, inTurns } from './support/cliProcess.ts';
import { freshPath } from './support/diskTests.ts';

const cli = cliForThisFile();
const tiny = [
  '--resolution',
  '7',
  '--widths',
  '6',
  '--controller',
  'direct',
  '--tasks',
  '2',
  '--unroll',
  '2',
];
const short = ['--iterations', '3', '--validation-tasks', '3', '--validate-every', '3'];

interface Results {
  readonly verdict: string;
  readonly accuracies?: readonly {
    readonly label: string;
    readonly mean: number;
    readonly interval: number;
  }[];
  readonly curves: readonly { readonly label: string; readonly mean: readonly number[] }[];
}

describe('few-shot', () => {
  it('trains on glyphs and compares with every start, every baseline and the nearest neighbour', async () => {
    const out = freshPath();
    const evaluation = ['--test-tasks', '4', '--baselines', 'sgd'];
    const ended = await cli.run(['train', 'few-shot', ...tiny, ...short, ...evaluation, '--out', out]);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toContain('Task: MLP 49-6-5, relu, 5-way 1-shot, train glyphs 7x7; 335 parameters');
    expect(ended.stdout).toContain('meta-lstm, direct, log-sign p=10, theta_0 learned');
    const results = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as Results;
    expect(results.accuracies?.map(({ label }) => label)).toEqual([
      'meta-lstm',
      'learned theta_0 + sgd',
      'pre-trained + sgd',
      'random start + sgd',
      'nearest neighbour',
    ]);
    for (const { mean, interval } of results.accuracies ?? []) {
      expect(mean).toBeGreaterThanOrEqual(0);
      expect(mean).toBeLessThanOrEqual(1);
      expect(interval).toBeGreaterThanOrEqual(0);
    }
    // Fine-tuning has more steps, and is measured after the last of them alone.
    expect(results.curves.map(({ label }) => label)).toEqual(['meta-lstm', 'learned theta_0 + sgd']);
    expect(results.curves.map(({ mean }) => mean.length)).toEqual([3, 3]);
    expect(results.verdict).toMatch(/% right against .* the best baseline/);
    const report = readFileSync(join(out, 'report.html'), 'utf8');
    expect(report).toContain('Accuracy on test episodes');
    expect(report).toContain('dense 6, activation relu');
    expect(report).not.toContain('[object');
    const best = decodeWeights(readFileSync(join(out, 'best.safetensors')), 'best');
    expect(best).toMatchObject({ task: { kind: 'glyphs', shots: 1 }, training: { horizon: 2, unroll: 2 } });

    const flags = ['--tasks', '4', '--tuning-tasks', '3', '--baselines', '', '--json'];
    const again = await cli.run(['evaluate', out, ...flags, '--against', out]);
    expect([again.code, again.stderr.includes('error')]).toEqual([0, false]);
    const { curves } = JSON.parse(again.stdout) as Results;
    expect(curves.map(({ label }) => label)).toEqual([`meta-lstm (${out})`, `meta-lstm (${out})`]);
    expect(curves[0]?.mean).toEqual(results.curves[0]?.mean);
    expect(curves[1]?.mean).toEqual(curves[0]?.mean);
  });

  it('a theta_0 whose last layer stays zero is evaluated with another number of ways, and a whole one is not', async () => {
    const [headless, whole] = [freshPath(), freshPath()];
    const train = ['train', 'few-shot', ...tiny, ...short, '--no-evaluate'];
    const ended = await cli.run([...train, '--zero-head', '--out', headless]);
    expect(ended.code, ended.stderr).toBe(0);
    expect((await cli.run([...train, '--out', whole])).code).toBe(0);
    const best = decodeWeights(readFileSync(join(headless, 'best.safetensors')), 'best');
    expect(best.optimizer).toMatchObject({ theta0Parameters: 49 * 6 + 6 });
    const evaluate = (run: string) => [
      'evaluate',
      run,
      '--ways',
      '3',
      '--tasks',
      '4',
      '--tuning-tasks',
      '3',
      '--json',
    ];
    const fewer = await cli.run([...evaluate(headless), '--baselines', 'sgd']);
    expect(fewer.code, fewer.stderr).toBe(0);
    const { curves } = JSON.parse(fewer.stdout) as Results;
    // All classes are as likely before the first step, from the learned theta_0 as by SGD from it.
    for (const { mean } of curves) expect(mean[0]).toBeCloseTo(Math.log(3), 5);
    const refused = await cli.run([...evaluate(whole), '--baselines', '']);
    expect(complaint(refused).sentence).toMatch(
      /holds a starting point theta_0 for 335 parameters, and this task has 321$/,
    );
  });

  it('regresses sines, without accuracies', async () => {
    const flags = ['--dataset', 'sine', '--widths', '5', '--controller', 'direct', '--tasks', '2', '--json'];
    const evaluation = ['--test-tasks', '3', '--baselines', 'sgd', '--out', freshPath()];
    const ended = await cli.run(['train', 'few-shot', ...flags, ...short, ...evaluation]);
    expect(ended.code, ended.stderr).toBe(0);
    const results = JSON.parse(ended.stdout) as Results;
    expect(results.accuracies).toBeUndefined();
    expect(results.curves.map(({ label }) => label)).toEqual([
      'meta-lstm',
      'learned theta_0 + sgd',
      'random start + sgd',
    ]);
  });

  it('that cannot be is refused in one sentence, and nothing is left behind', async () => {
    const cases: readonly (readonly [readonly string[], RegExp, number])[] = [
      [['--ways', '700'], /an episode of 700 ways needs as many classes, and the split train has 608$/, 2],
      [['--ways', '100'], /an episode of 100 ways .* the split validation has 38$/, 2],
      [['--shots', '20'], /20 shots and 15 queries need 35 examples .* split train has 20$/, 2],
      [['--ways', '1'], /^--ways is 1, but must be at least 2$/, 2],
      [['--dataset', 'omniglot'], /^--dataset is "omniglot", but must be one of: glyphs, sine$/, 2],
      [
        ['--dataset', 'sine', '--ways', '5'],
        /^--ways does not belong to the task few-shot --dataset sine$/,
        2,
      ],
      [
        ['--zero-head', '--no-learn-theta0'],
        /^--zero-head is about a learned theta_0, and none is learned$/,
        2,
      ],
      [
        ['--zero-head', '--widths', ''],
        /^--zero-head keeps the last layer at zero, and this task has no layers before it$/,
        2,
      ],
      [['--loss-weights', 'sum'], /^--loss-weights is "sum", but must be final/, 2],
      [['--horizon', '10', '--unroll', '5'], /^--unroll is 5, but must be all 10 steps of an episode$/, 2],
      [
        ['--coordinate-sample', '0.1'],
        /^--coordinate-sample is 0.1, but must be 1 with a learned theta_0$/,
        2,
      ],
      [['--widths', '6', '--network', 'conv4'], /^--network and --widths both describe the network$/, 2],
    ];
    await inTurns(cases, async ([args, sentence, code]) => {
      const out = freshPath();
      const ended = await cli.run([...['train', 'few-shot', '--iterations', '1', '--out', out], ...args]);
      expect(complaint(ended).sentence, args.join(' ')).toMatch(sentence);
      expect(ended.code, args.join(' ')).toBe(code);
      expect(existsSync(out), args.join(' ')).toBe(false);
    });
  });
});
