// Formula: dz[b, o, r] = 2 (z[b, o, r] - y[b, o, r]) / (outputs * batch); 0 for r >= batch.
// Source: adjoint of the mean over the batch of squaredError/forward.
// Shapes: output, target, doutput [B, outputs, rows].
// Writes: doutput =
// Grid: x over outputs * rows in workgroups of 64, y over tasks.

struct Params { outputs: u32, rows: u32, batch: u32 }

@group(0) @binding(0) var<storage, read> output: array<f32>;
@group(0) @binding(1) var<storage, read> target_: array<f32>;
@group(0) @binding(2) var<storage, read_write> doutput: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.outputs * params.rows) { return; }
  let at = id.y * params.outputs * params.rows + id.x;
  let slope = 2.0 / f32(params.outputs * params.batch) * (output[at] - target_[at]);
  doutput[at] = select(0.0, slope, id.x % params.rows < params.batch);
}
