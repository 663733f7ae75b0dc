import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CoordwiseError } from '../host/errors.ts';

/** A file that every copy of this package has, by which its root is known. */
const MARK = join('data', 'glyphs.bin');

/**
 * The path of something that comes with this package, below the nearest folder that is its root, whether this code
 * runs from src or from dist. It need not exist.
 *
 * @throws CoordwiseError where no folder above is the root
 */
export function packageFile(...path: readonly string[]): string {
  return join(packageRoot(), ...path);
}

/** The nearest folder above `from` that holds what every copy of this package has. */
export function packageRoot(from: string = fileURLToPath(import.meta.url)): string {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, MARK))) return folder;
    if (dirname(folder) === folder) break;
  }
  throw new CoordwiseError(
    `data/glyphs.bin, the glyphs that come with coordwise, is in no folder above ${dirname(from)}`,
    'reinstall the package, or make the file as data/GLYPHS.md says',
  );
}
