import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { judgeChecks } from '../src/cli/reproduce/checks.ts';
import { type Check, loadRecipe, recipeNames } from '../src/cli/reproduce/recipe.ts';
import { type Contestant, figureCurve, resultRow } from '../src/cli/reproduce/rows.ts';
import { HAND_DESIGNED } from '../src/host/index.ts';
import type { RecipeResult } from '../src/report/results.ts';
import { outcome } from '../src/report/resultTables.ts';
import { curve } from './reportSample.ts';
import { cliForThisFile } from './support/cliProcess.ts';
import { freshPath, thrownBy } from './support/diskTests.ts';

const cli = cliForThisFile();

const test = {
  name: 'steps-10',
  title: 'New quadratics',
  task: { kind: 'quadratic', dimension: 3 },
  horizon: 10,
  tasks: 4,
  tuningTasks: 2,
  baselines: ['sgd', 'adam'],
  variants: [
    { of: 'tiny', schedule: 'cosine' },
    { of: 'tiny', randomScaling: 1.5 },
  ],
  published: { step: 9, losses: { tiny: 0.5, sgd: 0.25 } },
  checks: [
    { kind: 'loss', step: 10, atMost: 1000 },
    { kind: 'below', step: 10 },
    { kind: 'loss', step: 9, published: 0.5 },
    { kind: 'stable' },
  ] as object[],
};
const recipe = {
  title: 'Tiny',
  source: 'none',
  about: 'A try.',
  learned: ['tiny'],
  tests: [test] as object[],
};
const training = {
  label: 'l2l',
  about: 'A try.',
  seeds: [1, 2],
  config: {
    task: { kind: 'quadratic', dimension: 3 },
    optimizer: { kind: 'l2l', layers: 1, hidden: 4 },
    tasks: 2,
    unroll: 5,
    horizon: 10,
    iterations: 16,
    validation: { tasks: 2, every: 4 },
  },
};

/** Writes a recipe with its training, and returns its path. */
function write(changed: object = {}, trained: object = {}): string {
  const folder = freshPath();
  mkdirSync(join(folder, 'trainings'), { recursive: true });
  writeFileSync(join(folder, 'trainings/tiny.json'), JSON.stringify({ ...training, ...trained }));
  writeFileSync(join(folder, 'tiny.json'), JSON.stringify({ ...recipe, ...changed }));
  return join(folder, 'tiny.json');
}

const resultsIn = (out: string) =>
  JSON.parse(readFileSync(join(out, 'tiny/results.json'), 'utf8')) as RecipeResult;

describe('coordwise reproduce', () => {
  it('trains every meta-seed, compares, judges, and exits with 1 where a value is not reached', async () => {
    const [path, out] = [write(), freshPath()];
    const { code, stdout, stderr } = await cli.run(['reproduce', path, '--out', out]);
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/l2l at step 10 +[\d.]+ +at most 1,000 +reached\n/);
    expect(stdout).toMatch(
      /below every tuned baseline: [\d.e-]+ of \w+ +not reached: [\d.]+ \(\d+ %\) above\n/,
    );
    expect(stdout).toMatch(/\n2 of 3 values were reached \(l2l: 2 meta-seeds, trained in /);
    expect(readdirSync(join(out, 'trainings/tiny'))).toEqual(['seed-1', 'seed-2']);
    const files = ['config.json', 'report.html', 'results.json', 'steps-10.svg', 'steps-10-dark.svg'];
    expect(readdirSync(join(out, 'tiny'))).toEqual(expect.arrayContaining(files));

    const result = resultsIn(out);
    expect(result.command).toBe(`npx coordwise reproduce ${path}`);
    expect(result.learned[0]?.seeds.map(({ seed }) => seed)).toEqual([1, 2]);
    const [first] = result.tests;
    expect(first?.rows.map(({ name }) => name)).toEqual([
      'tiny',
      'tiny-cosine',
      'tiny-scaled',
      'sgd',
      'adam',
    ]);
    expect(first?.steps).toEqual([9, 10]);
    expect(first?.rows.map(({ published }) => published)).toEqual([
      0.5,
      undefined,
      undefined,
      0.25,
      undefined,
    ]);
    const [learned] = first?.rows ?? [];
    const [one = 0, two = 0] = (learned?.seeds ?? []).map((losses) => losses[1] ?? Number.NaN);
    expect(learned?.losses[1]).toBeCloseTo((one + two) / 2, 5);
    expect(one).not.toBe(two);
    const html = readFileSync(join(out, 'tiny/report.html'), 'utf8');
    for (const text of ['not reached: ', 'l2l, 2 meta-seeds', '<svg']) expect(html).toContain(text);

    // The same weights on the same tasks give `coordwise evaluate` the same loss: there is one way to evaluate.
    const weights = join(out, 'trainings/tiny/seed-1');
    const flags = ['--seed', '1', '--tasks', '4', '--baselines', '', '--json'];
    const evaluated = await cli.run(['evaluate', weights, ...flags]);
    const { curves } = JSON.parse(evaluated.stdout) as { curves: { finalMean: number }[] };
    expect(curves[0]?.finalMean).toBeCloseTo(one, 4);
    for (const [row, variant] of [
      [1, ['--schedule', 'cosine']],
      [2, ['--random-scaling', '1.5']],
    ] as const) {
      const varied = await cli.run(['evaluate', weights, ...flags, ...variant]);
      const { curves } = JSON.parse(varied.stdout) as { curves: { finalMean: number }[] };
      const found = curves[0]?.finalMean ?? 0;
      expect(found).toBeCloseTo(first?.rows[row]?.seeds?.[0]?.[1] ?? 0, 4);
      expect(Math.abs(found - one)).toBeGreaterThan(1e-4);
    }
  });

  it('goes on after a kill: what is finished is kept, and the result is the same', async () => {
    const [path, whole, out] = [write(), freshPath(), freshPath()];
    await cli.run(['reproduce', path, '--out', whole]);
    const killed = cli.start(['reproduce', path, '--out', out]);
    await killed.said('meta-seed 2');
    killed.child.kill('SIGKILL');
    expect((await killed.ended).signal).toBe('SIGKILL');
    const best = join(out, 'trainings/tiny/seed-1/best.safetensors');
    const before = statSync(best).mtimeMs;
    const last = await cli.run(['reproduce', path, '--out', out]);
    expect(last.stdout).toContain('tiny, meta-seed 1: trained before, in ');
    expect(statSync(best).mtimeMs).toBe(before);
    const strip = ({ learned: _, ...rest }: RecipeResult) => rest;
    expect(strip(resultsIn(out))).toEqual(strip(resultsIn(whole)));

    // A third time nothing is measured again, whatever is asked of it.
    const kept = readdirSync(join(out, 'tiny')).filter((name) => name.endsWith('.kept.json'));
    expect(kept).toHaveLength(8);
    const times = () => kept.map((name) => statSync(join(out, 'tiny', name)).mtimeMs);
    const measured = times();
    await cli.run(['reproduce', path, '--out', out]);
    expect(times()).toEqual(measured);
    writeFileSync(path, JSON.stringify({ ...recipe, tests: [{ ...test, tasks: 5 }] }));
    await cli.run(['reproduce', path, '--out', out]);
    expect(times().every((time, index) => time > (measured[index] ?? 0))).toBe(true);
  });

  it('refuses a run folder with other settings, and ends after the training where that is asked', async () => {
    const [path, out] = [write(), freshPath()];
    const trained = await cli.run(['reproduce', path, '--out', out, '--seeds', '1', '--no-evaluate']);
    expect(trained.code).toBe(0);
    expect(existsSync(join(out, 'tiny'))).toBe(false);
    const config = { ...training.config, metaLearningRate: 0.01 };
    writeFileSync(join(path, '../trainings/tiny.json'), JSON.stringify({ ...training, config }));
    const refused = await cli.run(['reproduce', path, '--out', out]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      "seed-1 holds a run with other settings than the recipe's: metaLearningRate",
    );
  });

  it('says what is wrong on the command line', async () => {
    const [seeds, unknown, both, shipped, all] = await cli.runMany([
      ['reproduce', write(), '--seeds', '0'],
      ['reproduce', 'quadratic'],
      ['reproduce', write(), '--seeds', '2', '--pretrained'],
      ['reproduce', 'mnist', '--shipped', 'rnnprop,tiny'],
      ['reproduce', 'mnist', '--shipped', 'rnnprop', '--pretrained'],
    ]);
    expect(seeds?.stderr).toContain('--seeds is 0, but must be a whole number from 1 to 100');
    expect(unknown?.stderr).toContain('there is no recipe "quadratic" (did you mean quadratics?)');
    expect(both?.stderr).toContain('--seeds and --pretrained cannot both be given');
    expect(shipped?.stderr).toContain('--shipped has "tiny", which the recipe mnist does not train');
    expect(all?.stderr).toContain('--shipped and --pretrained cannot both be given');
    expect([seeds, unknown, both, shipped, all].map((ended) => ended?.code)).toEqual([2, 2, 2, 2, 2]);
  });
});

describe('recipes', () => {
  it.each(recipeNames())('%s is one, and what it publishes is of what it compares', (name) => {
    const { tests, trainings } = loadRecipe(name);
    for (const { learned, published, checks } of tests) {
      const known = [...learned, ...HAND_DESIGNED];
      expect(Object.keys(published?.losses ?? {}).filter((one) => !known.includes(one))).toEqual([]);
      expect(checks.length).toBeGreaterThan(0);
    }
    for (const one of trainings) expect(one.config(one.seeds[0] ?? 1).iterations).toBeGreaterThan(100);
  });

  const notJson = () => {
    const path = write();
    writeFileSync(path, '{');
    return path;
  };
  const change = (changed: object) => write({ tests: [{ ...test, ...changed }] });
  it.each([
    ['no JSON', notJson, /tiny\.json is not JSON: /],
    ['a setting too many', () => write({ colour: 1 }), /tiny\.json has "colour", which is no setting/],
    ['a step beyond', () => change({ steps: [11] }), /step 11 lies beyond the horizon, 10$/],
    ['a horizon that is none', () => change({ horizon: 0 }), /tests\.0\.horizon is 0, but must be/],
    [
      'a check that is none',
      () => change({ checks: [{ kind: 'lower' }] }),
      /tests\.0\.checks\.0\.kind is "lower"/,
    ],
    ['a check without a step', () => change({ checks: [{ kind: 'below' }] }), /must have a step/],
    [
      'a check of another',
      () => change({ checks: [{ kind: 'stable', of: 'x' }] }),
      /of is x, but the test compares tiny, tiny-cosine, tiny-scaled$/,
    ],
    [
      'a training that is not there',
      () => write({ learned: ['none'] }),
      /"none" that the recipe names does not exist/,
    ],
    [
      'wrong settings of a training',
      () => write({}, { config: { ...training.config, unroll: 3 } }),
      /trainings\/tiny\.json: config: horizon is 10, but must be a multiple/,
    ],
    [
      'a variant of what is not compared',
      () => change({ variants: [{ of: 'huge', schedule: 'cosine' }] }),
      /variants has huge, but the test compares tiny/,
    ],
    [
      'a variant that is none',
      () => change({ variants: [{ of: 'tiny' }] }),
      /variants\.0.* must have a schedule, a randomScaling, or both/,
    ],
    [
      'a variant that scales nothing from a layer on',
      () => change({ variants: [{ of: 'tiny', schedule: 'cosine', scaledFrom: 2 }] }),
      /variants\.0.* has a scaledFrom, but no randomScaling/,
    ],
    [
      'a variant twice',
      () => change({ variants: [test.variants[0], test.variants[0]] }),
      /tiny-cosine is compared twice/,
    ],
    ['two tests of one name', () => write({ tests: [test, test] }), /two tests are called steps-10$/],
  ])('are refused with %s', (_, make, message) => {
    const error = thrownBy(() => loadRecipe(make()));
    expect(error.message).toMatch(message);
    expect(error.remedy.length).toBeGreaterThan(10);
  });
});

describe('checks', () => {
  const line = (label: string, kind: 'learned' | 'baseline', mean: number[]) =>
    curve(label, kind, mean.at(-1) ?? 0, { mean, low: mean, high: mean });
  const contestant = (name: string, kind: 'learned' | 'baseline', ...means: number[][]): Contestant => ({
    ...{ name, label: name, kind, accuracies: [] },
    curves: means.map((mean) => line(name, kind, mean)),
  });
  const tests = loadRecipe(write()).tests;
  const judge = (check: Check, contestants: readonly Contestant[]) => {
    const [base] = tests;
    if (!base) throw new Error('no test');
    const [result] = judgeChecks({
      test: { ...base, horizon: 2, checks: [check] },
      contestants,
      gates: undefined,
    });
    return result;
  };
  const learned = contestant('tiny', 'learned', [2, 1, 0.5], [2, 2, 0.7]);

  it('judge the mean over meta-seeds', () => {
    const at = (atMost: number) => judge({ kind: 'loss', step: 2, atMost }, [learned]);
    expect(at(0.6)).toMatchObject({ reached: true, value: '0.600' });
    expect(outcome(at(0.5) ?? { of: '', what: '', band: '', value: '' })).toBe(
      'not reached: 0.100 (20 %) above',
    );
    // The mean is 0.6: a miss of less than a percent is none of nought.
    expect(at(0.599)).toMatchObject({
      reached: false,
      missedBy: expect.stringMatching(/ \(0\.2 %\) above$/),
    });
    expect(judge({ kind: 'loss', step: 1 }, [learned])).not.toHaveProperty('reached');
  });

  it('see where a baseline is lower, and never take what is not finite for reached', () => {
    const adam = contestant('adam', 'baseline', [2, 1.6, 0.55]);
    const sgd = contestant('sgd', 'baseline', [2, 1.9, 0.65]);
    const below = (from: number, baselines?: string[]) =>
      judge({ kind: 'below', from, ...(baselines && { baselines }) }, [learned, adam, sgd]);
    expect(below(1)).toMatchObject({ reached: false, what: 'tiny from step 1 on, worst at 2' });
    expect(below(1, ['sgd'])).toMatchObject({ reached: true });
    const lost = contestant('tiny', 'learned', [2, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
    const check: Check = { kind: 'below', step: 2 };
    expect(judge(check, [lost, adam])).toMatchObject({ reached: false, missedBy: 'not finite' });
    expect(judge({ kind: 'loss', step: 2, atMost: 9 }, [lost])).toMatchObject({ reached: false });
    const none = contestant('adam', 'baseline', [2, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
    expect(judge(check, [learned, none])).toMatchObject({ reached: true });
  });

  it('call an accuracy above another where the intervals do not overlap', () => {
    const classified = (
      name: string,
      kind: 'learned' | 'baseline',
      mean: number,
      interval: number,
    ): Contestant => ({
      ...{ name, label: name, kind, curves: [] },
      accuracies: [{ label: name, kind, setting: '', mean, interval }],
    });
    const above = (mean: number) =>
      judge({ kind: 'accuracy', above: 'sgd' }, [
        classified('tiny', 'learned', mean, 0.01),
        classified('sgd', 'baseline', 0.9, 0.02),
      ]);
    expect(above(0.931)).toMatchObject({ reached: true, band: 'above 90.0 ± 2.0 % of sgd, intervals apart' });
    expect(above(0.925)).toMatchObject({
      reached: false,
      missedBy: '0.5 points for the intervals not to overlap',
    });
    expect(above(Number.NaN)).toMatchObject({ reached: false });
  });

  it('draw the spread over meta-seeds, and put losses that are not finite down as such', () => {
    expect(figureCurve(learned)).toMatchObject([
      { mean: [2, 1.5, 0.6], low: [2, 1, 0.5], high: [2, 2, 0.7] },
    ]);
    const [base] = tests;
    if (!base) throw new Error('no test');
    const row = resultRow(contestant('tiny', 'learned', [1, Number.POSITIVE_INFINITY]), base, [0, 1]);
    expect(row.losses).toEqual([1, null]);
  });
});
