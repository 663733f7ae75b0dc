// Gate pre-activations of an LSTM layer where the lanes of a subgroup are 4 units, at 2 places if there are 8, and the subgroup walks over
// the coordinates, shared by lstm/forwardSubgroups and lstm/backwardSubgroups: z as in lib/lstmGates.wgsl, bit for bit.
// A lane keeps its unit's weights; one load brings 4 rows of inputs at each place, a row a lane, and the lanes
// hand them round. Nothing but the place is carried from one pass of the loop to the next.
// Needs lib/lstmCell.wgsl, lib/texels.wgsl, lib/lanes8.wgsl or lib/lanes4.wgsl, and lib/lstmUnitRegisters.wgsl or lib/lstmUnitArray.wgsl.
// Shapes: the including file declares const INPUTS and HIDDEN (sizes, 1 to 24);
// `weights` [HIDDEN, INPUTS + HIDDEN + 1]; `x` [INPUTS, mp4] and `hPrev` [HIDDEN, mp4]; `params` with mp4. The three are
// texels, a vec4f each.
// Source: torch.nn.LSTMCell.

// Every four lanes are four units at one place.
const UNITS = 4u;
const PLACES = LANES / UNITS;
const UNIT_GROUPS = (HIDDEN + UNITS - 1u) / UNITS;
const ROW = INPUTS + HIDDEN + 1u;

// How many of the four rows from `first` on there are.
fn fourOf(rows: u32, first: u32) -> u32 {
  return clamp(rows, first, first + 4u) - first;
}

fn weightAt(i: u32) -> vec4f { return textureLoad(weights, texel(i)); }

// Inputs, hidden inputs and bias of the lane's unit, one component a gate; loadUnit fills it.
var<private> unitRow: array<vec4f, ROW>;

fn inputWeight(k: u32) -> vec4f { return unitRow[min(k, ROW - 1u)]; }

// Adds what four inputs from `first` on contribute; lanes k, and k + 4 where there are 8, hold row k, each at its own place.
fn fourRows(to: mat4x4f, rows: vec4f, lane: u32, first: u32, count: u32) -> mat4x4f {
  var z = to;
  if (count > 0u) { z += outer(place0(rows, lane), inputWeight(first)); }
  if (count > 1u) { z += outer(place1(rows, lane), inputWeight(first + 1u)); }
  if (count > 2u) { z += outer(place2(rows, lane), inputWeight(first + 2u)); }
  if (count > 3u) { z += outer(place3(rows, lane), inputWeight(first + 3u)); }
  return z;
}

fn xOf(k: u32, n: u32) -> vec4f { return textureLoad(x, texel(min(k, INPUTS - 1u) * params.mp4 + n)); }
fn hOf(k: u32, n: u32) -> vec4f { return textureLoad(hPrev, texel(min(k, HIDDEN - 1u) * params.mp4 + n)); }

fn unitGates(lane: u32, n: u32) -> mat4x4f {
  let k = lane % 4u;
  var z = spread(unitRow[ROW - 1u]);
  z = fourRows(z, xOf(k + 0u, n), lane, 0u, fourOf(INPUTS, 0u));
  if (INPUTS > 4u) { z = fourRows(z, xOf(k + 4u, n), lane, 4u, fourOf(INPUTS, 4u)); }
  if (INPUTS > 8u) { z = fourRows(z, xOf(k + 8u, n), lane, 8u, fourOf(INPUTS, 8u)); }
  if (INPUTS > 12u) { z = fourRows(z, xOf(k + 12u, n), lane, 12u, fourOf(INPUTS, 12u)); }
  if (INPUTS > 16u) { z = fourRows(z, xOf(k + 16u, n), lane, 16u, fourOf(INPUTS, 16u)); }
  if (INPUTS > 20u) { z = fourRows(z, xOf(k + 20u, n), lane, 20u, fourOf(INPUTS, 20u)); }
  z = fourRows(z, hOf(k + 0u, n), lane, INPUTS, fourOf(HIDDEN, 0u));
  if (HIDDEN > 4u) { z = fourRows(z, hOf(k + 4u, n), lane, INPUTS + 4u, fourOf(HIDDEN, 4u)); }
  if (HIDDEN > 8u) { z = fourRows(z, hOf(k + 8u, n), lane, INPUTS + 8u, fourOf(HIDDEN, 8u)); }
  if (HIDDEN > 12u) { z = fourRows(z, hOf(k + 12u, n), lane, INPUTS + 12u, fourOf(HIDDEN, 12u)); }
  if (HIDDEN > 16u) { z = fourRows(z, hOf(k + 16u, n), lane, INPUTS + 16u, fourOf(HIDDEN, 16u)); }
  if (HIDDEN > 20u) { z = fourRows(z, hOf(k + 20u, n), lane, INPUTS + 20u, fourOf(HIDDEN, 20u)); }
  return z;
}
