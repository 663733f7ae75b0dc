// How the 4 lanes of a subgroup hand round what they have loaded, as lib/lanes8.wgsl does where there are 8.
// All lanes are needed: none may have returned early. Invocation i of a workgroup must be lane i % 4.
// Needs lib/handedRows.wgsl.
// Shapes: rows of a vec4f, or of a number.
// Source: WGSL's quadBroadcast, which SwiftShader does faster than subgroupBroadcast.

const LANES = 4u;

// All lanes are at one place, lane k with row k.
fn place0(rows: vec4f, lane: u32) -> vec4f { return quadBroadcast(rows, 0u); }
fn place1(rows: vec4f, lane: u32) -> vec4f { return quadBroadcast(rows, 1u); }
fn place2(rows: vec4f, lane: u32) -> vec4f { return quadBroadcast(rows, 2u); }
fn place3(rows: vec4f, lane: u32) -> vec4f { return quadBroadcast(rows, 3u); }

// Of 8 rows, a row a lane: d0 has rows 0 to 3 and d1 rows 4 to 7.
fn row0(d: Loads) -> vec4f { return quadBroadcast(d.d0, 0u); }
fn row1(d: Loads) -> vec4f { return quadBroadcast(d.d0, 1u); }
fn row2(d: Loads) -> vec4f { return quadBroadcast(d.d0, 2u); }
fn row3(d: Loads) -> vec4f { return quadBroadcast(d.d0, 3u); }
fn row4(d: Loads) -> vec4f { return quadBroadcast(d.d1, 0u); }
fn row5(d: Loads) -> vec4f { return quadBroadcast(d.d1, 1u); }
fn row6(d: Loads) -> vec4f { return quadBroadcast(d.d1, 2u); }
fn row7(d: Loads) -> vec4f { return quadBroadcast(d.d1, 3u); }

// The same of a number a row, those of d0 in d.x and those of d1 in d.y.
fn lowerOf(d: vec2f) -> vec4f {
  return vec4f(quadBroadcast(d.x, 0u), quadBroadcast(d.x, 1u), quadBroadcast(d.x, 2u), quadBroadcast(d.x, 3u));
}

fn upperOf(d: vec2f) -> vec4f {
  return vec4f(quadBroadcast(d.y, 0u), quadBroadcast(d.y, 1u), quadBroadcast(d.y, 2u), quadBroadcast(d.y, 3u));
}
