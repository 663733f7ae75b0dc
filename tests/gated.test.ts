import { describe, expect, it } from 'vitest';
import { ConfigError, FileFormatError } from '../src/host/errors.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import {
  type Gate,
  type GatedSizes,
  gatedStateRows,
  recordGatedForward,
  recordGatedReset,
} from '../src/host/ops/gated.ts';
import { createGated } from '../src/host/optimizers/gated/gated.ts';
import { GATED_NAMES, type GatedSettings, gatedSettings } from '../src/host/optimizers/gated/settings.ts';
import { at, sigmoid } from '../src/reference/scalar.ts';
import { expectClose, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { smallMlp, smallQuadratic } from './support/smallProblems.ts';

const gpu = gpuForThisFile();
const { NaN: nan } = Number;

function create(settings: GatedSettings) {
  return createGated(new TensorPool(gpu()), settings);
}

describe('gated/forward', () => {
  const fixed = (value: number): Gate => ({ fixed: value });
  const gates = {
    forget: 'learned',
    input: fixed(0.3),
    momentumForget: fixed(1),
    momentumInput: 'learned',
  } as const;
  /** vec4f of coordinates: one, around one workgroup of 64, and a prime. */
  const lengths = [2, 62, 64, 66, 130];

  it.each(lengths)('%i vec4f: every element', async (mp4) => {
    const [count, features] = [4 * mp4, 3];
    const sizes: GatedSizes = { features, gates, momentum: true, feedback: 'sigmoid', mp4 };
    const weights = randomValues(4 * (features + 3), 1);
    const data = {
      ...{ weights, features: randomValues(features * count, 2), before: randomValues(3 * count, 3, -3, 3) },
      ...{ theta: randomValues(count, 4), g: randomValues(count, 5) },
      ...{ state: unwritten(3 * count), next: unwritten(count) },
    };
    const { state, next } = await runKernels(gpu(), data, (program, t) =>
      recordGatedForward(program, t, sizes),
    );
    const gate = (component: number) => {
      const column = Array.from({ length: features + 3 }, (_, row) => at(weights, 4 * row + component));
      return { weight: column.slice(0, -1), bias: column.slice(-1) };
    };
    const expected = Array.from({ length: count }, (_, n) => {
      const a = (k: number) => at(data.features, k * count + n);
      const z = (component: number, cell: number, row: number) => {
        const { weight, bias } = gate(component);
        const seen = [a(0), a(1), a(2), cell, sigmoid(at(data.before, row * count + n))];
        return seen.reduce((sum, x, k) => sum + x * at(weight, k), at(bias, 0));
      };
      const m = at(data.before, 2 * count + n);
      const zs = [z(0, at(data.theta, n), 0), z(3, m, 1)] as const;
      const moved = m - sigmoid(zs[1]) * at(data.g, n);
      const kept = sigmoid(zs[0]) * at(data.theta, n);
      return { zs, moved, next: kept + Math.fround(0.3) * moved };
    });
    expectClose(
      next,
      expected.map((e) => e.next),
      { absolute: 2e-6 },
      'next',
    );
    const rows = [
      ...expected.map((e) => e.zs[0]),
      ...expected.map((e) => e.zs[1]),
      ...expected.map((e) => e.moved),
    ];
    expectClose(state, rows, { absolute: 3e-6 }, 'state');
  });

  it('NaN stays NaN, in its own coordinate', async () => {
    const sizes: GatedSizes = {
      ...{ features: 1, momentum: false, feedback: 'pre-sigmoid', mp4: 2 },
      gates: { forget: 'learned', input: 'learned', momentumForget: fixed(1), momentumInput: fixed(1) },
    };
    const features = new Float32Array(8).fill(0.5);
    const theta = new Float32Array(8).fill(1);
    const g = new Float32Array(8).fill(1);
    features[0] = nan;
    theta[2] = nan;
    g[4] = nan;
    const data = { weights: randomValues(16, 1), features, before: new Float32Array(16), theta, g };
    const out = await runKernels(gpu(), { ...data, state: unwritten(16), next: unwritten(8) }, (program, t) =>
      recordGatedForward(program, t, sizes),
    );
    expect(Array.from(out.next, Number.isNaN)).toEqual([true, false, true, false, true, false, false, false]);
  });

  it('a saturated gate is exactly 0 or 1', async () => {
    const sizes: GatedSizes = {
      ...{ features: 1, momentum: false, feedback: 'pre-sigmoid', mp4: 2 },
      gates: { forget: 'learned', input: 'learned', momentumForget: fixed(1), momentumInput: fixed(1) },
    };
    const weights = Float32Array.of(1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const features = Float32Array.of(1e4, -1e4, 1e30, -1e30, 300, -300, 0, 0);
    const data = { weights, features, before: new Float32Array(16), theta: new Float32Array(8).fill(3) };
    const more = { g: new Float32Array(8).fill(5), state: unwritten(16), next: unwritten(8) };
    const { next } = await runKernels(gpu(), { ...data, ...more }, (program, t) =>
      recordGatedForward(program, t, sizes),
    );
    expect([...next]).toEqual([3, -5, 3, -5, 3, -5, -1, -1]);
  });

  it('starts from what feeds back 0, and m = 0', async () => {
    const sizes: GatedSizes = { features: 1, gates, momentum: true, feedback: 'sigmoid', mp4: 4 };
    const rows = gatedStateRows(sizes);
    expect(rows).toBe(3);
    const { state } = await runKernels(gpu(), { state: unwritten(16 * rows) }, (program, t) =>
      recordGatedReset(program, t.state, sizes),
    );
    expect(Array.from(state.subarray(0, 32), (z) => Math.fround(sigmoid(z)))).toEqual(new Array(32).fill(0));
    expect([...state.subarray(32)]).toEqual(new Array(16).fill(0));
  });
});

describe('settings', () => {
  it('each name has its defaults, and gates are chosen one by one', () => {
    const describeAll = GATED_NAMES.map((name) => create(gatedSettings(name)).description);
    expect(describeAll).toEqual([
      'gradient-descent-lstm, forget = 1, input = 0.01',
      'meta-lstm, lstm 20, log-sign p=10',
      'momentum-lstm, lstm 20, log-sign p=10',
    ]);
    const learnedRate = gatedSettings('gradient-descent-lstm', {
      gates: { input: 'learned' },
      theta0Parameters: 7,
    });
    expect(create(learnedRate).description).toBe(
      'gradient-descent-lstm, forget = 1, direct, log-sign p=10, theta_0 learned',
    );
  });

  it('weights are counted as in the papers', () => {
    expect(create(gatedSettings('gradient-descent-lstm')).weightCount).toBe(0);
    expect(create(gatedSettings('meta-lstm', { controller: 'direct' })).weightCount).toBe(2 * 7);
    expect(create(gatedSettings('meta-lstm')).weightCount).toBe(4 * 20 * (4 + 20 + 1) + 2 * 23);
    expect(create(gatedSettings('momentum-lstm')).weightCount).toBe(4 * 20 * (4 + 20 + 1) + 4 * 23);
    const oneFixed = gatedSettings('momentum-lstm', {
      controller: 'direct',
      gates: { forget: { fixed: 1 } },
    });
    expect(create(oneFixed).weightCount).toBe(3 * 7);
  });

  it('contradictions are refused', () => {
    const halfACell = gatedSettings('meta-lstm', { gates: { momentumForget: 'learned' } });
    expect(() => create(halfACell)).toThrow(ConfigError);
    expect(() => create(halfACell)).toThrow('the second cell has no momentumInput gate');
    const infinite = gatedSettings('gradient-descent-lstm', { gates: { input: { fixed: nan } } });
    expect(() => create(infinite)).toThrow('the input gate is fixed at NaN');
    expect(() => create(gatedSettings('meta-lstm', { theta0Parameters: 1.5 }))).toThrow(ConfigError);
  });

  it('with every gate fixed and theta_0 given there is nothing to train', () => {
    const pool = new TensorPool(gpu());
    const optimizer = createGated(pool, gatedSettings('gradient-descent-lstm'));
    const problem = smallQuadratic(1, 2);
    const options = { pool, optimizer, tasks: 1, steps: 1, createOptimizee: problem.create(pool) };
    const metaGradient = pool.tensor('meta-gradient', optimizer.phi.shape);
    expect(() => new Unroll({ ...options, lossWeights: [0, 1], metaGradient })).toThrow(ConfigError);
    expect(() => new Unroll({ ...options, lossWeights: [0, 1], metaGradient })).toThrow(
      'has nothing to learn',
    );
    expect(() => new Unroll(options)).not.toThrow();
  });
});

describe('weights', () => {
  const settings = gatedSettings('momentum-lstm', { hidden: 3, theta0Parameters: 5 });

  it('have the names and shapes of the weight files, and survive the way there and back', () => {
    const optimizer = create(settings);
    const phi = optimizer.initialPhi(3);
    const named = optimizer.toNamed(phi);
    expect(Object.fromEntries([...named].map(([name, { shape }]) => [name, shape]))).toEqual({
      'lstm.0.weight_ih': [12, 4],
      'lstm.0.weight_hh': [12, 3],
      'lstm.0.bias_ih': [12],
      'lstm.0.bias_hh': [12],
      'forget_gate.weight': [1, 5],
      'forget_gate.bias': [1],
      'input_gate.weight': [1, 5],
      'input_gate.bias': [1],
      'momentum_forget_gate.weight': [1, 5],
      'momentum_forget_gate.bias': [1],
      'momentum_input_gate.weight': [1, 5],
      'momentum_input_gate.bias': [1],
      theta0: [5],
    });
    const marked = phi.map((_, i) => i + 1);
    const back = optimizer.fromNamed(optimizer.toNamed(marked), 'test');
    const places = [...back].flatMap((value, i) => (value === 0 ? [] : [value - (i + 1)]));
    expect(places).toEqual(new Array(optimizer.weightCount + 5).fill(0));
    expect(optimizer.fromNamed(named, 'test')).toEqual(phi);
  });

  it('start near gradient descent, from the seed', () => {
    const optimizer = create(settings);
    const named = optimizer.toNamed(optimizer.initialPhi(3));
    const bias = (name: string) => at(named.get(`${name}.bias`)?.data ?? [], 0);
    for (const [name, low, high] of [
      ['forget_gate', 4, 5],
      ['input_gate', -5, -4],
      ['momentum_forget_gate', 1, 2],
      ['momentum_input_gate', 0, 1],
    ] as const) {
      expect(bias(name), name).toBeGreaterThanOrEqual(low);
      expect(bias(name), name).toBeLessThanOrEqual(high);
    }
    const small = [
      ...(named.get('forget_gate.weight')?.data ?? []),
      ...(named.get('lstm.0.weight_hh')?.data ?? []),
    ];
    expect(Math.max(...small.map(Math.abs))).toBeLessThanOrEqual(0.01);
    expect(new Set(small).size).toBe(small.length);
    expect(optimizer.initialPhi(3)).toEqual(optimizer.initialPhi(3));
    expect(optimizer.initialPhi(4)).not.toEqual(optimizer.initialPhi(3));
  });

  it('apply without theta_0 to any architecture; another theta_0 is refused and both sizes are said', () => {
    const named = create(settings).toNamed(create(settings).initialPhi(3));
    const { theta0Parameters: _, ...without } = settings;
    const shared = create(without).fromNamed(named, 'test');
    expect([...create(without).toNamed(shared)]).toEqual([...named].filter(([name]) => name !== 'theta0'));
    const other = create({ ...settings, theta0Parameters: 9 });
    expect(() => other.fromNamed(named, 'w.safetensors')).toThrow(FileFormatError);
    expect(() => other.fromNamed(named, 'w.safetensors')).toThrow(
      'w.safetensors: theta_0 was learned for 5 parameters, and 9 are asked for',
    );
  });

  it('a fixed gate has no weights', () => {
    const named = create(settings).toNamed(create(settings).initialPhi(3));
    const fixed = create({ ...settings, gates: { ...settings.gates, forget: { fixed: 1 } } });
    expect(() => fixed.fromNamed(named, 'test')).toThrow(/forget_gate.weight/);
  });
});

describe('theta_0', () => {
  it('belongs to one architecture', () => {
    const pool = new TensorPool(gpu());
    const optimizer = createGated(pool, gatedSettings('meta-lstm', { theta0Parameters: 9 }));
    const problem = smallQuadratic(1, 4);
    const options = { pool, optimizer, tasks: 1, steps: 1, createOptimizee: problem.create(pool) };
    expect(() => new Unroll(options)).toThrow(ConfigError);
    expect(() => new Unroll(options)).toThrow(
      'theta_0 was learned for 9 parameters, and quadratic, 4 dimensions',
    );
  });

  it('begins as a draw of the optimizee, and every task then starts from it', async () => {
    const context = gpu();
    const pool = new TensorPool(context);
    const problem = smallMlp({ tasks: 3, hidden: [2], activation: 'tanh', batch: 4, minibatches: 2 });
    const n = problem.parameters;
    const settings = { gates: { forget: { fixed: 1 }, input: { fixed: 0 } }, theta0Parameters: n } as const;
    const optimizer = createGated(pool, gatedSettings('gradient-descent-lstm', settings));
    const unroll = new Unroll({ pool, optimizer, tasks: 3, steps: 1, createOptimizee: problem.create(pool) });
    await pool.allocate();
    writeTensor(context, optimizer.phi, optimizer.initialPhi(1));
    await unroll.prepare();
    unroll.setTasks(problem.keys, 0);
    submit(context, (encoder) => {
      unroll.encodeDrawTheta0(encoder);
      unroll.encode(encoder, 'reset');
    });
    const [phi = new Float32Array(), theta = new Float32Array()] = await readTensors(context, [
      optimizer.phi,
      unroll.theta,
    ]);
    const start = problem.theta0.subarray(0, n);
    expect(optimizer.toNamed(phi).get('theta0')?.data).toEqual(start);
    expect([...theta.subarray(0, 3 * n)]).toEqual([...start, ...start, ...start]);
    pool.destroy();
  });
});
