import {
  averagePool,
  CoordwiseError,
  decodeImageSplits,
  type ImageSplits,
  type TaskConfig,
  type TaskData,
} from '../../host/index.ts';

/** The digits that the page was built with; tools of the build put them there (vite.page.config.ts). */
const FILES = import.meta.glob<string>('../../../.cache/page/digits.bin', {
  query: '?url',
  import: 'default',
  eager: true,
});

let digits: Promise<ImageSplits> | undefined;

/** What a task draws from, loaded when first asked for; nothing where it draws itself. */
export async function taskData(
  task: TaskConfig,
  onProgress: (share: number) => void,
): Promise<TaskData | undefined> {
  if (task.kind === 'glyphs' || task.kind === 'own') {
    throw new CoordwiseError(
      `the page has no ${task.kind} tasks`,
      'choose another task, or use the command line',
    );
  }
  if (task.kind !== 'images') return undefined;
  if (task.dataset !== 'mnist' || task.resolution > 14) {
    throw new CoordwiseError(
      `the page has no ${task.dataset} at ${task.resolution}x${task.resolution}`,
      'choose digits of 14x14 or 7x7, or use the command line',
    );
  }
  digits ??= loadDigits(onProgress).catch((error: unknown) => {
    digits = undefined;
    throw error;
  });
  const { train, validation, test } = await digits;
  const { resolution } = task;
  return {
    train: averagePool(train, resolution),
    validation: averagePool(validation, resolution),
    test: averagePool(test, resolution),
  };
}

async function loadDigits(onProgress: (share: number) => void): Promise<ImageSplits> {
  const [url] = Object.values(FILES);
  if (url === undefined)
    throw new CoordwiseError('this page was built without digits', 'choose another task');
  const response = await fetch(url);
  if (!response.ok || !response.body) {
    throw new CoordwiseError(`the digits could not be loaded (${response.status})`, 'try again');
  }
  const bytes = await readAll(response.body, Number(response.headers.get('content-length') ?? 0), onProgress);
  return decodeImageSplits(bytes, 'mnist', 'the digits');
}

/** All of a stream; `onProgress` hears the share of `expected` bytes that is there, where that is known. */
async function readAll(
  stream: ReadableStream<Uint8Array>,
  expected: number,
  onProgress: (share: number) => void,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    if (expected > 0) onProgress(Math.min(1, length / expected));
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
