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
  let x = g[id.x];
  let size = abs(x);
  switch (params.kind) {
    case 0u: { u[id.x] = x; }
    case 1u: {
      let large = size >= vec4f(params.threshold);
      let logarithm = log(max(size, vec4f(params.threshold))) / params.p;
      u[id.x] = select(vec4f(-1.0), logarithm, large);
      u[params.count4 + id.x] = select(params.gain * x, sign(x), large);
    }
    default: {
      // Not max and clamp: they may return a bound for NaN.
      let logarithm = log(size + 1.1920928955078125e-7) / params.p;
      let scaled = x * params.gain;
      u[id.x] = select(logarithm, vec4f(-1.0), logarithm < vec4f(-1.0));
      u[params.count4 + id.x] = select(scaled, sign(scaled), abs(scaled) > vec4f(1.0));
    }
  }
}
