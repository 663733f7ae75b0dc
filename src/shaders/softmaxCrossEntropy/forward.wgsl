// Formula: rowLoss[b, r] = ln sum_c exp(z[b, c, r] - max_c z) + max_c z - z[b, label, r]; 0 for r >= batch.
// Source: softmax cross-entropy, shifted by the row's maximum.
// Shapes: logits [B, classes, rows]; labels [B, rows] u32; rowLoss [B, rows].
// Writes: rowLoss =
// Grid: x over rows in workgroups of 64, y over tasks.

struct Params { classes: u32, rows: u32, batch: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> rowLoss: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let row = id.y * params.rows + id.x;
  if (id.x >= params.batch) {
    rowLoss[row] = 0.0;
    return;
  }
  let at = id.y * params.classes * params.rows + id.x;
  var largest = logits[at];
  for (var c = 1u; c < params.classes; c++) { largest = max(largest, logits[at + c * params.rows]); }
  var total = 0.0;
  for (var c = 0u; c < params.classes; c++) { total += exp(logits[at + c * params.rows] - largest); }
  rowLoss[row] = log(total) + largest - logits[at + labels[row] * params.rows];
}
