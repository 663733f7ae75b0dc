// Loads the weights of a lane's unit for lib/lstmUnits.wgsl by a loop: SwiftShader compiles each place that loads to hundreds of
// instructions, so that statements of their own (lib/lstmUnitRegisters.wgsl) take it half a second longer.
// Needs lib/lstmUnits.wgsl.
// Shapes: as there.
// Source: torch.nn.LSTMCell.

// A unit past the last repeats it.
fn loadUnit(unit: u32) {
  let at = min(unit, HIDDEN - 1u) * ROW;
  for (var k = 0u; k < ROW; k++) { unitRow[k] = weightAt(at + k); }
}
