// Formula: as adam, with weight decay apart from the gradient, next = theta - lr_t (mhat / (sqrt(vhat) + eps) + decay theta), and lr_t = lr (1 + cos(pi (t - 1) / horizon)) / 2.
// Source: Loshchilov & Hutter 2019, algorithm 2, in the form of torch.optim.AdamW; the schedule is theirs of 2017, without restarts, down to 0 at the horizon.
// Shapes: hyper [B] vec4f per task: (lr, b1, b2, eps); theta, g, next, m, v [B * parameters]; t = clock[0] + step + 1.
// Writes: next =, m, v = (in place)
// Grid: x over B * parameters in workgroups of 64.

struct Params { count: u32, parameters: u32, step: u32, horizon: u32, decay: f32 }

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
  let before = clock[0] + params.step;
  let t = f32(before + 1u);
  let gradient = g[id.x];
  let mean = h.y * m[id.x] + (1.0 - h.y) * gradient;
  let square = h.z * v[id.x] + (1.0 - h.z) * gradient * gradient;
  m[id.x] = mean;
  v[id.x] = square;
  let corrected = mean / oneMinusPower(h.y, t);
  let direction = corrected / (sqrt(square / oneMinusPower(h.z, t)) + h.w);
  next[id.x] = theta[id.x] - h.x * cosineSchedule(before, params.horizon) * (direction + params.decay * theta[id.x]);
}
