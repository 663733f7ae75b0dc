import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig, trainSchema } from '../src/host/config.ts';
import { taskKeys } from '../src/host/data/threefry.ts';
import { writeTensor } from '../src/host/gpu/readback.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../src/host/io/checkpoint.ts';
import { decodeWeights } from '../src/host/io/weights.ts';
import { episodePart, stageEnd, stagesOf } from '../src/host/meta/curriculum.ts';
import { Evaluator } from '../src/host/meta/evaluator.ts';
import { summarise } from '../src/host/meta/statistics.ts';
import { Trainer } from '../src/host/meta/trainer.ts';
import { createLearned } from '../src/host/optimizers/create.ts';
import { cliForThisFile } from './support/cliProcess.ts';
import { files, outcome } from './support/cliRuns.ts';
import { freshPath, thrownBy } from './support/diskTests.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { bits, last, recordRun, smallConfig } from './support/training.ts';

const context = gpuForThisFile();
const cli = cliForThisFile();

const staged = (changes: Parameters<typeof smallConfig>[0] = {}) => {
  const curriculum = { horizons: [10, 20, 30], patience: 100 };
  return smallConfig({ curriculum, horizon: 30, iterations: 42, ...changes });
};

describe('the stages of a curriculum', () => {
  it('train on one horizon and select on the next, in whole episodes', () => {
    const stages = stagesOf(staged({ validation: { every: 5 } }));
    expect(stages.map(({ horizon, selection }) => [horizon, selection])).toEqual([
      [10, 20],
      [20, 30],
      [30, 30],
    ]);
    expect(stages.map(({ unrolls, validateEvery }) => [unrolls, validateEvery])).toEqual([
      [2, 6],
      [4, 4],
      [6, 6],
    ]);
    expect(stagesOf(smallConfig())).toMatchObject([{ horizon: 10, selection: 10, validateEvery: 2 }]);
  });

  it('have equal shares of the meta-steps that are left, and the last has the rest', () => {
    const [first, second, third] = stagesOf(staged());
    if (!first || !second || !third) throw new Error('a stage is missing');
    const start = { index: 0, iteration: 0, episodes: 0 };
    expect(stageEnd(first, start, 42)).toBe(14);
    expect(stageEnd(first, start, 47)).toBe(14);
    expect(stageEnd(second, { index: 1, iteration: 14, episodes: 7 }, 42)).toBe(26);
    expect(stageEnd(second, { index: 1, iteration: 4, episodes: 2 }, 42)).toBe(20);
    expect(stageEnd(third, { index: 2, iteration: 26, episodes: 10 }, 42)).toBe(42);
    expect(episodePart(4, 21, { index: 1, iteration: 14, episodes: 7 })).toEqual({ episode: 8, part: 3 });
  });

  it('are refused where they do not grow, fit the unroll, or fit the run', () => {
    const refusal = (changes: object) =>
      thrownBy(() => parseConfig(trainSchema, { ...staged(), ...changes }, '')).message;
    const of = (...horizons: number[]) => ({ curriculum: { horizons }, horizon: horizons.at(-1) });
    expect(refusal(of(10, 10))).toMatch(/curriculum.horizons is 10,10, but must grow: 10 is not more/);
    expect(refusal(of(10, 22))).toMatch(/must hold multiples of the unroll, 5: 22 is none/);
    expect(refusal(of(10))).toMatch(/curriculum.horizons/);
    expect(refusal({ iterations: 17 })).toMatch(/iterations is 17, but must be at least 18, so that each of/);
    expect(refusal({ horizon: 20 })).toMatch(/horizon is 20, but must be the curriculum's last, 30/);
    const sine = { task: { kind: 'sine' }, optimizer: { kind: 'meta-lstm' }, lossWeights: 'final' };
    expect(refusal(sine)).toMatch(/few-shot episodes have one length/);
    const { horizon } = parseConfig(trainSchema, { ...staged(), horizon: undefined }, '');
    expect(horizon).toBe(30);
  });
});

describe('a run with a curriculum', () => {
  it('starts each stage from the best weights of the one before, scored anew, with fresh averages', async () => {
    const { checkpoints, validations, steps, bests } = await recordRun(
      context(),
      staged({ metaLearningRate: 0.3 }),
    );
    const starts = checkpoints.filter(
      ({ stage, iteration }) => stage.index > 0 && stage.iteration === iteration,
    );
    expect(starts.map(({ stage }) => stage)).toEqual([
      { index: 1, iteration: 14, episodes: 7 },
      { index: 2, iteration: 26, episodes: 10 },
    ]);
    for (const { state, best, iteration } of starts) {
      const before = bests.findLast((kept) => kept.iteration <= iteration);
      expect(bits(state.phi)).toEqual(bits(before?.phi ?? new Float32Array()));
      expect(best?.iteration).toBe(before?.iteration);
      expect([...state.m, ...state.v].every((value) => value === 0)).toBe(true);
      expect(state.status[2]).toBe(0);
    }
    expect(starts.some(({ best, iteration }) => best?.iteration !== iteration)).toBe(true);
    expect(steps.map(({ stepsBefore }) => stepsBefore)).toEqual([
      ...Array.from({ length: 14 }, (_, i) => 5 * (i % 2)),
      ...Array.from({ length: 12 }, (_, i) => 5 * (i % 4)),
      ...Array.from({ length: 16 }, (_, i) => 5 * (i % 6)),
    ]);
    const at = (iteration: number) => validations.filter((validation) => validation.iteration === iteration);
    expect(at(14).map(({ stage, isBest }) => [stage.index, isBest])).toEqual([
      [0, expect.any(Boolean)],
      [1, true],
    ]);
  });

  it('scores on the horizon after that of the stage, as an evaluator of that horizon does', async () => {
    const config = staged();
    const { validations, bests } = await recordRun(context(), config);
    for (const { iteration, phi } of bests) {
      const validation = validations.find((one) => one.iteration === iteration && one.isBest);
      const horizon = validation?.stage.selection ?? 0;
      const options = { task: config.task, data: undefined, list: 'validation', tasks: 3, horizon } as const;
      const evaluator = new Evaluator(context(), options, (pool) => createLearned(pool, config.optimizer));
      try {
        await evaluator.prepare();
        writeTensor(context(), evaluator.optimizer.phi, phi);
        const losses = await evaluator.run(taskKeys(config.seed, 'validation', 0, 3));
        expect(summarise(losses)).toEqual(validation?.summary);
      } finally {
        evaluator.destroy();
      }
    }
    expect(new Set(validations.map(({ stage }) => stage.selection))).toEqual(new Set([20, 30]));
  });

  it('draws new tasks in every episode of every stage', async () => {
    const config = staged();
    const { steps, checkpoints } = await recordRun(context(), config);
    const start = checkpoints.find(({ stage, iteration }) => stage.index === 1 && iteration === 14);
    const trainer = new Trainer(context(), config, undefined);
    try {
      await trainer.prepare(start?.state);
      const step = await trainer.submit(14, { episode: 7, part: 0 }).read();
      expect(step).toEqual(steps[14]);
      expect((await trainer.submit(15, { episode: 8, part: 0 }).read()).metaLoss).not.toBe(step.metaLoss);
    } finally {
      trainer.destroy();
    }
  });

  it('leaves a stage early when validations bring nothing, and uses the meta-steps later', async () => {
    const curriculum = { horizons: [10, 20, 30], patience: 2 };
    // Weights that hardly move: no validation is better by a bit, or the same by chance.
    const config = staged({ curriculum, metaLearningRate: 1e-12 });
    const { validations, checkpoints, result } = await recordRun(context(), config);
    const starts = checkpoints.filter(
      ({ stage, iteration }) => stage.index > 0 && stage.iteration === iteration,
    );
    expect(starts.map(({ iteration }) => iteration)).toEqual([4, 12]);
    expect(validations.at(-1)?.iteration).toBe(42);
    expect(result).toMatchObject({ iteration: 42, stopped: undefined });
  });

  it('goes on from every checkpoint to the same bits', async () => {
    const config = staged({ metaLearningRate: 0.05, optimizer: { kind: 'momentum-lstm', hidden: 3 } });
    const whole = await recordRun(context(), config);
    for (const checkpoint of whole.checkpoints) {
      const from = decodeCheckpoint(encodeCheckpoint(checkpoint), 'test', checkpoint.state.phi.length);
      expect(from).toEqual(checkpoint);
      const rest = await recordRun(context(), config, { from });
      expect(rest.steps).toEqual(whole.steps.slice(checkpoint.iteration));
      expect(rest.result).toEqual(whole.result);
      const end = last(rest.checkpoints.length > 0 ? rest.checkpoints : [checkpoint]);
      expect(encodeCheckpoint(end)).toEqual(encodeCheckpoint(last(whole.checkpoints)));
    }
    const foreign = { ...last(whole.checkpoints), stage: { index: 3, iteration: 40, episodes: 12 } };
    await expect(recordRun(context(), config, { from: foreign })).rejects.toThrow(
      /made in stage 4, and the run/,
    );
  });
});

describe('train --curriculum', () => {
  it('says and logs its stages, and the weights say which one they are from', async () => {
    const out = freshPath();
    const small = [
      'quadratic',
      '--dimension',
      '3',
      '--layers',
      '1',
      '--hidden',
      '4',
      '--validation-tasks',
      '2',
    ];
    const run = ['train', ...small, '--unroll', '5', '--curriculum', '10,20', '--iterations', '16'];
    const ended = await cli.run([...run, '--validate-every', '4', '--no-evaluate', '--out', out]);
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(ended.stdout).toMatch(
      /\nStage 1 of 2, after 0 meta-iterations: trains on 10 steps, selects on 20/,
    );
    expect(ended.stdout).toMatch(
      /\nStage 2 of 2, after 8 meta-iterations: trains on 20 steps, selects on 20/,
    );
    const log = readFileSync(join(out, 'log.jsonl'), 'utf8').trimEnd().split('\n');
    const records = log.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records.filter(({ type }) => type === 'stage')).toEqual([
      { type: 'stage', iteration: 0, done: 0, stage: 1, horizon: 10, selection: 20 },
      { type: 'stage', iteration: 7, done: 8, stage: 2, horizon: 20, selection: 20 },
    ]);
    const validations = records.filter(({ type }) => type === 'validation');
    expect(validations.map(({ done, stage }) => [done, stage])).toEqual([
      [0, 1],
      [4, 1],
      [8, 1],
      [8, 2],
      [12, 2],
      [16, 2],
    ]);
    const { training } = decodeWeights(outcome(out).best, 'best');
    const stage = training.iteration > 8 ? 2 : 1;
    expect(training).toMatchObject({ horizon: 10 * stage, curriculum: [10, 20].slice(0, stage) });
    expect(files.every((name) => readFileSync(join(out, name)).length > 0)).toBe(true);
    const stray = await cli.run(['train', ...small, '--stage-patience', '3', '--iterations', '16']);
    expect([stray.code, stray.stderr]).toEqual([
      2,
      expect.stringMatching(/--stage-patience ends the stages/),
    ]);
    const odd = await cli.run(['train', ...small, '--curriculum', '20,30', '--iterations', '16']);
    expect([odd.code, odd.stderr]).toEqual([
      2,
      expect.stringMatching(/--curriculum is 20,30, but must hold/),
    ]);
  });
});
