// One step of an LSTM cell from its gates' pre-activations, and its adjoint, for four coordinates; shared by the
// lstm kernels.
// Shapes: z a mat4x4f: columns are the gates i, f, g, o (torch.nn.LSTMCell), rows are coordinates; c, h, dh, dc vec4f of coordinates.
// Source: Hochreiter & Schmidhuber 1997 with forget gates (Gers et al. 2000), as torch.nn.LSTMCell.

fn sigmoid(v: vec4f) -> vec4f {
  return 1.0 / (1.0 + exp(-v));
}

// tanh with one exponential, absolute error below 2e-7; exact limits, because exp overflows to infinity.
fn tanhFast(v: vec4f) -> vec4f {
  return 1.0 - 2.0 / (exp(2.0 * v) + 1.0);
}

fn outer(values: vec4f, w: vec4f) -> mat4x4f {
  return mat4x4f(values * w.x, values * w.y, values * w.z, values * w.w);
}

fn spread(w: vec4f) -> mat4x4f {
  return mat4x4f(vec4f(w.x), vec4f(w.y), vec4f(w.z), vec4f(w.w));
}

struct Cell { h: vec4f, c: vec4f }

fn cell(z: mat4x4f, before: vec4f) -> Cell {
  let c = sigmoid(z[1]) * before + sigmoid(z[0]) * tanhFast(z[2]);
  return Cell(sigmoid(z[3]) * tanhFast(c), c);
}

// Adjoints of the gates' pre-activations and of the cell state before.
struct CellAdjoint { gates: mat4x4f, before: vec4f }

fn cellBackward(z: mat4x4f, before: vec4f, dh: vec4f, dcAfter: vec4f) -> CellAdjoint {
  let i = sigmoid(z[0]);
  let f = sigmoid(z[1]);
  let g = tanhFast(z[2]);
  let o = sigmoid(z[3]);
  let t = tanhFast(f * before + i * g);
  let dc = dcAfter + dh * o * (1.0 - t * t);
  let gates = mat4x4f(
    dc * g * i * (1.0 - i),
    dc * before * f * (1.0 - f),
    dc * i * (1.0 - g * g),
    dh * t * o * (1.0 - o),
  );
  return CellAdjoint(gates, dc * f);
}
