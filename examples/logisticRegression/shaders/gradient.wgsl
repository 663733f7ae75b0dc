// Formula: gradient[b, d] = sum_i slope[b, i] x[b, i, d].
// Source: the chain rule through x . theta; with the tangent of slope in its place, the tangent of the gradient.
// Shapes: x [B, examples, parameters]; slope [B, examples]; gradient [B, parameters].
// Writes: gradient =
// Grid: x over parameters in workgroups of 64, y over B.

struct Params { examples: u32, parameters: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> slope: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.parameters) { return; }
  var sum = 0.0;
  for (var i = 0u; i < params.examples; i++) {
    let example = id.y * params.examples + i;
    sum += slope[example] * x[example * params.parameters + id.x];
  }
  gradient[id.y * params.parameters + id.x] = sum;
}
