// A tile of TILE rows of the inputs' adjoint: sum over units u and gates q of weight[u, k, q] * dGates[4 u + q, n], where the lanes
// of a subgroup are vec4f of coordinates; shared by lstm/backwardSubgroups and lstm/backwardInputsSubgroups. Of 20 rows a lane loads the
// weights of 3, or 5 where there are 4 lanes, and all lanes use all of them: none may have returned early.
// Needs lib/lstmGateAdjoints.wgsl, lib/handedRows.wgsl and lib/lanes8.wgsl or lib/lanes4.wgsl.
// Shapes: the including file declares const TILE, 20 or 40; `params` with first (input of row 0) and rows;
// fn weightOf(unit, input) -> vec4f; fn putInput(row, n, value), which writes nothing where n is mp4 or more.
// Source: adjoint of lib/lstmGates.wgsl in its inputs.

struct Twenty {
  r0: vec4f, r1: vec4f, r2: vec4f, r3: vec4f, r4: vec4f,
  r5: vec4f, r6: vec4f, r7: vec4f, r8: vec4f, r9: vec4f,
  r10: vec4f, r11: vec4f, r12: vec4f, r13: vec4f, r14: vec4f,
  r15: vec4f, r16: vec4f, r17: vec4f, r18: vec4f, r19: vec4f,
}

fn addRows(to: Twenty, d: mat4x4f, w0: Loads, w1: Loads, w2: Loads) -> Twenty {
  var sum = to;
  sum.r0 += d * row0(w0); sum.r1 += d * row1(w0); sum.r2 += d * row2(w0); sum.r3 += d * row3(w0);
  sum.r4 += d * row4(w0); sum.r5 += d * row5(w0); sum.r6 += d * row6(w0); sum.r7 += d * row7(w0);
  sum.r8 += d * row0(w1); sum.r9 += d * row1(w1); sum.r10 += d * row2(w1); sum.r11 += d * row3(w1);
  sum.r12 += d * row4(w1); sum.r13 += d * row5(w1); sum.r14 += d * row6(w1); sum.r15 += d * row7(w1);
  sum.r16 += d * row0(w2); sum.r17 += d * row1(w2); sum.r18 += d * row2(w2); sum.r19 += d * row3(w2);
  return sum;
}

fn rowOf(sums: Twenty, i: u32) -> vec4f {
  var value = sums.r0;
  value = select(value, sums.r1, i == 1u);
  value = select(value, sums.r2, i == 2u);
  value = select(value, sums.r3, i == 3u);
  value = select(value, sums.r4, i == 4u);
  value = select(value, sums.r5, i == 5u);
  value = select(value, sums.r6, i == 6u);
  value = select(value, sums.r7, i == 7u);
  value = select(value, sums.r8, i == 8u);
  value = select(value, sums.r9, i == 9u);
  value = select(value, sums.r10, i == 10u);
  value = select(value, sums.r11, i == 11u);
  value = select(value, sums.r12, i == 12u);
  value = select(value, sums.r13, i == 13u);
  value = select(value, sums.r14, i == 14u);
  value = select(value, sums.r15, i == 15u);
  value = select(value, sums.r16, i == 16u);
  value = select(value, sums.r17, i == 17u);
  value = select(value, sums.r18, i == 18u);
  value = select(value, sums.r19, i == 19u);
  return value;
}

// The weights of a row a lane, and of the row four further where there are 4 lanes. Rows past the last repeat it and are not written.
fn weightsOf(unit: u32, row: u32) -> Loads {
  let last = params.rows - 1u;
  var w = Loads();
  w.d0 = weightOf(unit, params.first + min(row, last));
  if (LANES == 4u) { w.d1 = weightOf(unit, params.first + min(row + 4u, last)); }
  return w;
}

// For the lane's place n, whose gates' adjoints are the ones `at`, of `units` units, the first one's being those of firstUnit. `units` is to come from `params`: where the
// loop's end is a constant, lavapipe's compiler turns the loop round and keeps every sum twice.
fn inputTile(tile: u32, lane: u32, n: u32, at: u32, firstUnit: u32, units: u32) {
  let row = tile + lane;
  var low = Twenty(); var high = Twenty();
  for (var u = 0u; u < units; u++) {
    // The loads before the sums: between them they cost lstm/backwardSubgroups 7 % of its time.
    let w0 = weightsOf(u, row);
    let w1 = weightsOf(u, row + 8u);
    let w2 = weightsOf(u, row + 16u);
    var w3 = Loads(); var w4 = Loads(); var w5 = Loads();
    if (TILE > 20u) {
      w3 = weightsOf(u, row + 20u);
      w4 = weightsOf(u, row + 28u);
      w5 = weightsOf(u, row + 36u);
    }
    let d = gatesOf(firstUnit + u, at);
    low = addRows(low, d, w0, w1, w2);
    if (TILE > 20u) { high = addRows(high, d, w3, w4, w5); }
  }
  // One place that stores, in a loop: one for each row takes seconds to compile on lavapipe.
  for (var i = 0u; i < min(TILE, params.rows - tile); i++) {
    var value = rowOf(low, i);
    if (TILE > 20u) { value = select(value, rowOf(high, i - 20u), i > 19u); }
    putInput(tile + i, n, value);
  }
}
