// Formula: dout[n] = -scale * (1 - tanh(out)^2) * dnext[n], out = bias + sum_j w[j] h[j, n].
// Source: adjoint of tanhOutput/forward in what the tanh takes; from there on coordinateOutput/backward* with scale 1. The adjoint of theta is dnext itself.
// Shapes: weights [HIDDEN + 1] f32, the bias last, padded to vec4f; h [HIDDEN, mp4]; dnext, dout [mp4], vec4f.
// Writes: dout =
// Grid: x over mp4 in workgroups of 64.

struct Params { mp4: u32, hidden: u32, scale: f32 }

@group(0) @binding(0) var<uniform> weights: array<vec4f, HIDDEN / 4 + 1>;
@group(0) @binding(1) var<storage, read> h: array<vec4f>;
@group(0) @binding(2) var<storage, read> dnext: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dout: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn unitAt(i: u32) -> vec4f { return h[i]; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.mp4) { return; }
  dout[id.x] = scaledSlope(-params.scale, readout(id.x)) * dnext[id.x];
}
