// Formula: gradient[i] = scale (x[i] - a[i]) where (x[i] - a[i])^2 <= limit, else 0; scale = 2 / dimension.
// Source: adjoint of clippedSquares/forward and of the mean over a task's row.
// Shapes: x, a, gradient [count].
// Writes: gradient =
// Grid: x over count in workgroups of 64.

struct Params { count: u32, limit: f32, scale: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let d = x[id.x] - a[id.x];
  gradient[id.x] = select(params.scale * d, 0.0, d * d > params.limit);
}
