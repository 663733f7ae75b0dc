// Formula: x[b, i, r] = pixels[indices[b, r], i] / 255; rows r >= batch are zero.
// Source: minibatch assembly; features before rows so that four rows are one vec4f.
// Shapes: pixels [images * features] u8 in u32 words; indices [B, rows] u32; x [B, features, rows]; rows = batch rounded up to 4.
// Writes: x =
// Grid: x over features * rows / 4 in workgroups of 64, y over tasks.

struct Params { batch: u32, rows: u32, features: u32 }

@group(0) @binding(0) var<storage, read> pixels: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> x: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn pixel(image: u32, feature: u32) -> f32 {
  let at = image * params.features + feature;
  return f32((pixels[at >> 2u] >> ((at & 3u) * 8u)) & 255u) / 255.0;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let rows4 = params.rows / 4u;
  if (id.x >= params.features * rows4) { return; }
  let feature = id.x / rows4;
  let row = (id.x % rows4) * 4u;
  let at = id.y * params.rows + row;
  var value = vec4f(0.0);
  for (var q = 0u; q < 4u; q++) {
    if (row + q < params.batch) { value[q] = pixel(indices[at + q], feature); }
  }
  x[id.y * params.features * rows4 + id.x] = value;
}
