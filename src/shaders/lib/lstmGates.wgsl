// Gate pre-activations of an LSTM layer for a tile of 4 units and 8 coordinates, shared by lstm/forward, lstm/gates and
// lstm/backwardGates: z[unit, gate, n] = bias + sum_k weight[unit, k, gate] * input[k, n], gate order i, f, g, o.
// Needs lib/lstmCell.wgsl.
// Shapes: the including file declares const WEIGHTS (vec4f in the weights' binding); `weights`, rows of inputs + hidden + 1
// vec4f a unit (inputs, hidden, bias; one component a gate), the dispatch's first unit first; `x` [inputs, mp4] and
// `hPrev` [hidden, mp4] as vec4f of four coordinates; `params` with mp4, inputs, hidden, units.
// Register tiling: 6 loads serve 128 multiply-adds, and no private array is indexed by a loop variable. Sizes are
// run-time values, so that layers of different sizes share one pipeline.
// Source: torch.nn.LSTMCell.

// Columns are gates, rows are four coordinates.
struct GateTile {
  a0: mat4x4f, a1: mat4x4f, a2: mat4x4f, a3: mat4x4f,
  b0: mat4x4f, b1: mat4x4f, b2: mat4x4f, b3: mat4x4f,
}

fn gateTile(unit: u32, n: u32) -> GateTile {
  let size = params.inputs + params.hidden + 1u;
  let row = min(vec4u(unit, unit + 1u, unit + 2u, unit + 3u), vec4u(params.units - 1u)) * size;
  let bias0 = spread(weights[row.x + size - 1u]);
  let bias1 = spread(weights[row.y + size - 1u]);
  let bias2 = spread(weights[row.z + size - 1u]);
  let bias3 = spread(weights[row.w + size - 1u]);
  var z = GateTile(bias0, bias1, bias2, bias3, bias0, bias1, bias2, bias3);
  for (var k = 0u; k < params.inputs; k++) {
    let a = x[k * params.mp4 + n];
    let b = x[k * params.mp4 + n + 1u];
    let w0 = weights[row.x + k];
    let w1 = weights[row.y + k];
    let w2 = weights[row.z + k];
    let w3 = weights[row.w + k];
    z.a0 += outer(a, w0); z.a1 += outer(a, w1); z.a2 += outer(a, w2); z.a3 += outer(a, w3);
    z.b0 += outer(b, w0); z.b1 += outer(b, w1); z.b2 += outer(b, w2); z.b3 += outer(b, w3);
  }
  for (var k = 0u; k < params.hidden; k++) {
    let a = hPrev[k * params.mp4 + n];
    let b = hPrev[k * params.mp4 + n + 1u];
    let w0 = weights[row.x + params.inputs + k];
    let w1 = weights[row.y + params.inputs + k];
    let w2 = weights[row.z + params.inputs + k];
    let w3 = weights[row.w + params.inputs + k];
    z.a0 += outer(a, w0); z.a1 += outer(a, w1); z.a2 += outer(a, w2); z.a3 += outer(a, w3);
    z.b0 += outer(b, w0); z.b1 += outer(b, w1); z.b2 += outer(b, w2); z.b3 += outer(b, w3);
  }
  return z;
}
