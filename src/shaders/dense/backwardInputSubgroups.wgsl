// Formula: as dense/backwardInput: dx[b, i, r] = sum_o W_b[i, o] * dy[b, o, r].
// Source: as dense/backwardInput. Lanes are rows: a lane makes 8 inputs of 4 rows. Of an output's 8 weights lane l loads weight l, and
// Source: they are handed round.
// Shapes: theta [B, stride], the layer at `offset`; dy [B, out, rows]; dx [B, in, rows]; rows a multiple of 4.
// Writes: dx =
// Grid: x over tiles of 8 inputs and rows / 4 rounded up to LANES, the last fastest, in workgroups of 16, y over tasks.

struct Params { inputs: u32, outputs: u32, rows4: u32, stride: u32, offset: u32 }

@group(0) @binding(0) var<storage, read> theta: array<f32>;
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn valueAt(i: u32) -> vec4f { return textureLoad(dy, texel(i)); }

fn weightAt(i: u32) -> f32 { return theta[i]; }

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  // No lane returns early: all are needed to hand weights round.
  let spot = spotOf(id.x, params.rows4);
  let first = spot.first;
  let row = spot.row;
  let i = handedBy(spot, params.inputs) * params.outputs;
  let base = id.y * params.stride + params.offset;
  let output = id.y * params.outputs * params.rows4 + row;
  let sum = rowSums(Tile(mat4x4f(), mat4x4f()), vec2u(output, base), vec2u(params.rows4, 1u), params.outputs, i);
  if (!spot.isThere || first >= params.inputs) { return; }
  let to = (id.y * params.inputs + first) * params.rows4 + row;
  // One place that stores: eight take long to compile on lavapipe.
  for (var q = 0u; q < min(TILE, params.inputs - first); q++) {
    dx[to + q * params.rows4] = columnOf(sum, q);
  }
}
