// The adjoints of the gates of 2 units at one place, a row a lane and load, for the lanes of a subgroup to hand round; shared by the
// subgroup kernels that sum the weights' adjoints.
// Needs lib/handedRows.wgsl and lib/lanes8.wgsl or lib/lanes4.wgsl.
// Shapes: the including file declares `dGates` [4 units, mp4] vec4f, row 4 u + gate, and `params` with mp4.
// Source: as lib/lstmGateAdjoints.wgsl.

// Zero past the last place; a unit past the last repeats it.
fn gateRows(unit: u32, units: u32, lane: u32, place: u32) -> Loads {
  var d = Loads();
  d.d0 = gateRow(4u * unit + lane, units, place);
  if (LANES == 4u) { d.d1 = gateRow(4u * unit + 4u + lane, units, place); }
  return d;
}

fn gateRow(row: u32, units: u32, place: u32) -> vec4f {
  let value = dGates[min(row, 4u * units - 1u) * params.mp4 + min(place, params.mp4 - 1u)];
  return select(vec4f(0.0), value, place < params.mp4);
}
