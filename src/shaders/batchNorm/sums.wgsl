// Formula: partials[b, c, n] = (sum a, sum a xhat) over chunk n's positions and r < batch, a = values[b, c, p, r].
// Source: the sums over a channel of batchNorm's adjoint (values = dy) and of its tangent (values = rx).
// Shapes: x, values [B, channels, positions, rows]; moments [B, channels, 4 slots, 2] as in lib/batchNorm; partials [B, channels, chunks, 2]; rows a multiple of 4.
// Writes: partials =
// Grid: x over channels * chunks in workgroups of 64, y over tasks; a thread goes through chunkLength positions.

struct Params { channels: u32, positions: u32, rows4: u32, batch: u32, chunks: u32, chunkLength: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> values: array<vec4f>;
@group(0) @binding(2) var<storage, read> moments: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec2f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.channels * params.chunks) { return; }
  let first = (id.x % params.chunks) * params.chunkLength;
  let end = min(first + params.chunkLength, params.positions);
  let channel = id.y * params.channels + id.x / params.chunks;
  let statistics = moments[4u * channel + STATISTICS];
  var sum = vec4f(0.0);
  var product = vec4f(0.0);
  for (var p = first; p < end; p++) {
    for (var r = 0u; r < params.rows4; r++) {
      let at = (channel * params.positions + p) * params.rows4 + r;
      let value = values[at];
      sum += inBatch(value, r, params.batch);
      product += inBatch(value * (x[at] - statistics.x), r, params.batch);
    }
  }
  let s = inverseDeviation(statistics.y);
  let result = vec2f(dot(sum, vec4f(1.0)), dot(product, vec4f(1.0)) * s);
  partials[id.y * params.channels * params.chunks + id.x] = result;
}
