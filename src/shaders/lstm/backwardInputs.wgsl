// Formula: dInput[k, n] (+)= sum over units u and gates q of weight[u, first + k, q] * dGates[4 u + q, n].
// Source: adjoint of lib/lstmGates.wgsl in its inputs: first = 0 for those from below, inputs for hPrev.
// Shapes: weights [units, inputs + hidden + 1] vec4f; dGates [4 hidden, mp4]; dInput [rows, mp4], all vec4f.
// Writes: dInput = when accumulate is 0, else +=
// Grid: x over pairs of vec4f (8 coordinates) in workgroups of 64, y over tiles of 10 rows.

struct Params { mp4: u32, size: u32, firstUnit: u32, units: u32, first: u32, rows: u32, accumulate: u32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, WEIGHTS>;
@group(0) @binding(1) var<storage, read> dGates: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dInput: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn gateAdjointOf(row: u32, n: u32) -> vec4f { return dGates[row * params.mp4 + n]; }

fn put(at: u32, value: vec4f) {
  if (params.accumulate == 0u) { dInput[at] = value; } else { dInput[at] += value; }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x * 2u;
  if (n >= params.mp4) { return; }
  let k = id.y * 10u;
  let last = params.rows - 1u;
  // Rows past the last repeat it and are not written.
  let k0 = params.first + min(k + 0u, last);
  let k1 = params.first + min(k + 1u, last);
  let k2 = params.first + min(k + 2u, last);
  let k3 = params.first + min(k + 3u, last);
  let k4 = params.first + min(k + 4u, last);
  let k5 = params.first + min(k + 5u, last);
  let k6 = params.first + min(k + 6u, last);
  let k7 = params.first + min(k + 7u, last);
  let k8 = params.first + min(k + 8u, last);
  let k9 = params.first + min(k + 9u, last);
  var a0 = vec4f(0.0); var b0 = vec4f(0.0);
  var a1 = vec4f(0.0); var b1 = vec4f(0.0);
  var a2 = vec4f(0.0); var b2 = vec4f(0.0);
  var a3 = vec4f(0.0); var b3 = vec4f(0.0);
  var a4 = vec4f(0.0); var b4 = vec4f(0.0);
  var a5 = vec4f(0.0); var b5 = vec4f(0.0);
  var a6 = vec4f(0.0); var b6 = vec4f(0.0);
  var a7 = vec4f(0.0); var b7 = vec4f(0.0);
  var a8 = vec4f(0.0); var b8 = vec4f(0.0);
  var a9 = vec4f(0.0); var b9 = vec4f(0.0);
  for (var u = 0u; u < params.units; u++) {
    let da = gatesOf(params.firstUnit + u, n);
    let db = gatesOf(params.firstUnit + u, n + 1u);
    let row = u * params.size;
    let w0 = weights[row + k0]; a0 += da * w0; b0 += db * w0;
    let w1 = weights[row + k1]; a1 += da * w1; b1 += db * w1;
    let w2 = weights[row + k2]; a2 += da * w2; b2 += db * w2;
    let w3 = weights[row + k3]; a3 += da * w3; b3 += db * w3;
    let w4 = weights[row + k4]; a4 += da * w4; b4 += db * w4;
    let w5 = weights[row + k5]; a5 += da * w5; b5 += db * w5;
    let w6 = weights[row + k6]; a6 += da * w6; b6 += db * w6;
    let w7 = weights[row + k7]; a7 += da * w7; b7 += db * w7;
    let w8 = weights[row + k8]; a8 += da * w8; b8 += db * w8;
    let w9 = weights[row + k9]; a9 += da * w9; b9 += db * w9;
  }
  let at = k * params.mp4 + n;
  put(at, a0); put(at + 1u, b0);
  if (k + 1u <= last) { put(at + 1u * params.mp4, a1); put(at + 1u * params.mp4 + 1u, b1); }
  if (k + 2u <= last) { put(at + 2u * params.mp4, a2); put(at + 2u * params.mp4 + 1u, b2); }
  if (k + 3u <= last) { put(at + 3u * params.mp4, a3); put(at + 3u * params.mp4 + 1u, b3); }
  if (k + 4u <= last) { put(at + 4u * params.mp4, a4); put(at + 4u * params.mp4 + 1u, b4); }
  if (k + 5u <= last) { put(at + 5u * params.mp4, a5); put(at + 5u * params.mp4 + 1u, b5); }
  if (k + 6u <= last) { put(at + 6u * params.mp4, a6); put(at + 6u * params.mp4 + 1u, b6); }
  if (k + 7u <= last) { put(at + 7u * params.mp4, a7); put(at + 7u * params.mp4 + 1u, b7); }
  if (k + 8u <= last) { put(at + 8u * params.mp4, a8); put(at + 8u * params.mp4 + 1u, b8); }
  if (k + 9u <= last) { put(at + 9u * params.mp4, a9); put(at + 9u * params.mp4 + 1u, b9); }
}
