// Formula: rows[b, n] = row[n].
// Source: one learned starting point theta_0 for every task (Ravi & Larochelle 2017, section 3.1).
// Shapes: row [count]; rows [B, count].
// Writes: rows =
// Grid: x over count in workgroups of 64, y over B.

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> row: array<f32>;
@group(0) @binding(1) var<storage, read_write> rows: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  rows[id.y * params.count + id.x] = row[id.x];
}
