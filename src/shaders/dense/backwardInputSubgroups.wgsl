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
  let lane = id.x % LANES;
  let subgroup = id.x / LANES;
  let rowGroups = (params.rows4 + LANES - 1u) / LANES;
  let first = subgroup / rowGroups * TILE;
  let place = subgroup % rowGroups * LANES + lane;
  let row = min(place, params.rows4 - 1u);
  let i = min(vec2u(first + lane, first + lane + 4u), vec2u(params.inputs - 1u)) * params.outputs;
  let base = id.y * params.stride + params.offset;
  let output = id.y * params.outputs * params.rows4 + row;
  let sum = rowSums(Tile(mat4x4f(), mat4x4f()), vec2u(output, base), vec2u(params.rows4, 1u), params.outputs, i);
  if (place >= params.rows4 || first >= params.inputs) { return; }
  let to = (id.y * params.inputs + first) * params.rows4 + row;
  // One place that stores: eight take long to compile on lavapipe.
  for (var q = 0u; q < min(TILE, params.inputs - first); q++) {
    dx[to + q * params.rows4] = columnOf(sum, q);
  }
}
