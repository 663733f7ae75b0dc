import { describe, expect, it } from 'vitest';
import type { Kernel } from '../src/host/gpu/kernel.ts';
import { groupsOf64 } from '../src/host/ops/coordinates.ts';
import { NO_CLIP, recordMetaAdam } from '../src/host/ops/metaAdam.ts';
import { adam } from '../src/reference/handDesigned.ts';
import oneMinusPowerCode from '../src/shaders/lib/oneMinusPower.wgsl?raw';
import { expectClose, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { afterSteps, ONE_MINUS_POWER } from './support/tolerances.ts';

const gpu = gpuForThisFile();

type Vector = Float64Array<ArrayBufferLike>;

describe('lib/oneMinusPower', () => {
  it('1 - beta^t for t = 1 to 50 and 10,000', async () => {
    const betas = Float32Array.of(0, 0.3, 0.5, 0.51, 0.7, 0.9, 0.95, 0.99, 0.999, 0.9999);
    const times = [...Array.from({ length: 50 }, (_, i) => i + 1), 10_000];
    const pairs = Array.from(betas).flatMap((beta) => times.map((t) => [beta, t] as const));
    const kernel: Kernel = {
      name: 'test/oneMinusPower',
      libraries: [oneMinusPowerCode],
      tensors: { pairs: 'read', y: 'readWrite' },
      params: { count: 'u32' },
      code: `
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> pairs: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  y[id.x] = oneMinusPower(pairs[id.x].x, pairs[id.x].y);
}`,
    };
    const data = { pairs: Float32Array.from(pairs.flat()), y: unwritten(pairs.length) };
    const { y } = await runKernels(gpu(), data, (program, tensors) =>
      program.run(kernel, {
        tensors,
        params: { count: pairs.length },
        workgroups: [groupsOf64(pairs.length)],
      }),
    );
    expectClose(
      y,
      pairs.map(([beta, t]) => 1 - beta ** t),
      ONE_MINUS_POWER,
      '1 - beta^t',
    );
  });
});

describe('metaAdam', () => {
  const settings = { learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
  const LOSSES = 70;

  /** What happens at each meta-step: a gradient multiplied, an element of it or of the losses replaced. */
  interface Event {
    readonly factor?: number;
    readonly gradient?: readonly number[];
    readonly losses?: readonly number[];
  }
  const events: readonly Event[] = [
    {},
    { factor: 100 },
    { gradient: [nan] },
    { gradient: [infinity] },
    { gradient: [1e30] },
    {},
    { losses: [nan] },
    { losses: [-infinity] },
    { losses: [infinity, -infinity] },
    { factor: 0 },
    ...Array.from({ length: 10 }, () => ({})),
  ];
  const finite = ({ gradient = [], losses = [] }: Event) =>
    [...gradient.map((value) => value * value), ...losses].every((value) =>
      Number.isFinite(Math.fround(value)),
    );

  /** vec4f of weights: one, around one workgroup of 64, and a prime. */
  it.each([1, 63, 64, 65, 131])('clips, skips and counts over %i vec4f of weights', async (count) => {
    const length = 4 * count;
    const stride = 64 * Math.ceil(length / 64);
    const clip = 0.25 * Math.sqrt(length);
    const data = {
      phi: randomValues(length, 1),
      m: new Float32Array(length),
      v: new Float32Array(length),
      status: Float32Array.of(nan, nan, 0, 0),
      rate: Float32Array.of(settings.learningRate, settings.learningRate / 4),
      gradients: randomValues(stride * events.length, 2),
      losses: randomValues(128 * events.length, 3),
      phis: unwritten(stride * events.length),
      states: unwritten(64 * events.length),
    };
    for (const [step, event] of events.entries()) {
      const gradient = data.gradients.subarray(step * stride, step * stride + length);
      // The root mean square of U(-a, a) is a / sqrt(3): below the clip but for the factor.
      gradient.set(gradient.map((value) => value * 0.3 * (event.factor ?? 1)));
      gradient.set(event.gradient ?? [], length - 1);
      data.losses.set(event.losses ?? [], step * 128 + LOSSES - 2);
    }
    const read = await runKernels(gpu(), data, (program, tensors) => {
      const { phi, m, v, status, rate } = tensors;
      for (const [step] of events.entries()) {
        const gradient = tensors.gradients.view('gradient', step * stride, [length]);
        const losses = tensors.losses.view('losses', step * 128, [LOSSES]);
        recordMetaAdam(program, { gradient, losses, status, rate, phi, m, v }, { ...settings, clip });
        program.copy(phi, tensors.phis.view('phi', step * stride, [length]));
        program.copy(status, tensors.states.view('status', step * 64, [4]));
      }
    });

    const [lr = 0, beta1 = 0, beta2 = 0, eps = 0] = Object.values(settings).map(Math.fround);
    let phi: Vector = Float64Array.from(data.phi);
    let state: Parameters<typeof adam>[3];
    let before = data.phi;
    const counts = { applied: 0, skipped: 0 };
    for (const [step, event] of events.entries()) {
      const found = read.phis.subarray(step * stride, step * stride + length);
      const [norm, scale, applied, skipped] = read.states.subarray(step * 64, step * 64 + 4);
      const gradient = data.gradients.subarray(step * stride, step * stride + length);
      if (finite(event)) {
        const size = Math.hypot(...gradient);
        const factor = Math.min(1, clip / size);
        expectClose(
          [norm ?? nan, scale ?? nan],
          [size, factor],
          afterSteps(1, [size, factor]),
          'norm, scale',
        );
        if (event.factor === 100) expect(factor).toBeLessThan(0.1);
        const next = adam(
          phi,
          gradient.map((g) => g * factor),
          { lr, beta1, beta2, eps },
          state,
        );
        [phi, state] = [next.theta, next.state];
        expectClose(found, phi, afterSteps(step + 1, phi), `phi after meta-step ${step}`);
        counts.applied++;
      } else {
        expect(scale, `scale of meta-step ${step}`).toBe(0);
        expect(found, `phi after the skipped meta-step ${step}`).toEqual(before);
        counts.skipped++;
      }
      expect({ applied, skipped }).toEqual(counts);
      before = found;
    }
    expect(counts).toEqual({ applied: 14, skipped: 6 });
  });

  it('theta_0, from its element of phi on, has a learning rate of its own', async () => {
    const data = {
      gradient: randomValues(12, 4),
      losses: Float32Array.of(1),
      status: new Float32Array(4),
      rate: Float32Array.of(0.01, 0.0025),
      phi: new Float32Array(12),
      m: new Float32Array(12),
      v: new Float32Array(12),
    };
    const { phi } = await runKernels(gpu(), data, (program, tensors) =>
      recordMetaAdam(program, tensors, { ...settings, clip: NO_CLIP, theta0: 8 }),
    );
    const expected = Array.from(data.gradient, (g, i) => -Math.sign(g) * (i < 8 ? 0.01 : 0.0025));
    expectClose(phi, expected, afterSteps(1, expected), 'the first step has the size of the learning rate');
  });

  it('without a clip threshold a large gradient is taken as it is', async () => {
    const data = {
      gradient: Float32Array.of(1e15, 0, 0, 0),
      losses: Float32Array.of(1),
      status: new Float32Array(4),
      rate: Float32Array.of(settings.learningRate, settings.learningRate / 4),
      phi: new Float32Array(4),
      m: new Float32Array(4),
      v: new Float32Array(4),
    };
    const { status, phi } = await runKernels(gpu(), data, (program, tensors) =>
      recordMetaAdam(program, tensors, { ...settings, clip: NO_CLIP }),
    );
    expect(Array.from(status.subarray(1))).toEqual([1, 1, 0]);
    expectClose(
      phi,
      [-0.01, 0, 0, 0],
      afterSteps(1, [0.01]),
      'the first step has the size of the learning rate',
    );
  });
});
