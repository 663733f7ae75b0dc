// Formula: where READOUT is 1, out = readout . [h, 1] was made of h: dh += scale * readout * dOut first (coordinateOutput/backward), and
// Formula: its weights' sums from top, the h after the step; then lstm/backwardGates; from its dGates, lstm/backwardWeights and
// Formula: lstm/backwardInputs of x (onto dx) and of hPrev (into dh).
// Source: as those, lib/lstmUnits.wgsl and lib/lstmInputTile.wgsl: lanes are units, then rows of inputs, then vec4f of coordinates; the bits of the plain kernels but for partials.
// Source: The adjoints of the gates stay in the workgroup's memory (lib/lstmGatesKept.wgsl) or in dGates (lib/lstmGatesStored.wgsl).
// Shapes: weights, x, hPrev, cPrev as lstm/forwardSubgroups; dh, dc [HIDDEN, mp4]; dx [INPUTS, mp4]; dGates [4 HIDDEN, mp4], row 4 u + gate;
// Shapes: partials [chunks, stride], of which the layer has HIDDEN (INPUTS + HIDDEN + 1), and the readout, readoutRow further, four weights in each; top [HIDDEN, mp4];
// Shapes: dOut [mp4]; readout [HIDDEN / 4 + 1], the bias last; all vec4f. Of the inputs' rows, x before hPrev, `rows` from `first` on are wanted.
// Writes: dGates = (where they are stored), dc = (in place), dh = (in place), partials = when accumulate is 0, else +=, dx = when addToX is 0, else +=
// Grid: x over chunks and lanes, in workgroups of LANES; chunk c takes n = (firstChunk + c) length .. + length; `length` is even, LENGTH at most.

struct Params {
  mp4: u32, length: u32, chunks: u32, firstChunk: u32, stride: u32, accumulate: u32, first: u32, rows: u32, addToX: u32, readoutRow: u32,
  units: u32, scale: f32
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

// Rows of x and hPrev, one row a lane: so many loads.
const ROWS = INPUTS + HIDDEN;
const GROUPS = (ROWS + LANES - 1u) / LANES;

fn readoutWeight(unit: u32) -> f32 {
  let u = min(unit, HIDDEN - 1u);
  return readout[u / 4u][u % 4u];
}

fn putGates(unit: u32, n: u32, place: u32, z: mat4x4f, fromOut: f32) {
  if (unit >= HIDDEN || n >= params.mp4) { return; }
  let at = unit * params.mp4 + n;
  var dhAfter = dh[at];
  if (READOUT == 1u) { dhAfter += params.scale * fromOut * dOut[n]; }
  let d = cellBackward(z, cPrev[at], dhAfter, dc[at]);
  let kept = whereKept(n, place);
  keepGate(4u * unit, kept, d.gates[0]);
  keepGate(4u * unit + 1u, kept, d.gates[1]);
  keepGate(4u * unit + 2u, kept, d.gates[2]);
  keepGate(4u * unit + 3u, kept, d.gates[3]);
  dc[at] = d.before;
}

fn gates(start: u32, lane: u32) {
  for (var group = 0u; group < UNIT_GROUPS; group++) {
    let unit = group * UNITS + lane % UNITS;
    loadUnit(unit);
    var fromOut = 0.0;
    if (READOUT == 1u) { fromOut = readoutWeight(unit); }
    for (var i = 0u; i < params.length; i += PLACES) {
      let place = i + lane / UNITS;
      let n = start + place;
      putGates(unit, n, place, unitGates(lane, min(n, params.mp4 - 1u)), fromOut);
    }
  }
}

// A row a lane, or what a lane sums for its rows: one component a gate.
struct Rows {
  r0: vec4f, r1: vec4f, r2: vec4f, r3: vec4f, r4: vec4f, r5: vec4f,
  r6: vec4f, r7: vec4f, r8: vec4f, r9: vec4f, r10: vec4f, r11: vec4f,
  bias: vec4f,
}

// A row past the last repeats it.
fn rowsOf(group: u32, lane: u32, n: u32) -> vec4f {
  let k = min(group * LANES + lane, ROWS - 1u);
  if (group * LANES + LANES <= INPUTS) { return xOf(k, n); }
  if (group * LANES >= INPUTS) { return hOf(k - INPUTS, n); }
  return select(hOf(max(k, INPUTS) - INPUTS, n), xOf(k, n), k < INPUTS);
}

fn add(to: Rows, d: mat4x4f, rows: Rows) -> Rows {
  var sum = to;
  sum.r0 += rows.r0 * d;
  if (GROUPS > 1u) { sum.r1 += rows.r1 * d; }
  if (GROUPS > 2u) { sum.r2 += rows.r2 * d; }
  if (GROUPS > 3u) { sum.r3 += rows.r3 * d; }
  if (GROUPS > 4u) { sum.r4 += rows.r4 * d; }
  if (GROUPS > 5u) { sum.r5 += rows.r5 * d; }
  if (GROUPS > 6u) { sum.r6 += rows.r6 * d; }
  if (GROUPS > 7u) { sum.r7 += rows.r7 * d; }
  if (GROUPS > 8u) { sum.r8 += rows.r8 * d; }
  if (GROUPS > 9u) { sum.r9 += rows.r9 * d; }
  if (GROUPS > 10u) { sum.r10 += rows.r10 * d; }
  if (GROUPS > 11u) { sum.r11 += rows.r11 * d; }
  return sum;
}

fn pickOf(u: u32, of0: vec4f, of1: vec4f, of2: vec4f, of3: vec4f) -> vec4f {
  return select(select(select(of0, of1, u == 1u), of2, u == 2u), of3, u == 3u);
}

// A row of [h, 1] a lane, zero past the bias.
fn topOf(k: u32, n: u32) -> vec4f {
  let h = textureLoad(top, texel(min(k, HIDDEN - 1u) * params.mp4 + n));
  return select(h, vec4f(select(0.0, 1.0, k == HIDDEN)), k >= HIDDEN);
}

const OUT_GROUPS = (HIDDEN + LANES) / LANES;

// Of the lane's rows of [h, 1], the sums over coordinates by fours.
fn readoutSums(start: u32, lane: u32) -> Rows {
  var sum = Rows();
  for (var i = 0u; i < params.length; i++) {
    let n = min(start + i, params.mp4 - 1u);
    let d = select(vec4f(0.0), dOut[n], start + i < params.mp4);
    sum.r0 += d * topOf(lane, n);
    if (OUT_GROUPS > 1u) { sum.r1 += d * topOf(lane + 1u * LANES, n); }
    if (OUT_GROUPS > 2u) { sum.r2 += d * topOf(lane + 2u * LANES, n); }
    if (OUT_GROUPS > 3u) { sum.r3 += d * topOf(lane + 3u * LANES, n); }
    if (OUT_GROUPS > 4u) { sum.r4 += d * topOf(lane + 4u * LANES, n); }
    if (OUT_GROUPS > 5u) { sum.r5 += d * topOf(lane + 5u * LANES, n); }
    if (OUT_GROUPS > 6u) { sum.r6 += d * topOf(lane + 6u * LANES, n); }
  }
  return sum;
}

// Four rows' sums in one vec4f; a load brought 4 or 8 rows.
fn readoutFour(four: u32, sum: Rows) -> vec4f {
  let load = 4u * four / LANES;
  let later = pickOf(load - 4u, sum.r4, sum.r5, sum.r6, sum.r6);
  let rows = vec2f(total(select(pickOf(load, sum.r0, sum.r1, sum.r2, sum.r3), later, load > 3u)), 0.0);
  return params.scale * select(lowerOf(rows), upperOf(rows), LANES == 8u && four % 2u == 1u);
}

fn allRows(lane: u32, n: u32) -> Rows {
  var rows = Rows();
  rows.r0 = rowsOf(0u, lane, n);
  if (GROUPS > 1u) { rows.r1 = rowsOf(1u, lane, n); }
  if (GROUPS > 2u) { rows.r2 = rowsOf(2u, lane, n); }
  if (GROUPS > 3u) { rows.r3 = rowsOf(3u, lane, n); }
  if (GROUPS > 4u) { rows.r4 = rowsOf(4u, lane, n); }
  if (GROUPS > 5u) { rows.r5 = rowsOf(5u, lane, n); }
  if (GROUPS > 6u) { rows.r6 = rowsOf(6u, lane, n); }
  if (GROUPS > 7u) { rows.r7 = rowsOf(7u, lane, n); }
  if (GROUPS > 8u) { rows.r8 = rowsOf(8u, lane, n); }
  if (GROUPS > 9u) { rows.r9 = rowsOf(9u, lane, n); }
  if (GROUPS > 10u) { rows.r10 = rowsOf(10u, lane, n); }
  if (GROUPS > 11u) { rows.r11 = rowsOf(11u, lane, n); }
  return rows;
}

fn sums(chunk: u32, start: u32, lane: u32) {
  // After the units, the readout.
  for (var group = 0u; group < UNIT_GROUPS + READOUT; group++) {
    let unit = group * UNITS;
    var u0 = Rows(); var u1 = Rows(); var u2 = Rows(); var u3 = Rows();
    if (group < UNIT_GROUPS) {
      var bias0 = vec2f(0.0); var bias1 = vec2f(0.0);
      for (var i = 0u; i < params.length; i++) {
        let isThere = start + i < params.mp4;
        let kept = whereKept(start + i, i);
        let rows = allRows(lane, min(start + i, params.mp4 - 1u));
        let d0 = gateRows(unit, HIDDEN, lane, kept, isThere);
        bias0 = addTotals(bias0, d0);
        u0 = add(u0, lower(d0), rows);
        u1 = add(u1, upper(d0), rows);
        let d1 = gateRows(unit + 2u, HIDDEN, lane, kept, isThere);
        bias1 = addTotals(bias1, d1);
        u2 = add(u2, lower(d1), rows);
        u3 = add(u3, upper(d1), rows);
      }
      u0.bias = lowerOf(bias0);
      u1.bias = upperOf(bias0);
      u2.bias = lowerOf(bias1);
      u3.bias = upperOf(bias1);
    } else if (READOUT == 1u) {
      u0 = readoutSums(start, lane);
    }
    // One place that stores, in a loop: one for each sum takes seconds to compile on lavapipe. The units' biases at last, a unit a lane.
    let isReadout = READOUT == 1u && group == UNIT_GROUPS;
    for (var j = 0u; j < select(UNITS * GROUPS + 1u, HIDDEN / 4u + 1u, isReadout); j++) {
      let isBias = j == UNITS * GROUPS;
      let slot = j % GROUPS;
      let u = select(j / GROUPS, lane, isBias);
      let k = select(slot * LANES + lane, ROWS, isBias);
      var value = pickOf(u, u0.r0, u1.r0, u2.r0, u3.r0);
      value = select(value, pickOf(u, u0.r1, u1.r1, u2.r1, u3.r1), GROUPS > 1u && slot == 1u);
      value = select(value, pickOf(u, u0.r2, u1.r2, u2.r2, u3.r2), GROUPS > 2u && slot == 2u);
      value = select(value, pickOf(u, u0.r3, u1.r3, u2.r3, u3.r3), GROUPS > 3u && slot == 3u);
      value = select(value, pickOf(u, u0.r4, u1.r4, u2.r4, u3.r4), GROUPS > 4u && slot == 4u);
      value = select(value, pickOf(u, u0.r5, u1.r5, u2.r5, u3.r5), GROUPS > 5u && slot == 5u);
      value = select(value, pickOf(u, u0.r6, u1.r6, u2.r6, u3.r6), GROUPS > 6u && slot == 6u);
      value = select(value, pickOf(u, u0.r7, u1.r7, u2.r7, u3.r7), GROUPS > 7u && slot == 7u);
      value = select(value, pickOf(u, u0.r8, u1.r8, u2.r8, u3.r8), GROUPS > 8u && slot == 8u);
      value = select(value, pickOf(u, u0.r9, u1.r9, u2.r9, u3.r9), GROUPS > 9u && slot == 9u);
      value = select(value, pickOf(u, u0.r10, u1.r10, u2.r10, u3.r10), GROUPS > 10u && slot == 10u);
      value = select(value, pickOf(u, u0.r11, u1.r11, u2.r11, u3.r11), GROUPS > 11u && slot == 11u);
      value = select(value, pickOf(u, u0.bias, u1.bias, u2.bias, u3.bias), isBias);
      var row = (unit + u) * ROW + k;
      var there = u < UNITS && unit + u < HIDDEN && (k < ROWS || isBias);
      if (isReadout) {
        value = readoutFour(j, u0);
        row = params.readoutRow + j;
        there = lane == 0u;
      }
      if (there && chunk < params.chunks) {
        let at = chunk * params.stride + row;
        partials[at] = select(partials[at], vec4f(0.0), params.accumulate == 0u) + value;
      }
    }
  }
}

// All rows of x and hPrev in one tile, where there are enough of them.
const TILE = select(20u, 40u, ROWS > 30u);

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

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u) {
  // No lane returns early: all are needed to hand inputs round.
  let lane = id.x % LANES;
  let chunk = id.x / LANES;
  let start = (params.firstChunk + chunk) * params.length;
  gates(start, lane);
  // Where the gates' adjoints are, and dh, which all lanes have read before any writes it.
  workgroupBarrier();
  storageBarrier();
  sums(chunk, start, lane);
  for (var i = 0u; i < params.length; i += LANES) {
    // Of another chunk, or past the end: not written.
    let n = select(params.mp4, start + i + lane, i + lane < params.length);
    let kept = whereKept(n, i + lane);
    for (var tile = 0u; tile < params.rows; tile += TILE) { inputTile(tile, lane, n, kept, 0u, params.units); }
  }
}
