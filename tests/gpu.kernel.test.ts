import { describe, expect, it } from 'vitest';
import { CoordwiseError } from '../src/host/errors.ts';
import { ShaderCompileError } from '../src/host/gpu/errors.ts';
import type { Kernel } from '../src/host/gpu/kernel.ts';
import { doubleKernel, thrownBy } from './support/doubleKernel.ts';
import { gpuForThisFile } from './support/gpu.ts';

const gpu = gpuForThisFile();

describe('a shader that does not compile', () => {
  const broken = (replacement: string): Kernel => ({
    ...doubleKernel,
    name: 'test/broken',
    code: doubleKernel.code.replace('params.factor * x[id.x]', replacement),
  });
  const build = (kernel: Kernel, constants = {}) => thrownBy(() => gpu().compile(kernel, constants));

  it('names kernel, line, column and the line itself', async () => {
    const error = await build(broken('params.factor * nothing[id.x]'));
    expect(error).toBeInstanceOf(ShaderCompileError);
    expect(String(error)).toMatch(/kernel test\/broken does not compile: line 8, column 29: .*nothing/);
    expect(String(error)).toContain('`y[id.x] = params.factor * nothing[id.x];`');
  });

  it('counts lines in its own file, behind constants and libraries', async () => {
    const kernel = { ...broken('missing(x[id.x])'), libraries: ['fn a() -> f32 { return 1.0; }\n\n// end'] };
    const error = await build(kernel, { SIZE: 3, OTHER: 4 });
    expect(String(error)).toMatch(/test\/broken does not compile: line 8, column 13: /);
    expect(String(error)).toContain('`y[id.x] = missing(x[id.x]);`');
  });

  it('says so when the mistake is in a library', async () => {
    const error = await build({
      ...doubleKernel,
      name: 'test/library',
      libraries: ['fn a() -> f32 { return 1u; }'],
    });
    expect(error).toBeInstanceOf(ShaderCompileError);
    expect(String(error)).toContain('line 1 of its constants and libraries');
    expect(String(error)).toContain('`fn a() -> f32 { return 1u; }`');
  });

  it('compiles side by side with good ones, and only the bad one fails', async () => {
    const [good, bad] = await Promise.allSettled([
      gpu().compile({ ...doubleKernel, name: 'test/good' }, {}),
      gpu().compile({ ...broken('1u'), name: 'test/bad' }, {}),
    ]);
    expect(good.status).toBe('fulfilled');
    expect(bad).toMatchObject({ status: 'rejected', reason: expect.any(ShaderCompileError) });
  });

  it('whose bindings differ from its wrapper is refused with its name', async () => {
    const error = await build({ ...doubleKernel, name: 'test/access', tensors: { x: 'read', y: 'read' } });
    expect(error).toBeInstanceOf(CoordwiseError);
    expect(String(error)).toContain('test/access');
  });
});
