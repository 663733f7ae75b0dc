// Formula: y[i] = scale * x[i] + keep * y[i]; with keep = 0, y is not read into the result (NaN there is dropped).
// Source: BLAS level 1.
// Shapes: x, y [count / 4] vec4f.
// Writes: y =
// Grid: x over count / 4 in workgroups of 64.

struct Params { count4: u32, scale: f32, keep: f32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count4) { return; }
  var result = params.scale * x[id.x];
  if (params.keep != 0.0) { result += params.keep * y[id.x]; }
  y[id.x] = result;
}
