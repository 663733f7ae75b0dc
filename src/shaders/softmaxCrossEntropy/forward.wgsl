// Formula: rowLoss[b, r] = ln sum_c exp(z[b, c, r] - max_c z) + max_c z - z[b, label, r]; dz[b, c, r] = (softmax_c(z[b, :, r]) - [c = label]) / batch; both 0 for r >= batch.
// Source: softmax cross-entropy, shifted by the row's maximum; dz is the adjoint of its mean over the batch, made here to save a dispatch.
// Shapes: logits, dlogits [B, classes, rows]; labels [B, rows] u32; rowLoss [B, rows].
// Writes: rowLoss =, dlogits =
// Grid: x over rows in workgroups of 64, y over tasks.

struct Params { classes: u32, rows: u32, batch: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> rowLoss: array<f32>;
@group(0) @binding(3) var<storage, read_write> dlogits: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let row = id.y * params.rows + id.x;
  let at = id.y * params.classes * params.rows + id.x;
  let counts = id.x < params.batch;
  let label = select(0u, labels[row], counts);
  var largest = logits[at];
  for (var c = 1u; c < params.classes; c++) { largest = max(largest, logits[at + c * params.rows]); }
  var total = 0.0;
  for (var c = 0u; c < params.classes; c++) { total += exp(logits[at + c * params.rows] - largest); }
  rowLoss[row] = select(0.0, log(total) + largest - logits[at + label * params.rows], counts);
  let scale = select(0.0, 1.0 / f32(params.batch), counts);
  for (var c = 0u; c < params.classes; c++) {
    let probability = exp(logits[at + c * params.rows] - largest) / total;
    dlogits[at + c * params.rows] = scale * (probability - select(0.0, 1.0, c == label));
  }
}
