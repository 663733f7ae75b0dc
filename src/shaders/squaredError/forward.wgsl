// Formula: rowLoss[b, r] = (1 / outputs) sum_o (z[b, o, r] - y[b, o, r])^2, o in rising order; dz[b, o, r] = 2 (z[b, o, r] - y[b, o, r]) / (outputs * batch); both 0 for r >= batch.
// Source: squared error, mean over the outputs; dz is the adjoint of its mean over the batch, made here to save a dispatch.
// Shapes: output, target, doutput [B, outputs, rows]; rowLoss [B, rows].
// Writes: rowLoss =, doutput =
// Grid: x over rows in workgroups of 64, y over tasks.

struct Params { outputs: u32, rows: u32, batch: u32 }

@group(0) @binding(0) var<storage, read> output: array<f32>;
@group(0) @binding(1) var<storage, read> target_: array<f32>;
@group(0) @binding(2) var<storage, read_write> rowLoss: array<f32>;
@group(0) @binding(3) var<storage, read_write> doutput: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let counts = id.x < params.batch;
  let scale = 2.0 / f32(params.outputs * params.batch);
  var sum = 0.0;
  for (var o = 0u; o < params.outputs; o++) {
    let at = (id.y * params.outputs + o) * params.rows + id.x;
    let difference = output[at] - target_[at];
    sum += difference * difference;
    doutput[at] = select(0.0, scale * difference, counts);
  }
  rowLoss[id.y * params.rows + id.x] = select(0.0, sum / f32(params.outputs), counts);
}
