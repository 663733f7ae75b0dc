// Formula: target[r, indices[i]] = source[firstRow + r, i]; no index comes twice.
// Source: rows of sampled coordinates back to their places among all; the inverse of coordinateSample/gather.
// Shapes: indices [count] u32; source [.., sourceStride], of which the first `count` of a row; target [rows, targetStride].
// Writes: target =
// Grid: x over count in workgroups of 64, y over rows.

struct Params { count: u32, sourceStride: u32, targetStride: u32, firstRow: u32 }

@group(0) @binding(0) var<storage, read> indices: array<u32>;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> target_: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let row = params.firstRow + id.y;
  target_[id.y * params.targetStride + indices[id.x]] = source[row * params.sourceStride + id.x];
}
