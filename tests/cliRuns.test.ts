import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeWeights } from '../src/host/io/weights.ts';
import type { GateRecording } from '../src/host/meta/gateRecording.ts';
import { cliForThisFile, type Ended, watch } from './support/cliProcess.ts';
import { evaluationOfSmall, files, long, outcome, small } from './support/cliRuns.ts';
import { freshPath } from './support/diskTests.ts';

const cli = cliForThisFile();

/** `long`, uninterrupted. */
const reference = freshPath();
beforeAll(async () => {
  const ended = await cli.run([...long, '--out', reference]);
  expect([ended.code, ended.stderr]).toEqual([0, '']);
});

describe('train', () => {
  it('leaves a run folder with everything in it, and plain lines in a pipe', async () => {
    const out = join(freshPath(), 'new', 'run');
    const ended = await cli.run(['train', ...small, '--iterations', '9', ...evaluationOfSmall, '--out', out]);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    for (const control of ['\u001b', '\r']) expect(ended.stdout).not.toContain(control);
    expect(ended.stdout).toMatch(/^Adapter: .*\nTask: quadratic, 3 dimensions/);
    expect(ended.stdout).toMatch(/\nMemory: [\d.]+ KiB on the device \(\d+ bytes in tensors and readback/);
    expect(ended.stdout).toMatch(/\n {2}after 4 meta-iterations: validation loss [\d.]+/);
    expect(ended.stdout).toMatch(/\nThe learned optimizer (wins|loses|does not clearly win)/);
    expect(readdirSync(out).sort()).toEqual([...files, 'report.html', 'results.json', 'gates.json'].sort());
    const { task, iterations, seed } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect({ task, iterations, seed }).toMatchObject({ task: { dimension: 3 }, iterations: 9, seed: 1 });
    const log = readFileSync(join(out, 'log.jsonl'), 'utf8').trimEnd().split('\n');
    const records = log.map((line) => JSON.parse(line) as { type: string; iteration: number; done?: number });
    const steps = records.filter(({ type }) => type === 'step');
    expect(steps.map(({ iteration }) => iteration)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    const validations = records.filter(({ type }) => type === 'validation');
    expect(validations.map(({ done }) => done)).toEqual([0, 4, 8, 9]);
    expect(records).toHaveLength(steps.length + validations.length);
    const { training, task: trainedOn } = decodeWeights(outcome(out).best, 'best');
    expect(training).toMatchObject({ seed: 1, horizon: 10, unroll: 5 });
    expect(trainedOn).toMatchObject({ kind: 'quadratic', dimension: 3 });
    const results = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as {
      curves: { label: string; finalSpread: number }[];
      wallSeconds: number;
    };
    expect(results.curves.map(({ label }) => label).sort()).toEqual(['adam', 'l2l', 'sgd']);
    expect(results.curves.every(({ finalSpread }) => finalSpread > 0)).toBe(true);
    expect(results.wallSeconds).toBeGreaterThan(0);
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toMatch(/^<!doctype html>/i);
    expect(ended.stdout).toMatch(/\nGates: recorded over 10 held-out episodes \(/);
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('>LSTM layer 1, forget gate</text>');
    const gates = JSON.parse(readFileSync(join(out, 'gates.json'), 'utf8')) as GateRecording;
    expect(gates).toMatchObject({ format: 'coordwise-gates-1', episodes: 10, steps: 10 });
    expect(gates.recorded.map(({ name }) => name)).toEqual([
      ...['input', 'forget', 'output'].map((gate) => `LSTM layer 1, ${gate} gate`),
      'update size',
    ]);
    const [summary] = gates.recorded[0]?.groups ?? [];
    expect(summary?.mean.flat().every((mean) => mean > 0 && mean < 1)).toBe(true);
    const counted = summary?.histogram[9]?.counts.reduce((sum, count) => sum + count, 0);
    expect(counted, 'episodes * dimensions * units').toBe(10 * 3 * 4);
  });

  it('with --json puts one document on stdout and the rest on stderr', async () => {
    const out = freshPath();
    const ended = await cli.run([
      'train',
      ...small,
      '--iterations',
      '3',
      '--no-evaluate',
      '--out',
      out,
      '--json',
    ]);
    expect(ended.code).toBe(0);
    const result = JSON.parse(ended.stdout) as Record<string, unknown>;
    expect(ended.stdout).toBe(`${JSON.stringify(result)}\n`);
    expect(result).toMatchObject({ folder: out, iteration: 3, skipped: 0, stopped: null });
    expect(ended.stderr).toMatch(/^Adapter: [\s\S]*Best weights: after 3 meta-iterations/);
    expect(readdirSync(out).sort()).toEqual(files);
  });

  it('shows a bar with loss and time left on a terminal', async ({ skip }) => {
    if (!existsSync('/usr/bin/script')) skip('there is no `script` here to make a terminal with');
    const command = [
      process.execPath,
      cli.program,
      'train',
      ...small,
      '--iterations',
      '120',
      '--no-evaluate',
    ];
    const line = `${command.join(' ')} --out ${freshPath()}`;
    const { code, stdout } = await watch(spawn('script', ['-qefc', line, '/dev/null'])).ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/meta-training [█░]+ \d+% \| [\d.]+ m?s left \| loss [\d.]+ \| validation [\d.]+/);
    expect(stdout).toMatch(/Best weights: after \d+ meta-iterations/);
  });

  it('that keeps failing says so, keeps its best weights and exits with 1', async () => {
    const out = freshPath();
    const explosive = [
      '--layers',
      '0',
      '--preprocess',
      'none',
      '--output-scale',
      '1',
      '--learning-rate',
      '10',
    ];
    const ended = await cli.run([
      ...['train', 'quadratic', ...explosive, '--horizon', '20', '--iterations', '300', '--patience', '5'],
      ...['--validation-tasks', '2', '--no-evaluate', '--out', out],
    ]);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(
      /Stopped after \d+ of 300 meta-iterations: 5 meta-steps in a row were not finite/,
    );
    expect(ended.stdout).toMatch(/The best weights, of iteration 0, are kept; try a smaller --learning-rate/);
    expect(ended.stdout).toMatch(/\n\d+ meta-steps were not finite and were skipped/);
    expect(decodeWeights(outcome(out).best, 'best').training.iteration).toBe(0);
  });
});

describe('a run that is killed', () => {
  it('at any moments goes on with --resume to the same weights and the same log', async () => {
    const delays: number[] = [];
    for (const first of ['Task: ', 'after 0 ', 'after 12 ']) {
      const out = freshPath();
      const kill = async (args: readonly string[], from: string): Promise<Ended> => {
        const running = cli.start(args);
        await running.said(from);
        const delay = Math.round(120 * Math.random());
        delays.push(delay);
        await new Promise((wait) => setTimeout(wait, delay));
        running.child.kill('SIGKILL');
        return running.ended;
      };
      const ended = await kill([...long, '--out', out], first);
      expect(ended.signal, `it was over before the kill: ${delays}`).toBe('SIGKILL');
      await kill(['train', '--resume', out, '--no-evaluate'], 'Memory: ');
      const last = await cli.run(['train', '--resume', out, '--no-evaluate']);
      expect([last.code, last.stderr], `${delays}`).toEqual([0, '']);
      expect(outcome(out), `killed after ${delays} ms`).toEqual(outcome(reference));
      expect(readdirSync(out).sort()).toEqual(files);
    }
  });

  it('by Ctrl-C or SIGTERM ends at the end of an episode, with a checkpoint, and says how to go on', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const out = join(freshPath(), "it's a run");
      const running = cli.start([...long, '--out', out, '--json']);
      while (!existsSync(join(out, 'checkpoint.safetensors')))
        await new Promise((wait) => setTimeout(wait, 5));
      running.child.kill(signal);
      const ended = await running.ended;
      expect([ended.code, ended.signal]).toEqual([130, null]);
      const result = JSON.parse(ended.stdout) as { iteration: number; stopped: string };
      expect(result.stopped).toBe('asked');
      expect(result.iteration % 2).toBe(0);
      expect(result.iteration).toBeLessThan(160);
      expect(ended.stderr).toMatch(/Stopping at the end of this episode \(Ctrl-C again to stop at once\)/);
      const [, iterations, command = ''] =
        /Interrupted after (\d+) meta-iterations; go on with: npx coordwise (.*)\n/.exec(ended.stderr) ?? [];
      expect(Number(iterations)).toBe(result.iteration);
      expect(command).toMatch(/^train --resume '/);
      if (signal === 'SIGTERM') continue;
      const shell = spawn('sh', ['-c', `"$0" "$1" ${command} --no-evaluate`, process.execPath, cli.program]);
      expect(await watch(shell).ended).toMatchObject({ code: 0 });
      expect(outcome(out)).toEqual(outcome(reference));
    }
  });

  it('by the end of the pipe it writes to ends quietly and can go on', async () => {
    const out = freshPath();
    const line = `"$0" "$@" --out '${out}' | head -n 1`;
    const ended = await watch(spawn('sh', ['-c', line, process.execPath, cli.program, ...long])).ended;
    expect(ended.stdout).toMatch(/^Adapter: [^\n]*\n$/);
    expect(ended.stderr).toBe('');
    expect((await cli.run(['train', '--resume', out, '--no-evaluate'])).code).toBe(0);
    expect(outcome(out)).toEqual(outcome(reference));
  });
});
