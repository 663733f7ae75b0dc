// Formula: v = alpha v + (1 - alpha) g^2; next = theta - lr * g / (sqrt(v) + eps).
// Source: Tieleman & Hinton 2012, in the form of torch.optim.RMSprop.
// Shapes: hyper [B] vec4f per task: (lr, alpha, -, eps); theta, g, next, v [B * parameters].
// Writes: next =, v = (in place)
// Grid: x over B * parameters in workgroups of 64.

struct Params { count: u32, parameters: u32 }

@group(0) @binding(0) var<storage, read> hyper: array<vec4f>;
@group(0) @binding(1) var<storage, read> theta: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read_write> next: array<f32>;
@group(0) @binding(4) var<storage, read_write> v: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let h = hyper[id.x / params.parameters];
  let gradient = g[id.x];
  let square = h.y * v[id.x] + (1.0 - h.y) * gradient * gradient;
  v[id.x] = square;
  next[id.x] = theta[id.x] - h.x * gradient / (sqrt(square) + h.w);
}
