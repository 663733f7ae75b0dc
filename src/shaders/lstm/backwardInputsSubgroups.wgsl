// Formula: as lstm/backwardInputs, bit for bit.
// Source: as lstm/backwardInputs; a lane of a subgroup of 8 loads the weights of up to 3 rows, and all lanes use all of them.
// Shapes: weights [units, inputs + hidden + 1] vec4f; dGates [4 hidden, mp4]; dInput [rows, mp4], all vec4f.
// Writes: dInput = when accumulate is 0, else +=
// Grid: x over mp4 in workgroups of 64, y over tiles of 20 rows.

struct Params { mp4: u32, size: u32, firstUnit: u32, units: u32, first: u32, rows: u32, accumulate: u32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, WEIGHTS>;
@group(0) @binding(1) var<storage, read> dGates: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dInput: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

const LANES = 8u;
const TILE = 20u;

fn put(k: u32, n: u32, value: vec4f) {
  if (n >= params.mp4) { return; }
  let at = k * params.mp4 + n;
  dInput[at] = select(dInput[at], vec4f(0.0), params.accumulate == 0u) + value;
}

fn gatesOf(unit: u32, n: u32) -> mat4x4f {
  let row = 4u * unit * params.mp4 + n;
  return mat4x4f(
    dGates[row],
    dGates[row + params.mp4],
    dGates[row + 2u * params.mp4],
    dGates[row + 3u * params.mp4],
  );
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  // No lane returns early: all 8 are needed to hand weights round.
  let lane = id.x % LANES;
  let n = min(id.x, params.mp4 - 1u);
  let tile = id.y * TILE;
  // Rows past the last repeat it and are not written.
  let last = params.rows - 1u;
  let k0 = params.first + min(tile + lane, last);
  let k1 = params.first + min(tile + lane + LANES, last);
  let k2 = params.first + min(tile + lane + 2u * LANES, last);
  var a0 = vec4f(0.0); var a1 = vec4f(0.0); var a2 = vec4f(0.0); var a3 = vec4f(0.0);
  var a4 = vec4f(0.0); var a5 = vec4f(0.0); var a6 = vec4f(0.0); var a7 = vec4f(0.0);
  var a8 = vec4f(0.0); var a9 = vec4f(0.0); var a10 = vec4f(0.0); var a11 = vec4f(0.0);
  var a12 = vec4f(0.0); var a13 = vec4f(0.0); var a14 = vec4f(0.0); var a15 = vec4f(0.0);
  var a16 = vec4f(0.0); var a17 = vec4f(0.0); var a18 = vec4f(0.0); var a19 = vec4f(0.0);
  for (var u = 0u; u < params.units; u++) {
    let row = u * params.size;
    let w0 = weights[row + k0];
    let w1 = weights[row + k1];
    let w2 = weights[row + k2];
    let d = gatesOf(params.firstUnit + u, n);
    a0 += d * subgroupBroadcast(w0, 0u);
    a1 += d * subgroupBroadcast(w0, 1u);
    a2 += d * subgroupBroadcast(w0, 2u);
    a3 += d * subgroupBroadcast(w0, 3u);
    a4 += d * subgroupBroadcast(w0, 4u);
    a5 += d * subgroupBroadcast(w0, 5u);
    a6 += d * subgroupBroadcast(w0, 6u);
    a7 += d * subgroupBroadcast(w0, 7u);
    a8 += d * subgroupBroadcast(w1, 0u);
    a9 += d * subgroupBroadcast(w1, 1u);
    a10 += d * subgroupBroadcast(w1, 2u);
    a11 += d * subgroupBroadcast(w1, 3u);
    a12 += d * subgroupBroadcast(w1, 4u);
    a13 += d * subgroupBroadcast(w1, 5u);
    a14 += d * subgroupBroadcast(w1, 6u);
    a15 += d * subgroupBroadcast(w1, 7u);
    a16 += d * subgroupBroadcast(w2, 0u);
    a17 += d * subgroupBroadcast(w2, 1u);
    a18 += d * subgroupBroadcast(w2, 2u);
    a19 += d * subgroupBroadcast(w2, 3u);
  }
  // One place that stores, in a loop: twenty of them take seconds to compile on lavapipe.
  for (var i = 0u; i < min(TILE, params.rows - tile); i++) {
    var value = a0;
    value = select(value, a1, i == 1u);
    value = select(value, a2, i == 2u);
    value = select(value, a3, i == 3u);
    value = select(value, a4, i == 4u);
    value = select(value, a5, i == 5u);
    value = select(value, a6, i == 6u);
    value = select(value, a7, i == 7u);
    value = select(value, a8, i == 8u);
    value = select(value, a9, i == 9u);
    value = select(value, a10, i == 10u);
    value = select(value, a11, i == 11u);
    value = select(value, a12, i == 12u);
    value = select(value, a13, i == 13u);
    value = select(value, a14, i == 14u);
    value = select(value, a15, i == 15u);
    value = select(value, a16, i == 16u);
    value = select(value, a17, i == 17u);
    value = select(value, a18, i == 18u);
    value = select(value, a19, i == 19u);
    put(tile + i, id.x, value);
  }
}
