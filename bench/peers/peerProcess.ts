import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type * as z from 'zod';
import { PeerError, type PeerRequest, parseAnswer } from './protocol.ts';

/** How to start a peer. */
export interface PeerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

interface Waiting {
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

/** A peer in a process of its own, which sleeps while it is not asked. One request at a time. */
export class PeerProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Answered before anybody asked: the greeting of a fast start. */
  readonly #early: string[] = [];
  #waiting: Waiting | undefined;
  #ended: PeerError | undefined;
  #complaint = '';

  constructor({ command, args, env }: PeerCommand) {
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(line));
    this.#child.stderr.on('data', (bytes: Buffer) => {
      this.#complaint = `${this.#complaint}${bytes.toString()}`.slice(-2000);
    });
    // Writing to a process that is gone is reported by its end.
    this.#child.stdin.on('error', () => {});
    this.#child.on('error', (error) => this.#end(error.message));
    this.#child.on('close', (code, signal) => {
      const last = this.#complaint.trim().split('\n').at(-1) ?? '';
      this.#end(`it ended with ${signal ?? `exit code ${code}`}${last && `: ${last}`}`);
    });
  }

  /**
   * Sends a request, if there is one, and waits for the next line.
   * @throws PeerError when the peer fails, ends, or takes longer than `timeoutMs`; it is ended then.
   */
  async answer<T>(schema: z.ZodType<T>, timeoutMs: number, request?: PeerRequest): Promise<T> {
    if (this.#ended) throw this.#ended;
    if (request) this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const line = this.#early.shift() ?? (await this.#nextLine(timeoutMs));
    return parseAnswer(schema, line);
  }

  /** Ends the process; safe to call twice. */
  close(): void {
    this.#child.stdin.end();
    this.#child.kill('SIGKILL');
  }

  #nextLine(timeoutMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#end(`it did not answer within ${timeoutMs / 1000} s`);
        this.close();
      }, timeoutMs);
      const settle =
        <T>(then: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          this.#waiting = undefined;
          then(value);
        };
      this.#waiting = { resolve: settle(resolve), reject: settle(reject) };
    });
  }

  #take(line: string): void {
    if (this.#waiting) this.#waiting.resolve(line);
    else this.#early.push(line);
  }

  #end(reason: string): void {
    this.#ended ??= new PeerError(reason);
    this.#waiting?.reject(this.#ended);
  }
}
