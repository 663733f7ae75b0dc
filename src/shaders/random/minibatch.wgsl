// Formula: indices[b, r] = threefry(key_b, (r, stream + clock + step)).x mod images; with replacement.
// Source: Threefry-2x32 (lib/threefry.wgsl). The modulo favours low indices by at most images / 2^32 (1.4e-5 at 60,000).
// Shapes: keys [B, 2] u32; clock [4] u32, clock[0] = steps of the episode before this unroll; indices [B, rows] u32.
// Writes: indices =
// Grid: x over rows in workgroups of 64, y over tasks.

struct Params { rows: u32, images: u32, stream: u32, step: u32 }

@group(0) @binding(0) var<storage, read> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read> clock: array<u32>;
@group(0) @binding(2) var<storage, read_write> indices: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let counter = vec2u(id.x, params.stream + clock[0] + params.step);
  indices[id.y * params.rows + id.x] = threefry(keys[id.y], counter).x % params.images;
}
