// Formula: gradient[b, j] = 2 sum_i W[b, i, j] * residual[b, i].
// Source: adjoint of loss_b = sum_i residual_i^2 in theta.
// Shapes: W [B, D, D]; residual [B, D]; gradient [B, D].
// Writes: gradient =
// Grid: x over B * D in workgroups of 64.

struct Params { count: u32, dimension: u32 }

@group(0) @binding(0) var<storage, read> W: array<f32>;
@group(0) @binding(1) var<storage, read> residual: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let d = params.dimension;
  let task = id.x / d;
  let column = id.x % d;
  var sum = 0.0;
  for (var i = 0u; i < d; i++) {
    sum += W[(task * d + i) * d + column] * residual[task * d + i];
  }
  gradient[id.x] = 2.0 * sum;
}
