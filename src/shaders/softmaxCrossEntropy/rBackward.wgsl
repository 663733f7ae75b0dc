// Formula: rdz[b, c, r] = p_c (rz_c - sum_k p_k rz_k) / batch, p = softmax(z[b, :, r]); 0 for r >= batch.
// Source: tangent of softmaxCrossEntropy/backward along rz (Pearlmutter 1994); the label drops out.
// Shapes: logits, rlogits, rdlogits [B, classes, rows].
// Writes: rdlogits =
// Grid: x over rows in workgroups of 64, y over tasks.

struct Params { classes: u32, rows: u32, batch: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> rlogits: array<f32>;
@group(0) @binding(2) var<storage, read_write> rdlogits: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let at = id.y * params.classes * params.rows + id.x;
  var largest = logits[at];
  for (var c = 1u; c < params.classes; c++) { largest = max(largest, logits[at + c * params.rows]); }
  var total = 0.0;
  var mean = 0.0;
  for (var c = 0u; c < params.classes; c++) {
    let weight = exp(logits[at + c * params.rows] - largest);
    total += weight;
    mean += weight * rlogits[at + c * params.rows];
  }
  mean /= total;
  let scale = select(0.0, 1.0 / (f32(params.batch) * total), id.x < params.batch);
  for (var c = 0u; c < params.classes; c++) {
    let weight = exp(logits[at + c * params.rows] - largest);
    rdlogits[at + c * params.rows] = scale * weight * (rlogits[at + c * params.rows] - mean);
  }
}
