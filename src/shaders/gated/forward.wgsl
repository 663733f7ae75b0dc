// Formula: one cell: next = F theta - I g. Two: m' = Fm m - Im g; next = F theta + I m'.
// Formula: a learned gate is s(z), z = w_a . a + w_c cell + w_z fed(z before) + bias, cell = theta for F and I, m for Fm and Im.
// Source: Ravi & Larochelle 2017, equations 2 to 5; the second cell is Lee's lecture. F = 1, I = lr is gradient descent.
// Shapes: weights [FEATURES + 3] vec4f, features (a) [FEATURES, mp4], before, state [rows, mp4], theta, g, next [mp4], all vec4f; modes and rows in lib/gates.wgsl.
// Writes: state =, next =
// Grid: x over mp4 in workgroups of 64.

struct Params { mp4: u32, forget: f32, input: f32, momentumForget: f32, momentumInput: f32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, FEATURES + 3>;
@group(0) @binding(1) var<storage, read> features: array<vec4f>;
@group(0) @binding(2) var<storage, read> before: array<vec4f>;
@group(0) @binding(3) var<storage, read> theta: array<vec4f>;
@group(0) @binding(4) var<storage, read> g: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> state: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> next: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

// What a and the bias give to all four gates: columns are gates, rows are four coordinates.
fn affine(n: u32) -> mat4x4f {
  let bias = weights[FEATURES + 2u];
  var z = mat4x4f(vec4f(bias.x), vec4f(bias.y), vec4f(bias.z), vec4f(bias.w));
  for (var k = 0u; k < FEATURES; k++) {
    let a = features[k * params.mp4 + n];
    let w = weights[k];
    z += mat4x4f(a * w.x, a * w.y, a * w.z, a * w.w);
  }
  return z;
}

fn gate(mode: u32, fixedValue: f32, z: vec4f, cell: vec4f, weightCell: f32, weightFed: f32, n: u32) -> vec4f {
  if (mode < LEARNED) { return vec4f(fixedValue); }
  let row = (mode - LEARNED) * params.mp4 + n;
  let sum = z + weightCell * cell + weightFed * fedBack(before[row]);
  state[row] = sum;
  return sigmoidGate(sum).value;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x;
  if (n >= params.mp4) { return; }
  let z = affine(n);
  let ofCell = weights[FEATURES];
  let ofFed = weights[FEATURES + 1u];
  let cell = theta[n];
  let f = gate(FORGET, params.forget, z[0], cell, ofCell.x, ofFed.x, n);
  let i = gate(INPUT, params.input, z[1], cell, ofCell.y, ofFed.y, n);
  if (MOMENTUM == 0u) {
    next[n] = gated(FORGET, f, cell) - gated(INPUT, i, g[n]);
    return;
  }
  let row = M_ROW * params.mp4 + n;
  let m = before[row];
  let fm = gate(MOMENTUM_FORGET, params.momentumForget, z[2], m, ofCell.z, ofFed.z, n);
  let im = gate(MOMENTUM_INPUT, params.momentumInput, z[3], m, ofCell.w, ofFed.w, n);
  let moved = gated(MOMENTUM_FORGET, fm, m) - gated(MOMENTUM_INPUT, im, g[n]);
  state[row] = moved;
  next[n] = gated(FORGET, f, cell) + gated(INPUT, i, moved);
}
