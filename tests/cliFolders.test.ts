import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeSafeTensors, encodeSafeTensors } from '../src/host/io/safetensors.ts';
import { denseLayers } from '../src/host/optimizees/layers/settings.ts';
import { RunFolder } from '../src/node/runFolder.ts';
import { cliForThisFile, complaint, inTurns } from './support/cliProcess.ts';
import { files, long, outcome } from './support/cliRuns.ts';
import { freshPath } from './support/diskTests.ts';

const cli = cliForThisFile();

/** `long`, uninterrupted. */
const reference = freshPath();
beforeAll(async () => {
  const ended = await cli.run([...long, '--out', reference]);
  expect([ended.code, ended.stderr]).toEqual([0, '']);
});

describe('a run folder', () => {
  it('that exists, or is none, is refused and stays as it is', async () => {
    const before = outcome(reference);
    const again = await cli.run([...long, '--out', reference]);
    expect(complaint(again)).toEqual({
      sentence: `${reference} already holds a run`,
      remedy: 'choose another --out, or continue that run with --resume',
    });
    expect([again.code, again.stdout]).toEqual([1, '']);
    expect(outcome(reference)).toEqual(before);

    const foreign = freshPath();
    mkdirSync(foreign);
    writeFileSync(join(foreign, 'thesis.tex'), 'x');
    const used = await cli.run([...long, '--out', foreign]);
    expect(complaint(used).sentence).toBe(`${foreign} exists and is not empty`);
    const none = await cli.run(['train', '--resume', foreign]);
    expect(complaint(none).sentence).toBe(`${foreign} is not a run folder: it has no config.json`);
    const absent = await cli.run(['train', '--resume', freshPath()]);
    expect(complaint(absent).sentence).toMatch(/^the run folder .* does not exist$/);
    expect([used.code, none.code, absent.code]).toEqual([1, 1, 1]);
    expect(readdirSync(foreign)).toEqual(['thesis.tex']);

    writeFileSync(join(foreign, 'config.json'), '{"task": {"kind": "quadratic"}, "iterations": -5}');
    const strange = await cli.run(['train', '--resume', foreign]);
    expect(complaint(strange).sentence).toBe(`${foreign}/config.json: optimizer is missing`);
  });

  it('with a damaged checkpoint or log is refused by file', async () => {
    const copy = freshPath();
    execFileSync('cp', ['-r', reference, copy]);
    const bytes = readFileSync(join(copy, 'checkpoint.safetensors'));
    writeFileSync(join(copy, 'checkpoint.safetensors'), bytes.subarray(0, bytes.length / 2));
    const short = await cli.run(['train', '--resume', copy]);
    expect(short.code).toBe(1);
    expect(complaint(short).sentence).toMatch(/checkpoint\.safetensors: /);
    writeFileSync(join(copy, 'checkpoint.safetensors'), bytes);
    writeFileSync(join(copy, 'log.jsonl'), `nonsense\n${readFileSync(join(copy, 'log.jsonl'), 'utf8')}`);
    const log = await cli.run(['train', '--resume', copy]);
    expect(complaint(log).sentence).toMatch(/log\.jsonl: line 1 is not a log record$/);
    expect(readFileSync(join(copy, 'best.safetensors'))).toEqual(outcome(reference).best);
  });

  it('is not left half made by a run that cannot start: too large for the adapter', async () => {
    const root = freshPath();
    mkdirSync(root);
    const large = ['train', 'mnist', '--resolution', '7', '--widths', '100000,100000', '--iterations', '5'];
    const ended = await cli.run([...large, '--out', join(root, 'a', 'b')]);
    expect(ended.code).toBe(1);
    const { sentence, remedy } = complaint(ended);
    const [, need = 0, allowed = 0] = (
      /needs (\d+) bytes, and this adapter allows (\d+) in one buffer/.exec(sentence) ?? []
    ).map(Number);
    expect(need).toBeGreaterThan(allowed);
    expect(remedy).toMatch(/^use a model of at most about \d+ parameters instead of 10006100010/);
    expect(readdirSync(root)).toEqual([]);
    const many = await cli.run([
      'train',
      'quadratic',
      '--dimension',
      '4000',
      '--tasks',
      '65535',
      '--iterations',
      '5',
      '--out',
      join(root, 'a'),
    ]);
    expect(complaint(many).remedy).toMatch(/^use at most \d+ tasks at once instead of 65535$/);
    expect(readdirSync(root)).toEqual([]);
  });

  it('on a full disk keeps its last checkpoint, from which the run goes on', async ({ skip }) => {
    const disk = freshPath();
    mkdirSync(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', disk], { stdio: 'ignore' });
    } catch {
      skip('a disk of 1 MiB cannot be mounted here: that takes root');
    }
    try {
      const out = join(disk, 'run');
      const running = cli.start([...long, '--out', out]);
      await running.said('after 12 ');
      fill(join(disk, 'filler'));
      const ended = await running.ended;
      expect(ended.code).toBe(1);
      expect(complaint(ended)).toEqual({
        sentence: expect.stringMatching(/^cannot write .*\/run\/[a-z.]+: the disk is full$/),
        remedy: 'free some space, or choose a folder on another disk',
      });
      expect(ended.stdout).toMatch(/go on with: npx coordwise train --resume .*\/run\n$/);
      expect(readdirSync(out).sort()).toEqual(files);
      expect(RunFolder.open(out).readLog().length).toBeGreaterThan(12);

      const late = await cli.run([...long, '--out', join(disk, 'other')]);
      expect(complaint(late).sentence).toMatch(/^cannot .*\/other(\/config.json)?: the disk is full$/);
      expect(readdirSync(disk).sort()).toEqual(['filler', 'run']);

      rmSync(join(disk, 'filler'));
      const rest = await cli.run(['train', '--resume', out, '--no-evaluate']);
      expect(rest.code).toBe(0);
      expect(outcome(out)).toEqual(outcome(reference));
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  });

  /** Writes until the disk is full to the last byte. */
  function fill(path: string): void {
    for (let size = 1 << 16; size >= 1; size = Math.floor(size / 2)) {
      try {
        for (;;) writeFileSync(path, Buffer.alloc(size), { flag: 'a' });
      } catch {
        // Full, for pieces of this size.
      }
    }
  }
});

describe('evaluate', () => {
  it('of a run folder is the evaluation of its best weights, with a report where --out says', async () => {
    const out = freshPath();
    const options = ['--tasks', '3', '--tuning-tasks', '2', '--baselines', 'sgd'];
    const whole = await cli.run(['evaluate', reference, ...options, '--out', out]);
    expect([whole.code, whole.stderr]).toEqual([0, '']);
    expect(whole.stdout).toMatch(/★ l2l +[\d.]+ ± [\d.]+/);
    expect(readdirSync(out).sort()).toEqual(['config.json', 'gates.json', 'report.html', 'results.json']);
    const link = `${freshPath()}.safetensors`;
    symlinkSync(join(reference, 'best.safetensors'), link);
    const file = await cli.run(['evaluate', link, ...options, '--json']);
    expect(file.code).toBe(0);
    interface Result {
      readonly curves: { readonly label: string; readonly mean: number[] }[];
    }
    const { curves } = JSON.parse(file.stdout) as Result;
    const saved = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as Result;
    expect(curves.map(({ label, mean }) => [label, mean])).toEqual(
      saved.curves.map(({ label, mean }) => [label, mean]),
    );
    expect(curves[0]?.mean).toHaveLength(11);

    const used = await cli.run(['evaluate', reference, ...options, '--out', out]);
    expect([used.code, used.stdout]).toEqual([1, '']);
    expect(complaint(used).sentence).toBe(`${out} already holds a run`);
  });

  it('on validation tasks is what the training chose its weights by', async () => {
    const log = readFileSync(join(reference, 'log.jsonl'), 'utf8').trim().split('\n');
    const best = log.map((line) => JSON.parse(line)).findLast(({ isBest }) => isBest === true);
    const { validation } = JSON.parse(readFileSync(join(reference, 'config.json'), 'utf8'));
    const options = ['--tasks', `${validation.tasks}`, '--baselines', '', '--json'];
    const lossOn = async (list: string) => {
      const ended = await cli.run(['evaluate', reference, ...options, '--list', list]);
      expect(ended.code).toBe(0);
      return JSON.parse(ended.stdout).curves[0].finalMean;
    };
    expect(await lossOn('validation')).toBe(best.finalMean);
    expect(await lossOn('test')).not.toBe(best.finalMean);
  });

  it('with another activation is what --validation-activation chose the weights by', async () => {
    const run = freshPath();
    const mnist = ['--resolution', '7', '--widths', '5', '--batch', '8', '--layers', '1', '--hidden', '4'];
    const sizes = ['--unroll', '5', '--horizon', '10', '--iterations', '4', '--validation-tasks', '2'];
    const chosen = ['--validation-activation', 'relu', '--no-evaluate', '--out', run];
    const trained = await cli.run(['train', 'mnist', ...mnist, ...sizes, ...chosen]);
    expect([trained.code, trained.stderr]).toEqual([0, '']);
    expect(trained.stdout).toMatch(/MLP 49-5-10, sigmoid.*validation loss \(relu\) 2\./s);
    const log = readFileSync(join(run, 'log.jsonl'), 'utf8').trim().split('\n');
    const best = log.map((line) => JSON.parse(line)).findLast(({ isBest }) => isBest === true);
    const options = ['--list', 'validation', '--tasks', '2', '--baselines', '', '--json'];
    const lossOf = async (...task: string[]) => {
      const ended = await cli.run(['evaluate', run, ...options, ...task]);
      expect(ended.code, ended.stderr).toBe(0);
      return JSON.parse(ended.stdout).curves[0].finalMean;
    };
    expect(await lossOf('--activation', 'relu')).toBe(best.finalMean);
    expect(await lossOf()).not.toBe(best.finalMean);
  });

  it('that scales layers refuses what there is nothing of', async () => {
    for (const [flags, message, code] of [
      [['--list', 'train'], /^--list is "train", but must be one of: test, validation$/, 2],
      [['--scaled-from', '2'], /^--scaled-from is 2, but nothing is scaled$/, 2],
      [['--random-scaling', '1', '--scaled-from', '0'], /^--scaled-from is 0, but must be/, 2],
      [
        ['--random-scaling', '1', '--scaled-from', '2'],
        /^random scaling is to begin with layer 2, but .* has 1 with parameters$/,
        2,
      ],
    ] as const) {
      const ended = await cli.run(['evaluate', reference, '--tasks', '2', '--baselines', '', ...flags]);
      expect(complaint(ended).sentence).toMatch(message);
      expect(ended.code).toBe(code);
    }
  });

  it('of weights trained on one problem runs on others', async () => {
    const run = freshPath();
    const mnist = ['--resolution', '7', '--widths', '5', '--batch', '8', '--layers', '1', '--hidden', '4'];
    const sizes = ['--unroll', '5', '--horizon', '10', '--iterations', '4', '--validation-tasks', '2'];
    const trained = await cli.run(['train', 'mnist', ...mnist, ...sizes, '--no-evaluate', '--out', run]);
    expect([trained.code, trained.stderr]).toEqual([0, '']);
    const options = ['--tasks', '2', '--tuning-tasks', '2', '--baselines', 'adam', '--json'];
    for (const [args, expected] of [
      [
        ['--activation', 'relu', '--widths', '8', '--horizon', '7'],
        { horizon: 7, task: { layers: denseLayers([8], 'relu'), batch: 8, resolution: 7 } },
      ],
      [
        ['quadratic', '--dimension', '4', '--seed', '9'],
        { horizon: 10, seed: 9, task: { kind: 'quadratic', dimension: 4 } },
      ],
    ] as const) {
      const ended = await cli.run(['evaluate', run, ...args, ...options]);
      expect(ended.code, ended.stderr).toBe(0);
      const result = JSON.parse(ended.stdout) as { horizon: number; curves: { mean: number[] }[] };
      expect(result).toMatchObject(expected);
      for (const { mean } of result.curves) expect(mean).toHaveLength(expected.horizon + 1);
    }
    const foreign = await cli.run(['evaluate', run, '--dimension', '4']);
    expect(complaint(foreign).sentence).toBe('--dimension does not belong to the task mnist');
    expect(foreign.code).toBe(2);
  });

  it('leaves a learned starting point out where the architecture is another one', async () => {
    const run = freshPath();
    const gated = ['--optimizer', 'meta-lstm', '--hidden', '3', '--learn-theta0', '--second-derivatives'];
    const sizes = ['--dimension', '3', '--unroll', '5', '--horizon', '10', '--validation-tasks', '2'];
    const trained = await cli.run([
      'train',
      'quadratic',
      ...sizes,
      ...gated,
      '--iterations',
      '4',
      '--no-evaluate',
      '--out',
      run,
    ]);
    expect([trained.code, trained.stderr]).toEqual([0, '']);
    const options = ['--tasks', '2', '--baselines', '', '--json'];
    const losses = async (...args: string[]) => {
      const ended = await cli.run(['evaluate', run, ...options, ...args]);
      expect(ended.code, ended.stderr).toBe(0);
      return (JSON.parse(ended.stdout) as { curves: { mean: number[] }[] }).curves[0]?.mean;
    };
    expect(await losses()).not.toEqual(await losses('--no-theta0'));
    expect(await losses('--no-theta0', '--dimension', '4')).toHaveLength(11);
    const other = await cli.run(['evaluate', run, '--dimension', '4']);
    expect(other.code).toBe(2);
    expect(complaint(other).sentence).toMatch(
      /holds a starting point theta_0 for 3 parameters, and this task has 4$/,
    );
    expect(complaint(other).remedy).toMatch(/--no-theta0/);
  });

  it('of a damaged file or settings that cannot be is refused in one sentence', async () => {
    const root = freshPath();
    mkdirSync(root);
    const good = outcome(reference).best;
    const { metadata, tensors } = decodeSafeTensors(good, 'best');
    const unsealed = Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== 'checksum'));
    const write = (name: string, bytes: Uint8Array) => {
      writeFileSync(join(root, name), bytes);
      return join(root, name);
    };
    const settings = JSON.parse(metadata['optimizer'] ?? '') as object;
    const claiming = (name: string, changes: object) =>
      write(
        name,
        encodeSafeTensors({
          tensors,
          metadata: { ...unsealed, optimizer: JSON.stringify({ ...settings, ...changes }) },
        }),
      );
    const flipped = Buffer.from(good);
    flipped[flipped.length - 3] = (flipped.at(-3) ?? 0) ^ 1;
    const poisoned = new Map(tensors).set('output.bias', {
      dtype: 'F32',
      shape: [1],
      data: Float32Array.of(Number.NaN),
    });
    const cases: readonly (readonly [readonly string[], RegExp, number])[] = [
      [[join(root, 'absent')], /cannot read the weights from .*: there is no such file/, 1],
      [[write('short', good.subarray(0, 600))], /short: /, 1],
      [[write('flipped', flipped)], /flipped is damaged: its content does not have the checksum/, 1],
      [
        [write('nan', encodeSafeTensors({ metadata: unsealed, tensors: poisoned }))],
        /"output.bias" holds NaN/,
        1,
      ],
      [
        [claiming('shapes', { hidden: 8 })],
        /tensor lstm.0.weight_ih has shape \[16, 2\], and \[32, 2\] is expected/,
        1,
      ],
      [[claiming('family', { kind: 'nonesuch' })], /kind is "nonesuch", but must be .*l2l/, 1],
      [[join(reference, 'checkpoint.safetensors')], /do not say format coordwise-weights-1/, 1],
      [[root], /is not a run folder: it has no config.json/, 1],
      [[reference, '--horizon', '0'], /^--horizon is 0, but must be at least 1$/, 2],
      [[reference, '--horizon', '1.5'], /^--horizon is 1.5, but must be a whole number$/, 2],
      [[reference, '--tasks', '70000'], /^--tasks is 70000, but must be at most 65535$/, 2],
      [[reference, '--tasks', '60000', '--horizon', '1000000'], /would give more than 134217728 losses$/, 2],
      [[reference, 'chess'], /^there is no task "chess"$/, 2],
    ];
    await inTurns(cases, async ([args, sentence, code]) => {
      const out = freshPath();
      const ended = await cli.run(['evaluate', ...args, '--baselines', '', '--out', out]);
      expect(complaint(ended).sentence, args.join(' ')).toMatch(sentence);
      expect(ended.code, args.join(' ')).toBe(code);
      expect(existsSync(out), args.join(' ')).toBe(false);
    });
    expect(statSync(join(reference, 'best.safetensors')).size).toBe(good.length);
  });
});
