// Formula: dg = J^T du: kind 0, du; kind 1, du[0] / (p g) where |g| >= e^-p, else e^p du[1];
// Formula: kind 2, du[0] sgn(g) / (k (|g| + eps)) where that feature is not clamped, plus e^k du[1] where that one is not.
// Source: adjoint of preprocess/forward, which only second-order meta-gradients take.
// Shapes: g, dg [count / 4] vec4f; du [firstRow + features, count / 4] vec4f, this gradient's features from firstRow on.
// Writes: dg = when accumulate is 0, else +=
// Grid: x over count / 4 in workgroups of 64.

struct Params { count4: u32, firstRow: u32, accumulate: u32, kind: u32, p: f32, threshold: f32, gain: f32 }

@group(0) @binding(0) var<storage, read> g: array<vec4f>;
@group(0) @binding(1) var<storage, read> du: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dg: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count4) { return; }
  let how = Preprocess(params.kind, params.p, params.threshold, params.gain);
  let x = g[id.x];
  let row = params.firstRow * params.count4 + id.x;
  var sum = firstSlope(x, how) * du[row];
  if (params.kind != 0u) { sum += secondSlope(x, how) * du[row + params.count4]; }
  if (params.accumulate == 0u) { dg[id.x] = sum; } else { dg[id.x] += sum; }
}
