// Formula: as dense/forward: y[b, o, r] = sum_i x[b, i, r] * W_b[i, o] + bias_b[o].
// Source: as dense/forward. Lanes are rows: a lane makes 8 outputs of 4 rows. Of an input's 8 weights lane l loads weight l, and they
// Source: are handed round.
// Shapes: theta [B, stride], the layer at `offset`; x [B, in, rows]; y [B, out, rows]; rows a multiple of 4.
// Writes: y =
// Grid: x over tiles of 8 outputs and rows / 4 rounded up to LANES, the last fastest, in workgroups of 16, y over tasks.

struct Params { inputs: u32, outputs: u32, rows4: u32, stride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn valueAt(i: u32) -> vec4f { return textureLoad(x, texel(i)); }

fn weightAt(i: u32) -> f32 { return theta[i]; }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  // No lane returns early: all are needed to hand weights round.
  let spot = spotOf(id.x, params.rows4);
  let first = spot.first;
  let row = spot.row;
  let o = handedBy(spot, params.outputs);
  let base = id.y * params.stride + params.offset;
  let input = id.y * params.inputs * params.rows4 + row;
  let bias = weights(base + params.inputs * params.outputs, o);
  let start = Tile(spread(lowerOf(bias)), spread(upperOf(bias)));
  let sum = rowSums(start, vec2u(input, base), vec2u(params.rows4, params.outputs), params.inputs, o);
  if (!spot.isThere || first >= params.outputs) { return; }
  let to = (id.y * params.outputs + first) * params.rows4 + row;
  // One place that stores: eight take long to compile on lavapipe.
  for (var q = 0u; q < min(TILE, params.outputs - first); q++) {
    y[to + q * params.rows4] = columnOf(sum, q);
  }
}
