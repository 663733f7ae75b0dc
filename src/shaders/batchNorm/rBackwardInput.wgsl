// Formula: rdx = R{gamma s} e + gamma s (rdy - R{<dy>} - R{xhat} <dy xhat> - xhat R{<dy xhat>}), e = dy - <dy> - xhat <dy xhat>,
// R{gamma s} = rgamma s - gamma s^2 <rx xhat>; 0 for r >= batch.
// Source: tangent of batchNorm/backwardInput along v (Pearlmutter 1994).
// Shapes: theta, v [B, taskStride], the layer at `offset`: gamma [channels], beta [channels]; x, rx, dy, rdy, rdx [B, channels, positions, rows]; moments [B, channels, 4 slots, 2] as in lib/batchNorm; rows a multiple of 4.
// Writes: rdx =
// Grid: x over channels * positions * rows / 4 in workgroups of 64, y over tasks.

struct Params { channels: u32, positions: u32, rows4: u32, batch: u32, taskStride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> rx: array<vec4f>;
@group(0) @binding(4) var<storage, read> dy: array<vec4f>;
@group(0) @binding(5) var<storage, read> rdy: array<vec4f>;
@group(0) @binding(6) var<storage, read> moments: array<vec2f>;
@group(0) @binding(7) var<storage, read_write> rdx: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x / (params.positions * params.rows4);
  if (c >= params.channels) { return; }
  let row = id.x % params.rows4;
  let at = id.y * params.channels * params.positions * params.rows4 + id.x;
  let channel = id.y * params.channels + c;
  let statistics = moments[4u * channel + STATISTICS];
  let adjoints = moments[4u * channel + ADJOINTS];
  let tangents = moments[4u * channel + TANGENTS];
  let rAdjoints = moments[4u * channel + R_ADJOINTS];
  let layer = id.y * params.taskStride + params.offset + c;
  let s = inverseDeviation(statistics.y);
  let scale = theta[layer] * s;
  let rscale = v[layer] * s - scale * s * tangents.y;
  let xhat = (x[at] - statistics.x) * s;
  let rxhat = s * (rx[at] - tangents.x - xhat * tangents.y);
  let e = dy[at] - adjoints.x - xhat * adjoints.y;
  let re = rdy[at] - rAdjoints.x - rxhat * adjoints.y - xhat * rAdjoints.y;
  rdx[at] = inBatch(rscale * e + scale * re, row, params.batch);
}
