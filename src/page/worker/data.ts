import {
  averagePool,
  CoordwiseError,
  decodeGlyphs,
  decodeImageSplits,
  glyphSplits,
  type ImageSplits,
  type TaskConfig,
  type TaskData,
} from '../../host/index.ts';
import { loadFile } from './load.ts';

/** Addresses of what the page was built with; the digits are put there by the build (vite.page.config.ts). */
const [digitsUrl] = Object.values(
  import.meta.glob<string>('../../../.cache/page/digits.bin', {
    query: '?url',
    import: 'default',
    eager: true,
  }),
);
const [glyphsUrl] = Object.values(
  import.meta.glob<string>('../../../data/glyphs.bin', { query: '?url', import: 'default', eager: true }),
);

type Decode<T> = (bytes: Uint8Array, source: string) => T | Promise<T>;
type OnProgress = (share: number) => void;

/** A file that is loaded when first asked for, and again where that failed. */
function once<T>(
  url: string | undefined,
  what: string,
  decode: Decode<T>,
): (onProgress: OnProgress) => Promise<T> {
  let loaded: Promise<T> | undefined;
  const load = async (onProgress: OnProgress) => {
    if (url === undefined)
      throw new CoordwiseError(`this page was built without ${what}`, 'choose another task');
    return decode(await loadFile(url, what, onProgress), what);
  };
  return (onProgress) => {
    loaded ??= load(onProgress).catch((error: unknown) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
}

const digits = once<ImageSplits>(digitsUrl, 'the digits', (bytes, source) =>
  decodeImageSplits(bytes, 'mnist', source),
);
const glyphs = once(glyphsUrl, 'the characters', decodeGlyphs);

/** What a task draws from, loaded when first asked for; nothing where it draws itself. */
export async function taskData(task: TaskConfig, onProgress: OnProgress): Promise<TaskData | undefined> {
  switch (task.kind) {
    case 'quadratic':
    case 'surface':
    case 'sine':
      return undefined;
    case 'glyphs':
      return glyphSplits(await glyphs(onProgress), task);
    case 'images': {
      const { dataset, resolution } = task;
      if (dataset !== 'mnist' || resolution > 14) {
        throw new CoordwiseError(
          `the page has no ${dataset} at ${resolution}x${resolution}`,
          'choose digits of 14x14 or 7x7, or use the command line',
        );
      }
      const { train, validation, test } = await digits(onProgress);
      return {
        train: averagePool(train, resolution),
        validation: averagePool(validation, resolution),
        test: averagePool(test, resolution),
      };
    }
    case 'own':
      throw new CoordwiseError(
        'the page has no problems of a program’s own',
        'choose another task, or use the command line',
      );
  }
}
