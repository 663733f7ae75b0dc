// A tile of 20 rows of the inputs' adjoint: sum over units u and gates q of weight[u, k, q] * dGates[4 u + q, n], where the 8 lanes
// of a subgroup are vec4f of coordinates; shared by lstm/backwardSubgroups and lstm/backwardInputsSubgroups. A lane loads the
// weights of up to 3 rows, and all lanes use all of them: none may have returned early.
// Needs lib/lstmGateAdjoints.wgsl.
// Shapes: the including file declares `params` with mp4, first (input of row 0) and rows; fn weightOf(unit, input) -> vec4f;
// fn putInput(row, n, value), which writes nothing where n is mp4 or more.
// Source: adjoint of lib/lstmGates.wgsl in its inputs.

const TILE = 20u;

// For the lane's place n, of `units` units, the first one's gates being those of firstUnit.
fn inputTile(tile: u32, lane: u32, n: u32, firstUnit: u32, units: u32) {
  // Rows past the last repeat it and are not written.
  let last = params.rows - 1u;
  let k0 = params.first + min(tile + lane, last);
  let k1 = params.first + min(tile + lane + 8u, last);
  let k2 = params.first + min(tile + lane + 16u, last);
  var a0 = vec4f(0.0); var a1 = vec4f(0.0); var a2 = vec4f(0.0); var a3 = vec4f(0.0);
  var a4 = vec4f(0.0); var a5 = vec4f(0.0); var a6 = vec4f(0.0); var a7 = vec4f(0.0);
  var a8 = vec4f(0.0); var a9 = vec4f(0.0); var a10 = vec4f(0.0); var a11 = vec4f(0.0);
  var a12 = vec4f(0.0); var a13 = vec4f(0.0); var a14 = vec4f(0.0); var a15 = vec4f(0.0);
  var a16 = vec4f(0.0); var a17 = vec4f(0.0); var a18 = vec4f(0.0); var a19 = vec4f(0.0);
  for (var u = 0u; u < units; u++) {
    let w0 = weightOf(u, k0);
    let w1 = weightOf(u, k1);
    let w2 = weightOf(u, k2);
    let d = gatesOf(firstUnit + u, min(n, params.mp4 - 1u));
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
    putInput(tile + i, n, value);
  }
}
