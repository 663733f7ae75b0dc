// Formula: rowLoss[b, r] = (1 / outputs) sum_o (z[b, o, r] - y[b, o, r])^2, o in rising order; 0 for r >= batch.
// Source: squared error, mean over the outputs.
// Shapes: output, target [B, outputs, rows]; rowLoss [B, rows].
// Writes: rowLoss =
// Grid: x over rows in workgroups of 64, y over tasks.

struct Params { outputs: u32, rows: u32, batch: u32 }

@group(0) @binding(0) var<storage, read> output: array<f32>;
@group(0) @binding(1) var<storage, read> target_: array<f32>;
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
  let at = id.y * params.outputs * params.rows + id.x;
  var sum = 0.0;
  for (var o = 0u; o < params.outputs; o++) {
    let difference = output[at + o * params.rows] - target_[at + o * params.rows];
    sum += difference * difference;
  }
  rowLoss[row] = sum / f32(params.outputs);
}
