// Formula: target[slot, b] += value[b].
// Source: losses of problems that are optimised together add up.
// Shapes: value [B]; target [slots, B].
// Writes: target += (only that slot).
// Grid: x over tasks in workgroups of 64.

struct Params { tasks: u32, slot: u32 }

@group(0) @binding(0) var<storage, read> value: array<f32>;
@group(0) @binding(1) var<storage, read_write> target_: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.tasks) { return; }
  target_[params.slot * params.tasks + id.x] += value[id.x];
}
