// Formula: labels[b, r] = classes[indices[b, r]]; 0 for r >= batch.
// Source: minibatch assembly.
// Shapes: classes [images]; indices, labels [B, rows]; all u32.
// Writes: labels =
// Grid: x over rows in workgroups of 64, y over tasks.

struct Params { batch: u32, rows: u32 }

@group(0) @binding(0) var<storage, read> classes: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> labels: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let row = id.y * params.rows + id.x;
  labels[row] = select(0u, classes[indices[row]], id.x < params.batch);
}
