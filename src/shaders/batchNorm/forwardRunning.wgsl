// Formula: y[b, c, p, r] = gamma_b[c] (x[b, c, p, r] - mean_b[c]) / sqrt(variance_b[c] + 1e-5) + beta_b[c]; 0 for r >= batch.
// Source: Ioffe & Szegedy 2015, inference: statistics that are given and do not depend on x.
// Shapes: theta [B, taskStride], the layer at `offset`: gamma [channels], beta [channels]; x, y [B, channels, positions, rows]; mean, variance [B, channels]; rows a multiple of 4.
// Writes: y =
// Grid: x over channels * positions * rows / 4 in workgroups of 64, y over tasks.

struct Params { channels: u32, positions: u32, rows4: u32, batch: u32, taskStride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x / (params.positions * params.rows4);
  if (c >= params.channels) { return; }
  let row = id.x % params.rows4;
  let at = id.y * params.channels * params.positions * params.rows4 + id.x;
  let channel = id.y * params.channels + c;
  let gamma = theta[id.y * params.taskStride + params.offset + c];
  let beta = theta[id.y * params.taskStride + params.offset + params.channels + c];
  let xhat = (x[at] - mean[channel]) * inverseDeviation(variance[channel]);
  y[at] = inBatch(gamma * xhat + beta, row, params.batch);
}
