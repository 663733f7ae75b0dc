// Formula: indices[b, r] = threefry(key_b, (r, stream + clock + step)).x mod images; with replacement. labels[b, r] = classes[indices[b, r]]; 0 for r >= batch.
// Source: Threefry-2x32 (lib/threefry.wgsl). The modulo favours low indices by at most images / 2^32 (1.4e-5 at 60,000).
// Shapes: keys [B, 2] u32; clock [4] u32, clock[0] = steps of the episode before this unroll; classes [images] u32; indices, labels [B, rows] u32.
// Writes: indices =, labels =
// Grid: x over rows in workgroups of 64, y over tasks.

struct Params { batch: u32, rows: u32, images: u32, stream: u32, step: u32 }

@group(0) @binding(0) var<storage, read> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read> clock: array<u32>;
@group(0) @binding(2) var<storage, read> classes: array<u32>;
@group(0) @binding(3) var<storage, read_write> indices: array<u32>;
@group(0) @binding(4) var<storage, read_write> labels: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let counter = vec2u(id.x, params.stream + clock[0] + params.step);
  let image = threefry(keys[id.y], counter).x % params.images;
  let row = id.y * params.rows + id.x;
  indices[row] = image;
  labels[row] = select(0u, classes[image], id.x < params.batch);
}
