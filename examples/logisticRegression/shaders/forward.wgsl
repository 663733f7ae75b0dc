// Formula: m = y[b, i] sum_d x[b, i, d] theta[b, d]; exampleLoss[b, i] = ln(1 + e^-m); slope[b, i] = -y / (1 + e^m) / examples.
// Source: logistic regression; slope is the derivative of the mean loss with respect to x . theta.
// Shapes: x [B, examples, parameters]; y, exampleLoss, slope [B, examples]; theta [B, parameters].
// Writes: exampleLoss =, slope =
// Grid: x over examples in workgroups of 64, y over B.

struct Params { examples: u32, parameters: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> theta: array<f32>;
@group(0) @binding(3) var<storage, read_write> exampleLoss: array<f32>;
@group(0) @binding(4) var<storage, read_write> slope: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.examples) { return; }
  let example = id.y * params.examples + id.x;
  var z = 0.0;
  for (var d = 0u; d < params.parameters; d++) {
    z += x[example * params.parameters + d] * theta[id.y * params.parameters + d];
  }
  let margin = y[example] * z;
  // e^-|m| cannot overflow.
  let e = exp(-abs(margin));
  exampleLoss[example] = log(1.0 + e) + select(0.0, -margin, margin < 0.0);
  let wrong = select(1.0, e, margin > 0.0) / (1.0 + e);
  slope[example] = -y[example] * wrong / f32(params.examples);
}
