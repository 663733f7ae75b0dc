// The adjoints of a unit's four gates at one vec4f of coordinates, shared by the lstm kernels that go back from them. Columns are the
// gates i, f, g, o, rows are coordinates.
// Shapes: the including file declares `dGates` [4 units, mp4] vec4f, row 4 u + gate, and `params` with mp4.
// Source: as lib/lstmCell.wgsl.

fn gatesOf(unit: u32, n: u32) -> mat4x4f {
  let row = 4u * unit * params.mp4 + n;
  return mat4x4f(
    dGates[row],
    dGates[row + params.mp4],
    dGates[row + 2u * params.mp4],
    dGates[row + 3u * params.mp4],
  );
}
