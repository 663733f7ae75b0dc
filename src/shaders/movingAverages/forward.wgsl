// Formula: m = b1 mPrev + (1 - b1) g; v = b2 vPrev + (1 - b2) g^2; u = (g / d, mhat / d), d = sqrt(vhat) + eps, mhat = m / (1 - b1^k), vhat = v / (1 - b2^k).
// Source: Lv, Jiang & Li 2017, section 4.1 (the inputs of RNNprop); the averages as Adam's (Kingma & Ba 2015); k = clock[0] + step + 1.
// Shapes: clock [4] u32; g, mPrev, vPrev, m, v [count / 4] vec4f; u [2, count / 4] vec4f.
// Writes: m =, v =, u =
// Grid: x over count / 4 in workgroups of 64.

struct Params { count4: u32, step: u32, beta1: f32, beta2: f32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> clock: array<u32>;
@group(0) @binding(1) var<storage, read> g: array<vec4f>;
@group(0) @binding(2) var<storage, read> mPrev: array<vec4f>;
@group(0) @binding(3) var<storage, read> vPrev: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> u: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count4) { return; }
  let k = f32(clock[0] + params.step + 1u);
  let gradient = g[id.x];
  let mean = params.beta1 * mPrev[id.x] + (1.0 - params.beta1) * gradient;
  let square = params.beta2 * vPrev[id.x] + (1.0 - params.beta2) * gradient * gradient;
  m[id.x] = mean;
  v[id.x] = square;
  let d = sqrt(square / oneMinusPower(params.beta2, k)) + params.epsilon;
  u[id.x] = gradient / d;
  u[params.count4 + id.x] = mean / oneMinusPower(params.beta1, k) / d;
}
