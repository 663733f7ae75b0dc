// A tile of 20 rows of the inputs' adjoint: sum over units u and gates q of weight[u, k, q] * dGates[4 u + q, n], where the lanes
// of a subgroup are vec4f of coordinates; shared by lstm/backwardSubgroups and lstm/backwardInputsSubgroups. A lane loads the
// weights of 3 rows, or 5 where there are 4 lanes, and all lanes use all of them: none may have returned early.
// Needs lib/lstmGateAdjoints.wgsl, lib/handedRows.wgsl and lib/lanes8.wgsl or lib/lanes4.wgsl.
// Shapes: the including file declares `params` with mp4, first (input of row 0) and rows; fn weightOf(unit, input) -> vec4f;
// fn putInput(row, n, value), which writes nothing where n is mp4 or more.
// Source: adjoint of lib/lstmGates.wgsl in its inputs.

const TILE = 20u;

// For the lane's place n, of `units` units, the first one's gates being those of firstUnit.
fn inputTile(tile: u32, lane: u32, n: u32, firstUnit: u32, units: u32) {
  // Rows past the last repeat it and are not written.
  let last = params.rows - 1u;
  let k0 = params.first + min(tile + lane, last);
  let k1 = params.first + min(tile + 4u + lane, last);
  let k2 = params.first + min(tile + 8u + lane, last);
  let k3 = params.first + min(tile + 12u + lane, last);
  let k4 = params.first + min(tile + 16u + lane, last);
  var a0 = vec4f(0.0); var a1 = vec4f(0.0); var a2 = vec4f(0.0); var a3 = vec4f(0.0);
  var a4 = vec4f(0.0); var a5 = vec4f(0.0); var a6 = vec4f(0.0); var a7 = vec4f(0.0);
  var a8 = vec4f(0.0); var a9 = vec4f(0.0); var a10 = vec4f(0.0); var a11 = vec4f(0.0);
  var a12 = vec4f(0.0); var a13 = vec4f(0.0); var a14 = vec4f(0.0); var a15 = vec4f(0.0);
  var a16 = vec4f(0.0); var a17 = vec4f(0.0); var a18 = vec4f(0.0); var a19 = vec4f(0.0);
  for (var u = 0u; u < units; u++) {
    var w0 = Loads();
    w0.d0 = weightOf(u, k0);
    if (LANES == 4u) { w0.d1 = weightOf(u, k1); }
    var w1 = Loads();
    w1.d0 = weightOf(u, k2);
    if (LANES == 4u) { w1.d1 = weightOf(u, k3); }
    let w2 = Loads(weightOf(u, k4), vec4f(0.0));
    let d = gatesOf(firstUnit + u, min(n, params.mp4 - 1u));
    a0 += d * row0(w0);
    a1 += d * row1(w0);
    a2 += d * row2(w0);
    a3 += d * row3(w0);
    a4 += d * row4(w0);
    a5 += d * row5(w0);
    a6 += d * row6(w0);
    a7 += d * row7(w0);
    a8 += d * row0(w1);
    a9 += d * row1(w1);
    a10 += d * row2(w1);
    a11 += d * row3(w1);
    a12 += d * row4(w1);
    a13 += d * row5(w1);
    a14 += d * row6(w1);
    a15 += d * row7(w1);
    a16 += d * row0(w2);
    a17 += d * row1(w2);
    a18 += d * row2(w2);
    a19 += d * row3(w2);
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
    putInput(tile + i, n, value);
  }
}
