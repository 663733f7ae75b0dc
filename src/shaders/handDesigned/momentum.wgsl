// Formula: m = beta m + g; next = theta - lr * m.
// Source: heavy-ball momentum, Polyak 1964.
// Shapes: hyper [B] vec4f per task: (lr, beta, -, -); theta, g, next, m [B * parameters].
// Writes: next =, m = (in place)
// Grid: x over B * parameters in workgroups of 64.

struct Params { count: u32, parameters: u32 }

@group(0) @binding(0) var<storage, read> hyper: array<vec4f>;
@group(0) @binding(1) var<storage, read> theta: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read_write> next: array<f32>;
@group(0) @binding(4) var<storage, read_write> m: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let h = hyper[id.x / params.parameters];
  let velocity = h.y * m[id.x] + g[id.x];
  m[id.x] = velocity;
  next[id.x] = theta[id.x] - h.x * velocity;
}
