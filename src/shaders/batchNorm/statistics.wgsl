// Formula: moments[b, c, STATISTICS] = (mean, biased variance) of all chunks: mean = sum_n count_n mean_n / count, variance
// = sum_n (spread_n + count_n (mean_n - mean)^2) / count, (mean_n, spread_n) = partials[b, c, n], n in rising order.
// Source: Chan, Golub & LeVeque 1983.
// Shapes: partials [B, channels, chunks, 2]; moments [B, channels, 4 slots, 2] as in lib/batchNorm.
// Writes: moments = (slot STATISTICS)
// Grid: x over channels in workgroups of 64, y over tasks.

struct Params { channels: u32, positions: u32, batch: u32, chunks: u32, chunkLength: u32 }

@group(0) @binding(0) var<storage, read> partials: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> moments: array<vec2f>;
@group(1) @binding(0) var<uniform> params: Params;

// Positions in chunk n, as a weight of its mean.
fn share(n: u32) -> f32 {
  return f32(min(params.chunkLength, params.positions - n * params.chunkLength)) / f32(params.positions);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.channels) { return; }
  let channel = id.y * params.channels + id.x;
  // Distances to the first mean keep the digits of a mean far from 0.
  let origin = partials[channel * params.chunks].x;
  var shift = 0.0;
  for (var n = 0u; n < params.chunks; n++) {
    shift += share(n) * (partials[channel * params.chunks + n].x - origin);
  }
  let mean = origin + shift;
  var variance = 0.0;
  for (var n = 0u; n < params.chunks; n++) {
    let chunk = partials[channel * params.chunks + n];
    let distance = chunk.x - mean;
    variance += chunk.y / f32(params.positions * params.batch) + share(n) * distance * distance;
  }
  moments[4u * channel + STATISTICS] = vec2f(mean, variance);
}
