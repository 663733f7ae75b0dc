// Formula: rresidual[b, i] = sum_j W[b, i, j] * v[b, j].
// Source: tangent of quadratic/forward along v; quadratic/backward, being linear, makes the Hessian's 2 W^T W v of it.
// Shapes: W [B, D, D]; v [B, D]; rresidual [B, D].
// Writes: rresidual =
// Grid: x over B * D in workgroups of 64.

struct Params { count: u32, dimension: u32 }

@group(0) @binding(0) var<storage, read> W: array<f32>;
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read_write> rresidual: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let task = id.x / params.dimension;
  var sum = 0.0;
  for (var j = 0u; j < params.dimension; j++) {
    sum += W[id.x * params.dimension + j] * v[task * params.dimension + j];
  }
  rresidual[id.x] = sum;
}
