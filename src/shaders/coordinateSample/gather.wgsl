// Formula: target[r, i] = source[r, indices[i]].
// Source: rows of all coordinates as rows of sampled ones.
// Shapes: indices [count] u32; source [rows, sourceStride]; target [rows, targetStride], of which the first `count` of a row.
// Writes: target =
// Grid: x over count in workgroups of 64, y over rows.

struct Params { count: u32, sourceStride: u32, targetStride: u32 }

@group(0) @binding(0) var<storage, read> indices: array<u32>;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> target_: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  target_[id.y * params.targetStride + id.x] = source[id.y * params.sourceStride + indices[id.x]];
}
