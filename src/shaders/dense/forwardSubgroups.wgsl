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
  let o = min(vec2u(first + lane, first + lane + 4u), vec2u(params.outputs - 1u));
  let base = id.y * params.stride + params.offset;
  let input = id.y * params.inputs * params.rows4 + row;
  let bias = weights(base + params.inputs * params.outputs, o);
  var sum = Tile(spread(lowerOf(bias)), spread(upperOf(bias)));
  // Four inputs a pass: what is carried from pass to pass costs a load and a store on lavapipe.
  let passes = params.inputs / 4u;
  for (var turn = 0u; turn < passes; turn++) {
    let i = 4u * turn;
    let at = base + i * params.outputs;
    let start = input + i * params.rows4;
    sum = add(sum, textureLoad(x, texel(start)), weights(at, o));
    sum = add(sum, textureLoad(x, texel(start + params.rows4)), weights(at + params.outputs, o));
    sum = add(sum, textureLoad(x, texel(start + 2u * params.rows4)), weights(at + 2u * params.outputs, o));
    sum = add(sum, textureLoad(x, texel(start + 3u * params.rows4)), weights(at + 3u * params.outputs, o));
  }
  for (var i = 4u * passes; i < params.inputs; i++) {
    sum = add(sum, textureLoad(x, texel(input + i * params.rows4)), weights(base + i * params.outputs, o));
  }
  if (place >= params.rows4 || first >= params.outputs) { return; }
  let to = (id.y * params.outputs + first) * params.rows4 + row;
  // One place that stores: eight take long to compile on lavapipe.
  for (var q = 0u; q < min(TILE, params.outputs - first); q++) {
    y[to + q * params.rows4] = columnOf(sum, q);
  }
}
