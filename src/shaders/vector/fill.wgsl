// Formula: y[i] = value.
// Source: -
// Shapes: y [count].
// Writes: y =
// Grid: x over count in workgroups of 64, each thread 4 elements a workgroup apart.

struct Params { count: u32, value: f32 }

@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  for (var q = 0u; q < 4u; q++) {
    let i = (group.x * 4u + q) * 64u + lane;
    if (i < params.count) { y[i] = params.value; }
  }
}
