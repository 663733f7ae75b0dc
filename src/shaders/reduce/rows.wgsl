// Formula: target[slot * B + b] = scale * sum_i value[b, i], i in rising order.
// Source: a deterministic sum, one thread a task.
// Shapes: value [B, count]; target [slots, B].
// Writes: target = (only the B elements of `slot`)
// Grid: x over B in workgroups of 64.

struct Params { tasks: u32, count: u32, slot: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> value: array<f32>;
@group(0) @binding(1) var<storage, read_write> target_: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.tasks) { return; }
  var sum = 0.0;
  for (var i = 0u; i < params.count; i++) {
    sum += value[id.x * params.count + i];
  }
  target_[params.slot * params.tasks + id.x] = params.scale * sum;
}
