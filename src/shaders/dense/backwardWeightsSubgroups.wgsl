// Formula: as dense/backwardWeights: dW_b[i, o] = sum_r x[b, i, r] * dy[b, o, r]; row i = in is the bias: x = 1.
// Source: as dense/backwardWeights. Lanes are inputs: lane l sums for the inputs l, l + LANES, .. of 4 LANES of them and 8 outputs. Of 8
// Source: rows of dy lane l loads row l (one or two of them), and they are handed round.
// Shapes: x [B, in, rows]; dy [B, out, rows]; gradient [B, stride], the layer at `offset`; rows a multiple of 4.
// Writes: gradient = (this layer's (in + 1) * out elements of each task)
// Grid: x over tiles of 4 LANES inputs, tiles of 8 outputs and lanes, the last fastest, in workgroups of 16, y over tasks.

struct Params { inputs: u32, outputs: u32, rows4: u32, stride: u32, offset: u32 }

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

const TILE = 8u;
const INPUTS = 4u;

fn inputRow(at: u32, i: u32) -> vec4f {
  let value = textureLoad(x, texel(at + min(i, params.inputs - 1u) * params.rows4));
  return select(value, vec4f(1.0), i == params.inputs);
}

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3u) {
  // No lane returns early: all are needed to hand rows round.
  let lane = id.x % LANES;
  let subgroup = id.x / LANES;
  let tiles = (params.outputs + TILE - 1u) / TILE;
  let first = subgroup % tiles * TILE;
  let i = subgroup / tiles * INPUTS * LANES + lane;
  let rows4 = params.rows4;
  let o = min(vec2u(first + lane, first + lane + 4u), vec2u(params.outputs - 1u));
  let output = (vec2u(id.y * params.outputs) + o) * rows4;
  let input = id.y * params.inputs * rows4;
  // Outputs 0 to 3 and 4 to 7 of the tile, an input a column.
  var low = mat4x4f();
  var high = mat4x4f();
  for (var r = 0u; r < rows4; r++) {
    var d = Loads(dy[output.x + r], vec4f(0.0));
    if (LANES == 4u) { d.d1 = dy[output.y + r]; }
    let x0 = inputRow(input + r, i);
    let x1 = inputRow(input + r, i + LANES);
    let x2 = inputRow(input + r, i + 2u * LANES);
    let x3 = inputRow(input + r, i + 3u * LANES);
    let a = lower(d);
    low += mat4x4f(x0 * a, x1 * a, x2 * a, x3 * a);
    let b = upper(d);
    high += mat4x4f(x0 * b, x1 * b, x2 * b, x3 * b);
  }
  if (i > params.inputs) { return; }
  let base = id.y * params.stride + params.offset + first;
  let columns = min(TILE, params.outputs - first);
  // One place that stores, its number of passes unknown to the compiler: thirty-two take long to compile on lavapipe.
  for (var e = 0u; e < columns * INPUTS; e++) {
    let p = e / columns;
    let q = e % columns;
    let row = i + p * LANES;
    var values = low[p];
    if (q >= 4u) { values = high[p]; }
    if (row <= params.inputs) { gradient[base + row * params.outputs + q] = values[q % 4u]; }
  }
}
