// Formula: ry = rgamma xhat + gamma R{xhat} + rbeta, R{xhat} = s (rx - <rx> - xhat <rx xhat>); 0 for r >= batch.
// Source: tangent of batchNorm/forward along v (Pearlmutter 1994), through the statistics too.
// Shapes: theta, v [B, taskStride], the layer at `offset`: gamma [channels], beta [channels]; x, rx, ry [B, channels, positions, rows]; moments [B, channels, 4 slots, 2] as in lib/batchNorm; rows a multiple of 4.
// Writes: ry =
// Grid: x over channels * positions * rows / 4 in workgroups of 64, y over tasks.

struct Params { channels: u32, positions: u32, rows4: u32, batch: u32, taskStride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> rx: array<vec4f>;
@group(0) @binding(4) var<storage, read> moments: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> ry: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x / (params.positions * params.rows4);
  if (c >= params.channels) { return; }
  let row = id.x % params.rows4;
  let at = id.y * params.channels * params.positions * params.rows4 + id.x;
  let channel = id.y * params.channels + c;
  let statistics = moments[4u * channel + STATISTICS];
  let tangents = moments[4u * channel + TANGENTS];
  let layer = id.y * params.taskStride + params.offset + c;
  let s = inverseDeviation(statistics.y);
  let xhat = (x[at] - statistics.x) * s;
  let rxhat = s * (rx[at] - tangents.x - xhat * tangents.y);
  ry[at] = inBatch(v[layer] * xhat + theta[layer] * rxhat + v[layer + params.channels], row, params.batch);
}
