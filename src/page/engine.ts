import { h } from './dom.ts';
import type { Failure, MethodName, Methods, Reply, Request } from './protocol.ts';

/** A failure of the engine: `message` says what was wrong, `remedy` what to do. */
export class EngineError extends Error {
  override readonly name: string;
  readonly remedy: string | undefined;

  constructor({ name, message, remedy }: Failure) {
    super(message);
    this.name = name;
    this.remedy = remedy;
  }
}

/** What was wrong in one sentence, and what to do in another where that is known. */
export function complaint(error: unknown): HTMLElement {
  const text = error instanceof Error ? error.message : String(error);
  const remedy = error instanceof EngineError && error.remedy ? ` To go on: ${error.remedy}.` : '';
  return h('p', { class: 'notice', role: 'alert' }, `${text}.${remedy}`);
}

export interface Call<Result> {
  readonly result: Promise<Result>;
  /** Asks for an early end; `result` still settles. */
  cancel(): void;
}

interface Pending {
  onEvent(event: unknown): void;
  onResult(result: unknown): void;
  onFailure(error: Error): void;
}

/** The engine in its worker, seen from the page. */
export class Engine {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;

  constructor() {
    this.#worker = new Worker(new URL('./worker/main.ts', import.meta.url), { type: 'module' });
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => this.#receive(data));
    this.#worker.addEventListener('error', ({ message }) => {
      const failure = {
        name: 'Error',
        message: message || 'the engine did not start',
        remedy: 'reload the page',
      };
      for (const { onFailure } of this.#pending.values()) onFailure(new EngineError(failure));
      this.#pending.clear();
    });
  }

  call<Name extends MethodName>(
    method: Name,
    args: Methods[Name]['args'],
    onEvent: (event: Methods[Name]['event']) => void = () => {},
  ): Call<Methods[Name]['result']> {
    this.#calls++;
    const id = this.#calls;
    const result = new Promise<Methods[Name]['result']>((resolve, reject) => {
      this.#pending.set(id, {
        onEvent: (event) => onEvent(event as Methods[Name]['event']),
        onResult: (value) => resolve(value as Methods[Name]['result']),
        onFailure: reject,
      });
    });
    this.#send({ id, method, args } as Request);
    return { result, cancel: () => this.#send({ id, method: 'cancel' }) };
  }

  #send(request: Request): void {
    this.#worker.postMessage(request);
  }

  #receive(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    if (!pending) return;
    if (reply.kind === 'event') {
      pending.onEvent(reply.event);
      return;
    }
    this.#pending.delete(reply.id);
    if (reply.kind === 'result') pending.onResult(reply.result);
    else pending.onFailure(new EngineError(reply.failure));
  }
}
