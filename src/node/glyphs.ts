import { decodeGlyphs, type GlyphSet } from '../host/data/glyphs.ts';
import { readFileChecked } from './files.ts';
import { packageFile } from './packageFile.ts';

/**
 * The glyphs that come with this package, from data/glyphs.bin.
 *
 * @throws CoordwiseError where the file is missing, FileFormatError where it is damaged
 */
export async function loadGlyphs(): Promise<GlyphSet> {
  const path = packageFile('data', 'glyphs.bin');
  return decodeGlyphs(readFileChecked(path, 'the glyphs'), path);
}
