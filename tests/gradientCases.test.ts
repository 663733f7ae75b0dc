import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError, FileFormatError } from '../src/host/errors.ts';
import { decodeSafeTensors, type SafeTensor, type SafeTensorsFile } from '../src/host/io/safetensors.ts';
import { runGradientCase } from '../src/host/meta/gradientCase.ts';
import { gpuForThisFile } from './support/gpu.ts';

const gpu = gpuForThisFile();
const folder = new URL('./cases/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));

function readCase(name: string): SafeTensorsFile {
  return decodeSafeTensors(readFileSync(new URL(name, folder)), name);
}

describe('whole unrolls against PyTorch autograd', () => {
  it('are there for every family, first and second order', () => {
    const kinds = names.map((name) => {
      const { metadata } = readCase(name);
      return `${metadata['optimizer']} ${metadata['second_derivatives']}`;
    });
    for (const optimizer of ['l2l', 'rnnprop', 'meta-lstm', 'momentum-lstm']) {
      expect(kinds).toContain(`${optimizer} true`);
      expect(kinds).toContain(`${optimizer} false`);
    }
  });

  it.each(names)('%s: losses, theta and every block of the meta-gradient', async (name) => {
    const file = readCase(name);
    const results = await runGradientCase(gpu(), file, name);
    const expected = [...file.tensors.keys()].filter((tensor) => tensor.startsWith('expect.'));
    expect(results.map((result) => `expect.${result.name}`).sort()).toEqual(expected.sort());
    for (const { name: tensor, relativeError } of results) {
      expect(relativeError, tensor).toBeLessThan(1e-4);
    }
  });
});

describe('a case that does not hold or cannot be run', () => {
  const name = 'metalstm_direct_second.safetensors';

  /** The case with some settings replaced and its tensors changed. */
  function changed(
    metadata: Record<string, string>,
    tensors: (all: Map<string, SafeTensor>) => void = () => {},
  ): SafeTensorsFile {
    const file = readCase(name);
    const all = new Map(file.tensors);
    tensors(all);
    return { ...file, metadata: { ...file.metadata, ...metadata }, tensors: all };
  }
  const run = (file: SafeTensorsFile) => runGradientCase(gpu(), file, name);

  it('first order does not reproduce the second-order case', async () => {
    const results = await run(changed({ second_derivatives: 'false' }));
    const worst = Math.max(...results.map(({ relativeError }) => relativeError));
    expect(worst).toBeGreaterThan(1e-2);
  });

  it('a value that is 1 % wrong is seen, also in the block with the smallest gradient', async () => {
    const block = 'expect.grad.forget_gate.bias';
    const file = changed({}, (tensors) => {
      const tensor = tensors.get(block);
      if (tensor)
        tensors.set(block, { ...tensor, data: Float32Array.from(tensor.data, Number).map((x) => 1.01 * x) });
    });
    const results = await run(file);
    const wrong = results.filter(({ relativeError }) => relativeError > 1e-3);
    expect(wrong.map((result) => `expect.${result.name}`)).toEqual([block]);
  });

  it.each([
    ['optimizer', 'vsgd'],
    ['controller', 'gru'],
    ['gate_feedback', 'none'],
    ['preprocess', 'squash'],
    ['activation', 'gelu'],
    ['meta_loss', 'max'],
    ['problem', 'sudoku'],
    ['format', 'coordwise-gradient-case-2'],
  ])('%s %s is refused by name', async (setting, value) => {
    const promise = run(changed({ [setting]: value }));
    await expect(promise).rejects.toThrow(ConfigError);
    await expect(promise).rejects.toThrow(`asks for ${setting} "${value}", which is not built`);
  });

  it('an expected tensor that is not computed is refused, a missing one too', async () => {
    const extra = changed({}, (tensors) => {
      const tensor = tensors.get('expect.theta');
      if (tensor) tensors.set('expect.hidden', tensor);
    });
    await expect(run(extra)).rejects.toThrow('holds expect.hidden, which is not computed');
    const less = changed({}, (tensors) => tensors.delete('expect.grad.input_gate.bias'));
    await expect(run(less)).rejects.toThrow(/expect\.grad\.input_gate\.bias/);
  });

  it('weights of other settings and a theta_0 of another size are refused', async () => {
    await expect(run(changed({ controller: 'lstm', hidden: '4' }))).rejects.toThrow(FileFormatError);
    const file = changed({}, (tensors) => {
      const tensor = tensors.get('theta0');
      if (tensor) tensors.set('theta0', { ...tensor, shape: [3], data: new Float32Array(3) });
    });
    await expect(run(file)).rejects.toThrow(/theta0 has 3 values/);
  });
});
