// Formula: moments[b, c, slot] = sum_n partials[b, c, n] / (batch * positions), n in rising order.
// Source: the last stage of batchNorm/sums and batchNorm/rSums.
// Shapes: partials [B, channels, chunks, 2]; moments [B, channels, 4 slots, 2] as in lib/batchNorm.
// Writes: moments = (one slot)
// Grid: x over channels in workgroups of 64, y over tasks.

struct Params { channels: u32, positions: u32, batch: u32, chunks: u32, slot: u32 }

@group(0) @binding(0) var<storage, read> partials: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> moments: array<vec2f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.channels) { return; }
  let channel = id.y * params.channels + id.x;
  var sum = vec2f(0.0);
  for (var n = 0u; n < params.chunks; n++) { sum += partials[channel * params.chunks + n]; }
  moments[4u * channel + params.slot] = sum / f32(params.positions * params.batch);
}
