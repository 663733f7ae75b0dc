// Gate pre-activations of an LSTM layer for a tile of 4 units and 8 coordinates, shared by lstm/forward and
// lstm/backwardGates: z[unit, gate, n] = bias + sum_k weight[unit, k, gate] * input[k, n], gate order i, f, g, o.
// The including file declares: consts IN, HIDDEN, UNITS (the units in this dispatch); `weights` as rows of
// ROW = IN + HIDDEN + 1 vec4f a unit (inputs, hidden, bias; one component a gate); `x` [IN, mp4] and `hPrev`
// [HIDDEN, mp4] as vec4f of four coordinates; `params.mp4`.
// Register tiling: 6 loads serve 128 multiply-adds, and no private array is indexed by a loop variable.

const ROW: u32 = IN + HIDDEN + 1u;

// Columns are gates, rows are four coordinates.
struct GateTile {
  a0: mat4x4f, a1: mat4x4f, a2: mat4x4f, a3: mat4x4f,
  b0: mat4x4f, b1: mat4x4f, b2: mat4x4f, b3: mat4x4f,
}

fn outer(values: vec4f, w: vec4f) -> mat4x4f {
  return mat4x4f(values * w.x, values * w.y, values * w.z, values * w.w);
}

fn spread(w: vec4f) -> mat4x4f {
  return mat4x4f(vec4f(w.x), vec4f(w.y), vec4f(w.z), vec4f(w.w));
}

fn gateTile(unit: u32, n: u32) -> GateTile {
  let row = min(vec4u(unit, unit + 1u, unit + 2u, unit + 3u), vec4u(UNITS - 1u)) * ROW;
  let bias0 = spread(weights[row.x + ROW - 1u]);
  let bias1 = spread(weights[row.y + ROW - 1u]);
  let bias2 = spread(weights[row.z + ROW - 1u]);
  let bias3 = spread(weights[row.w + ROW - 1u]);
  var z = GateTile(bias0, bias1, bias2, bias3, bias0, bias1, bias2, bias3);
  for (var k = 0u; k < IN; k++) {
    let a = x[k * params.mp4 + n];
    let b = x[k * params.mp4 + n + 1u];
    let w0 = weights[row.x + k];
    let w1 = weights[row.y + k];
    let w2 = weights[row.z + k];
    let w3 = weights[row.w + k];
    z.a0 += outer(a, w0); z.a1 += outer(a, w1); z.a2 += outer(a, w2); z.a3 += outer(a, w3);
    z.b0 += outer(b, w0); z.b1 += outer(b, w1); z.b2 += outer(b, w2); z.b3 += outer(b, w3);
  }
  for (var k = 0u; k < HIDDEN; k++) {
    let a = hPrev[k * params.mp4 + n];
    let b = hPrev[k * params.mp4 + n + 1u];
    let w0 = weights[row.x + IN + k];
    let w1 = weights[row.y + IN + k];
    let w2 = weights[row.z + IN + k];
    let w3 = weights[row.w + IN + k];
    z.a0 += outer(a, w0); z.a1 += outer(a, w1); z.a2 += outer(a, w2); z.a3 += outer(a, w3);
    z.b0 += outer(b, w0); z.b1 += outer(b, w1); z.b2 += outer(b, w2); z.b3 += outer(b, w3);
  }
  return z;
}

fn sigmoid(v: vec4f) -> vec4f {
  return 1.0 / (1.0 + exp(-v));
}
