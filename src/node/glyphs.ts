import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeGlyphs, type GlyphSet } from '../host/data/glyphs.ts';
import { CoordwiseError } from '../host/errors.ts';
import { readFileChecked } from './files.ts';

/**
 * The glyphs that come with this package, from data/glyphs.bin.
 *
 * @throws CoordwiseError where the file is missing, FileFormatError where it is damaged
 */
export async function loadGlyphs(): Promise<GlyphSet> {
  const path = glyphFile();
  return decodeGlyphs(readFileChecked(path, 'the glyphs'), path);
}

/**
 * The path of data/glyphs.bin: in the nearest folder above `from` that holds it, which is the package's root whether
 * this code runs from src or from dist.
 *
 * @throws CoordwiseError where no folder above does
 */
export function glyphFile(from: string = fileURLToPath(import.meta.url)): string {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const path = join(folder, 'data', 'glyphs.bin');
    if (existsSync(path)) return path;
    if (dirname(folder) === folder) break;
  }
  throw new CoordwiseError(
    `data/glyphs.bin, the glyphs that come with coordwise, is in no folder above ${dirname(from)}`,
    'reinstall the package, or make the file as data/GLYPHS.md says',
  );
}
