// The adjoints of the gates of a chunk of coordinates, kept in the workgroup's memory from one phase of lstm/backwardSubgroups to the next.
// The barrier between them is the including file's.
// Shapes: the including file declares const HIDDEN and LENGTH, the coordinates of a chunk in vec4f at most. Row 4 u + gate.
// Source: docs/performance.md, subgroup kernels.

var<workgroup> gatesOfChunk: array<vec4f, 4u * HIDDEN * LENGTH>;

// Where those of vec4f n are, the `place`-th of its chunk; of one past the end, where another's are.
fn whereKept(n: u32, place: u32) -> u32 { return min(place, LENGTH - 1u); }

fn keepGate(row: u32, at: u32, value: vec4f) { gatesOfChunk[row * LENGTH + at] = value; }

fn gateAdjointOf(row: u32, at: u32) -> vec4f { return gatesOfChunk[row * LENGTH + at]; }
