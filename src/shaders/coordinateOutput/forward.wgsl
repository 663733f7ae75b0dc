// Formula: next[n] = theta[n] + scale * (bias + sum_j w[j] h[j, n]).
// Source: Andrychowicz et al. 2016, section 2: theta_{t+1} = theta_t + g_t, g_t the optimizer's output.
// Shapes: weights [HIDDEN + 1] f32, the bias last, padded to vec4f; h [HIDDEN, mp4]; theta, next [mp4], vec4f.
// Writes: next =
// Grid: x over mp4 in workgroups of 64.

struct Params { mp4: u32, hidden: u32, scale: f32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, HIDDEN / 4 + 1>;
@group(0) @binding(1) var<storage, read> h: array<vec4f>;
@group(0) @binding(2) var<storage, read> theta: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> next: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn unitAt(i: u32) -> vec4f { return h[i]; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.mp4) { return; }
  next[id.x] = theta[id.x] + params.scale * readout(id.x);
}
