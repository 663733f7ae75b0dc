// Formula: dInput[k, n] = sum over units u and gates q of weight[u, k, q] * dGates[4 u + q, n].
// Source: adjoint of lib/lstmGates.wgsl in its inputs: k < IN goes to dx, the others to dh (the adjoint of hPrev).
// Shapes: weights [UNITS, IN + HIDDEN + 1] vec4f; dGates [HIDDEN * 4, mp4]; dx [IN, mp4]; dh [HIDDEN, mp4], all vec4f.
// Writes: dx +=; dh = when accumulate is 0, else += (further dispatches for units that do not fit one uniform binding).
// Grid: x over pairs of vec4f (8 coordinates) in workgroups of 64, y over tiles of 8 k from firstInput on.

struct Params { mp4: u32, firstUnit: u32, firstInput: u32, accumulate: u32 }

const ROW: u32 = IN + HIDDEN + 1u;

@group(0) @binding(0) var<uniform> weights: array<vec4f, UNITS * ROW>;
@group(0) @binding(1) var<storage, read> dGates: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dh: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn put(k: u32, n: u32, a: vec4f, b: vec4f) {
  if (k < IN) {
    let at = k * params.mp4 + n;
    dx[at] += a;
    dx[at + 1u] += b;
  } else if (k < IN + HIDDEN) {
    let at = (k - IN) * params.mp4 + n;
    if (params.accumulate == 0u) {
      dh[at] = a;
      dh[at + 1u] = b;
    } else {
      dh[at] += a;
      dh[at + 1u] += b;
    }
  }
}

fn gatesOf(unit: u32, n: u32) -> mat4x4f {
  let row = 4u * unit * params.mp4 + n;
  return mat4x4f(
    dGates[row],
    dGates[row + params.mp4],
    dGates[row + 2u * params.mp4],
    dGates[row + 3u * params.mp4],
  );
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x * 2u;
  if (n >= params.mp4) { return; }
  let k = params.firstInput + id.y * 8u;
  // Inputs past the last read the bias column; put() drops them.
  let last = ROW - 1u;
  let lo = min(vec4u(k, k + 1u, k + 2u, k + 3u), vec4u(last));
  let hi = min(vec4u(k + 4u, k + 5u, k + 6u, k + 7u), vec4u(last));
  var a0 = vec4f(0.0); var a1 = vec4f(0.0); var a2 = vec4f(0.0); var a3 = vec4f(0.0);
  var a4 = vec4f(0.0); var a5 = vec4f(0.0); var a6 = vec4f(0.0); var a7 = vec4f(0.0);
  var b0 = vec4f(0.0); var b1 = vec4f(0.0); var b2 = vec4f(0.0); var b3 = vec4f(0.0);
  var b4 = vec4f(0.0); var b5 = vec4f(0.0); var b6 = vec4f(0.0); var b7 = vec4f(0.0);
  for (var u = 0u; u < UNITS; u++) {
    let da = gatesOf(params.firstUnit + u, n);
    let db = gatesOf(params.firstUnit + u, n + 1u);
    let row = u * ROW;
    let w0 = weights[row + lo.x]; a0 += da * w0; b0 += db * w0;
    let w1 = weights[row + lo.y]; a1 += da * w1; b1 += db * w1;
    let w2 = weights[row + lo.z]; a2 += da * w2; b2 += db * w2;
    let w3 = weights[row + lo.w]; a3 += da * w3; b3 += db * w3;
    let w4 = weights[row + hi.x]; a4 += da * w4; b4 += db * w4;
    let w5 = weights[row + hi.y]; a5 += da * w5; b5 += db * w5;
    let w6 = weights[row + hi.z]; a6 += da * w6; b6 += db * w6;
    let w7 = weights[row + hi.w]; a7 += da * w7; b7 += db * w7;
  }
  put(k, n, a0, b0);
  put(k + 1u, n, a1, b1);
  put(k + 2u, n, a2, b2);
  put(k + 3u, n, a3, b3);
  put(k + 4u, n, a4, b4);
  put(k + 5u, n, a5, b5);
  put(k + 6u, n, a6, b6);
  put(k + 7u, n, a7, b7);
}
