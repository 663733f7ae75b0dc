// Rows that the lanes of a subgroup have loaded, for lib/lanes8.wgsl or lib/lanes4.wgsl to hand round.
// Shapes: rows of a vec4f, of which a load brings one a lane: 8 rows take 8 / LANES loads. A matrix has four rows, a row a column.
// Source: docs/performance.md, subgroup kernels.

struct Loads { d0: vec4f, d1: vec4f }

fn lower(d: Loads) -> mat4x4f {
  return mat4x4f(row0(d), row1(d), row2(d), row3(d));
}

fn upper(d: Loads) -> mat4x4f {
  return mat4x4f(row4(d), row5(d), row6(d), row7(d));
}

fn total(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

// Adds up what each lane has loaded, one sum a load.
fn addTotals(to: vec2f, d: Loads) -> vec2f {
  if (LANES == 8u) { return vec2f(to.x + total(d.d0), 0.0); }
  return to + vec2f(total(d.d0), total(d.d1));
}
