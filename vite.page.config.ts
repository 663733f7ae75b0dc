import { readFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

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

/** Kernels without their comments, line by line: the page's size is what a phone has to load. */
const bareKernels: Plugin = {
  name: 'bare-kernels',
  apply: 'build',
  enforce: 'pre',
  load(id) {
    const [path = '', query] = id.split('?');
    if (!path.endsWith('.wgsl') || query !== 'raw') return undefined;
    const lines = readFileSync(path, 'utf8').split('\n');
    const bare = lines.map((line) => line.replace(/\/\/.*$/, '').trim()).join('\n');
    return { code: `export default ${JSON.stringify(bare)};`, moduleType: 'js' };
  },
};

/** The page, as static files that work from any folder. */
export default defineConfig({
  base: './',
  define: { __VERSION__: JSON.stringify(version) },
  plugins: [contentSecurityPolicy],
  worker: { format: 'es', plugins: () => [bareKernels] },
  build: {
    target: 'esnext',
    outDir: 'site',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
});
