// Formula: residual[b, i] = sum_j W[b, i, j] * v[b, j] - y[b, i].
// Source: the quadratic problem, loss_b = sum_i residual_i^2 (Andrychowicz et al. 2016, section 3.1).
// Shapes: W [B, D, D]; y [B, D]; v [B, D]; residual [B, D].
// Writes: residual =
// Grid: x over B * D in workgroups of 64.

struct Params { count: u32, dimension: u32 }

@group(0) @binding(0) var<storage, read> W: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> residual: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let task = id.x / params.dimension;
  var sum = -y[id.x];
  for (var j = 0u; j < params.dimension; j++) {
    sum += W[id.x * params.dimension + j] * v[task * params.dimension + j];
  }
  residual[id.x] = sum;
}
