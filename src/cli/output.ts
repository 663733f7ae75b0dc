import { Presets, SingleBar } from 'cli-progress';
import { formatSeconds } from '../report/terminal.ts';

/** Seconds between two lines of progress where there is no terminal. */
const PLAIN_INTERVAL = 10;

/** Progress of one piece of work; `update` may be called as often as wanted. */
export interface Progress {
  update(share: number, text?: string): void;
  stop(): void;
}

/**
 * What a command says. People read stdout; with --json, stdout carries one JSON document and everything else
 * goes to stderr. Progress is a bar on a terminal and a line now and then elsewhere.
 */
export class Output {
  readonly json: boolean;

  constructor(json: boolean) {
    this.json = json;
  }

  /** One or more lines for people. */
  say(text: string): void {
    const stream = this.json ? process.stderr : process.stdout;
    stream.write(`${text}\n`);
  }

  /** The result for machines; does nothing without --json. */
  result(value: object): void {
    if (this.json) process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  progress(what: string): Progress {
    return process.stderr.isTTY ? barProgress(what) : plainProgress(what, (text) => this.say(text));
  }
}

function barProgress(what: string): Progress {
  const bar = new SingleBar(
    {
      format: `${what} {bar} {percentage}% | {left} left | {text}`,
      hideCursor: true,
      clearOnComplete: true,
      stopOnComplete: false,
      barsize: 24,
      fps: 8,
    },
    Presets.shades_classic,
  );
  const start = performance.now();
  bar.start(1, 0, { text: '', left: '?' });
  return {
    update(share, text) {
      const payload: Record<string, string> = { left: timeLeft(start, share) };
      if (text !== undefined) payload['text'] = text;
      bar.update(share, payload);
    },
    stop: () => bar.stop(),
  };
}

function plainProgress(what: string, say: (text: string) => void): Progress {
  const start = performance.now();
  let last = start;
  return {
    update(share, text = '') {
      const now = performance.now();
      if (now - last < PLAIN_INTERVAL * 1000) return;
      last = now;
      say(`  ${what} ${Math.floor(100 * share)}%, ${timeLeft(start, share)} left ${text}`.trimEnd());
    },
    stop() {},
  };
}

function timeLeft(start: number, share: number): string {
  if (share <= 0) return '?';
  const seconds = (performance.now() - start) / 1000;
  return formatSeconds((seconds * (1 - share)) / share);
}
