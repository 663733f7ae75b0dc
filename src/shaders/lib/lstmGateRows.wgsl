// The adjoints of the gates of 2 units at one place, a row a lane and load, for the lanes of a subgroup to hand round; shared by the
// subgroup kernels that sum the weights' adjoints.
// Needs lib/handedRows.wgsl and lib/lanes8.wgsl or lib/lanes4.wgsl.
// Shapes: the including file declares fn gateAdjointOf(row: u32, n: u32) -> vec4f, row 4 u + gate.
// Source: as lib/lstmGateAdjoints.wgsl.

// Zero where the place is not there; a unit past the last repeats it.
fn gateRows(unit: u32, units: u32, lane: u32, n: u32, isThere: bool) -> Loads {
  var d = Loads();
  d.d0 = gateRow(4u * unit + lane, units, n, isThere);
  if (LANES == 4u) { d.d1 = gateRow(4u * unit + 4u + lane, units, n, isThere); }
  return d;
}

fn gateRow(row: u32, units: u32, n: u32, isThere: bool) -> vec4f {
  return select(vec4f(0.0), gateAdjointOf(min(row, 4u * units - 1u), n), isThere);
}
