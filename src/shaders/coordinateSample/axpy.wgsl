// Formula: y[i] = scale * sizes[i] * x[i] + keep * y[i]; with keep = 0, y is not read into the result (NaN there is dropped).
// Source: every sampled coordinate stands for the `sizes` coordinates of its stratum.
// Shapes: sizes, x, y [count].
// Writes: y =
// Grid: x over count in workgroups of 64.

struct Params { count: u32, scale: f32, keep: f32 }

@group(0) @binding(0) var<storage, read> sizes: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  var result = params.scale * sizes[id.x] * x[id.x];
  if (params.keep != 0.0) { result += params.keep * y[id.x]; }
  y[id.x] = result;
}
