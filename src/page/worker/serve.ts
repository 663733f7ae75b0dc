import { CoordwiseError } from '../../host/index.ts';
import type { Failure, MethodName, Methods, Reply, Request } from '../protocol.ts';

/** One method of the engine. `signal` is aborted when the page cancels the call. */
export type Handler<Name extends MethodName> = (
  args: Methods[Name]['args'],
  emit: (event: Methods[Name]['event']) => void,
  signal: AbortSignal,
) => Promise<Methods[Name]['result']>;

export type Handlers = { readonly [Name in MethodName]: Handler<Name> };

/** What this file needs of a worker's global scope. */
interface Port {
  postMessage(message: Reply): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<Request>) => void): void;
}

/** Answers the page's calls, side by side. */
export function serve(port: Port, handlers: Handlers): void {
  const running = new Map<number, AbortController>();
  port.addEventListener('message', ({ data }) => {
    if (data.method === 'cancel') {
      running.get(data.id)?.abort();
      return;
    }
    const { id, method, args } = data;
    const controller = new AbortController();
    running.set(id, controller);
    const handler = handlers[method] as Handler<MethodName>;
    const emit = (event: unknown) => port.postMessage({ id, kind: 'event', event });
    handler(args, emit, controller.signal)
      .then(
        (result) => port.postMessage({ id, kind: 'result', result }),
        (error: unknown) => port.postMessage({ id, kind: 'failure', failure: asFailure(error) }),
      )
      .finally(() => running.delete(id));
  });
}

export function asFailure(error: unknown): Failure {
  if (error instanceof CoordwiseError) {
    return { name: error.name, message: error.message, remedy: error.remedy };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { name: error instanceof Error ? error.name : 'Error', message, remedy: undefined };
}
