import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GpuContext } from '../src/host/gpu/context.ts';
import { decodeSafeTensors } from '../src/host/io/safetensors.ts';
import { runGradientCase } from '../src/host/meta/gradientCase.ts';
import { openNodeContext } from '../src/node/adapter.ts';

describe('whole unrolls against PyTorch autograd', () => {
  let context: GpuContext;
  beforeAll(async () => {
    context = await openNodeContext();
  });
  afterAll(() => context.destroy());

  for (const name of ['l2l_quadratic_first', 'l2l_mlp_sigmoid_logsign_first']) {
    it(`${name}: losses, theta and every block of the meta-gradient`, async () => {
      const results = await runGradientCase(context, readCase(name), name);
      console.log(results);
      expect(results.length).toBe(2 + 4 + 4 + 2);
      for (const { relativeError } of results) expect(relativeError).toBeLessThan(1e-4);
    });
  }
});

function readCase(name: string) {
  const url = new URL(`./cases/${name}.safetensors`, import.meta.url);
  return decodeSafeTensors(readFileSync(url), name);
}
