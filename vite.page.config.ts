import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';
import type { ImageSet } from './src/host/data/images.ts';
import { encodeImageSplits } from './src/host/io/imageSplits.ts';
import { loadMnist } from './src/node/datasets.ts';
import { denseShader } from './tools/denseShader.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const shipped = JSON.parse(readFileSync('pretrained/index.json', 'utf8')) as { default: string };

const DIGITS = '.cache/page/digits.bin';

/** Images `from` to `to` of a set. */
function part(set: ImageSet, from: number, to: number): ImageSet {
  const size = set.height * set.width;
  const [pixels, labels] = [set.pixels.slice(from * size, to * size), set.labels.slice(from, to)];
  return { ...set, count: to - from, pixels, labels };
}

/**
 * The digits that the page loads: MNIST averaged to 14x14, the first 6,000 training images, the first 1,000 of the 5,000
 * that are held out for validation, and the first 2,000 test images. Written once, beside and then renamed.
 */
async function writeDigits(): Promise<void> {
  if (existsSync(DIGITS)) return;
  const { train, test } = await loadMnist(14);
  const heldOut = train.count - 5000;
  const bytes = encodeImageSplits({
    train: part(train, 0, 6000),
    validation: part(train, heldOut, heldOut + 1000),
    test: part(test, 0, 2000),
  });
  mkdirSync('.cache/page', { recursive: true });
  const beside = `${DIGITS}.${process.pid}`;
  writeFileSync(beside, bytes);
  renameSync(beside, DIGITS);
}

const digits: Plugin = { name: 'digits', config: writeDigits };

/** What the built page may load: its own files, and pictures that it draws itself. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const contentSecurityPolicy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      attrs: { 'http-equiv': 'Content-Security-Policy', content: POLICY },
      injectTo: 'head-prepend',
    },
  ],
};

/** Kernels without comments and needless blanks: the page's size is what a phone has to load. */
const bareKernels: Plugin = {
  name: 'bare-kernels',
  apply: 'build',
  enforce: 'pre',
  load(id) {
    const [path = '', query] = id.split('?');
    if (!path.endsWith('.wgsl') || query !== 'raw') return undefined;
    return {
      code: `export default ${JSON.stringify(denseShader(readFileSync(path, 'utf8')))};`,
      moduleType: 'js',
    };
  },
};

/**
 * What zod has and nothing here uses, but cannot be shaken off: its writer of JSON schemas, and its own texts of problems, in whose place
 * src/host/settingProblem.ts has ours. Together they are 6 KB compressed.
 */
const bareZod: Plugin = {
  name: 'bare-zod',
  apply: 'build',
  enforce: 'pre',
  load(id) {
    if (/zod\/v4\/locales\/en\.js$/.test(id)) return 'export default () => ({});';
    if (!/zod\/v4\/core\/(to-json-schema|json-schema-processors)\.js$/.test(id)) return undefined;
    const names = [...readFileSync(id, 'utf8').matchAll(/^export (?:const|function) (\w+)/gm)];
    return names.map(([, name]) => `export const ${name} = () => {};`).join('\n');
  },
};

/** Layers that no problem of the page has, whose networks are dense: with their kernels they would be 9 KB compressed. */
const denseNetworks: Plugin = {
  name: 'dense-networks',
  apply: 'build',
  enforce: 'pre',
  load(id) {
    if (!/src\/host\/optimizees\/layers\/(conv2d|pool|batchNorm)\.ts$/.test(id)) return undefined;
    const names = [...readFileSync(id, 'utf8').matchAll(/^export function (\w+)/gm)];
    const refusal = "throw new RangeError('the page is built for dense networks: vite.page.config.ts');";
    return names.map(([, name]) => `export function ${name}() { ${refusal} }`).join('\n');
  },
};

/** The page, as static files that work from any folder. */
export default defineConfig({
  base: './',
  define: {
    __VERSION__: JSON.stringify(version),
    __DEFAULT_WEIGHTS__: JSON.stringify(shipped.default),
  },
  plugins: [digits, contentSecurityPolicy],
  worker: {
    format: 'es',
    plugins: () => [bareKernels, bareZod, denseNetworks],
    // What of the engine the page does not use is left out, with the schemas that are made on its loading.
    rolldownOptions: { treeshake: { moduleSideEffects: (id) => !id.includes('/src/host/') } },
  },
  build: {
    target: 'esnext',
    outDir: 'site',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
