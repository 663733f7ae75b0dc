// Formula: p = |slope| examples; rSlope[b, i] = p (1 - p) / examples sum_d x[b, i, d] v[b, d].
// Source: Pearlmutter 1994: the tangent of forward's slope along v; s' = s (1 - s), and y^2 = 1.
// Shapes: x [B, examples, parameters]; slope, rSlope [B, examples]; v [B, parameters].
// Writes: rSlope =
// Grid: x over examples in workgroups of 64, y over B.

struct Params { examples: u32, parameters: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> slope: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> rSlope: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.examples) { return; }
  let example = id.y * params.examples + id.x;
  var tangent = 0.0;
  for (var d = 0u; d < params.parameters; d++) {
    tangent += x[example * params.parameters + d] * v[id.y * params.parameters + d];
  }
  let count = f32(params.examples);
  let p = abs(slope[example]) * count;
  rSlope[example] = p * (1.0 - p) / count * tangent;
}
