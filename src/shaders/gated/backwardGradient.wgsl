// Formula: dg = -I d (one cell), dg = -Im (dL/dm' + I d) (two cells), d = dL/dnext.
// Source: adjoint of gated/forward in g as the cells take it up, which only second order needs; before gated/backward.
// Shapes: state, carry [rows, mp4], adjoint, dg [mp4], all vec4f; rows in lib/gates.wgsl.
// Writes: dg =
// Grid: x over mp4 in workgroups of 64.

struct Params { mp4: u32, input: f32, momentumInput: f32 }

@group(0) @binding(0) var<storage, read> state: array<vec4f>;
@group(0) @binding(1) var<storage, read> carry: array<vec4f>;
@group(0) @binding(2) var<storage, read> adjoint: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dg: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn valueOf(mode: u32, fixedValue: f32, n: u32) -> vec4f {
  if (mode < LEARNED) { return vec4f(fixedValue); }
  return sigmoidGate(state[(mode - LEARNED) * params.mp4 + n]).value;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x;
  if (n >= params.mp4) { return; }
  var taken = valueOf(INPUT, params.input, n) * adjoint[n];
  if (MOMENTUM == 1u) {
    taken = valueOf(MOMENTUM_INPUT, params.momentumInput, n) * (carry[M_ROW * params.mp4 + n] + taken);
  }
  dg[n] = -taken;
}
