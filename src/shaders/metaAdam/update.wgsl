// Formula: g = status.scale * gradient; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; phi -= r mhat / (sqrt(vhat) + eps), r = rate[1] from vec4f `first` on (theta_0), rate[0] before it.
// Source: Kingma & Ba 2015, algorithm 1; t = status[2], the meta-steps applied so far, this one included.
// Shapes: status [4] as metaAdam/prepare; gradient, phi, m, v [count] vec4f; rate [2] f32.
// Writes: phi =, m =, v = (in place; nothing when status.scale is 0: the step is skipped)
// Grid: x over count in workgroups of 64.

struct Params { count: u32, first: u32, beta1: f32, beta2: f32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> status: array<f32>;
@group(0) @binding(1) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(2) var<storage, read> rate: array<f32>;
@group(0) @binding(3) var<storage, read_write> phi: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count || status[1] == 0.0) { return; }
  let g = status[1] * gradient[id.x];
  let mean = params.beta1 * m[id.x] + (1.0 - params.beta1) * g;
  let square = params.beta2 * v[id.x] + (1.0 - params.beta2) * g * g;
  m[id.x] = mean;
  v[id.x] = square;
  let meanCorrected = mean / oneMinusPower(params.beta1, status[2]);
  let squareCorrected = square / oneMinusPower(params.beta2, status[2]);
  let r = select(rate[0], rate[1], id.x >= params.first);
  phi[id.x] -= r * meanCorrected / (sqrt(squareCorrected) + params.epsilon);
}
