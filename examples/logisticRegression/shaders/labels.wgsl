// Formula: y[b, i] = 1 where u < s(sum_d x[b, i, d] hidden[b, d]), else -1; u ~ U(0, 1) from task b's key; s(z) = 1 / (1 + e^-z).
// Source: labels of a logistic model with hidden weights.
// Shapes: keys [B, 2] u32; x [B, examples, parameters]; hidden [B, parameters]; y [B, examples].
// Writes: y =
// Grid: x over examples in workgroups of 64, y over B.

struct Params { examples: u32, parameters: u32, stream: u32 }

@group(0) @binding(0) var<storage, read> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> hidden: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.examples) { return; }
  let example = id.y * params.examples + id.x;
  var z = 0.0;
  for (var d = 0u; d < params.parameters; d++) {
    z += x[example * params.parameters + d] * hidden[id.y * params.parameters + d];
  }
  // A counter names a number: the example, and what the number is for.
  let u = toUnit(threefry(keys[id.y], vec2u(id.x, params.stream)).x);
  y[example] = select(-1.0, 1.0, u < 1.0 / (1.0 + exp(-z)));
}
