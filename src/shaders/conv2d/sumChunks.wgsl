// Formula: gradient[b, i] = sum_n partials[b, n, i] over the chunks n in rising order.
// Source: the last stage of conv2d/backwardWeights and conv2d/rBackwardWeights where positions are taken in chunks.
// Shapes: partials [B, chunks, count]; gradient [B, taskStride], the layer's `count` elements at `offset`.
// Writes: gradient = (this layer's elements of each task)
// Grid: x over count in workgroups of 64, y over tasks.

struct Params { count: u32, chunks: u32, taskStride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  var sum = 0.0;
  for (var n = 0u; n < params.chunks; n++) {
    sum += partials[(id.y * params.chunks + n) * params.count + id.x];
  }
  gradient[id.y * params.taskStride + params.offset + id.x] = sum;
}
