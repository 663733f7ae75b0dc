// Formula: y[i] = value.
// Source: -
// Shapes: y [count].
// Writes: y =
// Grid: x over count in workgroups of 64, as many as are dispatched; each thread goes on where all of them end.

struct Params { count: u32, value: f32 }

@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  for (var i = group.x * 64u + lane; i < params.count; i += groups.x * 64u) {
    y[i] = params.value;
  }
}
