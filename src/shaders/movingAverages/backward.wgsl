// Formula: with s = sqrt(vhat), d = s + eps: dm += du[1] / (d (1 - b1^k)); dv -= (g du[0] + mhat du[1]) / (2 s d^2 (1 - b2^k)), nothing where s = 0;
// Formula: dg = du[0] / d + (1 - b1) dm + 2 (1 - b2) g dv; then dm = b1 dm, dv = b2 dv: the adjoints of mPrev and vPrev.
// Source: adjoint of movingAverages/forward, a recursion backwards in time, which only second-order meta-gradients take. Where s = 0 all gradients so far were 0.
// Shapes: clock [4] u32; g, m, v, dm, dv, dg [count / 4] vec4f, m and v as forward left them; du [2, count / 4] vec4f.
// Writes: dg =, dm, dv = (in place)
// Grid: x over count / 4 in workgroups of 64.

struct Params { count4: u32, step: u32, beta1: f32, beta2: f32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> clock: array<u32>;
@group(0) @binding(1) var<storage, read> g: array<vec4f>;
@group(0) @binding(2) var<storage, read> m: array<vec4f>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read> du: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dm: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dv: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> dg: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count4) { return; }
  let k = f32(clock[0] + params.step + 1u);
  let correction1 = oneMinusPower(params.beta1, k);
  let correction2 = oneMinusPower(params.beta2, k);
  let gradient = g[id.x];
  let s = sqrt(v[id.x] / correction2);
  let d = s + params.epsilon;
  let first = du[id.x] / d;
  let second = du[params.count4 + id.x] / d;
  // Of d, in the units of 1 / d: the features are at most of order 1 / sqrt(1 - b2).
  let ofRoot = (gradient / d) * first + (m[id.x] / correction1 / d) * second;
  let root = select(ofRoot / (2.0 * s * correction2), vec4f(0.0), s == vec4f(0.0));
  let mean = dm[id.x] + second / correction1;
  let square = dv[id.x] - root;
  dg[id.x] = first + (1.0 - params.beta1) * mean + 2.0 * (1.0 - params.beta2) * gradient * square;
  dm[id.x] = params.beta1 * mean;
  dv[id.x] = params.beta2 * square;
}
