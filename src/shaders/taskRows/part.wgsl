// Formula: target[b, targetOffset + i] = source[b, sourceOffset + i].
// Source: some parameters of every task as rows of their own, and back.
// Shapes: source [B, sourceStride]; target [B, targetStride]; i < count.
// Writes: target = (only those elements).
// Grid: x over count in workgroups of 64, y over tasks.

struct Params { count: u32, sourceStride: u32, sourceOffset: u32, targetStride: u32, targetOffset: u32 }

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> target_: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let to = id.y * params.targetStride + params.targetOffset + id.x;
  target_[to] = source[id.y * params.sourceStride + params.sourceOffset + id.x];
}
