import { describe, expect, it } from 'vitest';
import { optimizerSchema, parseConfig } from '../src/host/config.ts';
import { ConfigError } from '../src/host/errors.ts';
import { Program } from '../src/host/gpu/program.ts';
import { readTensors, submit, writeTensor } from '../src/host/gpu/readback.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { Stepper } from '../src/host/meta/stepper.ts';
import { Unroll } from '../src/host/meta/unroll.ts';
import { createLearned } from '../src/host/optimizers/create.ts';
import { createHandDesigned } from '../src/host/optimizers/handDesigned.ts';
import type { Optimizer } from '../src/host/optimizers/optimizer.ts';
import { randomValues } from './support/compare.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { smallQuadratic } from './support/smallProblems.ts';
import { bits } from './support/training.ts';

const gpu = gpuForThisFile();

const STEPS = 7;
const PARAMETERS = 5;
const problem = smallQuadratic(1, PARAMETERS);

/** An optimizer with its numbers on the device, whoever runs it. */
interface Case {
  readonly create: (pool: TensorPool) => Optimizer;
  readonly upload: (optimizer: Optimizer) => void;
}

function learned(settings: object): Case {
  const config = parseConfig(optimizerSchema, settings, 'test');
  return {
    create: (pool) => createLearned(pool, config),
    upload: (optimizer) => {
      if (!('phi' in optimizer)) throw new Error('not a learned optimizer');
      const { phi, initialPhi } = optimizer as ReturnType<typeof createLearned>;
      writeTensor(gpu(), phi, initialPhi(3));
    },
  };
}

const adam: Case = {
  create: () => createHandDesigned('adam'),
  upload: (optimizer) => (optimizer as ReturnType<typeof createHandDesigned>).set({ learningRate: 0.1 }),
};

/** theta after STEPS steps of an unroll. */
async function unrolled({ create, upload }: Case): Promise<Float32Array> {
  const pool = new TensorPool(gpu());
  const optimizer = create(pool);
  const unroll = new Unroll({
    ...{ pool, tasks: 1, steps: STEPS, optimizer },
    createOptimizee: problem.create(pool),
  });
  await pool.allocate();
  try {
    await unroll.prepare();
    upload(optimizer);
    unroll.setTasks(problem.keys, 0);
    submit(gpu(), (encoder) => unroll.encode(encoder, 'reset'));
    const [theta = new Float32Array()] = await readTensors(gpu(), [unroll.theta]);
    return theta.slice(0, PARAMETERS);
  } finally {
    pool.destroy();
  }
}

/** The same by an application that has the problem, its parameters and its gradients in buffers of its own. */
async function stepped({ create, upload }: Case, givesLoss: boolean, runs = 1): Promise<Float32Array> {
  const stepper = new Stepper(gpu(), { parameters: PARAMETERS, givesLoss }, create);
  const pool = new TensorPool(gpu());
  const keys = pool.tensor('keys', [1, 2], 'u32');
  const clock = pool.tensor('clock', [4], 'u32');
  const theta = pool.tensor('model', [PARAMETERS]);
  const gradient = pool.tensor('gradient', [PARAMETERS]);
  const losses = pool.tensor('loss', [1, 1]);
  const optimizee = problem.create(pool)({ keys, clock, steps: 1 });
  await pool.allocate();
  try {
    const [start, model] = [new Program(gpu(), 'start'), new Program(gpu(), 'model')];
    optimizee.recordReset(start, theta);
    optimizee.recordLoss(model, theta, losses, 0);
    optimizee.recordGradient(model, theta, gradient);
    await Promise.all([start.prepare(), model.prepare(), stepper.prepare()]);
    optimizee.upload();
    upload(stepper.optimizer);
    const buffers = { parameters: theta.buffer, gradients: gradient.buffer, loss: losses.buffer };
    for (let run = 0; run < runs; run++) {
      stepper.reset();
      submit(gpu(), (encoder) => {
        start.encode(encoder);
        for (let step = 0; step < STEPS; step++) {
          model.encode(encoder);
          stepper.encode(encoder, buffers);
        }
      });
    }
    const [values = new Float32Array()] = await readTensors(gpu(), [theta]);
    return values;
  } finally {
    pool.destroy();
    stepper.destroy();
  }
}

describe('a stepper', () => {
  it.each([
    {
      name: 'rnnprop',
      case_: learned({ kind: 'rnnprop', layers: 2, hidden: 5 }),
      givesLoss: false,
    },
    { name: 'l2l', case_: learned({ kind: 'l2l', layers: 2, hidden: 5 }), givesLoss: false },
    { name: 'meta-lstm', case_: learned({ kind: 'meta-lstm', hidden: 4 }), givesLoss: true },
    { name: 'momentum-lstm', case_: learned({ kind: 'momentum-lstm', hidden: 4 }), givesLoss: true },
    { name: 'adam', case_: adam, givesLoss: false },
  ])('of $name moves parameters as an unroll does, bit for bit', async ({ case_, givesLoss }) => {
    const expected = await unrolled(case_);
    expect(expected.every(Number.isFinite)).toBe(true);
    const theta = await stepped(case_, givesLoss);
    expect(bits(theta)).toEqual(bits(expected));
    expect(theta).not.toEqual(problem.theta0);
    expect(bits(await stepped(case_, givesLoss, 2)), 'after a reset').toEqual(bits(expected));
  });

  it('refuses what it cannot step', async () => {
    const { create } = learned({ kind: 'l2l', layers: 1, hidden: 3 });
    expect(() => new Stepper(gpu(), { parameters: 0 }, create)).toThrow(/a model of 0 parameters/);
    const gated = learned({ kind: 'meta-lstm' });
    expect(() => new Stepper(gpu(), { parameters: 4 }, gated.create)).toThrow(/meta-lstm reads the loss/);

    const stepper = new Stepper(gpu(), { parameters: 8, givesLoss: true }, create);
    await stepper.prepare();
    const all = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = (size: number, usage = all) => gpu().device.createBuffer({ size, usage });
    const [good, small, still] = [buffer(32), buffer(28), buffer(32, GPUBufferUsage.COPY_SRC)];
    const encoder = gpu().device.createCommandEncoder();
    const step = (parameters: GPUBuffer, gradients: GPUBuffer) => () =>
      stepper.encode(encoder, { parameters, gradients });
    expect(step(small, good)).toThrow(/buffer of parameters holds 28 bytes, and a step takes 32/);
    expect(step(good, small)).toThrow(/buffer of gradients holds 28 bytes/);
    expect(step(still, good)).toThrow(/buffer of parameters cannot be copied/);
    expect(step(good, good)).toThrow(ConfigError);
    for (const one of [good, small, still]) one.destroy();
    stepper.destroy();
  });

  it('says what it takes, and steps more parameters than a workgroup has threads', async () => {
    const { create, upload } = learned({ kind: 'l2l', layers: 1, hidden: 3 });
    const parameters = 1009;
    const stepper = new Stepper(gpu(), { parameters }, create);
    // Three rows of values, u (2), h and c (3 each, two slots), before padding; u and h again where kernels read texels.
    expect(stepper.bytes).toBeGreaterThan(4 * parameters * (3 + 2 + 12));
    expect(stepper.bytes).toBeLessThan(4 * parameters * (3 + 2 + 12 + 5) * 1.1);
    await stepper.prepare();
    upload(stepper.optimizer);
    const pool = new TensorPool(gpu());
    const [theta, gradient] = [pool.tensor('theta', [parameters]), pool.tensor('gradient', [parameters])];
    await pool.allocate();
    writeTensor(gpu(), gradient, randomValues(parameters, 5));
    submit(gpu(), (encoder) =>
      stepper.encode(encoder, { parameters: theta.buffer, gradients: gradient.buffer }),
    );
    const [moved = new Float32Array()] = await readTensors(gpu(), [theta]);
    expect(new Set(moved).size).toBeGreaterThan(1000);
    pool.destroy();
    stepper.destroy();
  });
});
