// Formula: with d = dL/dnext, dm = dL/dm' + I d (two cells): eF = dF + d theta F', eI = dI - d g I' (two cells: dI + d m' I'),
// Formula: eFm = dFm + dm m Fm', eIm = dIm - dm g Im'; d <- F d + wc_F eF + wc_I eI, dm <- Fm dm + wc_Fm eFm + wc_Im eIm, dF <- wz_F eF, ...
// Source: adjoint of gated/forward; F' = s'(z). What a gate is fed of itself carries dF (times F' where that is its sigmoid).
// Shapes: weights [FEATURES + 3], theta, g, adjoint [mp4], before, state, carry [rows, mp4], dGates [learned gates, mp4], all vec4f.
// Writes: dGates = (e), adjoint = (d, in place), carry = (dF, ..., dm, in place)
// Grid: x over mp4 in workgroups of 64.

struct Params { mp4: u32, forget: f32, input: f32, momentumForget: f32, momentumInput: f32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, FEATURES + 3>;
@group(0) @binding(1) var<storage, read> theta: array<vec4f>;
@group(0) @binding(2) var<storage, read> g: array<vec4f>;
@group(0) @binding(3) var<storage, read> before: array<vec4f>;
@group(0) @binding(4) var<storage, read> state: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> adjoint: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> carry: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> dGates: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn gateOf(mode: u32, fixedValue: f32, n: u32) -> Gate {
  if (mode < LEARNED) { return Gate(vec4f(fixedValue), vec4f(0.0)); }
  return sigmoidGate(state[(mode - LEARNED) * params.mp4 + n]);
}

// e: the adjoint of a gate's z, from that of its value and from the step after. 0 for a gate that is not learned.
fn adjointOf(mode: u32, gate: Gate, dValue: vec4f, weightFed: f32, n: u32) -> vec4f {
  if (mode < LEARNED) { return vec4f(0.0); }
  let row = (mode - LEARNED) * params.mp4 + n;
  var fromNext = carry[row];
  if (FEEDBACK == 1u) { fromNext *= gate.slope; }
  let e = fromNext + dValue * gate.slope;
  carry[row] = weightFed * e;
  dGates[row] = e;
  return e;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x;
  if (n >= params.mp4) { return; }
  let ofCell = weights[FEATURES];
  let ofFed = weights[FEATURES + 1u];
  let f = gateOf(FORGET, params.forget, n);
  let i = gateOf(INPUT, params.input, n);
  let d = adjoint[n];
  let row = M_ROW * params.mp4 + n;
  var step = -g[n];
  if (MOMENTUM == 1u) { step = state[row]; }
  let eF = adjointOf(FORGET, f, d * theta[n], ofFed.x, n);
  let eI = adjointOf(INPUT, i, d * step, ofFed.y, n);
  adjoint[n] = f.value * d + ofCell.x * eF + ofCell.y * eI;
  if (MOMENTUM == 0u) { return; }
  let fm = gateOf(MOMENTUM_FORGET, params.momentumForget, n);
  let im = gateOf(MOMENTUM_INPUT, params.momentumInput, n);
  let dm = carry[row] + i.value * d;
  let eFm = adjointOf(MOMENTUM_FORGET, fm, dm * before[row], ofFed.z, n);
  let eIm = adjointOf(MOMENTUM_INPUT, im, -dm * g[n], ofFed.w, n);
  carry[row] = fm.value * dm + ofCell.z * eFm + ofCell.w * eIm;
}
