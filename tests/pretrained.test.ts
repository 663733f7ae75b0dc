import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generatedDocuments } from '../src/cli/reproduce/documents.ts';
import { readResult } from '../src/cli/reproduce/readResults.ts';
import { recipeNames } from '../src/cli/reproduce/recipe.ts';
import { checkLosses } from '../src/cli/reproduce/ship.ts';
import { readShipped, shippedWeights, weightsAndTask } from '../src/cli/shipped.ts';
import { readWeights } from '../src/cli/weights.ts';
import { packageFile } from '../src/node/index.ts';
import { cliForThisFile } from './support/cliProcess.ts';
import { freshPath } from './support/diskTests.ts';
import { gpuForThisFile } from './support/gpu.ts';

const context = gpuForThisFile();
const cli = cliForThisFile();
const shipped = readShipped();
const names = Object.keys(shipped.weights);

describe('weights that come with the package', () => {
  it('are listed, each with its file and its card, the default among them', () => {
    expect(names.length).toBeGreaterThan(0);
    expect(names).toContain(shipped.default);
    const files = readdirSync(packageFile('pretrained'));
    const expected = [...names.flatMap((name) => [`${name}.safetensors`, `${name}.md`]), 'index.json'];
    expect(files.sort()).toEqual(expected.sort());
  });

  it.each(names)('%s gives the losses that were put down when it was shipped', async (name) => {
    const { check, seed, iteration } = shippedWeights(name)?.facts ?? {};
    const { file } = readWeights(name, true);
    expect(file.training).toMatchObject({ seed, iteration });
    if (!check) throw new Error('no check');
    const losses = await checkLosses(context(), file, check, check.steps);
    // Another adapter's rounding grows from step to step: there the first of the steps is what can be held to.
    const count = check.adapter === context().adapter.description ? losses.length : 1;
    for (const [index, loss] of losses.slice(0, count).entries()) {
      const put = check.losses[index] ?? Number.NaN;
      expect(Math.abs(loss - put), `${name}, step ${check.steps[index]}: ${loss}, was ${put}`).toBeLessThan(
        1e-3 * put,
      );
    }
  });

  it('are in the package, with the recipes', () => {
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
    const [pack] = JSON.parse(execFileSync('npm', args, { encoding: 'utf8' })) as {
      files: { path: string }[];
    }[];
    const paths = (pack?.files ?? []).map(({ path }) => path);
    const wanted = names.flatMap((name) => [`pretrained/${name}.safetensors`, `pretrained/${name}.md`]);
    const recipes = recipeNames().map((name) => `recipes/${name}.json`);
    expect(paths).toEqual(expect.arrayContaining([...wanted, ...recipes, 'pretrained/index.json']));
  });
});

describe('documents that are made from results', () => {
  it('are what `npm run results` makes', () => {
    for (const [path, text] of generatedDocuments(context())) {
      expect(readFileSync(packageFile(path), 'utf8') === text, `${path} is stale: run npm run results`).toBe(
        true,
      );
    }
  });

  it('come from results that were made by commands, with a figure for every test', () => {
    const folder = packageFile('docs', 'results');
    const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const result = readResult(join(folder, file));
      expect(result.command, file).toMatch(/^npx coordwise (reproduce|transfer) /);
      expect(result.commit, `${file} was made from a source that is not committed`).not.toMatch(/\+$/);
      const figures =
        result.kind === 'recipe'
          ? result.tests.filter(({ rows }) => rows[0]?.losses.length)
          : [{ name: 'matrix' }];
      for (const { name } of figures) {
        expect(existsSync(join(folder, `${basename(file, '.json')}.${name}.svg`)), `${file}: ${name}`).toBe(
          true,
        );
      }
    }
  });
});

describe('evaluate', () => {
  it('takes one word for a task or for weights, and the default where none are named', () => {
    expect(weightsAndTask(undefined, undefined)).toEqual([shipped.default, undefined]);
    expect(weightsAndTask('quadratic', undefined)).toEqual([shipped.default, 'quadratic']);
    expect(weightsAndTask(names[0], undefined)).toEqual([names[0], undefined]);
    expect(weightsAndTask('runs/a', 'mnist')).toEqual(['runs/a', 'mnist']);
  });

  it('runs the default weights, and others by name', async () => {
    const few = ['--tasks', '2', '--horizon', '5', '--baselines', '', '--json'];
    const ended = [
      await cli.run(['evaluate', 'quadratic', ...few]),
      await cli.run(['evaluate', shipped.default, 'quadratic', ...few]),
    ];
    const [first, second] = ended.map(
      ({ stdout }) => JSON.parse(stdout) as { weights: string; curves: unknown[] },
    );
    expect(first?.weights).toBe(`pretrained/${shipped.default}.safetensors`);
    const losses = (result: typeof first) =>
      result?.curves.map((curve) => (curve as { mean: number[] }).mean);
    expect(losses(second)).toEqual(losses(first));
    const unknown = await cli.run(['evaluate', freshPath()]);
    expect(unknown.code).toBe(1);
  });
});

describe('reproduce --pretrained', () => {
  it('trains nothing', async () => {
    const out = freshPath();
    const { code, stdout, stderr } = await cli.run([
      ...['reproduce', 'digits', '--pretrained', '--no-evaluate', '--json', '--out', out],
    ]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('Adapter: ')]);
    expect(JSON.parse(stdout)).toMatchObject({ recipe: 'digits', trained: [{ seed: expect.any(Number) }] });
    expect(existsSync(out)).toBe(false);
  });

  it('or the meta-seeds that are shipped of some trainings, with --shipped', async () => {
    const out = freshPath();
    const { code, stdout } = await cli.run([
      ...['reproduce', 'long-horizon', '--shipped', 'l2l-mnist,rnnprop', '--seeds', '1'],
      ...['--no-evaluate', '--json', '--out', out],
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ trained: [{ seed: 1 }, { seed: 1 }] });
    expect(existsSync(out)).toBe(false);
  });
});
