import { describe, expect, it } from 'vitest';
import { type Kernel, kernelSource } from '../src/host/gpu/kernel.ts';
import { denseShader } from '../tools/denseShader.ts';
import { gpuForThisFile } from './support/gpu.ts';
import { disagreements, readShader, tokens } from './support/wgsl.ts';

const texts = import.meta.glob<string>('../src/shaders/**/*.wgsl', {
  query: '?raw',
  import: 'default',
  eager: true,
});
/** All shaders by folder/file, as kernels are named. */
const shaders = new Map(
  Object.entries(texts).map(([path, text]) => [
    path.replace('../src/shaders/', '').replace('.wgsl', ''),
    text.replaceAll('\r\n', '\n'),
  ]),
);
const libraries = new Map([...shaders].filter(([name]) => name.startsWith('lib/')));
const own = [...shaders].filter(([name]) => !name.startsWith('lib/'));

/** Every kernel that a file of src/host/ops exports, alone or in records; the LSTM's subgroup kernels once for each number of lanes. */
const modules = import.meta.glob<Record<string, unknown>>('../src/host/ops/*.ts', { eager: true });
const kernels = [
  ...new Set(Object.values(modules).flatMap((module) => Object.values(module).flatMap(kernelsIn))),
];

function kernelsIn(value: unknown): Kernel[] {
  if (typeof value !== 'object' || value === null) return [];
  return isKernel(value) ? [value] : Object.values(value).flatMap(kernelsIn);
}

function isKernel(value: unknown): value is Kernel {
  if (typeof value !== 'object' || value === null) return false;
  return 'name' in value && 'code' in value && 'tensors' in value && 'params' in value;
}

const gpu = gpuForThisFile();

describe('shaders and their wrappers', () => {
  it('there are some of both', () => {
    expect(own.length).toBeGreaterThan(25);
    expect(kernels.length).toBeGreaterThan(25);
  });

  it.each(own)('%s belongs to exactly one kernel of that name, which agrees with it', (name, text) => {
    const owners = kernels.filter(({ code }) => code.replaceAll('\r\n', '\n') === text);
    expect([...new Set(owners.map((kernel) => kernel.name))]).toEqual([name]);
    expect(owners.flatMap(disagreements)).toEqual([]);
  });

  it.each(own)('%s guards its grid: a thread past the end returns, or has nothing to store', (_, text) => {
    const workgroup = /@workgroup_size\(([^)]*)\)/.exec(text)?.[1];
    // 64 unless the grid says otherwise: LANES is one subgroup, which goes through several stages.
    expect(workgroup).toBe(/^\/\/ Grid:.* in workgroups of (\w+)[;,.]/m.exec(text)?.[1] ?? '64');
    const perThread = /@builtin\(global_invocation_id\)/.test(text);
    const returns = /if \([^{]*>=? params\.\w+[^{]*\) \{ return; \}/;
    const storesNothing =
      /let isOurs = [^;]*< params\.\w+[^;]*;\s*let columns = select\(0u, [^;]*, isOurs\);/;
    if (perThread) expect(returns.test(text) || storesNothing.test(text)).toBe(true);
  });

  it.each([...shaders])(
    '%s has the same tokens in the page but for short names, and fewer characters',
    (_, text) => {
      const dense = denseShader(text);
      const [before, after] = [tokens(text), tokens(dense)];
      expect(after.length).toBe(before.length);
      const members = (token = '') => token.replace(/^[a-zA-Z_]\w*/, '');
      const changed = [...after.keys()].filter((i) => after[i] !== before[i]);
      expect(changed.filter((i) => !/^[a-zA-Z]\b/.test(after[i] ?? ''))).toEqual([]);
      expect(changed.filter((i) => members(after[i]) !== members(before[i]))).toEqual([]);
      // In a function (or a struct) a name has one short name, and a short name is of one name.
      const there = new Map<string, string>();
      const back = new Map<string, string>();
      for (const [i, token] of before.entries()) {
        if (token === 'fn' || token === 'struct') for (const names of [there, back]) names.clear();
        const [name = '', short = ''] = [token, after[i] ?? ''].map((one) => /^[a-zA-Z_]\w*/.exec(one)?.[0]);
        expect([there.get(name) ?? short, back.get(short) ?? name]).toEqual([short, name]);
        there.set(name, short);
        back.set(short, name);
      }
      expect(dense.length).toBeLessThan(text.length);
    },
  );

  it('short names: of parameters and variables, one for each, and none that means something else there', () => {
    const outside = 'const r = 1u;\nfn row(n: u32) -> u32 { return n; }\n';
    const dense = denseShader(
      `${outside}fn two(row: vec2u, other: u32) -> u32 { let sum = row.x + other; let row2 = row(r); return sum + row2; }`,
    );
    expect(tokens(dense).slice(tokens(outside).length).join(' ')).toBe(
      'fn two ( row : vec2u , o : u32 ) -> u32 { let s = row.x + o ; let w = row ( r ) ; return s + w ; }',
    );
  });

  it('short names: where no letter is left, a name stays, and none has that of a variable of one letter', () => {
    const names = Array.from({ length: 60 }, (_, i) => `unit${i}`);
    const dense = denseShader(
      `fn f(units: u32) -> u32 { let u = 1u; ${names.map((name) => `let ${name} = u;`).join(' ')} return u; }`,
    );
    const [, units] = /^fn f\((\w+):/.exec(dense) ?? [];
    const declared = [units, ...[...dense.matchAll(/let (\w+)=/g)].map(([, name]) => name)];
    expect(new Set(declared).size).toBe(62);
    expect(dense).toContain('let u=1u;');
    expect(dense).toContain('let unit59=u;');
  });

  it('are valid as the page has them', async () => {
    const { device } = gpu();
    const enabled = kernels.filter(({ enables = [] }) => enables.every((name) => device.features.has(name)));
    expect(enabled.length).toBeGreaterThan(25);
    for (const kernel of enabled) {
      const code = denseShader(kernel.code);
      const libraries = (kernel.libraries ?? []).map(denseShader);
      const all = [...libraries, code].join('\n');
      const open = new Set(all.match(/\b[A-Z][A-Z_]+\b/g));
      for (const [, name = ''] of all.matchAll(/\bconst (\w+)/g)) open.delete(name);
      const constants = Object.fromEntries([...open].map((name) => [name, 4]));
      const { text } = kernelSource({ ...kernel, code, libraries }, constants);
      const module = device.createShaderModule({ label: kernel.name, code: text });
      const { messages } = await module.getCompilationInfo();
      expect(
        messages.map(({ message }) => message),
        kernel.name,
      ).toEqual([]);
    }
  });

  it('tokens that have grown together are seen', () => {
    expect(tokens('a = b - -c; // d')).toEqual(['a', '=', 'b', '-', '-', 'c', ';']);
    expect(tokens('a=b--c;')).not.toEqual(tokens('a = b - -c;'));
    expect(tokens('a<b, c>=d')).toEqual(['a', '<', 'b', ',', 'c', '>=', 'd']);
  });

  it('kernels have names of their own and code from a file', () => {
    const names = [...new Set(kernels.map(({ name }) => name))];
    expect(names.toSorted()).toEqual(own.map(([name]) => name).toSorted());
  });

  it('libraries come from lib/, bind nothing, start no work, and none is unused', () => {
    const used = new Set(kernels.flatMap(({ libraries = [] }) => libraries.map((code) => code.trim())));
    const known = [...libraries.values()].map((text) => text.trim());
    expect([...used].filter((code) => !known.includes(code))).toEqual([]);
    for (const [name, text] of libraries) {
      expect(used.has(text.trim()), `${name} is used`).toBe(true);
      const { bindings, entryPoints } = readShader(text);
      expect([...bindings, ...entryPoints], name).toEqual([]);
      expect(text, name).toMatch(/^\/\/ \S/);
    }
  });
});

describe('what the comparison sees', () => {
  const code = `// Formula: y = x.
// Source: none.
// Shapes: x, y [n].
// Writes: y =
// Grid: x over n.

struct Params { n: u32, scale: f32 }

// @group(0) @binding(9) var<storage, read> comment: array<f32>;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<uniform> w: array<vec4f, WEIGHTS>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {}
`;
  const kernel: Kernel = {
    name: 'test/copy',
    code,
    tensors: { x: 'read', w: 'uniform', y: 'readWrite' },
    params: { n: 'u32', scale: 'f32' },
  };
  const change = (from: string, to: string): Kernel => ({ ...kernel, code: code.replace(from, to) });

  it('agreement', () => expect(disagreements(kernel)).toEqual([]));

  const wrong: [string, Kernel, string][] = [
    ['a missing header', change('// Writes: y =\n', ''), 'headers'],
    ['an empty header', change('// Grid: x over n.', '// Grid:'), 'headers'],
    ['another entry point', change('fn main', 'fn start'), 'entry points'],
    [
      'a second entry point',
      change('fn main', 'fn other() {}\n@compute @workgroup_size(1) fn main'),
      'entry points',
    ],
    ['another access', change('storage, read_write', 'storage, read'), 'group 0'],
    ['another binding number', change('@binding(2)', '@binding(3)'), 'group 0'],
    ['another name', { ...kernel, tensors: { x: 'read', w: 'uniform', z: 'readWrite' } }, 'group 0'],
    ['another order', { ...kernel, tensors: { w: 'uniform', x: 'read', y: 'readWrite' } }, 'group 0'],
    ['a tensor too many', { ...kernel, tensors: { ...kernel.tensors, z: 'read' } }, 'group 0'],
    ['another param type', change('n: u32', 'n: f32'), 'Params'],
    ['params in another order', { ...kernel, params: { scale: 'f32', n: 'u32' } }, 'Params'],
    ['params that are not bound', change('@group(1)', '@group(2)'), 'group 1'],
  ];
  it.each(wrong)('%s', (_, changed, what) => {
    expect(disagreements(changed).join('\n')).toContain(what);
    expect(disagreements(changed)).not.toEqual([]);
  });
});
