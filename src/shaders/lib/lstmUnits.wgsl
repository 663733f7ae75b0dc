// Gate pre-activations of an LSTM layer where the 8 lanes of a subgroup are 8 units and the subgroup walks over the
// coordinates, shared by lstm/forwardSubgroups and lstm/backwardSubgroups: z as in lib/lstmGates.wgsl, bit for bit.
// A lane keeps its unit's weights in registers; one load brings 8 rows of inputs, a row a lane, and subgroupBroadcast
// hands them round. Nothing but the place is carried from one pass of the loop to the next.
// Needs lib/lstmCell.wgsl and lib/texels.wgsl. The including file declares: const INPUTS and HIDDEN (sizes, 1 to 24), WEIGHTS (vec4f in the
// weights' binding); `weights` [HIDDEN, INPUTS + HIDDEN + 1]; `x` [INPUTS, mp4] and `hPrev` [HIDDEN, mp4]; `params`
// with mp4. All of it is vec4f, x and hPrev as texels. Invocation i of a workgroup must be lane i % 8.
// Source: torch.nn.LSTMCell.

const LANES = 8u;
const UNIT_GROUPS = (HIDDEN + LANES - 1u) / LANES;
const ROW = INPUTS + HIDDEN + 1u;

// How many rows the first, second and third eight of the inputs and of the hidden inputs have.
const X0 = min(INPUTS, 8u);
const X1 = clamp(INPUTS, 8u, 16u) - 8u;
const X2 = clamp(INPUTS, 16u, 24u) - 16u;
const H0 = min(HIDDEN, 8u);
const H1 = clamp(HIDDEN, 8u, 16u) - 8u;
const H2 = clamp(HIDDEN, 16u, 24u) - 16u;

// Weights of eight inputs of one unit, one component a gate.
struct Eight { w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f, w4: vec4f, w5: vec4f, w6: vec4f, w7: vec4f }

struct UnitWeights { x0: Eight, x1: Eight, x2: Eight, h0: Eight, h1: Eight, h2: Eight, bias: mat4x4f }

fn eightWeights(at: u32, count: u32) -> Eight {
  var e = Eight();
  if (count > 0u) { e.w0 = weights[at]; }
  if (count > 1u) { e.w1 = weights[at + 1u]; }
  if (count > 2u) { e.w2 = weights[at + 2u]; }
  if (count > 3u) { e.w3 = weights[at + 3u]; }
  if (count > 4u) { e.w4 = weights[at + 4u]; }
  if (count > 5u) { e.w5 = weights[at + 5u]; }
  if (count > 6u) { e.w6 = weights[at + 6u]; }
  if (count > 7u) { e.w7 = weights[at + 7u]; }
  return e;
}

// A unit past the last repeats it.
fn unitWeights(unit: u32) -> UnitWeights {
  let x = min(unit, HIDDEN - 1u) * ROW;
  let h = x + INPUTS;
  return UnitWeights(
    eightWeights(x, X0), eightWeights(x + 8u, X1), eightWeights(x + 16u, X2),
    eightWeights(h, H0), eightWeights(h + 8u, H1), eightWeights(h + 16u, H2),
    spread(weights[h + HIDDEN]),
  );
}

// Adds what eight rows contribute; lane k holds row k.
fn eightRows(to: mat4x4f, rows: vec4f, e: Eight, count: u32) -> mat4x4f {
  var z = to;
  if (count > 0u) { z += outer(subgroupBroadcast(rows, 0u), e.w0); }
  if (count > 1u) { z += outer(subgroupBroadcast(rows, 1u), e.w1); }
  if (count > 2u) { z += outer(subgroupBroadcast(rows, 2u), e.w2); }
  if (count > 3u) { z += outer(subgroupBroadcast(rows, 3u), e.w3); }
  if (count > 4u) { z += outer(subgroupBroadcast(rows, 4u), e.w4); }
  if (count > 5u) { z += outer(subgroupBroadcast(rows, 5u), e.w5); }
  if (count > 6u) { z += outer(subgroupBroadcast(rows, 6u), e.w6); }
  if (count > 7u) { z += outer(subgroupBroadcast(rows, 7u), e.w7); }
  return z;
}

fn xOf(k: u32, n: u32) -> vec4f { return textureLoad(x, texel(min(k, INPUTS - 1u) * params.mp4 + n)); }
fn hOf(k: u32, n: u32) -> vec4f { return textureLoad(hPrev, texel(min(k, HIDDEN - 1u) * params.mp4 + n)); }

fn unitGates(w: UnitWeights, lane: u32, n: u32) -> mat4x4f {
  var z = eightRows(w.bias, xOf(lane, n), w.x0, X0);
  if (X1 > 0u) { z = eightRows(z, xOf(lane + 8u, n), w.x1, X1); }
  if (X2 > 0u) { z = eightRows(z, xOf(lane + 16u, n), w.x2, X2); }
  z = eightRows(z, hOf(lane, n), w.h0, H0);
  if (H1 > 0u) { z = eightRows(z, hOf(lane + 8u, n), w.h1, H1); }
  if (H2 > 0u) { z = eightRows(z, hOf(lane + 16u, n), w.h2, H2); }
  return z;
}
