import { CoordwiseError } from '../../host/index.ts';

const REMEDY = 'see whether there is a connection to where the page came from, and try again';

/**
 * A file that the page was built with.
 * @param what it is, for messages
 * @param onProgress hears the share that is there, where the server says how much there is
 * @throws CoordwiseError when it does not come, or not all of it
 */
export async function loadFile(
  url: string,
  what: string,
  onProgress: (share: number) => void = () => {},
): Promise<Uint8Array> {
  try {
    const response = await fetch(url);
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
    const expected = Number(response.headers.get('content-length') ?? 0);
    return await readAll(response.body, (length) => {
      if (expected > 0) onProgress(Math.min(1, length / expected));
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CoordwiseError(`${what} could not be loaded (${why})`, REMEDY, { cause });
  }
}

/** All of a stream; `onLength` hears how many bytes are there. */
async function readAll(
  stream: ReadableStream<Uint8Array>,
  onLength: (length: number) => void,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    onLength(length);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
