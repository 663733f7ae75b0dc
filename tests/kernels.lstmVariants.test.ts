import { describe, expect, it } from 'vitest';
import type { GpuContext } from '../src/host/gpu/context.ts';
import type { Kernel } from '../src/host/gpu/kernel.ts';
import { Tensor, TensorPool } from '../src/host/gpu/tensor.ts';
import { TEXEL_ROW } from '../src/host/gpu/texels.ts';
import {
  conv2dBackwardWeightsSubgroupsKernel,
  conv2dSubgroupKernels,
} from '../src/host/ops/conv2dSubgroups.ts';
import { denseSubgroupKernels } from '../src/host/ops/denseSubgroups.ts';
import {
  backwardDispatches,
  chunksOfSteps,
  chunksOfSums,
  inputsWorkgroups,
  lstmSubgroupKernels,
  mostCoordinates,
  SUBGROUP_LANES,
  storesGates,
  unitWalk,
} from '../src/host/ops/lstmSubgroups.ts';
import { type LstmChoice, lstmLanes, lstmVariant, planLayerTexels } from '../src/host/ops/lstmVariants.ts';
import { denseLayer } from '../src/host/optimizees/layers/dense.ts';
import { vectorShape } from '../src/host/optimizees/layers/layer.ts';
import { gpuForThisFile, runKernels } from './support/gpu.ts';
import { lstmDevices } from './support/lstmDevices.ts';

const gpu = gpuForThisFile();
const gpuWithout = gpuForThisFile({ subgroups: false });

function choice(kind: 'gpu' | 'software', subgroupLanes: number, storageTextureReads = true): LstmChoice {
  const sizes = { subgroupMinSize: subgroupLanes, subgroupMaxSize: subgroupLanes };
  return {
    adapter: { description: '', vendor: '', architecture: '', kind, ...sizes, storageTextureReads },
    subgroupLanes,
    chosen: () => undefined,
  };
}

describe('the choice between the LSTM kernels', () => {
  it('subgroup kernels on software adapters with subgroups of 4 or 8, plain ones elsewhere', () => {
    for (const lanes of SUBGROUP_LANES) {
      expect(lstmVariant(choice('software', lanes))).toBe('subgroups');
      expect(lstmLanes(choice('software', lanes))).toBe(lanes);
    }
    expect([0, 2, 16].map((lanes) => lstmVariant(choice('software', lanes)))).toEqual(Array(3).fill('plain'));
    expect(lstmLanes(choice('gpu', 8))).toBeUndefined();
    expect(lstmVariant(choice('gpu', 8))).toBe('plain');
    expect(lstmVariant(choice('software', 8, false))).toBe('plain');
  });

  it('the context knows the size of its subgroups, and can be told not to use them', () => {
    const { adapter, device, subgroupLanes } = gpu();
    const fixed = device.features.has('subgroups') && adapter.subgroupMinSize === adapter.subgroupMaxSize;
    expect(subgroupLanes).toBe(fixed ? adapter.subgroupMinSize : 0);
    expect(gpuWithout().subgroupLanes).toBe(0);
    expect(lstmVariant(gpuWithout())).toBe('plain');
  });
});

const deviceOf = lstmDevices();

describe('what layers read as texels', () => {
  it('a tensor a texture has room for, where the LSTM takes subgroup kernels', () => {
    const context = gpu();
    const room = 4 * TEXEL_ROW * context.device.limits.maxTextureDimension2D;
    const planned = (of: GpuContext, length: number) => {
      const pool = new TensorPool(of);
      const tensor = pool.tensor('x', [length]);
      planLayerTexels(pool, tensor);
      return tensor.texels !== undefined;
    };
    const subgroups = lstmVariant(context) === 'subgroups';
    expect([planned(context, 64), planned(context, room)]).toEqual([subgroups, subgroups]);
    expect([planned(context, room + 4), planned(gpuWithout(), 64)]).toEqual([false, false]);
  });

  it('a dense layer reads an x of many inputs so, and where dx is wanted a dy of many outputs', () => {
    const subgroups = lstmVariant(gpu()) === 'subgroups';
    const planned = (inputs: number, outputs: number, wantsInputAdjoint: boolean) => {
      const pool = new TensorPool(gpu());
      const [x, dy] = [pool.tensor('x', [inputs, 4]), pool.tensor('dy', [outputs, 4])];
      denseLayer(vectorShape(inputs), outputs, { kind: 'pytorch' }).planReads?.(
        pool,
        { x, dy },
        wantsInputAdjoint,
      );
      return [x.texels !== undefined, dy.texels !== undefined];
    };
    expect(planned(64, 31, true)).toEqual([subgroups, false]);
    expect(planned(63, 32, true)).toEqual([false, subgroups]);
    expect(planned(63, 32, false)).toEqual([false, false]);
  });
});

describe.each(SUBGROUP_LANES)('subgroup kernels of %i lanes', (lanes) => {
  it('invocation i of a workgroup is lane i % lanes, which they rely on', async (test) => {
    const code = `
@group(0) @binding(0) var<storage, read_write> lanes: array<vec2u>;
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) i: u32, @builtin(subgroup_invocation_id) lane: u32) {
  lanes[i] = vec2u(lane, subgroupBroadcastFirst(i));
}`;
    const kernel: Kernel = {
      ...{ name: 'test/lanes', code, enables: ['subgroups'] },
      ...{ tensors: { lanes: 'readWrite' }, params: {} },
    };
    const read = await runKernels(
      deviceOf(`${lanes} lanes`, test),
      { lanes: new Uint32Array(128) },
      (program, tensors) => program.run(kernel, { tensors, workgroups: [1] }),
    );
    const expected = Array.from({ length: 64 }, (_, i) => [i % lanes, i - (i % lanes)]).flat();
    expect(Array.from(read.lanes)).toEqual(expected);
  });

  const walk = unitWalk({ inputs: 1, hidden: 3, mp4: 2 }, lanes);
  const backward = { mp4: 2, length: 2, chunks: 2, stride: 16, rows: 4, readoutRow: 3 * 5, units: 3 };
  const inputs = { mp4: 2, size: 5, firstUnit: 0, units: 3, first: 1, rows: 3, accumulate: 0 };
  const weights = { mp4: 2, chunks: 5, stride: 15, length: 1, accumulate: 0, inputs: 1, hidden: 3 };
  const groups = { X_GROUPS: 1, H_GROUPS: 1 };
  const WEIGHTS = { WEIGHTS: 900 };
  const kernels = lstmSubgroupKernels[lanes];
  const dense = { inputs: 2, outputs: 3, rows4: 1, stride: 9, offset: 0 };
  const geometry = {
    ...{ inChannels: 2, inHeight: 4, inWidth: 3, outChannels: 3, outHeight: 4, outWidth: 3 },
    ...{ kernel: 3, stride: 1, padTop: 1, padLeft: 1, rows4: 1 },
  };
  const ofConv = { ...geometry, taskStride: 57, offset: 0 };
  const conv = conv2dSubgroupKernels[lanes];
  const convWeights = {
    kernel: conv2dBackwardWeightsSubgroupsKernel,
    params: { ...geometry, inputs: 18, chunkHeight: 4, targetStride: 57, targetOffset: 0 },
    constants: {},
    ...{ written: { target_: 57 }, grid: [1, 1] as const },
  };
  const cases = [
    { kernel: kernels.forward, ...walk, written: { h: 24, c: 24 } },
    {
      kernel: kernels.backward,
      params: { ...backward, firstChunk: 0, accumulate: 0, first: 0, addToX: 0, scale: 1 },
      constants: { INPUTS: 1, HIDDEN: 3, READOUT: 1, LENGTH: 2 },
      written: {
        ...(storesGates(lanes) && { dGates: 96 }),
        dc: 24,
        dh: 24,
        dx: 8,
        partials: 4 * (3 * 5 + 1) * 2,
      },
    },
    {
      kernel: kernels.backwardInputs,
      params: inputs,
      constants: WEIGHTS,
      written: { dInput: 24 },
    },
    {
      kernel: kernels.backwardWeights,
      ...{ params: weights, constants: groups, written: { partials: 4 * 3 * 5 * 5 } },
    },
    { kernel: denseSubgroupKernels[lanes].forward, params: dense, written: { y: 12 } },
    { kernel: denseSubgroupKernels[lanes].backwardInput, params: dense, written: { dx: 8 } },
    { kernel: denseSubgroupKernels[lanes].backwardWeights, params: dense, written: { gradient: 9 } },
    { kernel: conv.forward, params: ofConv, written: { y: 3 * 12 * 4 }, grid: [5, 1] as const },
    { kernel: conv.backwardInput, params: ofConv, written: { dx: 2 * 12 * 4 }, grid: [5, 1] as const },
    ...(lanes === 8 ? [convWeights] : []),
  ];

  it.for(cases)('$kernel.name: threads past the end of the work write nothing', async (item, test) => {
    const { kernel, params = {}, constants = {}, written, grid = [1, 2] } = item;
    const names = Object.keys(kernel.tensors);
    const data = Object.fromEntries(
      names.map((name, i) => [name, new Float32Array(4096).fill(0.37 + i / 9)]),
    );
    const read = await runKernels(deviceOf(`${lanes} lanes`, test), data, (program, tensors) =>
      program.run(kernel, { tensors, params, constants, workgroups: [3, ...grid] }),
    );
    for (const [name, count] of Object.entries(written)) {
      const before = data[name]?.[0];
      const last = read[name]?.findLastIndex((value) => value !== before);
      expect(last, `the last element of ${name} that changed`).toBe(count - 1);
    }
  });
});

describe('the work of the subgroup kernels', () => {
  it('walks of up to 128 vec4f, an even number, shorter ones where there would be fewer than 4 workgroups', () => {
    const layer = { inputs: 2, hidden: 20 };
    expect(unitWalk({ ...layer, mp4: 2 }, 8)).toMatchObject({ params: { length: 2 }, workgroups: [1] });
    expect(unitWalk({ ...layer, mp4: 34 }, 8)).toMatchObject({ params: { length: 6 }, workgroups: [4] });
    expect(unitWalk({ ...layer, mp4: 3978 }, 8)).toMatchObject({ params: { length: 126 }, workgroups: [20] });
    expect(unitWalk({ ...layer, mp4: 34 }, 4)).toMatchObject({ params: { length: 4 }, workgroups: [3] });
    expect(inputsWorkgroups(65, 21)).toEqual([2, 2]);
    expect([2, 34, 320, 3978].map((mp4) => chunksOfSums(mp4))).toEqual([1, 1, 8, 32]);
  });

  it('a step back is taken in chunks whose gates fit a workgroup, in turns where there are more of them than sums', () => {
    expect([1, 7, 20, 24].map((hidden) => mostCoordinates(hidden, 32_768))).toEqual([128, 72, 24, 20]);
    expect([20, 24].map((hidden) => mostCoordinates(hidden, 16_384))).toEqual([12, 10]);
    expect([2, 24, 26, 3978, 8000].map((mp4) => chunksOfSteps(mp4, 24))).toEqual([1, 1, 2, 166, 256]);
    const tensor = new Tensor('any', [4], 'f32');
    const tensors = {
      weights: tensor,
      x: tensor,
      hPrev: tensor,
      cPrev: tensor,
      dh: tensor,
      dc: tensor,
      dGates: tensor,
    };
    const numbers = { chunks: 256, stride: 9, accumulate: false, x: 'none', hPrev: true } as const;
    const all = { ...tensors, partials: tensor, dx: tensor };
    const turns = backwardDispatches(all, { inputs: 2, hidden: 20, mp4: 8000 }, numbers, 24);
    expect(turns.map(({ workgroups }) => workgroups)).toEqual([[256], [78]]);
    expect(
      turns.map(({ params }) => [params?.['firstChunk'], params?.['accumulate'], params?.['length']]),
    ).toEqual([
      [0, 0, 24],
      [256, 1, 24],
    ]);
  });
});
