// How the 8 lanes of a subgroup hand round what they have loaded: the subgroup kernels of the LSTM are written for this file or for
// lib/lanes4.wgsl. All lanes are needed: none may have returned early. Invocation i of a workgroup must be lane i % 8.
// One row a function, for no more of them to be held than are in use. Shuffles also where the lane is a constant: what subgroupBroadcast
// gives is made zero where there is no such lane, two instructions more a number.
// Needs lib/handedRows.wgsl.
// Shapes: rows of a vec4f, or of a number.
// Source: WGSL's subgroupShuffle.

const LANES = 8u;

// Lanes 0 to 3 are at one place and lanes 4 to 7 at the next, k and k + 4 with row k: row k at the lane's own place.
fn place0(rows: vec4f, lane: u32) -> vec4f { return subgroupShuffle(rows, lane & 4u); }
fn place1(rows: vec4f, lane: u32) -> vec4f { return subgroupShuffle(rows, (lane & 4u) + 1u); }
fn place2(rows: vec4f, lane: u32) -> vec4f { return subgroupShuffle(rows, (lane & 4u) + 2u); }
fn place3(rows: vec4f, lane: u32) -> vec4f { return subgroupShuffle(rows, (lane & 4u) + 3u); }

// Of 8 rows, a row a lane: d0 has them all.
fn row0(d: Loads) -> vec4f { return subgroupShuffle(d.d0, 0u); }
fn row1(d: Loads) -> vec4f { return subgroupShuffle(d.d0, 1u); }
fn row2(d: Loads) -> vec4f { return subgroupShuffle(d.d0, 2u); }
fn row3(d: Loads) -> vec4f { return subgroupShuffle(d.d0, 3u); }
fn row4(d: Loads) -> vec4f { return subgroupShuffle(d.d0, 4u); }
fn row5(d: Loads) -> vec4f { return subgroupShuffle(d.d0, 5u); }
fn row6(d: Loads) -> vec4f { return subgroupShuffle(d.d0, 6u); }
fn row7(d: Loads) -> vec4f { return subgroupShuffle(d.d0, 7u); }

// The same of a number a row, those of d0 in d.x.
fn lowerOf(d: vec2f) -> vec4f {
  return vec4f(subgroupShuffle(d.x, 0u), subgroupShuffle(d.x, 1u), subgroupShuffle(d.x, 2u), subgroupShuffle(d.x, 3u));
}

fn upperOf(d: vec2f) -> vec4f {
  return vec4f(subgroupShuffle(d.x, 4u), subgroupShuffle(d.x, 5u), subgroupShuffle(d.x, 6u), subgroupShuffle(d.x, 7u));
}
