// Formula: dz[b, c, r] = (softmax_c(z[b, :, r]) - [c = label]) / batch; 0 for r >= batch.
// Source: adjoint of the mean over the batch of softmaxCrossEntropy/forward.
// Shapes: logits, dlogits [B, classes, rows]; labels [B, rows] u32.
// Writes: dlogits =
// Grid: x over rows in workgroups of 64, y over tasks.

struct Params { classes: u32, rows: u32, batch: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> dlogits: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let at = id.y * params.classes * params.rows + id.x;
  let label = labels[id.y * params.rows + id.x];
  var largest = logits[at];
  for (var c = 1u; c < params.classes; c++) { largest = max(largest, logits[at + c * params.rows]); }
  var total = 0.0;
  for (var c = 0u; c < params.classes; c++) { total += exp(logits[at + c * params.rows] - largest); }
  let scale = select(0.0, 1.0 / f32(params.batch), id.x < params.batch);
  for (var c = 0u; c < params.classes; c++) {
    let probability = exp(logits[at + c * params.rows] - largest) / total;
    dlogits[at + c * params.rows] = scale * (probability - select(0.0, 1.0, c == label));
  }
}
