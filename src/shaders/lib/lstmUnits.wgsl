// Gate pre-activations of an LSTM layer where the 8 lanes of a subgroup are 4 units at 2 places and the subgroup walks over
// the coordinates, shared by lstm/forwardSubgroups and lstm/backwardSubgroups: z as in lib/lstmGates.wgsl, bit for bit.
// A lane keeps its unit's weights in registers; one load brings 4 rows of inputs at both places, a row a lane, and subgroupShuffle
// hands them round. Nothing but the place is carried from one pass of the loop to the next.
// Needs lib/lstmCell.wgsl and lib/texels.wgsl.
// Shapes: the including file declares const INPUTS and HIDDEN (sizes, 1 to 24);
// `weights` [HIDDEN, INPUTS + HIDDEN + 1]; `x` [INPUTS, mp4] and `hPrev` [HIDDEN, mp4]; `params` with mp4. The three are
// texels, a vec4f each. Invocation i of a workgroup must be lane i % 8.
// Source: torch.nn.LSTMCell.

const LANES = 8u;
// Lanes 0 to 3 are four units at one place, lanes 4 to 7 the same units at the next.
const UNITS = 4u;
const PLACES = LANES / UNITS;
const UNIT_GROUPS = (HIDDEN + UNITS - 1u) / UNITS;
const ROW = INPUTS + HIDDEN + 1u;

// How many of the four rows from `first` on there are.
fn fourOf(rows: u32, first: u32) -> u32 {
  return clamp(rows, first, first + 4u) - first;
}

fn weightAt(i: u32) -> vec4f { return textureLoad(weights, texel(i)); }

// Weights of four inputs of one unit, one component a gate.
struct Four { w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f }

struct Weights { f0: Four, f1: Four, f2: Four, f3: Four, f4: Four, f5: Four }

struct UnitWeights { x: Weights, h: Weights, bias: mat4x4f }

fn fourWeights(at: u32, count: u32) -> Four {
  var f = Four();
  if (count > 0u) { f.w0 = weightAt(at); }
  if (count > 1u) { f.w1 = weightAt(at + 1u); }
  if (count > 2u) { f.w2 = weightAt(at + 2u); }
  if (count > 3u) { f.w3 = weightAt(at + 3u); }
  return f;
}

fn allWeights(at: u32, rows: u32) -> Weights {
  return Weights(
    fourWeights(at, fourOf(rows, 0u)), fourWeights(at + 4u, fourOf(rows, 4u)), fourWeights(at + 8u, fourOf(rows, 8u)),
    fourWeights(at + 12u, fourOf(rows, 12u)), fourWeights(at + 16u, fourOf(rows, 16u)), fourWeights(at + 20u, fourOf(rows, 20u)),
  );
}

// A unit past the last repeats it.
fn unitWeights(unit: u32) -> UnitWeights {
  let x = min(unit, HIDDEN - 1u) * ROW;
  let h = x + INPUTS;
  return UnitWeights(allWeights(x, INPUTS), allWeights(h, HIDDEN), spread(weightAt(h + HIDDEN)));
}

// Adds what four rows contribute; lanes k and k + 4 hold row k, each at its own place.
fn fourRows(to: mat4x4f, rows: vec4f, lane: u32, f: Four, count: u32) -> mat4x4f {
  let half = lane & 4u;
  var z = to;
  if (count > 0u) { z += outer(subgroupShuffle(rows, half), f.w0); }
  if (count > 1u) { z += outer(subgroupShuffle(rows, half + 1u), f.w1); }
  if (count > 2u) { z += outer(subgroupShuffle(rows, half + 2u), f.w2); }
  if (count > 3u) { z += outer(subgroupShuffle(rows, half + 3u), f.w3); }
  return z;
}

fn xOf(k: u32, n: u32) -> vec4f { return textureLoad(x, texel(min(k, INPUTS - 1u) * params.mp4 + n)); }
fn hOf(k: u32, n: u32) -> vec4f { return textureLoad(hPrev, texel(min(k, HIDDEN - 1u) * params.mp4 + n)); }

fn unitGates(w: UnitWeights, lane: u32, n: u32) -> mat4x4f {
  let k = lane % 4u;
  var z = fourRows(w.bias, xOf(k, n), lane, w.x.f0, fourOf(INPUTS, 0u));
  if (INPUTS > 4u) { z = fourRows(z, xOf(k + 4u, n), lane, w.x.f1, fourOf(INPUTS, 4u)); }
  if (INPUTS > 8u) { z = fourRows(z, xOf(k + 8u, n), lane, w.x.f2, fourOf(INPUTS, 8u)); }
  if (INPUTS > 12u) { z = fourRows(z, xOf(k + 12u, n), lane, w.x.f3, fourOf(INPUTS, 12u)); }
  if (INPUTS > 16u) { z = fourRows(z, xOf(k + 16u, n), lane, w.x.f4, fourOf(INPUTS, 16u)); }
  if (INPUTS > 20u) { z = fourRows(z, xOf(k + 20u, n), lane, w.x.f5, fourOf(INPUTS, 20u)); }
  z = fourRows(z, hOf(k, n), lane, w.h.f0, fourOf(HIDDEN, 0u));
  if (HIDDEN > 4u) { z = fourRows(z, hOf(k + 4u, n), lane, w.h.f1, fourOf(HIDDEN, 4u)); }
  if (HIDDEN > 8u) { z = fourRows(z, hOf(k + 8u, n), lane, w.h.f2, fourOf(HIDDEN, 8u)); }
  if (HIDDEN > 12u) { z = fourRows(z, hOf(k + 12u, n), lane, w.h.f3, fourOf(HIDDEN, 12u)); }
  if (HIDDEN > 16u) { z = fourRows(z, hOf(k + 16u, n), lane, w.h.f4, fourOf(HIDDEN, 16u)); }
  if (HIDDEN > 20u) { z = fourRows(z, hOf(k + 20u, n), lane, w.h.f5, fourOf(HIDDEN, 20u)); }
  return z;
}
