// The adjoints of a unit's four gates at one vec4f of coordinates, shared by the lstm kernels that go back from them. Columns are the
// gates i, f, g, o, rows are coordinates.
// Shapes: the including file declares fn gateAdjointOf(row: u32, n: u32) -> vec4f, row 4 u + gate.
// Source: as lib/lstmCell.wgsl.

fn gatesOf(unit: u32, n: u32) -> mat4x4f {
  let row = 4u * unit;
  return mat4x4f(
    gateAdjointOf(row, n),
    gateAdjointOf(row + 1u, n),
    gateAdjointOf(row + 2u, n),
    gateAdjointOf(row + 3u, n),
  );
}
