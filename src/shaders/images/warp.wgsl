// Formula: x[b, (p, q), r] = mean over the factor^2 points v of output pixel (p, q) of I(A_r (v - c) + c + d_r) / 255: I the image indices[b, r], bilinear, 0 outside; v runs over the centres of the pixels that (p, q) covers, c is the image's centre.
// Source: inverse warping of image by an affine map; with A = 1, d = 0 the average pooling of images/gather's source.
// Shapes: pixels [images, side, side] u8 in u32 words; indices [B, rows] u32; maps [B, rows, 8] (A row by row as (x, y), d, 0, 0); x [B, (side / factor)^2, rows]; rows r >= batch are zero.
// Writes: x =
// Grid: x over (side / factor)^2 * rows in workgroups of 64, y over tasks.

struct Params { batch: u32, rows: u32, side: u32, factor: u32, count: u32 }

@group(0) @binding(0) var<storage, read> pixels: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read> maps: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> x: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn pixel(image: u32, at: vec2i) -> f32 {
  let side = i32(params.side);
  if (any(at < vec2i(0)) || any(at >= vec2i(side))) { return 0.0; }
  let i = image * params.side * params.side + u32(at.y * side + at.x);
  return f32((pixels[i >> 2u] >> ((i & 3u) * 8u)) & 255u) / 255.0;
}

fn sample(image: u32, at: vec2f) -> f32 {
  let corner = floor(at);
  let w = at - corner;
  let i = vec2i(corner);
  let top = mix(pixel(image, i), pixel(image, i + vec2i(1, 0)), w.x);
  let bottom = mix(pixel(image, i + vec2i(0, 1)), pixel(image, i + vec2i(1, 1)), w.x);
  return mix(top, bottom, w.y);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let out = id.y * params.count + id.x;
  let row = id.x % params.rows;
  if (row >= params.batch) {
    x[out] = 0.0;
    return;
  }
  let feature = id.x / params.rows;
  let width = params.side / params.factor;
  let first = params.factor * vec2u(feature % width, feature / width);
  let image = indices[id.y * params.rows + row];
  let a = maps[2u * (id.y * params.rows + row)];
  let d = maps[2u * (id.y * params.rows + row) + 1u].xy;
  let centre = vec2f(0.5 * f32(params.side - 1u));
  var sum = 0.0;
  for (var i = 0u; i < params.factor * params.factor; i++) {
    let v = vec2f(first + vec2u(i % params.factor, i / params.factor)) - centre;
    sum += sample(image, vec2f(dot(a.xy, v), dot(a.zw, v)) + centre + d);
  }
  x[out] = sum / f32(params.factor * params.factor);
}
