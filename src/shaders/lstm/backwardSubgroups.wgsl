// Formula: where READOUT is 1, out = readout . [h, 1] was made of h: dh += scale * readout * dOut first (coordinateOutput/backward), and
// Formula: its weights' sums from top, the h after the step; then lstm/backwardGates; from its dGates, lstm/backwardWeights and
// Formula: lstm/backwardInputs of x (onto dx) and of hPrev (into dh).
// Source: as those, lib/lstmUnits.wgsl and lib/lstmInputTile.wgsl: lanes are units, then rows of inputs, then vec4f of coordinates; the bits of the plain kernels but for partials.
// Shapes: weights, x, hPrev, cPrev as lstm/forwardSubgroups; dh, dc [HIDDEN, mp4]; dx [INPUTS, mp4]; dGates [4 HIDDEN, mp4], row 4 u + gate;
// Shapes: partials [HIDDEN (INPUTS + HIDDEN + 1), chunks], those of the readout readoutRow rows further, four weights a row; top [HIDDEN, mp4];
// Shapes: dOut [mp4]; readout [HIDDEN / 4 + 1], the bias last; all vec4f. Of the inputs' rows, x before hPrev, `rows` from `first` on are wanted.
// Writes: dGates =, dc = (in place), dh = (in place), partials = when accumulate is 0, else +=, dx = when addToX is 0, else +=
// Grid: x over chunks and 8 lanes, in workgroups of 8; chunk c takes n = c length .. (c + 1) length; `length` is even.

struct Params {
  mp4: u32, length: u32, chunks: u32, accumulate: u32, first: u32, rows: u32, addToX: u32, readoutRow: u32, scale: f32
}

@group(0) @binding(0) var weights: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var hPrev: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> cPrev: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dh: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dc: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dGates: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> partials: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(9) var top: texture_storage_2d<rgba32float, read>;
@group(0) @binding(10) var<storage, read> dOut: array<vec4f>;
@group(0) @binding(11) var<storage, read> readout: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

// Rows of x and hPrev by eights, one row a lane.
const ROWS = INPUTS + HIDDEN;
const EIGHTS = (ROWS + LANES - 1u) / LANES;

fn readoutWeight(unit: u32) -> f32 {
  let u = min(unit, HIDDEN - 1u);
  return readout[u / 4u][u % 4u];
}

fn putGates(unit: u32, n: u32, z: mat4x4f, fromOut: f32) {
  if (unit >= HIDDEN || n >= params.mp4) { return; }
  let at = unit * params.mp4 + n;
  var dhAfter = dh[at];
  if (READOUT == 1u) { dhAfter += params.scale * fromOut * dOut[n]; }
  let d = cellBackward(z, cPrev[at], dhAfter, dc[at]);
  let row = 4u * unit * params.mp4 + n;
  dGates[row] = d.gates[0];
  dGates[row + params.mp4] = d.gates[1];
  dGates[row + 2u * params.mp4] = d.gates[2];
  dGates[row + 3u * params.mp4] = d.gates[3];
  dc[at] = d.before;
}

fn gates(chunk: u32, lane: u32) {
  for (var group = 0u; group < UNIT_GROUPS; group++) {
    let unit = group * UNITS + lane % UNITS;
    let w = unitWeights(unit);
    var fromOut = 0.0;
    if (READOUT == 1u) { fromOut = readoutWeight(unit); }
    for (var i = 0u; i < params.length; i += PLACES) {
      let n = chunk * params.length + i + lane / UNITS;
      putGates(unit, n, unitGates(w, lane, min(n, params.mp4 - 1u)), fromOut);
    }
  }
}

// A row a lane, or what a lane sums for its rows: one component a gate.
struct Rows { r0: vec4f, r1: vec4f, r2: vec4f, r3: vec4f, r4: vec4f, r5: vec4f, bias: vec4f }

// A row past the last repeats it.
fn rowsOf(eight: u32, lane: u32, n: u32) -> vec4f {
  let k = min(eight * LANES + lane, ROWS - 1u);
  if (eight * LANES + LANES <= INPUTS) { return xOf(k, n); }
  if (eight * LANES >= INPUTS) { return hOf(k - INPUTS, n); }
  return select(hOf(max(k, INPUTS) - INPUTS, n), xOf(k, n), k < INPUTS);
}

fn add(to: Rows, d: mat4x4f, rows: Rows) -> Rows {
  var sum = to;
  sum.r0 += rows.r0 * d;
  if (EIGHTS > 1u) { sum.r1 += rows.r1 * d; }
  if (EIGHTS > 2u) { sum.r2 += rows.r2 * d; }
  if (EIGHTS > 3u) { sum.r3 += rows.r3 * d; }
  if (EIGHTS > 4u) { sum.r4 += rows.r4 * d; }
  if (EIGHTS > 5u) { sum.r5 += rows.r5 * d; }
  return sum;
}

fn pickOf(u: u32, of0: vec4f, of1: vec4f, of2: vec4f, of3: vec4f) -> vec4f {
  return select(select(select(of0, of1, u == 1u), of2, u == 2u), of3, u == 3u);
}

fn putSum(unit: u32, k: u32, end: u32, chunk: u32, value: vec4f) {
  if (unit >= HIDDEN || k >= end || chunk >= params.chunks) { return; }
  let at = (unit * ROW + k) * params.chunks + chunk;
  partials[at] = select(partials[at], vec4f(0.0), params.accumulate == 0u) + value;
}

fn sums(chunk: u32, lane: u32) {
  let last = 4u * HIDDEN - 1u;
  for (var unit = 0u; unit < HIDDEN; unit += UNITS) {
    let row0 = min(4u * unit + lane, last) * params.mp4;
    let row1 = min(4u * unit + LANES + lane, last) * params.mp4;
    var u0 = Rows(); var u1 = Rows(); var u2 = Rows(); var u3 = Rows();
    var bias0 = 0.0; var bias1 = 0.0;
    for (var i = 0u; i < params.length; i++) {
      let place = chunk * params.length + i;
      let n = min(place, params.mp4 - 1u);
      var rows = Rows();
      rows.r0 = rowsOf(0u, lane, n);
      if (EIGHTS > 1u) { rows.r1 = rowsOf(1u, lane, n); }
      if (EIGHTS > 2u) { rows.r2 = rowsOf(2u, lane, n); }
      if (EIGHTS > 3u) { rows.r3 = rowsOf(3u, lane, n); }
      if (EIGHTS > 4u) { rows.r4 = rowsOf(4u, lane, n); }
      if (EIGHTS > 5u) { rows.r5 = rowsOf(5u, lane, n); }
      let d0 = select(vec4f(0.0), dGates[row0 + n], place < params.mp4);
      bias0 += total(d0);
      u0 = add(u0, lower(d0), rows);
      u1 = add(u1, upper(d0), rows);
      let d1 = select(vec4f(0.0), dGates[row1 + n], place < params.mp4);
      bias1 += total(d1);
      u2 = add(u2, lower(d1), rows);
      u3 = add(u3, upper(d1), rows);
    }
    u0.bias = lowerOf(bias0);
    u1.bias = upperOf(bias0);
    u2.bias = lowerOf(bias1);
    u3.bias = upperOf(bias1);
    // One place that stores, in a loop: one for each sum takes seconds to compile on lavapipe.
    for (var j = 0u; j < UNITS * (EIGHTS + 1u); j++) {
      let u = j / (EIGHTS + 1u);
      let slot = j % (EIGHTS + 1u);
      var value = pickOf(u, u0.bias, u1.bias, u2.bias, u3.bias);
      value = select(value, pickOf(u, u0.r0, u1.r0, u2.r0, u3.r0), slot == 0u);
      value = select(value, pickOf(u, u0.r1, u1.r1, u2.r1, u3.r1), EIGHTS > 1u && slot == 1u);
      value = select(value, pickOf(u, u0.r2, u1.r2, u2.r2, u3.r2), EIGHTS > 2u && slot == 2u);
      value = select(value, pickOf(u, u0.r3, u1.r3, u2.r3, u3.r3), EIGHTS > 3u && slot == 3u);
      value = select(value, pickOf(u, u0.r4, u1.r4, u2.r4, u3.r4), EIGHTS > 4u && slot == 4u);
      value = select(value, pickOf(u, u0.r5, u1.r5, u2.r5, u3.r5), EIGHTS > 5u && slot == 5u);
      // The bias is the same in all lanes: the first writes it.
      let isBias = slot == EIGHTS;
      let k = lane + select(slot * LANES, ROWS, isBias);
      putSum(unit + u, k, select(ROWS, ROWS + 1u, isBias), chunk, value);
    }
  }
}

// A row of [h, 1] a lane, zero past the bias.
fn topOf(k: u32, n: u32) -> vec4f {
  let h = textureLoad(top, texel(min(k, HIDDEN - 1u) * params.mp4 + n));
  return select(h, vec4f(select(0.0, 1.0, k == HIDDEN)), k >= HIDDEN);
}

const OUT_EIGHTS = (HIDDEN + LANES) / LANES;

fn readoutSums(chunk: u32, lane: u32) {
  var s0 = vec4f(0.0); var s1 = vec4f(0.0); var s2 = vec4f(0.0); var s3 = vec4f(0.0);
  for (var i = 0u; i < params.length; i++) {
    let place = chunk * params.length + i;
    let n = min(place, params.mp4 - 1u);
    let d = select(vec4f(0.0), dOut[n], place < params.mp4);
    s0 += d * topOf(lane, n);
    if (OUT_EIGHTS > 1u) { s1 += d * topOf(lane + LANES, n); }
    if (OUT_EIGHTS > 2u) { s2 += d * topOf(lane + 2u * LANES, n); }
    if (OUT_EIGHTS > 3u) { s3 += d * topOf(lane + 3u * LANES, n); }
  }
  for (var four = 0u; four < HIDDEN / 4u + 1u; four++) {
    let sum = total(pickOf(four / 2u, s0, s1, s2, s3));
    let value = params.scale * select(lowerOf(sum), upperOf(sum), four % 2u == 1u);
    if (lane == 0u && chunk < params.chunks) {
      let at = (params.readoutRow + four) * params.chunks + chunk;
      partials[at] = select(partials[at], vec4f(0.0), params.accumulate == 0u) + value;
    }
  }
}

fn weightOf(unit: u32, input: u32) -> vec4f { return weightAt(unit * ROW + input); }

fn putInput(row: u32, n: u32, value: vec4f) {
  if (n >= params.mp4) { return; }
  let k = params.first + row;
  if (k >= INPUTS) {
    dh[(k - INPUTS) * params.mp4 + n] = value;
    return;
  }
  let at = k * params.mp4 + n;
  dx[at] = select(dx[at], vec4f(0.0), params.addToX == 0u) + value;
}

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  // No lane returns early: all 8 are needed to hand inputs round.
  let lane = id.x % LANES;
  let chunk = id.x / LANES;
  gates(chunk, lane);
  storageBarrier();
  sums(chunk, lane);
  if (READOUT == 1u) { readoutSums(chunk, lane); }
  for (var i = 0u; i < params.length; i += LANES) {
    // Of another chunk, or past the end: not written.
    let n = select(params.mp4, chunk * params.length + i + lane, i + lane < params.length);
    for (var tile = 0u; tile < params.rows; tile += TILE) { inputTile(tile, lane, n, 0u, HIDDEN); }
  }
}
