// Formula: y[b, n] += factor[b] * x[b, n].
// Source: the chain rule through a task's loss: factor is its adjoint, x its gradient, y the adjoint of theta.
// Shapes: factor [B]; x, y [B, count].
// Writes: y +=
// Grid: x over count in workgroups of 64, y over B.

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> factor: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let at = id.y * params.count + id.x;
  y[at] += factor[id.y] * x[at];
}
