// Formula: m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; next = theta - lr * mhat / (sqrt(vhat) + eps), mhat = m / (1 - b1^t), vhat = v / (1 - b2^t).
// Source: Kingma & Ba 2015, algorithm 1; t = clock[0] + step + 1.
// Shapes: hyper [B] vec4f per task: (lr, b1, b2, eps); theta, g, next, m, v [B * parameters].
// Writes: next =, m, v = (in place)
// Grid: x over B * parameters in workgroups of 64.

struct Params { count: u32, parameters: u32, step: u32 }

@group(0) @binding(0) var<storage, read> hyper: array<vec4f>;
@group(0) @binding(1) var<storage, read> clock: array<u32>;
@group(0) @binding(2) var<storage, read> theta: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> next: array<f32>;
@group(0) @binding(5) var<storage, read_write> m: array<f32>;
@group(0) @binding(6) var<storage, read_write> v: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let h = hyper[id.x / params.parameters];
  let t = f32(clock[0] + params.step + 1u);
  let gradient = g[id.x];
  let mean = h.y * m[id.x] + (1.0 - h.y) * gradient;
  let square = h.z * v[id.x] + (1.0 - h.z) * gradient * gradient;
  m[id.x] = mean;
  v[id.x] = square;
  let corrected = mean / oneMinusPower(h.y, t);
  next[id.x] = theta[id.x] - h.x * corrected / (sqrt(square / oneMinusPower(h.z, t)) + h.w);
}
