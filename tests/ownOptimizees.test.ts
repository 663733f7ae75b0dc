import { spawn } from 'node:child_process';
import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { taskFrom } from '../src/cli/taskSettings.ts';
import { parseConfig, type TrainConfig, trainSchema } from '../src/host/config.ts';
import { ownStream, STREAMS } from '../src/host/data/threefry.ts';
import { ConfigError } from '../src/host/errors.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { decodeWeights, encodeWeights } from '../src/host/io/weights.ts';
import { type OwnProblem, ownTasks } from '../src/host/meta/tasks.ts';
import { Trainer } from '../src/host/meta/trainer.ts';
import { createLearned } from '../src/host/optimizers/create.ts';
import { gradient, hessianVector, type ScalarFunction } from '../src/reference/derivatives.ts';
import { relativeError } from './support/cases.ts';
import { type Ended, watch } from './support/cliProcess.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { givenQuadratics, quadraticsOf, recordRun, smallConfig } from './support/training.ts';

const gpu = gpuForThisFile();

/** Reads what the example's kernels make of three tasks: with the package alone, as a program of one's own would. */
const CHECK = `import { Program, readTensors, submit, taskKeys, TensorPool, writeTensor } from 'coordwise';
import { openNodeContext } from 'coordwise/node';
import { logisticRegression } from './logisticRegression/problem.js';
const [tasks, parameters, examples] = [3, 5, 67];
const context = await openNodeContext();
const planned = new Map();
class Pool extends TensorPool {
  tensor(...args) { const tensor = super.tensor(...args); planned.set(args[0], tensor); return tensor; }
}
const pool = new Pool(context);
const keys = pool.tensor('keys', [tasks, 2], 'u32');
const clock = pool.tensor('clock', [4], 'u32');
const problem = logisticRegression({ parameters, examples, hessian: true });
const optimizee = problem.create(pool, tasks)({ keys, clock, steps: 1, secondDerivatives: true });
const row = (label) => pool.tensor(label, [tasks * parameters + 1]);
const [theta, v, g, product] = ['theta', 'v', 'gradient', 'product'].map(row);
const losses = pool.tensor('losses', [2, tasks]);
await pool.allocate();
writeTensor(context, keys, taskKeys(1, 'train', 0, tasks));
writeTensor(context, v, Float32Array.from({ length: v.length }, (_, i) => Math.sin(i + 1)));
const program = new Program(context, 'check');
optimizee.upload();
optimizee.recordReset(program, theta);
optimizee.recordSample(program, 0);
optimizee.recordLoss(program, theta, losses, 1);
optimizee.recordGradient(program, theta, g);
optimizee.recordHessianVector(program, theta, v, product);
await program.prepare();
submit(context, (encoder) => program.encode(encoder));
const names = ['data x', 'data y', 'theta', 'v', 'losses', 'gradient', 'product'];
const read = await readTensors(context, names.map((name) => planned.get(name)));
console.log(JSON.stringify(Object.fromEntries(names.map((name, i) => [name, [...read[i]]]))));
context.destroy();
`;

/** A folder of a program of one's own: the package as npm would install it, built from this source, and the example. */
const folder = join(process.cwd(), '.cache', `own-test-${process.pid}`);
beforeAll(async () => {
  const coordwise = join(folder, 'node_modules', 'coordwise');
  await build({ logLevel: 'error', build: { outDir: join(coordwise, 'dist') } });
  copyFileSync('package.json', join(coordwise, 'package.json'));
  cpSync('examples', join(folder, 'examples'), { recursive: true });
  writeFileSync(join(folder, 'examples', 'check.js'), CHECK);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(script: string, args: readonly string[] = []): Promise<Ended> {
  return watch(spawn(process.execPath, [join(folder, 'examples', script), ...args])).ended;
}

/** The numbers of a row of the example's table. */
function row(stdout: string, name: string): number[] {
  const line = stdout.split('\n').find((part) => part.startsWith(name));
  return [...(line ?? '').slice(name.length).matchAll(/\d+\.\d{4}/g)].map(Number);
}

describe('examples/logisticRegression', () => {
  const main = join('logisticRegression', 'main.js');

  it('learns on a problem of its own, and is better than it was', async () => {
    const { code, stdout, stderr } = await run(main, [
      ...['--iterations', '60', '--tasks', '8', '--baselines', 'sgd'],
    ]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Problem: logistic regression, 10 weights, 50 examples; 16 tasks at once');
    const [start = 0, , untrained = 0] = row(stdout, 'l2l, untrained');
    const [sameStart, , trained = 0] = row(stdout, 'l2l, 60 meta-steps');
    expect(sameStart).toBe(start);
    expect(untrained).toBeGreaterThan(0.8 * start);
    expect(trained).toBeLessThan(0.5 * untrained);
    expect(stdout).toMatch(/\nsgd, lr [\d.]+ \(tuned\) /);
  });

  it('is refused for second order without R-kernels, and accepted with them', async () => {
    const refused = await run(main, ['--second-derivatives']);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toBe('');
    expect(refused.stderr).toBe(
      'the optimizee logistic regression, 10 weights, 50 examples has no second derivatives.\n' +
        'Remedy: train it in first order: leave second derivatives off, or give it R-kernels (recordHessianVector).\n',
    );
    const flags = ['--hessian', '--iterations', '10', '--tasks', '4', '--baselines', ''];
    const accepted = await run(main, ['--second-derivatives', ...flags]);
    expect([accepted.code, accepted.stderr]).toEqual([0, '']);
    expect(accepted.stdout).toContain('Meta-training: 10 meta-steps, second order');
  });

  it('has the loss, gradient and Hessian of its formula', async () => {
    const { code, stdout, stderr } = await run('check.js');
    expect([code, stderr]).toEqual([0, '']);
    const read = JSON.parse(stdout) as Record<string, number[]>;
    const of = (name: string, task: number, count: number) =>
      (read[name] ?? []).slice(task * count, (task + 1) * count);
    for (const task of [0, 1, 2]) {
      const [x, y] = [of('data x', task, 67 * 5), of('data y', task, 67)];
      expect(new Set(y)).toEqual(new Set([-1, 1]));
      const loss: ScalarFunction = (A, theta) => {
        const losses = y.map((label, i) => {
          const z = A.affine(
            A.constant(0),
            x.slice(5 * i, 5 * i + 5).map((value) => A.constant(label * value)),
            0,
            1,
            theta,
          );
          return A.sub(A.constant(0), A.log(A.sigmoid(z)));
        });
        const sum = losses.reduce((total, one) => A.add(total, one), A.constant(0));
        return A.mul(A.constant(1 / 67), sum);
      };
      const theta = of('theta', task, 5);
      const { value, gradient: expected } = gradient(loss, theta);
      expect(relativeError([read['losses']?.[3 + task] ?? 0], [value])).toBeLessThan(1e-6);
      expect(relativeError(of('gradient', task, 5), expected)).toBeLessThan(1e-6);
      const Hv = hessianVector(loss, theta, of('v', task, 5));
      expect(relativeError(of('product', task, 5), Hv)).toBeLessThan(1e-5);
    }
    // Padding is left alone, and each task has a problem of its own.
    for (const name of ['theta', 'gradient', 'product']) expect(read[name]?.[15]).toBe(0);
    expect(of('data x', 0, 335)).not.toEqual(of('data x', 1, 335));
  });

  it('imports the package alone', () => {
    const files = readdirSync('examples', { recursive: true, encoding: 'utf8' });
    const scripts = files.filter((name) => name.endsWith('.js'));
    expect(scripts.length).toBeGreaterThan(1);
    for (const name of scripts) {
      const code = readFileSync(join('examples', name), 'utf8');
      const imported = [...code.matchAll(/from '([^']+)'/g)].map(([, specifier = '']) => specifier);
      const foreign = imported.filter(
        (specifier) => !/^(?:coordwise(?:\/node)?|node:\w+|\.\/[\w.]+)$/.test(specifier),
      );
      expect(foreign, name).toEqual([]);
    }
  });
});

describe('a problem of its own', () => {
  const given = givenQuadratics(2, 3, 8);
  /** The same quadratics for any number of tasks up to two. */
  const problem: OwnProblem = {
    create: (pool, tasks) =>
      quadraticsOf(
        {
          W: given.W.subarray(0, 9 * tasks),
          y: given.y.subarray(0, 3 * tasks),
          theta0: given.theta0.subarray(0, 3 * tasks),
        },
        tasks,
      )(pool),
  };
  const own = (parameters: number): TrainConfig =>
    smallConfig({
      task: { kind: 'own', name: 'my quadratics', parameters },
      validation: { tasks: 2, every: 2 },
      iterations: 4,
    });

  it('is trained on and validated as data', async () => {
    const { steps, validations, bests } = await recordRun(gpu(), own(3), { data: ownTasks(problem) });
    const trainer = new Trainer(gpu(), own(3), undefined, quadraticsOf(given, 2));
    try {
      await trainer.prepare();
      expect((await trainer.submit(0).read()).metaLoss).toBe(steps[0]?.metaLoss);
    } finally {
      trainer.destroy();
    }
    expect(validations.map(({ iteration }) => iteration)).toEqual([0, 2, 4]);
    expect(bests.length).toBeGreaterThan(0);
  });

  it('is refused where it is missing or of another size', () => {
    const create = (config: TrainConfig, data: Parameters<typeof recordRun>[2]) => () =>
      new Trainer(gpu(), config, data?.data);
    expect(create(own(3), {})).toThrow(/the problem my quadratics is a program's own, and it was not given/);
    expect(create(own(4), { data: ownTasks(problem) })).toThrow(ConfigError);
    expect(create(own(4), { data: ownTasks(problem) })).toThrow(
      /2 tasks of 3 parameters were made, and 2 of 4 are asked for/,
    );
  });

  it('is named in the weights, which the command line runs on a task that is named', () => {
    const { optimizer, task } = own(3);
    const learned = createLearned(new TensorPool(gpu()), optimizer);
    const training = { seed: 1, iteration: 4, horizon: 10, unroll: 5, secondDerivatives: false };
    const weights = learned.toNamed(learned.initialPhi(1));
    const file = decodeWeights(encodeWeights({ optimizer, task, training, weights }), 'test');
    expect(file.task).toEqual({ kind: 'own', name: 'my quadratics', parameters: 3 });
    expect(() => taskFrom(undefined, {}, file.task)).toThrow(/were trained on my quadratics/);
    expect(taskFrom('quadratic', {}, file.task)).toMatchObject({ kind: 'quadratic', dimension: 10 });
  });

  it('has streams of random numbers of its own', () => {
    const taken = Object.values(STREAMS).map((stream) => stream / 2 ** 24);
    for (const index of [0, 127]) {
      expect(Number.isInteger(ownStream(index))).toBe(true);
      expect(ownStream(index)).toBeLessThan(2 ** 32);
      expect(taken).not.toContain(ownStream(index) / 2 ** 24);
    }
    expect(ownStream(1)).toBe(0x81000000);
    for (const index of [-1, 128, 0.5]) expect(() => ownStream(index)).toThrow(RangeError);
    expect(Math.max(...taken)).toBeLessThan(128);
  });

  it('needs a name and a number of parameters', () => {
    const settings = { optimizer: { kind: 'l2l' }, iterations: 1 };
    for (const task of [
      { kind: 'own', parameters: 3 },
      { kind: 'own', name: 'mine' },
    ]) {
      expect(() => parseConfig(trainSchema, { ...settings, task }, 'test')).toThrow(
        /task\.(name|parameters)/,
      );
    }
  });
});
