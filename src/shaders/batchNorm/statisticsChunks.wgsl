// Formula: partials[b, c, n] = (mean, sum of squared distances to it) of x[b, c, p, r] over chunk n's positions p and r < batch.
// Source: corrected two-pass algorithm (Chan, Golub & LeVeque 1983): the second pass also corrects the mean.
// Shapes: x [B, channels, positions, rows]; partials [B, channels, chunks, 2]; rows a multiple of 4.
// Writes: partials =
// Grid: x over channels * chunks in workgroups of 64, y over tasks; a thread goes through chunkLength positions.

struct Params { channels: u32, positions: u32, rows4: u32, batch: u32, chunks: u32, chunkLength: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> partials: array<vec2f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.channels * params.chunks) { return; }
  let first = (id.x % params.chunks) * params.chunkLength;
  let end = min(first + params.chunkLength, params.positions);
  let channel = (id.y * params.channels + id.x / params.chunks) * params.positions;
  let count = f32((end - first) * params.batch);
  var sum = vec4f(0.0);
  for (var p = first; p < end; p++) {
    for (var r = 0u; r < params.rows4; r++) {
      sum += inBatch(x[(channel + p) * params.rows4 + r], r, params.batch);
    }
  }
  let mean = dot(sum, vec4f(1.0)) / count;
  var rest = vec4f(0.0);
  var squares = vec4f(0.0);
  for (var p = first; p < end; p++) {
    for (var r = 0u; r < params.rows4; r++) {
      let distance = inBatch(x[(channel + p) * params.rows4 + r] - mean, r, params.batch);
      rest += distance;
      squares += distance * distance;
    }
  }
  let correction = dot(rest, vec4f(1.0)) / count;
  let spread = dot(squares, vec4f(1.0)) - correction * correction * count;
  partials[id.y * params.channels * params.chunks + id.x] = vec2f(mean + correction, spread);
}
