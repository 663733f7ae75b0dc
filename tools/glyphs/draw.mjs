/** Outlines to 28 x 28 grey images, all centred and scaled in the same way. */
import { createCanvas, Path2D } from '@napi-rs/canvas';

export const side = 28;
/** The longer side of a glyph's bounding box, in pixels; the box is centred, so 3 pixels stay free around it. */
const boxSide = 22;

const canvas = createCanvas(side, side);
const context = canvas.getContext('2d');
context.fillStyle = '#fff';

/**
 * White on black, anti-aliased, the aspect ratio kept; null for an outline without any ink.
 *
 * @param {import('opentype.js').Path} path
 * @returns {Uint8Array | null} [28 * 28], row-major
 */
export function drawGlyph(path) {
  const box = path.getBoundingBox();
  const longer = Math.max(box.x2 - box.x1, box.y2 - box.y1);
  if (!(longer > 0)) return null;
  const scale = boxSide / longer;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, side, side);
  context.setTransform(
    scale,
    0,
    0,
    scale,
    side / 2 - (scale * (box.x1 + box.x2)) / 2,
    side / 2 - (scale * (box.y1 + box.y2)) / 2,
  );
  context.fill(new Path2D(path.toPathData(3)));
  const { data } = context.getImageData(0, 0, side, side);
  const pixels = Uint8Array.from({ length: side * side }, (_, at) => data[4 * at + 3] ?? 0);
  return pixels.some((value) => value >= 128) ? pixels : null;
}
