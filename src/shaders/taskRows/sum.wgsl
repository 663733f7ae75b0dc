// Formula: row[n] = sum_b rows[b, n], b in rising order.
// Source: adjoint of taskRows/broadcast.
// Shapes: rows [B, count]; row [count].
// Writes: row =
// Grid: x over count in workgroups of 64.

struct Params { count: u32, tasks: u32 }

@group(0) @binding(0) var<storage, read> rows: array<f32>;
@group(0) @binding(1) var<storage, read_write> row: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  var total = 0.0;
  for (var b = 0u; b < params.tasks; b++) { total += rows[b * params.count + id.x]; }
  row[id.x] = total;
}
