import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';

interface Installed {
  readonly executablePath: string;
}

const SYSTEM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** A Chromium: the one that COORDWISE_BROWSER names, else the system's; undefined where there is none. */
function findBrowser(): Installed | undefined {
  const executablePath = process.env['COORDWISE_BROWSER'] || SYSTEM.find((path) => existsSync(path));
  return executablePath ? { executablePath } : undefined;
}

const installed = findBrowser();

/** Tests in a browser: left out, and said so, where there is none, unless COORDWISE_BROWSER_TESTS is `required`. */
export const describeInBrowser = installed
  ? describe
  : (() => {
      const what =
        'Browser tests are left out: there is no Chromium. Install one or name it in COORDWISE_BROWSER.';
      if (process.env['COORDWISE_BROWSER_TESTS'] === 'required') throw new Error(what);
      console.warn(what);
      return describe.skip;
    })();

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/** Serves a folder below /some/path/, so that an address that is not relative is seen. */
function serveFolder(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const inside = pathname.startsWith(BASE)
      ? normalize(pathname.slice(BASE.length) || 'index.html')
      : undefined;
    const path = inside === undefined || inside.startsWith('..') ? undefined : join(folder, inside);
    readFile(path ?? '').then(
      (bytes) => {
        response.writeHead(200, { 'content-type': TYPES[extname(path ?? '')] ?? 'application/octet-stream' });
        response.end(bytes);
      },
      () => response.writeHead(404).end(),
    );
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

const BASE = '/some/path/';

/** The page in a browser, for all tests of a file. */
export interface Browsing {
  /** The folder that the page was built into. */
  readonly folder: string;
  readonly browser: Browser;
  /** A fresh profile's page at a hash of the built page; what it complains of is collected. */
  open(hash: string, options?: OpenOptions): Promise<Opened>;
  /** A page of a profile that is open already. */
  openIn(context: BrowserContext, hash: string): Promise<Opened>;
}

export interface OpenOptions {
  readonly colorScheme?: 'light' | 'dark';
  readonly reducedMotion?: 'reduce';
  readonly viewport?: { readonly width: number; readonly height: number };
  /** false: in a browser that has none. */
  readonly webGpu?: false;
}

export interface Opened {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors, refused loads and requests to elsewhere, so far. */
  readonly complaints: readonly string[];
}

/** Builds the page and opens a browser; call it once, at the top of a `describeInBrowser`. */
export function browserForThisFile(): () => Browsing {
  let opened: { browser: Browser; server: Server; folder: string } | undefined;
  /** One without WebGPU; only where a test asks for it. */
  let plain: Browser | undefined;
  const contexts: BrowserContext[] = [];
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coordwise-page-'));
    await build({
      configFile: 'vite.page.config.ts',
      logLevel: 'error',
      build: { outDir: folder, emptyOutDir: true },
    });
    const server = await serveFolder(folder);
    const browser = await launch(['--enable-unsafe-webgpu']);
    opened = { browser, server, folder };
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
  });
  afterAll(async () => {
    await opened?.browser.close();
    await plain?.close();
    opened?.server.close();
    if (opened) await rm(opened.folder, { recursive: true, force: true });
  });
  return () => {
    if (!opened) throw new Error('the browser is opened by beforeAll: use it inside a test');
    const { browser, server, folder } = opened;
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const openIn = async (context: BrowserContext, hash: string): Promise<Opened> => {
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(`${message.text()} ${message.location().url}`);
      });
      page.on('request', (request) => {
        const local = [origin, 'blob:', 'data:'].some((start) => request.url().startsWith(start));
        if (!local) complaints.push(`request to ${request.url()}`);
      });
      await page.goto(`${origin}${BASE}${hash}`);
      return { page, context, complaints };
    };
    return {
      folder,
      browser,
      openIn,
      async open(hash, { webGpu, ...options } = {}) {
        plain ??= webGpu === false ? await launch(['--disable-blink-features=WebGPU']) : undefined;
        const context = await (webGpu === false && plain ? plain : browser).newContext(options);
        contexts.push(context);
        return openIn(context, hash);
      },
    };
  };
}

function launch(args: readonly string[]): Promise<Browser> {
  return chromium.launch({
    ...(installed && { executablePath: installed.executablePath }),
    args: [...args, '--no-sandbox', '--no-zygote', '--disable-quic', '--no-first-run'],
  });
}
