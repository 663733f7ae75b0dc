import { describe, expect, it } from 'vitest';
import { optimizerSchema, parseConfig } from '../src/host/config.ts';
import { STREAMS, taskKeys, threefry, toUnit } from '../src/host/data/threefry.ts';
import { writeTensor } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { Evaluator } from '../src/host/meta/evaluator.ts';
import type { LossMatrix } from '../src/host/meta/statistics.ts';
import { createBaseline } from '../src/host/meta/tune.ts';
import { SURFACE_BOXES } from '../src/host/optimizees/surface.ts';
import { createLearned } from '../src/host/optimizers/create.ts';
import { withFixedGates } from '../src/host/optimizers/gated/fixedGates.ts';
import { gradient } from '../src/reference/derivatives.ts';
import { at } from '../src/reference/scalar.ts';
import { surfaceHeight } from '../src/reference/surface.ts';
import { expectClose } from './support/compare.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { rounded, surfaceAllowed } from './support/tolerances.ts';

const gpu = gpuForThisFile();
const RATE = 0.05;
const keys = taskKeys(1, 'test', 0, 5);
const options = {
  task: { kind: 'surface', function: 'bowl' },
  data: undefined,
  list: 'test',
  tasks: 5,
  horizon: 40,
} as const;

describe('an evaluation that keeps the path', () => {
  it('has theta before every step and after the last, across unrolls, and the same losses as ever', async () => {
    const run = async (keepPath: boolean) => {
      const evaluator = createBaseline(gpu(), { name: 'sgd' }, { ...options, keepPath });
      const parts: LossMatrix[] = [];
      try {
        await evaluator.prepare();
        evaluator.optimizer.set({ learningRate: RATE });
        const losses = await evaluator.run(keys, undefined, (_, soFar) => parts.push(soFar()));
        return { losses, parts };
      } finally {
        evaluator.destroy();
      }
    };
    const { losses, parts } = await run(true);
    const plain = await run(false);
    expect(plain.losses.path).toBeUndefined();
    expect([...losses.values]).toEqual([...plain.losses.values]);
    const { path = new Float32Array() } = losses;
    expect(path.length).toBe(5 * 41 * 2);
    const { low, high } = SURFACE_BOXES.bowl;
    for (let task = 0; task < 5; task++) {
      for (let step = 0; step <= 40; step++) {
        const row = task * 41 + step;
        const theta = path.slice(2 * row, 2 * row + 2);
        const here = gradient(
          (A, [x = A.constant(0), y = A.constant(0)]) => surfaceHeight(A, 'bowl', x, y),
          theta,
        );
        expectClose([at(losses.values, row)], [here.value], surfaceAllowed([45]), 'loss at theta');
        if (step === 0) {
          expect(theta.every((value, i) => value >= at(low, i) && value <= at(high, i))).toBe(true);
        }
        if (step === 40) continue;
        const next = here.gradient.map((slope, i) => at(theta, i) - RATE * slope);
        expectClose(path.slice(2 * row + 2, 2 * row + 4), next, surfaceAllowed([3, 3]), 'next theta');
      }
    }
    expect(parts.map(({ horizon }) => horizon)).toEqual([20, 40]);
    const [half] = parts;
    expect([...(half?.values ?? [])].slice(21, 42)).toEqual([...losses.values.subarray(41, 62)]);
    expect([...(half?.path ?? [])].slice(0, 42)).toEqual([...path.subarray(0, 42)]);
  });
});

describe('an evaluation on randomly scaled parameters', () => {
  const RANGE = 1.5;

  it('steps along c grad f(c theta), and its losses are f(c theta): from the start that there is without', async () => {
    const scaled = { ...options, keepPath: true, randomScaling: RANGE };
    const evaluator = createBaseline(gpu(), { name: 'sgd' }, scaled);
    const plain = createBaseline(gpu(), { name: 'sgd' }, { ...options, keepPath: true });
    try {
      for (const one of [evaluator, plain]) {
        await one.prepare();
        one.optimizer.set({ learningRate: RATE });
      }
      const { values, path = new Float32Array() } = await evaluator.run(keys);
      const { path: unscaled = new Float32Array() } = await plain.run(keys);
      for (let task = 0; task < 5; task++) {
        const key = [at(keys, 2 * task), at(keys, 2 * task + 1)] as const;
        const scales = [0, 1].map(
          (i) =>
            (RANGE / Math.sinh(RANGE)) *
            Math.exp(RANGE * (2 * toUnit(threefry(key, [i, STREAMS.randomScaling])[0]) - 1)),
        );
        for (let step = 0; step < 40; step++) {
          const row = task * 41 + step;
          const theta = path.slice(2 * row, 2 * row + 2);
          const own = scales.map((c, i) => c * at(theta, i));
          if (step === 0) {
            expectClose(own, unscaled.slice(2 * row, 2 * row + 2), rounded(16), 'start');
          }
          const here = gradient(
            (A, [x = A.constant(0), y = A.constant(0)]) => surfaceHeight(A, 'bowl', x, y),
            own,
          );
          // The scales are off by up to 14 roundings (tests/kernels.trainingTasks.test.ts), the height is quadratic in them.
          expectClose([at(values, row)], [here.value], surfaceAllowed([80]), 'loss at c theta');
          const next = here.gradient.map((slope, i) => at(theta, i) - RATE * at(scales, i) * slope);
          expectClose(path.slice(2 * row + 2, 2 * row + 4), next, surfaceAllowed([40, 40]), 'next theta');
        }
      }
    } finally {
      evaluator.destroy();
      plain.destroy();
    }
  });

  it('is refused where an optimizer starts from a theta_0 of its own', () => {
    const start = { name: 'sgd', start: Float32Array.of(1, 1) } as const;
    expect(() => createBaseline(gpu(), start, { ...options, randomScaling: RANGE })).toThrow(
      /starts from a theta_0 of its own, which random scaling would move/,
    );
  });
});

describe('held gates', () => {
  const settings = parseConfig(optimizerSchema, { kind: 'meta-lstm', hidden: 3 }, 'test');
  if (settings.kind !== 'meta-lstm') throw new Error('the schema gave another kind');
  const named = () => {
    const optimizer = createLearned(new TensorPool(gpu()), settings);
    return optimizer.toNamed(optimizer.initialPhi(1));
  };

  it('all of them: the bits of SGD', async () => {
    const held = withFixedGates(settings, named(), { forget: 1, input: RATE });
    expect(held.weights.size).toBe(0);
    const evaluator = new Evaluator(gpu(), options, (pool) => createLearned(pool, held.settings));
    const sgd = createBaseline(gpu(), { name: 'sgd' }, options);
    try {
      await evaluator.prepare();
      writeTensor(gpu(), evaluator.optimizer.phi, evaluator.optimizer.fromNamed(held.weights, 'weights'));
      await sgd.prepare();
      sgd.optimizer.set({ learningRate: RATE });
      expect([...(await evaluator.run(keys)).values]).toEqual([...(await sgd.run(keys)).values]);
    } finally {
      evaluator.destroy();
      sgd.destroy();
    }
  });

  it('one of them: the weights of the other stay', () => {
    const { settings: changed, weights } = withFixedGates(settings, named(), { forget: 0.9 });
    expect(changed.gates).toMatchObject({ forget: { fixed: 0.9 }, input: 'learned' });
    expect([...weights.keys()].filter((name) => name.includes('gate'))).toEqual([
      'input_gate.weight',
      'input_gate.bias',
    ]);
    const optimizer = createLearned(new TensorPool(gpu()), changed);
    expect(() => optimizer.fromNamed(weights, 'weights')).not.toThrow();
  });

  it('a gate that it does not have is refused', () => {
    expect(() => withFixedGates(settings, named(), { momentumInput: 1 })).toThrow(
      /has no momentumInput gate/,
    );
  });
});
