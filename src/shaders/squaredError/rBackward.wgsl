// Formula: rdz[b, o, r] = 2 rz[b, o, r] / (outputs * batch); 0 for r >= batch.
// Source: tangent of squaredError/backward along rz (Pearlmutter 1994); output and target drop out.
// Shapes: routput, rdoutput [B, outputs, rows].
// Writes: rdoutput =
// Grid: x over outputs * rows in workgroups of 64, y over tasks.

struct Params { outputs: u32, rows: u32, batch: u32 }

@group(0) @binding(0) var<storage, read> routput: array<f32>;
@group(0) @binding(1) var<storage, read_write> rdoutput: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.outputs * params.rows) { return; }
  let at = id.y * params.outputs * params.rows + id.x;
  let slope = 2.0 / f32(params.outputs * params.batch) * routput[at];
  rdoutput[at] = select(0.0, slope, id.x % params.rows < params.batch);
}
