// Gates of the gated family, shared by gated/*. A gate's mode is a constant: ONE, FIXED (at a number in `params`), or
// LEARNED + r, the gate whose pre-sigmoid values are row r of the optimizer's state. The state's last row, after the
// learned gates, is the second cell m, where there is one.
// The including file gets the constants FEATURES (length of a), FORGET, INPUT, MOMENTUM_FORGET, MOMENTUM_INPUT (modes),
// MOMENTUM (0 or 1: is there a second cell), M_ROW (its row in the state), FEEDBACK (0: the pre-sigmoid value of a gate
// is fed back, 1: its sigmoid).
// Shapes: weights [FEATURES + 3] vec4f: row k < FEATURES for a[k], then one row for the cell's previous state, one for the gate's own previous value,
// one for the bias; components are the forget, input, momentum forget and momentum input gate.
// Source: Ravi & Larochelle 2017; the second cell is the lecture's.

const ONE = 0u;
const FIXED = 1u;
const LEARNED = 2u;

struct Gate {
  value: vec4f,
  slope: vec4f,
}

// sigmoid(z) and its slope; neither loses its digits where the sigmoid is close to 1.
fn sigmoidGate(z: vec4f) -> Gate {
  let e = exp(-abs(z));
  let r = 1.0 / (1.0 + e);
  return Gate(select(e * r, r, z >= vec4f(0.0)), e * r * r);
}

// What a gate with this pre-sigmoid value feeds to itself at the next step.
fn fedBack(z: vec4f) -> vec4f {
  if (FEEDBACK == 0u) { return z; }
  return sigmoidGate(z).value;
}

// gate * x. A gate fixed at 1 multiplies nothing, so that no compiler can fuse the product into another sum than in
// the hand-designed kernels: theta - lr g stays exactly that.
fn gated(mode: u32, gate: vec4f, x: vec4f) -> vec4f {
  if (mode == ONE) { return x; }
  return gate * x;
}
