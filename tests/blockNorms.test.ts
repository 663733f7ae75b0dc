import { describe, expect, it } from 'vitest';
import { optimizerSchema, parseConfig, type TrainInput } from '../src/host/config.ts';
import { TensorPool } from '../src/host/gpu/tensor.ts';
import { type MetaStep, Trainer } from '../src/host/meta/trainer.ts';
import { recordBlockNorms } from '../src/host/ops/metaAdam.ts';
import { createLearned, weightBlocksOf } from '../src/host/optimizers/create.ts';
import type { LearnedOptimizer, WeightBlock } from '../src/host/optimizers/optimizer.ts';
import { expectClose, randomValues } from './support/compare.ts';
import { gpuForThisFile, runKernels, unwritten } from './support/gpu.ts';
import { rounded, sumOf } from './support/tolerances.ts';
import { smallConfig } from './support/training.ts';

const gpu = gpuForThisFile();

/** A square root of a sum of `size` squares. */
const normOf = (size: number) => ({ relative: sumOf(size, []).relative + rounded(6).relative });

/** Indices of a block in the order of its runs. */
function placesOf({ offset, length, runs, stride }: WeightBlock): number[] {
  return Array.from(
    { length: length * runs },
    (_, i) => offset + Math.floor(i / length) * stride + (i % length),
  );
}

describe('metaAdam/blockNorms', () => {
  it('are the norms of runs of any length and distance, and of nothing between them', async () => {
    const blocks: readonly WeightBlock[] = [
      { name: 'one', offset: 3, length: 1, runs: 1, stride: 1 },
      { name: 'component', offset: 1, length: 1, runs: 67, stride: 4 },
      { name: 'rows', offset: 300, length: 12, runs: 7, stride: 28 },
      { name: 'bias', offset: 324, length: 4, runs: 7, stride: 28 },
      { name: 'group', offset: 512, length: 64, runs: 1, stride: 64 },
      { name: 'beyond', offset: 576, length: 65, runs: 1, stride: 65 },
      { name: 'prime', offset: 700, length: 1009, runs: 1, stride: 1009 },
    ];
    const gradient = randomValues(1800, 1, -3, 3);
    const data = {
      blocks: Uint32Array.from(
        blocks.flatMap(({ offset, length, runs, stride }) => [offset, length, runs, stride]),
      ),
      gradient,
      norms: unwritten(blocks.length),
    };
    const { norms } = await runKernels(gpu(), data, recordBlockNorms);
    for (const [index, block] of blocks.entries()) {
      const own = placesOf(block).map((place) => gradient[place] ?? Number.NaN);
      expectClose([norms[index] ?? Number.NaN], [Math.hypot(...own)], normOf(own.length), block.name);
    }
  });
});

const families: readonly (readonly [string, TrainInput['optimizer']])[] = [
  ['l2l of two layers', { kind: 'l2l', layers: 2, hidden: 5 }],
  ['rnnprop', { kind: 'rnnprop', layers: 2, hidden: 5 }],
  ['a linear l2l', { kind: 'l2l', layers: 0, preprocess: { kind: 'none' } }],
  ['meta-lstm with a learned theta_0', { kind: 'meta-lstm', hidden: 3, theta0Parameters: 3 }],
  ['meta-lstm, gates on their inputs', { kind: 'meta-lstm', controller: 'direct' }],
  [
    'momentum-lstm with a fixed gate',
    { kind: 'momentum-lstm', hidden: 7, gates: { momentumForget: { fixed: 0.9 } } },
  ],
];

describe.each(families)('%s', (_, optimizer) => {
  it('has blocks that are all of phi but its padding, each element once', () => {
    const config = parseConfig(optimizerSchema, optimizer, 'test');
    const learned = createLearned(new TensorPool(gpu()), config);
    expect(learned.blocks).toEqual(weightBlocksOf(config));
    const places = learned.blocks.flatMap(placesOf);
    expect(new Set(places).size).toBe(places.length);
    // Every element that a tensor of a weight file lies at, found by writing each place's own number there.
    const numbered = Float32Array.from({ length: learned.phi.length }, (_, place) => place);
    const named = [...learned.gradientToNamed(numbered)].filter(([name]) => !name.endsWith('bias_hh'));
    const written = named.flatMap(([, { data }]) => [...data]);
    expect(places.toSorted((a, b) => a - b)).toEqual(written.toSorted((a, b) => a - b));
  });

  it('logs norms that are those of the meta-gradient, and whose squares add up to its norm', async () => {
    for (const secondDerivatives of [false, true]) {
      const run = await firstSteps(optimizer, secondDerivatives);
      const { blocks } = run.optimizer;
      const norms = new Map(blocks.map(({ name }, index) => [name, run.steps[0]?.blockNorms[index]]));
      expect(norms.size).toBe(blocks.length);
      for (const [name, { data }] of run.gradient) {
        if (name.endsWith('bias_hh')) continue;
        const norm = norms.get(name.replace('.bias_ih', '.bias')) ?? Number.NaN;
        // m is the gradient times a rounded factor, rounded.
        const allowed = { relative: normOf(data.length).relative + rounded(2).relative };
        expectClose([norm], [Math.hypot(...data)], allowed, name);
      }
      for (const { blockNorms, gradientNorm } of run.steps) {
        expect(gradientNorm).toBeGreaterThan(0);
        const whole = normOf(run.optimizer.phi.length);
        expectClose([Math.hypot(...blockNorms)], [gradientNorm], { relative: 2 * whole.relative }, 'the sum');
      }
      const theta0 = blocks.findIndex(({ name }) => name === 'theta0');
      const [atStart, inside] = run.steps.map(({ blockNorms }) => blockNorms[theta0]);
      if (theta0 >= 0) expect([(atStart ?? 0) > 0, inside]).toEqual([true, 0]);
    }
  });
});

/** The first two meta-steps of an episode, with the meta-gradient of the first as meta-Adam's first average holds it. */
async function firstSteps(
  given: TrainInput['optimizer'],
  secondDerivatives: boolean,
): Promise<{
  steps: MetaStep[];
  optimizer: LearnedOptimizer;
  gradient: ReturnType<LearnedOptimizer['gradientToNamed']>;
}> {
  const trainer = new Trainer(gpu(), smallConfig({ optimizer: given, secondDerivatives }), undefined);
  try {
    await trainer.prepare();
    const first = await trainer.submit(0).read();
    const { m } = await trainer.readState();
    const factor = Math.fround(1 - Math.fround(0.9));
    const gradient = trainer.optimizer.gradientToNamed(m.map((value) => value / factor));
    const second = await trainer.submit(1).read();
    return { steps: [first, second], optimizer: trainer.optimizer, gradient };
  } finally {
    trainer.destroy();
  }
}
