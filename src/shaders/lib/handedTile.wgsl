// Sums of a lane over what it has loaded itself and weights that are handed round: 8 outputs of 4 rows, an output a column.
// Needs lib/lanes8.wgsl or lib/lanes4.wgsl.
// Shapes: the including file declares fn weightAt(i: u32) -> f32. A tile [8] of vec4f as two matrices, outputs 0 to 3 and 4 to 7; a lane's share of 8 weights is a number or two.
// Source: docs/performance.md, dense layers.

const TILE = 8u;

struct Tile { low: mat4x4f, high: mat4x4f }

fn spread(v: vec4f) -> mat4x4f {
  return mat4x4f(vec4f(v.x), vec4f(v.y), vec4f(v.z), vec4f(v.w));
}

// What a lane makes: the tile's first output, and four of `rows4` fours of rows, the last ones again where they are not there.
struct Spot { lane: u32, first: u32, row: u32, isThere: bool }

// Threads are lanes of tiles of outputs and of groups of rows, the last fastest.
fn spotOf(thread: u32, rows4: u32) -> Spot {
  let lane = thread % LANES;
  let subgroup = thread / LANES;
  let rowGroups = (rows4 + LANES - 1u) / LANES;
  let row = subgroup % rowGroups * LANES + lane;
  return Spot(lane, subgroup / rowGroups * TILE, min(row, rows4 - 1u), row < rows4);
}

// The outputs, of `count`, whose weights the lane loads: one with 8 lanes, two with 4.
fn handedBy(spot: Spot, count: u32) -> vec2u {
  let output = spot.first + spot.lane;
  return min(vec2u(output, output + 4u), vec2u(count - 1u));
}

// The lane's share of 8 weights: `o` is where those of its outputs are, from `at` on.
fn weights(at: u32, o: vec2u) -> vec2f {
  if (LANES == 8u) { return vec2f(weightAt(at + o.x), 0.0); }
  return vec2f(weightAt(at + o.x), weightAt(at + o.y));
}

// Adds the outer product of four rows' value and the 8 weights of which `w` is the lane's share.
fn add(to: Tile, value: vec4f, w: vec2f) -> Tile {
  let low = lowerOf(w);
  let high = upperOf(w);
  return Tile(
    to.low + mat4x4f(value * low.x, value * low.y, value * low.z, value * low.w),
    to.high + mat4x4f(value * high.x, value * high.y, value * high.z, value * high.w),
  );
}

fn columnOf(tile: Tile, q: u32) -> vec4f {
  var column = tile.low[q % 4u];
  if (q >= 4u) { column = tile.high[q % 4u]; }
  return column;
}
