// Formula: dgamma_b[c] = n <dy xhat>, dbeta_b[c] = n <dy>, n = batch * positions; or their tangents.
// Source: adjoint of batchNorm/forward in gamma and beta, from the means in slot ADJOINTS, or R_ADJOINTS for the tangents.
// Shapes: moments [B, channels, 4 slots, 2] as in lib/batchNorm; gradient [B, taskStride], the layer at `offset`: gamma [channels], beta [channels].
// Writes: gradient = (this layer's 2 * channels elements of each task)
// Grid: x over channels in workgroups of 64, y over tasks.

struct Params { channels: u32, positions: u32, batch: u32, slot: u32, taskStride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> moments: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.channels) { return; }
  let sums = moments[4u * (id.y * params.channels + id.x) + params.slot] * f32(params.positions * params.batch);
  let at = id.y * params.taskStride + params.offset + id.x;
  gradient[at] = sums.y;
  gradient[at + params.channels] = sums.x;
}
