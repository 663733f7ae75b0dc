// Formula: dLoss[b] = J_pre(f_b)^T sum_c partials[b, c], c in rising order.
// Source: adjoint of the loss's preprocessing in gated/inputs; only second order takes it.
// Shapes: losses [slots, tasks], row `slot`; partials [tasks, chunks] vec2f; dLoss [tasks].
// Writes: dLoss =
// Grid: x over tasks in workgroups of 64.

struct Params { tasks: u32, slot: u32, chunks: u32, kind: u32, p: f32, threshold: f32, gain: f32 }

@group(0) @binding(0) var<storage, read> losses: array<f32>;
@group(0) @binding(1) var<storage, read> partials: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> dLoss: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.tasks) { return; }
  var sum = vec2f(0.0);
  for (var c = 0u; c < params.chunks; c++) { sum += partials[id.x * params.chunks + c]; }
  let how = Preprocess(params.kind, params.p, params.threshold, params.gain);
  let f = vec4f(losses[params.slot * params.tasks + id.x]);
  var adjoint = firstSlope(f, how).x * sum.x;
  if (params.kind != 0u) { adjoint += secondSlope(f, how).x * sum.y; }
  dLoss[id.x] = adjoint;
}
