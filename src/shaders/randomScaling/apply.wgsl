// Formula: y[i] = scales[i] x[i] (divide 0) or x[i] / scales[i] (divide 1).
// Source: random scaling (Lv, Jiang & Li 2017, section 4.3): of f(c theta) the gradient is c f'(c theta), the Hessian c H(c theta) c, the start theta_0 / c.
// Shapes: scales, x, y [count].
// Writes: y =
// Grid: x over count in workgroups of 64.

struct Params { count: u32, divide: u32 }

@group(0) @binding(0) var<storage, read> scales: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let scale = scales[id.x];
  if (params.divide == 0u) { y[id.x] = scale * x[id.x]; } else { y[id.x] = x[id.x] / scale; }
}
