import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Paths below the project's root, with forward slashes, of the files in `folder` that `keep` wants. */
function filesIn(folder: string, keep: RegExp): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name.split(sep).join('/')))
    .filter((path) => keep.test(path) && !path.includes('node_modules/'))
    .sort();
}

const text = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Import {
  readonly from: string;
  /** A package's specifier, or the imported file below the root. */
  readonly to: string;
  readonly isFile: boolean;
  /** It imports types only, so nothing of it is left when the program runs. */
  readonly typeOnly: boolean;
}

const STATEMENT = /^(?:import|export)\s+(type\s+)?([\w*$,\s]*?(?:\{[^}]*\})?)\s*from\s+'([^']+)'/gm;
const BARE = /^import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

function importsOf(path: string): Import[] {
  const code = text(path);
  const make = (specifier: string, typeOnly: boolean): Import => {
    const isFile = specifier.startsWith('.');
    const to = isFile ? posix.join(posix.dirname(path), specifier.replace(/\?(?:raw|url)$/, '')) : specifier;
    return { from: path, to, isFile, typeOnly };
  };
  const named = [...code.matchAll(STATEMENT)].map(([, type, names = '', specifier = '']) => {
    const list = /^\{([^}]*)\}$/.exec(names.trim())?.[1]?.split(',') ?? [''];
    const allTypes = list.every((name) => name.trim() === '' || name.trim().startsWith('type '));
    return make(specifier, type !== undefined || (list.join('').trim() !== '' && allTypes));
  });
  return [...named, ...[...code.matchAll(BARE)].map((match) => make(match[1] ?? match[2] ?? '', false))];
}

/**
 * What each part of the source may import; its own files always. `types` are allowed for `import type` alone.
 * Longer paths win, so a file can have rules of its own.
 */
interface Rule {
  readonly values: readonly string[];
  readonly types?: readonly string[];
}
const edge: Rule = { values: ['src/host/index.ts', 'src/node/index.ts', 'src/report'] };
const RULES: Readonly<Record<string, Rule>> = {
  'src/cli': edge,
  'src/page': { values: ['src/host/index.ts', 'src/report'] },
  // Benches check their numbers before they time anything, and measure bare rates with shaders of their own.
  bench: { values: [...edge.values, 'src/reference'] },
  examples: edge,
  // Tools of maintainers, which read what the command line writes.
  tools: { values: [...edge.values, 'src/cli', 'src/page/presets.ts'] },
  'src/report': { values: ['src/host/errors.ts'], types: ['src/host'] },
  // Node keeps which kernels were the fastest.
  'src/node': {
    values: [
      'src/host/errors.ts',
      'src/host/gpu',
      'src/host/data',
      'src/host/ops/lstmTiming.ts',
      'src/host/ops/lstmVariants.ts',
    ],
  },
  'src/reference': { values: [] },
  'src/host/index.ts': { values: ['src/host'] },
  'src/host/errors.ts': { values: [] },
  'src/host/gpu': { values: ['src/host/errors.ts'] },
  'src/host/data': { values: ['src/host/errors.ts'] },
  'src/host/ops': { values: ['src/host/gpu', 'src/shaders', 'src/host/errors.ts'] },
  // The one schema of all settings; names of activations, gates, groupings and teachers, and defaults of networks and of the gated family,
  // are their owners'.
  'src/host/config.ts': {
    values: [
      'src/host/ops',
      'src/host/optimizees/layers/settings.ts',
      'src/host/optimizerConfig.ts',
      'src/host/trainingSettings.ts',
      'src/host/errors.ts',
      'src/host/settingProblem.ts',
      'src/host/settingTypes.ts',
    ],
  },
  'src/host/optimizerConfig.ts': {
    values: [
      'src/host/ops',
      'src/host/optimizers/gated/settings.ts',
      'src/host/optimizers/grouped/settings.ts',
      'src/host/settingTypes.ts',
    ],
  },
  'src/host/settingTypes.ts': { values: [] },
  'src/host/settingProblem.ts': { values: ['src/host/errors.ts'] },
  'src/host/trainingSettings.ts': {
    values: ['src/host/optimizers/teachers.ts', 'src/host/settingTypes.ts'],
  },
  'src/host/optimizees': {
    values: ['src/host/ops', 'src/host/gpu', 'src/host/data', 'src/host/errors.ts'],
    types: ['src/host/config.ts'],
  },
  'src/host/optimizers': {
    values: ['src/host/ops', 'src/host/gpu', 'src/host/data', 'src/host/errors.ts'],
    types: ['src/host/config.ts'],
  },
  // Files turn what the layers above hold into bytes: they know its types and none of its code.
  'src/host/io': {
    values: ['src/host/config.ts', 'src/host/errors.ts'],
    types: ['src/host/optimizers/optimizer.ts', 'src/host/meta', 'src/host/data'],
  },
  'src/host/meta': {
    values: [
      'src/host/optimizers',
      'src/host/optimizees',
      'src/host/ops',
      'src/host/gpu',
      'src/host/data',
      'src/host/io',
      'src/host/config.ts',
      'src/host/errors.ts',
    ],
  },
};

const within = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

function ruleOf(path: string): [string, Rule] | undefined {
  const [key] = Object.keys(RULES)
    .filter((folder) => within(path, folder))
    .sort((a, b) => b.length - a.length);
  const rule = key === undefined ? undefined : RULES[key];
  return key === undefined || rule === undefined ? undefined : [key, rule];
}

const sources = ['src', 'bench', 'examples', 'tools'].flatMap((folder) => filesIn(folder, /\.ts$/));
const imports = sources.flatMap(importsOf);

describe('layers', () => {
  it('finds the imports it judges', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(imports).toContainEqual({
      from: 'src/host/optimizers/create.ts',
      to: 'src/host/config.ts',
      isFile: true,
      typeOnly: true,
    });
    expect(imports).toContainEqual(
      expect.objectContaining({ from: 'src/cli/reporting.ts', to: 'src/report/html.ts', typeOnly: false }),
    );
    expect(imports.filter(({ to, isFile }) => isFile && !existsSync(join(root, to)))).toEqual([]);
  });

  it('imports point down only', () => {
    const wrong: string[] = [];
    for (const { from, to, isFile, typeOnly } of imports) {
      const found = ruleOf(from);
      if (!found) {
        wrong.push(`${from} lies in no layer`);
        continue;
      }
      const [own, rule] = found;
      const allowed = [own, ...rule.values, ...(typeOnly ? (rule.types ?? []) : [])];
      if (isFile && !allowed.some((folder) => within(to, folder))) {
        wrong.push(`${from} imports ${typeOnly ? 'types of ' : ''}${to}`);
      }
    }
    expect([...new Set(wrong)]).toEqual([]);
  });

  it('the host knows nothing of Node, and only the ops know shaders', () => {
    const node = new Set(builtinModules);
    const wrong = imports.filter(({ from, to, isFile }) => {
      const isNode = !isFile && (to.startsWith('node:') || node.has(to));
      if (to.endsWith('.wgsl')) {
        return !(within(from, 'src/host/ops') || (within(from, 'bench') && within(to, 'bench')));
      }
      return isNode && ['src/host', 'src/reference', 'src/report'].some((folder) => within(from, folder));
    });
    expect(wrong).toEqual([]);
  });

  it('every shader belongs to an op', () => {
    const used = new Set(imports.map(({ to }) => to));
    const shaders = filesIn('src/shaders', /\.wgsl$/);
    expect(shaders.length).toBeGreaterThan(20);
    expect(shaders.filter((path) => !used.has(path))).toEqual([]);
    expect(filesIn('src', /\.wgsl$/)).toEqual(shaders);
  });

  it('files are short enough to read', () => {
    const long = filesIn('src', /\.ts$/).filter((path) => text(path).split('\n').length > 450);
    expect(long).toEqual([]);
  });
});

describe('packages', () => {
  const manifest = JSON.parse(text('package.json')) as Record<string, Record<string, string>>;
  const names = (field: string): string[] => Object.keys(manifest[field] ?? {});
  const packageOf = (specifier: string): string =>
    specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
  const usedBy = (paths: readonly string[]): Set<string> =>
    new Set(
      paths
        .flatMap(importsOf)
        .filter(({ isFile, to }) => !isFile && !to.startsWith('node:'))
        .map(({ to }) => packageOf(to)),
    );
  const isPage = (path: string) => within(path, 'src/page');
  const shipped = usedBy(filesIn('src', /\.ts$/).filter((path) => !isPage(path)));
  /** The page is built into files that need no package. */
  const builtIn = usedBy(filesIn('src/page', /\.ts$/));

  it('every dependency is imported by the source, and every import is a dependency', () => {
    expect([...shipped].sort()).toEqual(names('dependencies').sort());
    const known = [...names('dependencies'), ...names('devDependencies')];
    expect([...builtIn].filter((name) => !known.includes(name))).toEqual([]);
  });

  it('every development dependency is used', () => {
    const others = ['tests', 'bench', 'examples', 'tools'].flatMap((folder) => filesIn(folder, /\.ts$/));
    const configs = readdirSync(root).filter((name) => name.endsWith('.config.ts'));
    const imported = usedBy([...others, ...configs]);
    const scripts = Object.values(manifest['scripts'] ?? {}).join('\n');
    const tsconfig = text('tsconfig.json');
    const literals = filesIn('src/node', /\.ts$/).map(text).join('\n');
    // Programs are called by npm scripts under names of their own.
    const programs: Readonly<Record<string, string>> = { typescript: 'tsc', '@biomejs/biome': 'biome' };
    const unused = names('devDependencies').filter((name) => {
      const typed = /^@types\/(.+)$/.exec(name)?.[1];
      return !(
        imported.has(name) ||
        builtIn.has(name) ||
        (typed !== undefined && (typed === 'node' || shipped.has(typed))) ||
        tsconfig.includes(`"${name}"`) ||
        literals.includes(`'${name}'`) ||
        new RegExp(`\\b${programs[name] ?? `${name} `}\\b`).test(scripts)
      );
    });
    expect(unused).toEqual([]);
  });
});

describe('documents', () => {
  const documents = [
    ...readdirSync(root).filter((name) => name.endsWith('.md')),
    ...filesIn('docs', /\.md$/),
  ].sort();
  const prose = (path: string): string => text(path).replace(/^```[\s\S]*?^```/gm, '');
  /** Headings as the anchors that GitHub makes of them. */
  const anchors = (path: string): string[] =>
    [...prose(path).matchAll(/^#+\s+(.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    );

  it('are there', () => {
    expect(documents).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md']));
  });

  it('relative links lead somewhere', () => {
    const broken: string[] = [];
    let links = 0;
    for (const path of documents) {
      const found = [
        ...prose(path).matchAll(/\]\(([^)\s]+)\)/g),
        ...prose(path).matchAll(/(?:src|srcset|href)="([^"\s]+)"/g),
      ];
      for (const [, target = ''] of found) {
        if (/^[a-z]+:/.test(target)) continue;
        links++;
        const [file = '', anchor] = target.split('#');
        const to = file === '' ? path : relative(root, join(root, dirname(path), file));
        const exists = existsSync(join(root, to));
        if (!exists || (anchor !== undefined && !anchors(to).includes(anchor))) {
          broken.push(`${path}: ${target}`);
        }
      }
    }
    expect(links).toBeGreaterThan(10);
    expect(broken).toEqual([]);
  });

  it('files they name exist', () => {
    const missing = documents.flatMap((path) =>
      [...prose(path).matchAll(/`((?:src|tests|tools|bench|docs|bin)\/[\w./-]+\.\w+)`/g)]
        .map(([, name = '']) => name)
        .filter((name) => !existsSync(join(root, name)))
        .map((name) => `${path}: ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it('commands they show exist, with the options they are shown with', () => {
    const scripts = Object.keys(
      (JSON.parse(text('package.json')) as { scripts: Record<string, string> }).scripts,
    );
    const cli = filesIn('src/cli', /\.ts$/).map(text).join('\n');
    const commands = [...cli.matchAll(/\.command\(\s*'(\w+)/g)].map(([, name = '']) => name);
    expect(commands).toContain('train');
    const unknown: string[] = [];
    let seen = 0;
    for (const path of documents) {
      const blocks = text(path).matchAll(/^```[\s\S]*?^```|^ {4}.+|`[^`\n]+`/gm);
      const code = [...blocks].map(([part]) => part.trim()).join('\n');
      for (const [, script = ''] of code.matchAll(/\bnpm (?:run (?:--silent )?)?([a-z:]+)\b/g)) {
        if (['ci', 'install', 'i', 'pack'].includes(script)) continue;
        seen++;
        if (!scripts.includes(script)) unknown.push(`${path}: npm run ${script}`);
      }
      for (const [line, command = ''] of code.matchAll(
        /(?:npx coordwise|^coordwise|node bin\/coordwise\.js) (\w+)[^`\n]*/gm,
      )) {
        seen++;
        if (!commands.includes(command)) unknown.push(`${path}: coordwise ${command}`);
        for (const [, option = ''] of line.matchAll(/ --([a-z][a-z-]*)/g)) {
          const name = option.replace(/^no-/, '');
          const defined = new RegExp(`\\b${name}'?(?:: | = )\\{`).test(cli);
          if (!defined && name !== 'help') unknown.push(`${path}: coordwise ${command} --${option}`);
        }
      }
    }
    expect(seen).toBeGreaterThan(5);
    expect(unknown).toEqual([]);
  });
});
