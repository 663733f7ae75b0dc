// Formula: x[b, i, r] = pixels[indices[b, r], i] / 255; rows r >= batch are zero.
// Source: minibatch assembly; features before rows so that four rows are one vec4f.
// Shapes: pixels [images * features] u8 in u32 words; indices [B, rows] u32; x [B, features, rows]; rows = batch rounded up to 4.
// Writes: x =
// Grid: x over (features / 4 rounded up) * rows / 4 in workgroups of 64, y over tasks; a thread makes 4 features of 4 rows.

struct Params { batch: u32, rows: u32, features: u32 }

@group(0) @binding(0) var<storage, read> pixels: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> x: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

// Four bytes in a row as one word; they may begin anywhere in a word.
fn fourBytes(at: u32) -> u32 {
  let shift = (at & 3u) * 8u;
  let low = pixels[at >> 2u] >> shift;
  if (shift == 0u) { return low; }
  return low | (pixels[(at >> 2u) + 1u] << (32u - shift));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let rows4 = params.rows / 4u;
  let feature = (id.x / rows4) * 4u;
  if (feature >= params.features) { return; }
  let row = (id.x % rows4) * 4u;
  let at = id.y * params.rows + row;
  var words = vec4u(0u);
  for (var q = 0u; q < 4u; q++) {
    if (row + q < params.batch) { words[q] = fourBytes(indices[at + q] * params.features + feature); }
  }
  let first = (id.y * params.features + feature) * rows4 + id.x % rows4;
  for (var i = 0u; i < min(4u, params.features - feature); i++) {
    x[first + i * rows4] = vec4f((words >> vec4u(8u * i)) & vec4u(255u)) / 255.0;
  }
}
