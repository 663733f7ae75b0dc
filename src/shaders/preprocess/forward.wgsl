// Formula: kind 0, none: u = g. Kind 1, log-sign with p: (ln|g| / p, sgn g) where |g| >= e^-p, else (-1, e^p g).
// Formula: kind 2, clamp with k: (max(ln(|g| + eps) / k, -1), clamp(g e^k, -1, 1)), eps = 2^-23.
// Source: Andrychowicz et al. 2016, appendix A (kind 1); LogAndSign of the released code (kind 2). `p` holds p or k.
// Shapes: g [count / 4] vec4f; u [features, count / 4] vec4f, features 1 (kind 0) or 2.
// Writes: u =
// Grid: x over count / 4 in workgroups of 64.

struct Params { count4: u32, kind: u32, p: f32, threshold: f32, gain: f32 }

@group(0) @binding(0) var<storage, read> g: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> u: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count4) { return; }
  let how = Preprocess(params.kind, params.p, params.threshold, params.gain);
  let x = g[id.x];
  u[id.x] = firstFeature(x, how);
  if (params.kind != 0u) { u[params.count4 + id.x] = secondFeature(x, how); }
}
