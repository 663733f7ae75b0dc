import type { Access, Kernel } from '../../src/host/gpu/kernel.ts';

/** What the host must know of a .wgsl file, read from its text. */
export interface ShaderFacts {
  /** Labels of the comment lines the file begins with, in order: `Formula`, `Source`, ... */
  readonly headers: readonly string[];
  readonly entryPoints: readonly string[];
  readonly bindings: readonly {
    readonly group: number;
    readonly binding: number;
    readonly space: string;
    readonly name: string;
    readonly type: string;
  }[];
  /** Fields of `struct Params`: `name: type`. */
  readonly params: readonly string[];
}

export const HEADERS = ['Formula', 'Source', 'Shapes', 'Writes', 'Grid'] as const;

const SPACES: Record<Access, string> = {
  read: 'storage, read',
  readWrite: 'storage, read_write',
  uniform: 'uniform',
  texels: 'texture_storage_2d<rgba32float, read>',
};

/** Reads the facts by regular expressions; comments do not count as code. */
export function readShader(text: string): ShaderFacts {
  const lines = text.split('\n');
  const firstOther = lines.findIndex((line) => !line.startsWith('//'));
  const header = lines.slice(0, firstOther < 0 ? lines.length : firstOther);
  const labels = header.flatMap((line) => /^\/\/ ([A-Z][a-z]+): \S/.exec(line)?.[1] ?? []);
  const code = text.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/\/\/.*$/gm, '');
  const entries = [...code.matchAll(/@compute[^{;]*?\bfn\s+(\w+)/g)];
  const variables = code.matchAll(
    /@group\((\d+)\)\s*@binding\((\d+)\)\s*var\s*(?:<([^>]*)>)?\s*(\w+)\s*:\s*([^;]+);/g,
  );
  const struct = /\bstruct\s+Params\s*\{([^}]*)\}/.exec(code)?.[1] ?? '';
  return {
    headers: labels.filter((label, i) => label !== labels[i - 1]),
    entryPoints: entries.map(([, name = '']) => name),
    bindings: [...variables].map(([, group, binding, given, name = '', type = '']) => ({
      group: Number(group),
      binding: Number(binding),
      // A texture has no address space: its type says how it is used.
      space: (given ?? type).replace(/\s*,\s*/, ', ').trim(),
      name,
      type: type.trim(),
    })),
    params: struct
      .split(',')
      .map((field) => field.replace(/\s+/g, ' ').trim())
      .filter((field) => field !== ''),
  };
}

/** Every way in which a kernel's wrapper and its shader differ, a sentence each. */
export function disagreements(kernel: Kernel): string[] {
  const facts = readShader(kernel.code);
  const found: string[] = [];
  const same = (what: string, shader: readonly string[], wrapper: readonly string[]) => {
    if (shader.join('; ') === wrapper.join('; ')) return;
    found.push(`${what}: the shader has [${shader.join('; ')}], the wrapper [${wrapper.join('; ')}]`);
  };
  same('headers', facts.headers, HEADERS);
  same('entry points', facts.entryPoints, ['main']);
  const describe = (binding: number, space: string, name: string) => `${binding} ${name}: ${space}`;
  const ofGroup = (group: number) => facts.bindings.filter((binding) => binding.group === group);
  same(
    'group 0',
    ofGroup(0).map(({ binding, space, name }) => describe(binding, space, name)),
    Object.entries(kernel.tensors).map(([name, access], index) => describe(index, SPACES[access], name)),
  );
  const fields = Object.entries(kernel.params).map(([name, type]) => `${name}: ${type}`);
  same('Params', facts.params, fields);
  same(
    'group 1',
    ofGroup(1).map(({ binding, space, name, type }) => `${describe(binding, space, name)} ${type}`),
    fields.length > 0 ? ['0 params: uniform Params'] : [],
  );
  const others = facts.bindings.filter(({ group }) => group > 1);
  same(
    'further groups',
    others.map(({ name }) => name),
    [],
  );
  return found;
}

/** The tokens of a shader, comments and blanks left out; of operators always the longest. */
export function tokens(text: string): string[] {
  const code = text.replace(/\/\/.*$/gm, '');
  const operators = /<<=|>>=|&&|\|\||<<|>>|[-+*/%&|^!=<>]=|--|\+\+|->|[^\s\w]/;
  return code.match(new RegExp(`[\\w.]*\\w[\\w.]*|${operators.source}`, 'g')) ?? [];
}
