// Formula: next = theta - lr * g.
// Source: stochastic gradient descent.
// Shapes: hyper [B] vec4f per task: (lr, -, -, -); theta, g, next [B * parameters].
// Writes: next =
// Grid: x over B * parameters in workgroups of 64.

struct Params { count: u32, parameters: u32 }

@group(0) @binding(0) var<storage, read> hyper: array<vec4f>;
@group(0) @binding(1) var<storage, read> theta: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read_write> next: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let lr = hyper[id.x / params.parameters].x;
  next[id.x] = theta[id.x] - lr * g[id.x];
}
