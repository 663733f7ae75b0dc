// Formula: task b's N coordinates lie in S strata, the first N mod S of ceil(N / S) coordinates, the others of floor(N / S); sample j is one of stratum j: indices[b, j] = b N + start_j + threefry(key_b, (j, stream + clock)).x mod size_j, sizes[b, j] = size_j.
// Source: stratified sampling; sum_j size_j f(indices_j) is an unbiased estimate of the sum of f over all coordinates. The modulo favours low indices by at most size / 2^32.
// Shapes: keys [B, 2] u32; clock [4] u32, clock[0] = steps of the episode before this unroll; indices [B, S] u32; sizes [B, S].
// Writes: indices =, sizes =
// Grid: x over S in workgroups of 64, y over tasks.

struct Params { samples: u32, parameters: u32, stream: u32 }

@group(0) @binding(0) var<storage, read> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read> clock: array<u32>;
@group(0) @binding(2) var<storage, read_write> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> sizes: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.samples) { return; }
  let whole = params.parameters / params.samples;
  let larger = params.parameters % params.samples;
  let size = whole + select(0u, 1u, id.x < larger);
  let start = id.x * whole + min(id.x, larger);
  let word = threefry(keys[id.y], vec2u(id.x, params.stream + clock[0])).x;
  let at = id.y * params.samples + id.x;
  indices[at] = id.y * params.parameters + start + word % size;
  sizes[at] = f32(size);
}
