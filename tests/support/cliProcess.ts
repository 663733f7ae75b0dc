import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll } from 'vitest';

/** How a command ended, and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  /** Resolves when stdout holds `text`, or the command has ended. */
  said(text: string): Promise<void>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Cli {
  /** The arguments of Node that run the command line. */
  readonly program: string;
  start(args: readonly string[], options?: RunOptions): Running;
  run(args: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Runs command lines that end at once, one after the other in one process; each as `run` would give it. */
  runMany(commands: readonly (readonly string[])[], options?: RunOptions): Promise<Ended[]>;
}

/** Runs the command lines of a JSON file, catching what each says and its exit code. */
const MANY = `import { readFileSync } from 'node:fs';
import { main } from './cli.js';
const results = [];
const write = process.stdout.write.bind(process.stdout);
process.stdout.setMaxListeners(0);
process.stderr.setMaxListeners(0);
for (const args of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  const said = { stdout: '', stderr: '' };
  for (const name of Object.keys(said)) process[name].write = (text) => { said[name] += text; return true; };
  process.exitCode = 0;
  await main(args);
  results.push({ code: process.exitCode, signal: null, ...said });
}
process.exitCode = 0;
write(JSON.stringify(results));
`;

/**
 * Builds the command line once for a test file, into a folder of its own that is deleted afterwards, and runs it as
 * people do: in processes of its own.
 */
export function cliForThisFile(): Cli {
  const folder = join(process.cwd(), '.cache', `cli-test-${process.pid}`);
  const program = join(folder, 'coordwise.mjs');
  beforeAll(async () => {
    await build({ logLevel: 'error', build: { outDir: folder } });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'many.mjs'), MANY);
    writeFileSync(program, "import { main } from './cli.js';\nawait main(process.argv.slice(2));\n");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const node = (args: readonly string[], { env = {}, cwd }: RunOptions = {}): Running =>
    watch(
      spawn(process.execPath, args, { env: { ...process.env, ...env }, ...(cwd !== undefined && { cwd }) }),
    );
  const start = (args: readonly string[], options?: RunOptions) => node([program, ...args], options);
  return {
    program,
    start,
    run: (args, options) => start(args, options).ended,
    async runMany(commands, options) {
      const list = join(folder, 'commands.json');
      writeFileSync(list, JSON.stringify(commands));
      const { stdout, stderr } = await node([join(folder, 'many.mjs'), list], options).ended;
      if (stderr !== '') throw new Error(stderr);
      return JSON.parse(stdout) as Ended[];
    },
  };
}

/** Collects what a process says. */
export function watch(child: ChildProcessWithoutNullStreams): Running {
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.end();
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr: withoutDriver(stderr) }));
  });
  const said = (text: string) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (stdout.includes(text)) resolve();
      };
      look();
      child.stdout.on('data', look);
      child.once('close', () => resolve());
    });
  return { child, ended, said };
}

/** stderr without the remarks that WebGPU drivers print there. */
function withoutDriver(stderr: string): string {
  return stderr
    .split('\n')
    .filter((line) => !/^Warning: max\w+ artificially reduced/.test(line))
    .join('\n');
}

/** The complaint of a command that failed: one sentence with a remedy; fails when it is anything else. */
export function complaint({ stderr }: Pick<Ended, 'stderr'>): { sentence: string; remedy: string } {
  const parts = /(?:^|\n)coordwise: ([^\n]+)\.\n {2}Remedy: ([^\n]+)\.\n$/.exec(stderr);
  const [, sentence, remedy] = parts ?? [];
  if (sentence === undefined || remedy === undefined || stderr.split('coordwise: ').length !== 2) {
    throw new Error(`not one sentence and its remedy: ${JSON.stringify(stderr)}`);
  }
  return { sentence, remedy };
}

/** Runs several commands, two at a time. */
export async function inTurns<T>(inputs: readonly T[], work: (input: T) => Promise<void>): Promise<void> {
  const queue = [...inputs];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await work(next);
  };
  await Promise.all([worker(), worker()]);
}
