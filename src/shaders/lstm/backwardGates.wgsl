// Formula: gates recomputed; with t = tanh(c): dc += dh o (1 - t^2); dz_o = dh t o (1 - o); dz_i = dc g i (1 - i);
// Formula: dz_f = dc cPrev f (1 - f); dz_g = dc i (1 - g^2); then dc <- dc f, the adjoint of cPrev.
// Source: lib/lstmCell.wgsl, adjoint of lstm/forward in its gate pre-activations; recomputing costs less than storing them.
// Shapes: weights, x, hPrev, cPrev as lstm/forward; dh, dc [hidden, mp4] vec4f; dGates [4 hidden, mp4] vec4f, row 4 u + gate.
// Writes: dGates =, dc = (in place; rows firstUnit .. firstUnit + units)
// Grid: x over pairs of vec4f (8 coordinates) in workgroups of 64, y over units / 4 rounded up.

struct Params { mp4: u32, inputs: u32, hidden: u32, firstUnit: u32, units: u32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, WEIGHTS>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> hPrev: array<vec4f>;
@group(0) @binding(3) var<storage, read> cPrev: array<vec4f>;
@group(0) @binding(4) var<storage, read> dh: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dc: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dGates: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn backward(z: mat4x4f, unit: u32, n: u32) {
  let at = unit * params.mp4 + n;
  let d = cellBackward(z, cPrev[at], dh[at], dc[at]);
  let row = 4u * unit * params.mp4 + n;
  dGates[row] = d.gates[0];
  dGates[row + params.mp4] = d.gates[1];
  dGates[row + 2u * params.mp4] = d.gates[2];
  dGates[row + 3u * params.mp4] = d.gates[3];
  dc[at] = d.before;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x * 2u;
  if (n >= params.mp4) { return; }
  let unit = id.y * 4u;
  let z = gateTile(unit, n);
  let u = params.firstUnit + unit;
  backward(z.a0, u, n);
  backward(z.b0, u, n + 1u);
  if (unit + 1u < params.units) {
    backward(z.a1, u + 1u, n);
    backward(z.b1, u + 1u, n + 1u);
  }
  if (unit + 2u < params.units) {
    backward(z.a2, u + 2u, n);
    backward(z.b2, u + 2u, n + 1u);
  }
  if (unit + 3u < params.units) {
    backward(z.a3, u + 3u, n);
    backward(z.b3, u + 3u, n + 1u);
  }
}
