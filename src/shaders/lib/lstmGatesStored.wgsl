// As lib/lstmGatesKept.wgsl, in a tensor: SwiftShader writes code for every element of a workgroup's memory, which begins as zeros, and compiles
// four times as long.
// Shapes: the including file declares `dGates` [4 HIDDEN, mp4] vec4f, row 4 u + gate, and `params` with mp4.
// Source: docs/performance.md, subgroup kernels.

fn whereKept(n: u32, place: u32) -> u32 { return min(n, params.mp4 - 1u); }

fn keepGate(row: u32, at: u32, value: vec4f) { dGates[row * params.mp4 + at] = value; }

fn gateAdjointOf(row: u32, at: u32) -> vec4f { return dGates[row * params.mp4 + at]; }
