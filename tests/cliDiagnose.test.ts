import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cliForThisFile, complaint } from './support/cliProcess.ts';
import { small } from './support/cliRuns.ts';
import { freshPath } from './support/diskTests.ts';

const cli = cliForThisFile();

const run = freshPath();
beforeAll(async () => {
  const ended = await cli.run(['train', ...small, '--iterations', '40', '--no-evaluate', '--out', run]);
  expect([ended.code, ended.stderr]).toEqual([0, '']);
});

interface Part {
  readonly id: string;
  readonly status: string;
  readonly sentence: string;
  readonly numbers: Readonly<Record<string, unknown>>;
}
interface Diagnosis {
  readonly verdict: string;
  readonly iterations: number;
  readonly parts: readonly Part[];
}

/** The names of a folder's files with what is in them. */
function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString('base64')]),
  );
}

/** A copy of the run whose log is changed line by line; lines that become undefined are left out. */
function withLog(change: (line: string) => string | undefined): string {
  const copy = freshPath();
  cpSync(run, copy, { recursive: true });
  const log = join(copy, 'log.jsonl');
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  writeFileSync(
    log,
    lines
      .flatMap((line) => change(line) ?? [])
      .join('\n')
      .concat('\n'),
  );
  return copy;
}

const IDS = ['trend', 'best', 'skipped', 'gradientNorm', 'blockNorms', 'gates', 'updates'];

describe('diagnose', () => {
  it('says seven things of a run, each in one sentence, draws the norms, and changes nothing', async () => {
    const before = contents(run);
    const ended = await cli.run(['diagnose', run, '--gate-episodes', '3']);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toMatch(/\nRun: .*; 40 of 40 meta-iterations, best weights after \d+\n/);
    expect(ended.stdout.match(/^.+: (healthy|worth a look|wrong|not judged)$/gm)).toHaveLength(7);
    expect(ended.stdout).toMatch(/\n {2}lstm\.0\.weight_hh +64 /);
    expect(ended.stdout).toMatch(/\no lstm\.0\.weight_ih {3}\+ lstm\.0\.weight_hh/);
    expect(ended.stdout).toMatch(/\n {2}LSTM layer 1, forget gate +\S+ % /);
    expect(ended.stdout).toMatch(/\n {2}step {2}update \/ gradient .*\n {2}0 +[\d.]+ +[\d.]+ +[\d.-]+\n/);
    expect(contents(run)).toEqual(before);
  });

  it('gives machines one document, the same that --out keeps beside a page', async () => {
    const before = contents(run);
    const out = freshPath();
    const ended = await cli.run(['diagnose', run, '--gate-episodes', '2', '--json', '--out', out]);
    expect(ended.code).toBe(0);
    const result = JSON.parse(ended.stdout) as Diagnosis;
    expect(result.parts.map(({ id }) => id)).toEqual(IDS);
    expect(result).toMatchObject({ iterations: 40, optimizer: 'l2l', task: 'quadratic', run });
    for (const { sentence } of result.parts) expect(sentence).toMatch(/^[A-Z].*\.$/);
    const { updates, blockNorms } = Object.fromEntries(result.parts.map((part) => [part.id, part.numbers]));
    expect(updates?.['cosine']).toHaveLength(10);
    expect(blockNorms?.['blocks']).toHaveLength(5);
    expect(readdirSync(out).sort()).toEqual(['config.json', 'diagnosis.json', 'report.html']);
    expect(JSON.parse(readFileSync(join(out, 'diagnosis.json'), 'utf8'))).toEqual(result);
    const html = readFileSync(join(out, 'report.html'), 'utf8');
    expect(html).toMatch(/^<!doctype html>/);
    for (const { title } of result.parts as unknown as { title: string }[])
      expect(html).toContain(`>${title}</h2>`);
    expect(html.match(/<svg class="wide"/g)).toHaveLength(5);
    expect(contents(run)).toEqual(before);
  });

  it('judges the log alone with --gate-episodes 0, on no device', async () => {
    const ended = await cli.run(['diagnose', run, '--gate-episodes', '0', '--json'], {
      env: { COORDWISE_ADAPTER: 'gpu' },
    });
    expect(ended.code).toBe(0);
    expect((JSON.parse(ended.stdout) as Diagnosis).parts.map(({ id }) => id)).toEqual(IDS.slice(0, 5));
    expect(ended.stderr).not.toMatch(/Adapter/);
  });

  it('judges the log of an older version without its norms by block, and says so', async () => {
    const older = withLog((line) => line.replace(/"blockNorms":\[[^\]]*\],/, ''));
    const ended = await cli.run(['diagnose', older, '--gate-episodes', '0']);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toContain('The log has no norms by block: an older version wrote it');
    expect(ended.stdout).not.toContain('norm by meta-iteration');
  });

  it('judges a run that is still being written, up to its last whole line', async () => {
    const unfinished = withLog((line) => (/"iteration":(3[5-9])\b/.test(line) ? undefined : line));
    writeFileSync(join(unfinished, 'log.jsonl'), '{"iteration":35,"meta', { flag: 'a' });
    writeFileSync(join(unfinished, 'lock.json'), JSON.stringify({ pid: process.pid }));
    rmSync(join(unfinished, 'checkpoint.safetensors'));
    const ended = await cli.run(['diagnose', unfinished, '--gate-episodes', '0']);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toMatch(/; 35 of 40 meta-iterations/);
  });
});

describe('diagnose refuses, in one sentence,', () => {
  const log = (text: string) => {
    const copy = withLog((line) => line);
    writeFileSync(join(copy, 'log.jsonl'), text);
    return copy;
  };
  const without = (name: string) => {
    const copy = withLog((line) => line);
    rmSync(join(copy, name));
    return copy;
  };
  const folder = (files: Readonly<Record<string, string>>) => {
    const path = freshPath();
    mkdirSync(path);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
    return path;
  };
  const step = '{"type":"step","iteration":0,"gradientNorm":1,"skipped":false,"stepsBefore":0}\n';
  const cases: readonly (readonly [string, () => string, RegExp])[] = [
    ['a path to nothing', freshPath, /^the run folder .* does not exist$/],
    [
      'a folder that is none',
      () => folder({ 'thesis.tex': 'x' }),
      /is not a run folder: it has no config\.json$/,
    ],
    ['a file', () => join(run, 'log.jsonl'), /is a file, not a run folder$/],
    [
      'an evaluation',
      () => folder({ 'config.json': '{"evaluated":"runs/a"}' }),
      /is not the folder of a training run: it has no log$/,
    ],
    ['settings of no run', () => folder({ 'config.json': '{}' }), /config\.json: task is missing$/],
    ['a run without a log', () => without('log.jsonl'), /holds no log of meta-steps yet \(log\.jsonl\)$/],
    ['a run with an empty log', () => log(''), /holds no log of meta-steps yet/],
    ['a run without weights', () => without('best.safetensors'), /holds no best\.safetensors yet$/],
    ['a damaged line', () => log(`${step}{"iter\n${step}`), /log\.jsonl: line 2 is not a log record$/],
    [
      'a record without its numbers',
      () => log(step),
      /log\.jsonl: the step record of iteration 0 has no metaLoss$/,
    ],
  ];

  it.each(cases)('%s', async (_, make, sentence) => {
    const ended = await cli.run(['diagnose', make(), '--gate-episodes', '0']);
    expect(complaint(ended).sentence).toMatch(sentence);
    expect([ended.code, ended.stdout]).toEqual([1, '']);
  });

  it('an --out that is used, before any work, and leaves none behind where the run is wrong', async () => {
    const used = await cli.run(['diagnose', run, '--out', run]);
    expect(complaint(used).sentence).toBe(`${run} already holds a run`);
    expect(used.stdout).toBe('');
    const out = freshPath();
    expect((await cli.run(['diagnose', freshPath(), '--out', out])).code).toBe(1);
    expect(() => readdirSync(out)).toThrow('ENOENT');
    const wrong = await cli.run(['diagnose', run, '--gate-episodes', '-1']);
    expect([wrong.code, complaint(wrong).sentence]).toEqual([
      2,
      '--gate-episodes is -1, but must be a whole number from 0 to 1000',
    ]);
  });
});
