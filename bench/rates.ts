import {
  type GpuContext,
  type Kernel,
  Program,
  readTensors,
  submit,
  TensorPool,
  writeTensor,
} from '../src/host/index.ts';
import { type Check, relativeError } from './check.ts';
import copyCode from './copy.wgsl?raw';
import fmaCode from './fma.wgsl?raw';
import { timeMs } from './measure.ts';
import type { Timed } from './workload.ts';

/** The adapter's own, and those of layers of networks. */
export const RATES = [
  'fma',
  'copy',
  'matmul forward',
  'conv forward',
  'matmul backward',
  'conv backward',
] as const;
export type RateName = (typeof RATES)[number];

/** A rate: what kernels reach when they do one thing only. */
export interface Rate extends Timed {
  readonly name: RateName;
  /** A rate of the same arithmetic done in another way. */
  readonly comparedWith?: RateName;
  readonly unit: 'GFLOP/s' | 'GB/s';
  /** What is measured; after `calibrate`, with the variant that was fastest. */
  readonly description: string;
  /** FLOP or bytes of one run. */
  readonly amount: number;
  /**
   * Takes the fastest variant of the kernel, and repeats it within a run until a run takes about `ms`, so that
   * starting it no longer counts.
   */
  calibrate(ms: number): Promise<void>;
}

export const fmaKernel: Kernel = {
  name: 'bench/fma',
  code: fmaCode,
  tensors: { out: 'readWrite' },
  params: { threads: 'u32', passes: 'u32', m: 'f32', k: 'f32' },
};

export const copyKernel: Kernel = {
  name: 'bench/copy',
  code: copyCode,
  tensors: { x: 'read', y: 'readWrite' },
  params: { count4: 'u32' },
};

/** Chains of a thread, as fma.wgsl has them, and the lengths it can be unrolled to. */
const CHAINS = 12;
const LENGTHS = [4, 16, 64] as const;
/** x <- m x + k: both exact in f32; x goes to 1, and is half-way there after 1419 multiply-adds. */
const FACTOR = 1 - 2 ** -11;
const ADDEND = 2 ** -11;

/** The multiply-add rate: `threads` threads of 12 chains of `length` multiply-adds, a multiple of 64. */
export function createFmaRate(context: GpuContext, { threads = 2 ** 18, length = 1024 } = {}): Rate {
  const pool = new TensorPool(context);
  const out = pool.tensor('fma out', [threads]);
  const variants = LENGTHS.map((unrolled) => ({
    description: `multiply-adds, 12 chains of ${unrolled} a pass`,
    program: new Program(context, `multiply-adds, ${unrolled} a pass`),
    unrolled,
  }));
  const reset = () => writeTensor(context, out, new Float32Array(threads).fill(Number.NaN));
  return createRate(context, pool, {
    name: 'fma',
    unit: 'GFLOP/s',
    amount: 2 * CHAINS * length * threads,
    variants,
    reset,
    record() {
      for (const { program, unrolled } of variants) {
        program.run(fmaKernel, {
          tensors: { out },
          params: { threads, passes: length / unrolled, m: FACTOR, k: ADDEND },
          constants: { LENGTH: unrolled },
          workgroups: [Math.ceil(threads / 64)],
        });
      }
    },
    async check(name) {
      const [values = new Float32Array()] = await readTensors(context, [out]);
      const decay = FACTOR ** length;
      const expected = Float64Array.from(values, (_, i) => {
        const mean = ((i % 64) + 1 + (CHAINS - 1) / 2) / 64;
        return CHAINS * (mean * decay + 1 - decay);
      });
      return { name, against: 'closed form', error: relativeError(values, expected), tolerance: 1e-5 };
    },
  });
}

/** The rate at which a kernel copies `bytes` from one buffer to another; each byte counts twice. */
export function createCopyRate(context: GpuContext, { bytes = 2 ** 26 } = {}): Rate {
  const pool = new TensorPool(context);
  const count4 = bytes / 16;
  const x = pool.tensor('copy source', [4 * count4]);
  const y = pool.tensor('copy target', [4 * count4]);
  const program = new Program(context, 'copy');
  const source = Float32Array.from({ length: 4 * count4 }, (_, i) => i % 8191);
  return createRate(context, pool, {
    name: 'copy',
    unit: 'GB/s',
    amount: 2 * bytes,
    variants: [{ description: 'copy by a kernel, read + written', program }],
    reset() {
      writeTensor(context, x, source);
      writeTensor(context, y, new Float32Array(4 * count4).fill(Number.NaN));
    },
    record() {
      const workgroups = [Math.ceil(count4 / 256)] as const;
      program.run(copyKernel, { tensors: { x, y }, params: { count4 }, workgroups });
    },
    async check(name) {
      const [values = new Float32Array()] = await readTensors(context, [y]);
      return { name, against: 'what was uploaded', error: relativeError(values, source), tolerance: 0 };
    },
  });
}

interface Variant {
  readonly description: string;
  readonly program: Program;
}

interface RateSettings extends Pick<Rate, 'name' | 'unit' | 'comparedWith'> {
  /** FLOP or bytes of one run of a variant's program. */
  readonly amount: number;
  readonly variants: readonly Variant[];
  /** Uploads the inputs and makes the outputs NaN. */
  readonly reset: () => void;
  readonly record: () => void;
  /** Of what a variant has left. */
  readonly check: (name: string) => Promise<Check>;
}

/** A rate of the fastest of its variants. */
export function createRate(context: GpuContext, pool: TensorPool, settings: RateSettings): Rate {
  const { name, unit, amount, variants, comparedWith } = settings;
  let [variant] = variants;
  let repeats = 1;
  const run = async () => {
    submit(context, (encoder) => {
      for (let i = 0; i < repeats; i++) variant?.program.encode(encoder);
    });
    await context.idle();
  };
  return {
    name,
    unit,
    ...(comparedWith && { comparedWith }),
    get description() {
      return variant?.description ?? name;
    },
    get amount() {
      return repeats * amount;
    },
    async prepare() {
      await pool.allocate();
      settings.record();
      await Promise.all(variants.map(({ program }) => program.prepare()));
      settings.reset();
    },
    run,
    async calibrate(ms) {
      repeats = 1;
      let fastest = { ms: Number.POSITIVE_INFINITY, variant };
      for (const candidate of variants) {
        variant = candidate;
        const times = [await timeMs(run), await timeMs(run), await timeMs(run)];
        if (Math.min(...times) < fastest.ms) fastest = { ms: Math.min(...times), variant };
      }
      variant = fastest.variant;
      repeats = Math.min(1000, Math.max(1, Math.ceil(ms / fastest.ms)));
    },
    async check() {
      const checks: Check[] = [];
      for (const candidate of variants) {
        variant = candidate;
        settings.reset();
        await run();
        checks.push(await settings.check(candidate.description));
      }
      return checks;
    },
    destroy: () => pool.destroy(),
  };
}
