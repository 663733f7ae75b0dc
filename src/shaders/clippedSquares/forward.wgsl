// Formula: value[i] = min((x[i] - a[i])^2, limit); a task's loss is the mean of its row.
// Source: the convex function that training adds to the main one (Lv, Jiang & Li 2017, section 4.3; limit 10 in their code).
// Shapes: x, a, value [count].
// Writes: value =
// Grid: x over count in workgroups of 64.

struct Params { count: u32, limit: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> value: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let d = x[id.x] - a[id.x];
  let square = d * d;
  value[id.x] = select(square, params.limit, square > params.limit);
}
