import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, type TestContext, vi } from 'vitest';
import type { GpuContext } from '../src/host/gpu/context.ts';
import { fastestLstm } from '../src/host/ops/lstmTiming.ts';
import { chooseLstmVariant, lstmCandidates, lstmVariant } from '../src/host/ops/lstmVariants.ts';
import { openNodeContext } from '../src/node/adapter.ts';
import { chooseKernels } from '../src/node/kernelChoice.ts';

let folder = '';
let context: GpuContext;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'coordwise-kernels-'));
  vi.stubEnv('COORDWISE_LSTM', 'auto');
  context = await openNodeContext();
});
afterEach(() => {
  context.destroy();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** The test is reported as skipped where there is nothing to choose. */
function requireChoice({ skip }: TestContext): void {
  if (lstmCandidates(context).length < 2) skip(`${context.adapter.description} runs one variant only`);
}

describe('the choice of the LSTM kernels', () => {
  it('is timed once, kept, and the same for every later process', async (test) => {
    requireChoice(test);
    const onTiming = vi.fn();
    const usual = lstmVariant(context);
    const first = await chooseKernels(context, { folder, onTiming });
    expect(onTiming).toHaveBeenCalledOnce();
    expect(first.timings.map(({ variant }) => variant)).toEqual(lstmCandidates(context));
    for (const { ms } of first.timings) expect(ms).toBeGreaterThan(0);
    expect(first.variant).toBe(fastestLstm(first.timings, usual));
    expect(lstmVariant(context)).toBe(first.variant);
    expect(await chooseKernels(context, { folder, onTiming })).toEqual(first);
    expect(onTiming).toHaveBeenCalledOnce();

    // What is kept counts, whatever would be faster now.
    const path = join(folder, 'kernels.json');
    const other = lstmCandidates(context).find((variant) => variant !== first.variant) ?? 'plain';
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(`"variant": "${first.variant}"`, `"variant": "${other}"`),
    );
    expect((await chooseKernels(context, { folder, onTiming })).variant).toBe(other);
    expect(lstmVariant(context)).toBe(other);
    expect(onTiming).toHaveBeenCalledOnce();
  });

  it('a file that is no such file is made anew; a folder that cannot be written leaves the default', async (test) => {
    requireChoice(test);
    const usual = lstmVariant(context);
    const path = join(folder, 'kernels.json');
    writeFileSync(path, '{"a": 1}');
    expect((await chooseKernels(context, { folder })).timings).toHaveLength(2);
    const { variant, reason } = await chooseKernels(context, { folder: join(path, 'below') });
    expect(variant).toBe(usual);
    expect(reason).toContain('by the kind of adapter: cannot write');
  });

  it('COORDWISE_LSTM decides, a run that goes on has its own kernels, and neither is timed', async () => {
    const onTiming = vi.fn();
    const usual = lstmVariant(context);
    vi.stubEnv('COORDWISE_LSTM', 'default');
    expect(await chooseKernels(context, { folder, onTiming })).toMatchObject({ variant: usual, timings: [] });
    vi.stubEnv('COORDWISE_LSTM', 'plain');
    expect((await chooseKernels(context, { folder, onTiming })).reason).toBe('COORDWISE_LSTM=plain');
    expect(lstmVariant(context)).toBe('plain');
    const runs = lstmCandidates(context).includes('subgroups');
    const resumed = await chooseKernels(context, { folder, onTiming, variant: 'subgroups' });
    expect(resumed.variant).toBe(runs ? 'subgroups' : 'plain');
    expect(onTiming).not.toHaveBeenCalled();
  });

  it('mistakes are named', async () => {
    vi.stubEnv('COORDWISE_LSTM', 'fast');
    await expect(chooseKernels(context, { folder })).rejects.toThrow(
      'COORDWISE_LSTM is "fast", which is no choice of kernels',
    );
    const without = await openNodeContext(undefined, { subgroups: false });
    expect(() => chooseLstmVariant(without, 'subgroups')).toThrow(
      'does not run the LSTM kernels "subgroups"',
    );
    expect((await chooseKernels(without, { folder, variant: 'plain' })).reason).toBe("the run's own");
    without.destroy();
  });

  it('another variant than the usual must be clearly faster', () => {
    const timings = (plain: number, subgroups: number) =>
      [
        { variant: 'plain', ms: plain },
        { variant: 'subgroups', ms: subgroups },
      ] as const;
    expect(fastestLstm(timings(10, 8.1), 'plain')).toBe('plain');
    expect(fastestLstm(timings(10, 7.9), 'plain')).toBe('subgroups');
    expect(fastestLstm(timings(8.1, 10), 'subgroups')).toBe('subgroups');
    expect(fastestLstm(timings(7.9, 10), 'subgroups')).toBe('plain');
  });
});
