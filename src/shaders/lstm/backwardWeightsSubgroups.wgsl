// Formula: as lstm/backwardWeights: dWeight[u, k, q] = sum_n dGates[4 u + q, n] * input[k, n], the bias' input being 1.
// Source: as lstm/backwardWeights. Lanes are inputs: lane l of a subgroup sums for the rows l, l + LANES, l + 2 LANES of x and of hPrev.
// Source: Lane l loads row l of LANES rows of dGates (one unit or two), and they are handed round.
// Shapes: x [inputs, mp4]; hPrev [hidden, mp4]; dGates [4 hidden, mp4]; partials [chunks, stride], all vec4f.
// Writes: partials = when accumulate is 0, else +=
// Grid: x over chunks, tiles of 4 units and lanes, the last fastest, in workgroups of 64: neighbours share inputs; y over tiles of
// Grid: LANES X_GROUPS rows of x and LANES H_GROUPS rows of hPrev (constants, 1 to 3); chunk c takes n = c length .. (c + 1) length.

struct Params { mp4: u32, chunks: u32, stride: u32, length: u32, accumulate: u32, inputs: u32, hidden: u32 }

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var hPrev: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read> dGates: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

const TILE = 4u;

fn gateAdjointOf(row: u32, n: u32) -> vec4f { return dGates[row * params.mp4 + n]; }

// Of one lane: its rows of the inputs, or what it sums for them, one component a gate.
struct Rows { x0: vec4f, x1: vec4f, x2: vec4f, h0: vec4f, h1: vec4f, h2: vec4f, bias: vec4f }

fn xOf(k: u32, n: u32) -> vec4f { return textureLoad(x, texel(min(k, params.inputs - 1u) * params.mp4 + n)); }
fn hOf(k: u32, n: u32) -> vec4f { return textureLoad(hPrev, texel(min(k, params.hidden - 1u) * params.mp4 + n)); }

fn add(to: Rows, d: mat4x4f, rows: Rows) -> Rows {
  var sum = to;
  sum.x0 += rows.x0 * d;
  if (X_GROUPS > 1u) { sum.x1 += rows.x1 * d; }
  if (X_GROUPS > 2u) { sum.x2 += rows.x2 * d; }
  sum.h0 += rows.h0 * d;
  if (H_GROUPS > 1u) { sum.h1 += rows.h1 * d; }
  if (H_GROUPS > 2u) { sum.h2 += rows.h2 * d; }
  return sum;
}

fn choose(otherwise: Rows, rows: Rows, condition: bool) -> Rows {
  return Rows(
    select(otherwise.x0, rows.x0, condition), select(otherwise.x1, rows.x1, condition),
    select(otherwise.x2, rows.x2, condition), select(otherwise.h0, rows.h0, condition),
    select(otherwise.h1, rows.h1, condition), select(otherwise.h2, rows.h2, condition),
    select(otherwise.bias, rows.bias, condition),
  );
}

// `slot` counts the members of Rows that are in use.
fn slotOf(rows: Rows, slot: u32) -> vec4f {
  var value = select(rows.bias, rows.h0, slot == X_GROUPS);
  value = select(value, rows.h1, H_GROUPS > 1u && slot == X_GROUPS + 1u);
  value = select(value, rows.h2, H_GROUPS > 2u && slot == X_GROUPS + 2u);
  value = select(value, rows.x0, slot == 0u);
  value = select(value, rows.x1, X_GROUPS > 1u && slot == 1u);
  return select(value, rows.x2, X_GROUPS > 2u && slot == 2u);
}

fn put(unit: u32, k: u32, end: u32, chunk: u32, value: vec4f) {
  if (k >= end || chunk >= params.chunks) { return; }
  let at = chunk * params.stride + unit * (params.inputs + params.hidden + 1u) + k;
  partials[at] = select(partials[at], vec4f(0.0), params.accumulate == 0u) + value;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  // No lane returns early: all are needed to hand rows round.
  let lane = id.x % LANES;
  let subgroup = id.x / LANES;
  let tiles = (params.hidden + TILE - 1u) / TILE;
  let chunk = subgroup / tiles;
  let unit = subgroup % tiles * TILE;
  let kx = id.y * X_GROUPS * LANES + lane;
  let kh = id.y * H_GROUPS * LANES + lane;
  var u0 = Rows(); var u1 = Rows(); var u2 = Rows(); var u3 = Rows();
  var bias0 = vec2f(0.0); var bias1 = vec2f(0.0);
  for (var i = 0u; i < params.length; i++) {
    let place = chunk * params.length + i;
    let n = min(place, params.mp4 - 1u);
    var rows = Rows();
    rows.x0 = xOf(kx, n);
    if (X_GROUPS > 1u) { rows.x1 = xOf(kx + LANES, n); }
    if (X_GROUPS > 2u) { rows.x2 = xOf(kx + 2u * LANES, n); }
    rows.h0 = hOf(kh, n);
    if (H_GROUPS > 1u) { rows.h1 = hOf(kh + LANES, n); }
    if (H_GROUPS > 2u) { rows.h2 = hOf(kh + 2u * LANES, n); }
    let isThere = place < params.mp4;
    let d0 = gateRows(unit, params.hidden, lane, n, isThere);
    bias0 = addTotals(bias0, d0);
    u0 = add(u0, lower(d0), rows);
    u1 = add(u1, upper(d0), rows);
    let d1 = gateRows(unit + 2u, params.hidden, lane, n, isThere);
    bias1 = addTotals(bias1, d1);
    u2 = add(u2, lower(d1), rows);
    u3 = add(u3, upper(d1), rows);
  }
  u0.bias = lowerOf(bias0);
  u1.bias = upperOf(bias0);
  u2.bias = lowerOf(bias1);
  u3.bias = upperOf(bias1);
  // One place that stores, in a loop: one for each sum takes seconds to compile on lavapipe.
  let endX = params.inputs;
  let endH = params.inputs + params.hidden;
  let slots = X_GROUPS + H_GROUPS + 1u;
  for (var j = 0u; j < slots * min(TILE, params.hidden - unit); j++) {
    let u = j / slots;
    let slot = j % slots;
    let value = slotOf(choose(choose(choose(u0, u1, u == 1u), u2, u == 2u), u3, u == 3u), slot);
    // The bias is the same in all lanes and tiles: the first of each writes it.
    var k = endH + lane + id.y;
    var end = endH + 1u;
    if (slot < X_GROUPS) {
      k = kx + slot * LANES;
      end = endX;
    } else if (slot < X_GROUPS + H_GROUPS) {
      k = endX + kh + (slot - X_GROUPS) * LANES;
      end = endH;
    }
    put(unit + u, k, end, chunk, value);
  }
}
