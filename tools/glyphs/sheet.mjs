/**
 * A contact sheet of data/glyphs.bin, one line a class, one column an example: `npm run sheet -- OUT.png [SPLIT]`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createCanvas, GlobalFonts } from '@napi-rs/canvas';
import { side } from './draw.mjs';
import { unpack } from './pack.mjs';

const [out, split] = process.argv.slice(2);
if (out === undefined) throw new Error('say where to write the picture: npm run sheet -- OUT.png [SPLIT]');
const require = createRequire(import.meta.url);
GlobalFonts.registerFromPath(
  require.resolve('@fontsource/open-sans/files/open-sans-latin-400-normal.woff2'),
  'label',
);

const { header, pixels } = unpack(readFileSync(new URL('../../data/glyphs.bin', import.meta.url)));
const cell = side + 2;
const labelWidth = 220;
const columns = Math.max(...header.classes.map(({ families }) => families.length));
const lines = header.classes.filter((entry) => split === undefined || entry.split === split);
const canvas = createCanvas(labelWidth + columns * cell, lines.length * cell);
const context = canvas.getContext('2d');
context.fillStyle = '#223';
context.fillRect(0, 0, canvas.width, canvas.height);
context.fillStyle = '#fff';
context.font = '13px label';

let image = 0;
let line = 0;
for (const entry of header.classes) {
  const first = image;
  image += entry.families.length;
  if (!lines.includes(entry)) continue;
  context.fillText(`${entry.split.slice(0, 5)}  ${entry.name}`, 4, line * cell + 19, labelWidth - 8);
  for (let column = 0; column < entry.families.length; column++) {
    const tile = context.createImageData(side, side);
    const start = (first + column) * side * side;
    for (let at = 0; at < side * side; at++) {
      tile.data.fill(pixels[start + at] ?? 0, 4 * at, 4 * at + 3);
      tile.data[4 * at + 3] = 255;
    }
    context.putImageData(tile, labelWidth + column * cell, line * cell + 1);
  }
  line++;
}
writeFileSync(out, canvas.toBuffer('image/png'));
